//! A compressed stream, read: its format found by its first bytes, decoded and hashed beside the reader.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::{DiffId, Hasher};

/// What a chunk on its way to the reader holds, at most.
const CHUNK_BYTES: usize = 256 << 10;
/// Chunks on their way.
const CHUNKS: usize = 8;
/// Memory that a stream's header may ask a decoder for. `xz -9` needs 65 MiB.
const XZ_MEMORY_KIB: u32 = 128 << 10;
/// Largest window of Zstandard, as power of two: the format's own recommendation for all readers is 8 MiB,
/// the reference decoder's limit 128 MiB.
const ZSTD_WINDOW_LOG: u32 = 27;

/// Formats of streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Plain,
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

impl Format {
    /// By the first bytes of a stream (six or more, unless it is shorter).
    pub(crate) fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            _ => Self::Plain,
        }
    }
}

/// A decoder of `reader`. Streams that are joined (members, frames) read as one.
pub(crate) fn decoder<'a, R: Read + Send + 'a>(
    mut reader: R,
) -> io::Result<(Format, Box<dyn Read + Send + 'a>)> {
    let mut head = Vec::with_capacity(6);
    reader.by_ref().take(6).read_to_end(&mut head)?;
    let format = Format::of(&head);
    let whole = BufReader::with_capacity(128 << 10, io::Cursor::new(head).chain(reader));
    let decoder: Box<dyn Read + Send + 'a> = match format {
        Format::Plain => Box::new(whole),
        Format::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(whole)),
        Format::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(whole)),
        Format::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(whole, true, XZ_MEMORY_KIB)),
        Format::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(whole)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
    };
    Ok((format, decoder))
}

/// Digest and length of a stream, decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) diff_id: DiffId,
    pub(super) tar_bytes: u64,
}

/// Decodes and hashes `reader` in a thread of its own while `consume` reads the result. What `consume`
/// leaves unread is decoded too, unless it fails. An error of the stream is an error of a read.
pub(super) fn beside<R: Read + Send, T, E: From<io::Error>>(
    reader: R,
    consume: impl FnOnce(&mut Decoded) -> Result<T, E>,
) -> Result<(T, Seen), E> {
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(CHUNKS);
        let producer = scope.spawn(move || produce(reader, &sender));
        let mut decoded = Decoded { receiver, chunk: Vec::new(), used: 0 };
        let result = consume(&mut decoded).and_then(|result| {
            decoded.drain()?;
            Ok(result)
        });
        drop(decoded);
        let seen = producer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((result?, seen))
    })
}

fn produce<R: Read + Send>(reader: R, sender: &SyncSender<io::Result<Vec<u8>>>) -> Seen {
    let mut hasher = Hasher::new();
    let mut tar_bytes = 0;
    let result = decoder(reader).and_then(|(_, mut decoder)| {
        loop {
            let mut chunk = Vec::with_capacity(CHUNK_BYTES);
            decoder.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
            hasher.update(&chunk);
            tar_bytes += chunk.len() as u64;
            // Without a receiver, the reader has failed already.
            if chunk.is_empty() || sender.send(Ok(chunk)).is_err() {
                return Ok(());
            }
        }
    });
    if let Err(error) = result {
        drop(sender.send(Err(error)));
    }
    Seen { diff_id: DiffId(hasher.finish()), tar_bytes }
}

/// The decoded stream.
pub(super) struct Decoded {
    receiver: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    used: usize,
}

impl Decoded {
    fn drain(&mut self) -> io::Result<()> {
        loop {
            let n = self.fill_buf()?.len();
            if n == 0 {
                return Ok(());
            }
            self.consume(n);
        }
    }
}

impl BufRead for Decoded {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.chunk.len() {
            self.used = 0;
            self.chunk = self.receiver.recv().unwrap_or_else(|_| Ok(Vec::new()))?;
        }
        Ok(&self.chunk[self.used..])
    }

    fn consume(&mut self, n: usize) {
        self.used += n;
    }
}

impl Read for Decoded {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let n = available.len().min(buf.len());
        buf[..n].copy_from_slice(&available[..n]);
        self.consume(n);
        Ok(n)
    }
}
