//! Size, threads and formats: what must not change a byte, and what must stay bounded.

use std::io::{self, Read, Write};
use std::sync::{Arc, OnceLock};

use super::model::*;
use crate::layer::{ContentReader, write_layer};
use crate::media_type::Compression;
use crate::tree::{Change, Changes, Content, File};

/// Contents of any length, made up as they are read.
struct Synthetic;

struct Stream {
    left: u64,
    state: u64,
}

impl ContentReader for Synthetic {
    fn open(&self, file: &File) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(Stream { left: file.size_bytes, state: file.size_bytes | 1 }))
    }
}

impl Read for Stream {
    /// Half noise, half zeros, in pieces of odd sizes.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let n = buf.len().min(self.left as usize).min(1 + (self.state % 60_000) as usize);
        buf[..n].fill(0);
        for (i, byte) in buf[..n / 2].iter_mut().enumerate() {
            *byte = (self.state >> (i % 57)) as u8;
        }
        self.left -= n as u64;
        Ok(n)
    }
}

fn synthetic(size_bytes: u64) -> Change {
    Change::File(Arc::new(File {
        meta: meta(0o644),
        size_bytes,
        content: Content::Inline(Arc::new([])),
        link: None,
        digest: OnceLock::new(),
    }))
}

fn many_files() -> Changes {
    let mut all = changes([("big", synthetic(5 << 20)), ("middle", synthetic(700_000))]);
    for n in 0..3_000_u32 {
        let bytes = format!("{n} ").repeat(1 + n as usize % 700).into_bytes();
        all.root.entries.insert(name(&format!("f{n}")), file(&bytes));
    }
    all
}

/// Opens both kinds.
struct Either;

impl ContentReader for Either {
    fn open(&self, file: &File) -> io::Result<Box<dyn Read + Send>> {
        match &file.content {
            Content::Inline(bytes) if !bytes.is_empty() => Inline.open(file),
            _ => Synthetic.open(file),
        }
    }
}

/// The bytes are the same from 1, 2 and 8 threads, called from outside a pool and from within.
#[test]
fn threads_change_no_byte() {
    let layer = many_files();
    for compression in [Compression::Gzip, Compression::Zstd] {
        let write = || {
            let mut out = Vec::new();
            write_layer(&layer, compression, None, None, &Either, &mut out).unwrap();
            out
        };
        let outside = write();
        for threads in [1, 2, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert!(pool.install(write) == outside, "{compression:?} with {threads} threads");
        }
    }
}

/// A layer of 1 GiB passes through in order, without being held: what was read and not yet written
/// out stays below the bound. Stored, so that bytes in are bytes out.
#[test]
fn a_large_layer_is_streamed() {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    static READ: AtomicU64 = AtomicU64::new(0);
    struct Counting;
    struct Zeros(u64);
    impl ContentReader for Counting {
        fn open(&self, file: &File) -> io::Result<Box<dyn Read + Send>> {
            Ok(Box::new(Zeros(file.size_bytes)))
        }
    }
    impl Read for Zeros {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let n = buf.len().min(self.0 as usize);
            buf[..n].fill(0);
            self.0 -= n as u64;
            READ.fetch_add(n as u64, Relaxed);
            Ok(n)
        }
    }
    #[derive(Default)]
    struct Out {
        written: u64,
        most_held: u64,
    }
    impl Write for Out {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.most_held = self.most_held.max(READ.load(Relaxed).saturating_sub(self.written));
            self.written += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let layer = changes([("a", synthetic(1 << 30)), ("b", synthetic(9))]);
    let mut out = Out::default();
    let written = write_layer(&layer, Compression::Gzip, Some(0), None, &Counting, &mut out).unwrap();
    assert_eq!(written.tar_bytes, (1 << 30) + 3 * 512 + 1024);
    assert!(out.written > 1 << 30);
    // Each block is held once as it was read and once compressed: half of 32 MiB.
    assert!(out.most_held <= 16 << 20, "{} bytes held", out.most_held);
}

/// One file changed changes the compressed bytes around it only.
#[test]
fn a_change_stays_where_it_is() {
    let bytes_of = |layer: &Changes| {
        let mut out = Vec::new();
        write_layer(layer, Compression::Gzip, None, None, &Either, &mut out).unwrap();
        out
    };
    let mut layer = many_files();
    let before = bytes_of(&layer);
    layer.root.entries.insert(name("f1500"), file(b"another text, of another length"));
    let after = bytes_of(&layer);
    let same_head = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    // CRC and length are at the end.
    let same_tail =
        before.iter().rev().skip(8).zip(after.iter().rev().skip(8)).take_while(|(a, b)| a == b).count();
    let changed = before.len() - same_head - same_tail;
    assert!(changed < before.len() / 5, "{same_head} and {same_tail} of {}", before.len());
}

/// A reader that is slow, or an output that fails, ends the layer with its error.
#[test]
fn a_full_disk_is_an_error() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let layer = many_files();
    for compression in [Compression::Uncompressed, Compression::Gzip, Compression::Zstd] {
        let error = write_layer(&layer, compression, None, None, &Either, &mut Full(50_000)).unwrap_err();
        assert_eq!(error.to_string(), "writing a layer");
    }
}

/// Every compression that layers and archives come in, with members joined and cut off.
#[test]
fn decoders() {
    let layer = changes([("f", file(&b"text ".repeat(100_000)))]);
    let (plain, diff_id) = write(&layer, Compression::Uncompressed);
    for (program, args) in
        [("gzip", &["-c"][..]), ("zstd", &["-c"]), ("bzip2", &["-c"]), ("xz", &["-9", "-c"]), ("cat", &[])]
    {
        let run = |input: &[u8]| {
            let temp = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(temp.path(), input).unwrap();
            let out = std::process::Command::new(program)
                .args(args)
                .stdin(std::fs::File::open(temp.path()).unwrap())
                .output()
                .unwrap();
            assert!(out.status.success(), "{program}");
            out.stdout
        };
        let joined = [run(&plain[..70_000]), run(&plain[70_000..])].concat();
        for stream in [run(&plain), joined] {
            let dir = tempfile::tempdir().unwrap();
            let unpacked =
                unpack_bytes(&stream, dir.path()).unwrap_or_else(|error| panic!("{program}: {error}"));
            assert_eq!(unpacked.diff_id, diff_id, "{program}");
            assert_eq!(text(&unpacked.changes, &Below(dir.path())), text(&layer, &Inline), "{program}");
        }
        let whole = run(&plain);
        let dir = tempfile::tempdir().unwrap();
        unpack_bytes(&whole[..whole.len() * 2 / 3], dir.path()).expect_err(program);
    }
}
