//! A foreign layer: whatever it is, it unpacks or is refused, and what unpacks can be written again
//! and says the same. `cargo +nightly fuzz run unpack`, as an ordinary user.
#![no_main]

use std::fs::File as DiskFile;
use std::io::{Read, Result};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use cooperage_image::Digest;
use cooperage_image::layer::{ContentReader, Ownership, unpack, write_layer};
use cooperage_image::media_type::Compression;
use cooperage_image::tree::{Content, File, LayerId};
use libfuzzer_sys::fuzz_target;

struct Below<'a>(&'a Path);

impl ContentReader for Below<'_> {
    fn open(&self, file: &File) -> Result<Box<dyn Read + Send>> {
        match &file.content {
            Content::Layer { path, .. } => {
                Ok(Box::new(DiskFile::open(self.0.join(std::ffi::OsStr::from_bytes(path)))?))
            }
            other => panic!("{other:?} in a layer that was unpacked"),
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let layer = LayerId::of(&Digest::of(b"layer"));
    let outer = tempfile::tempdir().expect("a temporary directory");
    let dir = outer.path().join("a/root");
    std::fs::create_dir_all(&dir).expect("a directory");
    let unpacked = unpack(bytes, &dir, &layer, Ownership::Caller);
    let beside = std::fs::read_dir(outer.path().join("a")).expect("it was made above").count();
    assert_eq!(beside, 1, "something was made outside of the root");
    let Ok(unpacked) = unpacked else { return };
    // Sparse files can be larger than any disk.
    let mut out = Limited { bytes: Vec::new() };
    let written = write_layer(&unpacked.changes, Compression::Zstd, None, None, &Below(&dir), &mut out);
    let Ok(written) = written.map(|_| out.bytes) else { return };
    let again = outer.path().join("again");
    std::fs::create_dir(&again).expect("a directory");
    unpack(&written[..], &again, &layer, Ownership::Caller).expect("what we wrote is well-formed");
});

/// Refuses to grow beyond 16 MiB.
struct Limited {
    bytes: Vec<u8>,
}

impl std::io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if self.bytes.len() + bytes.len() > 16 << 20 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
