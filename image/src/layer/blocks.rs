//! The tar stream, cut into blocks that are compressed side by side and written in order.
//!
//! Where the stream is cut depends on the entries alone: before an entry when the block is long
//! enough and the entry's path says so, and inside a long file every [`MAX_BYTES`] from its start. So
//! an entry that changed changes the blocks around it, not all that follow.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use flate2::Crc;

use super::codec::{Codec, Packed};
use crate::{DiffId, Hasher};

/// A block is not cut between two small files before it is so long,
const MIN_BYTES: usize = 512 << 10;
/// and never longer than this.
const MAX_BYTES: usize = 1 << 20;
/// A file of this size begins a block of its own.
const LONG_FILE_BYTES: u64 = 1 << 20;
/// Blocks under way, at most: with their compressed form below 32 MiB together.
const MAX_PENDING: usize = 12;

/// Receives the tar stream.
pub(super) struct Blocks<'a> {
    out: &'a mut dyn Write,
    codec: Codec,
    block: Vec<u8>,
    hasher: Hasher,
    tar_bytes: u64,
    crc: Crc,
    pending: VecDeque<Receiver<io::Result<Packed>>>,
    max_pending: usize,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(codec: Codec, out: &'a mut dyn Write) -> io::Result<Self> {
        out.write_all(codec.head())?;
        Ok(Self {
            out,
            codec,
            block: Vec::with_capacity(MAX_BYTES),
            hasher: Hasher::new(),
            tar_bytes: 0,
            crc: Crc::new(),
            pending: VecDeque::new(),
            max_pending: (2 * rayon::current_num_threads()).clamp(2, MAX_PENDING),
        })
    }

    /// Begins an entry; `header` is all of its header blocks, `size_bytes` what will follow.
    pub(super) fn entry(&mut self, path: &[u8], header: &[u8], size_bytes: u64) -> io::Result<()> {
        let long = size_bytes >= LONG_FILE_BYTES;
        if !self.block.is_empty() && (long || (self.block.len() >= MIN_BYTES && is_border(path))) {
            self.cut()?;
        }
        self.bytes(header)
    }

    /// Adds bytes to the stream.
    pub(super) fn bytes(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.block.len() == MAX_BYTES {
                self.cut()?;
            }
            let n = bytes.len().min(MAX_BYTES - self.block.len());
            self.block.extend_from_slice(&bytes[..n]);
            bytes = &bytes[n..];
        }
        Ok(())
    }

    /// Adds `size_bytes` from `contents`, read straight into the block; returns how many there were.
    pub(super) fn contents(&mut self, contents: &mut dyn Read, size_bytes: u64) -> Result<u64, CopyError> {
        let mut copied = 0;
        while copied < size_bytes {
            if self.block.len() == MAX_BYTES {
                self.cut().map_err(CopyError::Write)?;
            }
            let room = (size_bytes - copied).min((MAX_BYTES - self.block.len()) as u64);
            let n = contents.take(room).read_to_end(&mut self.block).map_err(CopyError::Read)? as u64;
            if n == 0 {
                break;
            }
            copied += n;
        }
        Ok(copied)
    }

    /// Ends the stream: what it was, and how long.
    pub(super) fn finish(mut self) -> io::Result<(DiffId, u64)> {
        self.cut()?;
        while self.write_first()? {}
        self.out.write_all(&self.codec.tail(&self.crc))?;
        Ok((DiffId(self.hasher.finish()), self.tar_bytes))
    }

    fn cut(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        self.tar_bytes += self.block.len() as u64;
        if let Codec::None = self.codec {
            self.hasher.update(&self.block);
            self.out.write_all(&self.block)?;
            self.block.clear();
            return Ok(());
        }
        while self.pending.len() >= self.max_pending {
            self.write_first()?;
        }
        let block = std::sync::Arc::new(std::mem::replace(&mut self.block, Vec::with_capacity(MAX_BYTES)));
        let (codec, input) = (self.codec, block.clone());
        let (done, packed) = sync_channel(1);
        rayon::spawn(move || {
            // The receiver is gone if the layer was given up; then nobody wants the block.
            drop(done.send(codec.pack(&input)));
        });
        self.hasher.update(&block);
        self.pending.push_back(packed);
        Ok(())
    }

    /// Writes the oldest block; `false` if there is none.
    fn write_first(&mut self) -> io::Result<bool> {
        let Some(first) = self.pending.pop_front() else { return Ok(false) };
        let packed = wait(&first)?;
        self.crc.combine(&packed.crc);
        self.out.write_all(&packed.bytes)?;
        Ok(true)
    }
}

/// Why contents were not copied.
pub(super) enum CopyError {
    /// They could not be read.
    Read(io::Error),
    /// The stream could not be written.
    Write(io::Error),
}

/// Waits for a block. A thread of the pool helps meanwhile: it may be the only one.
fn wait(packed: &Receiver<io::Result<Packed>>) -> io::Result<Packed> {
    let gone = || io::Error::other("a thread that compressed a block was lost");
    loop {
        match packed.try_recv() {
            Ok(result) => return result,
            Err(TryRecvError::Disconnected) => return Err(gone()),
            Err(TryRecvError::Empty) => {}
        }
        if rayon::yield_now() != Some(rayon::Yield::Executed) {
            return packed.recv().map_err(|_| gone())?;
        }
    }
}

/// One path in sixteen, by its bytes (FNV-1a).
fn is_border(path: &[u8]) -> bool {
    let hash = path.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 32) & 15 == 0
}
