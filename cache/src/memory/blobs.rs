//! Blobs in memory, read and written in parts.

use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use cooperage_image::Digest;
use cooperage_llb::ports::{BlobReader, BlobStore, BlobWriter, StoreError};

use super::{Blob, MemoryStore};
use crate::collect::ObjectId;

/// How much each call takes, in turn.
const PARTS: [usize; 4] = [1, 4096, 7, 65536];

impl BlobStore for MemoryStore {
    fn open(&self, digest: &Digest) -> Result<Option<Box<dyn BlobReader>>, StoreError> {
        let mut state = self.state();
        let Some(blob) = state.blobs.get(digest) else { return Ok(None) };
        let bytes = Cursor::new(Arc::clone(&blob.bytes));
        self.hold(&mut state, ObjectId::Blob(*digest));
        Ok(Some(Box::new(PartialReader { bytes, calls: 0 })))
    }

    fn size_bytes(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        let mut state = self.state();
        let Some(size) = state.blobs.get(digest).map(|blob| blob.bytes.len() as u64) else { return Ok(None) };
        self.hold(&mut state, ObjectId::Blob(*digest));
        Ok(Some(size))
    }

    fn writer(&self) -> Result<Box<dyn BlobWriter>, StoreError> {
        let store = Self { handle: Arc::clone(&self.handle) };
        Ok(Box::new(PartialWriter { store, bytes: Vec::new(), calls: 0 }))
    }
}

struct PartialReader {
    bytes: Cursor<Arc<[u8]>>,
    calls: usize,
}

impl Read for PartialReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let part = buffer.len().min(PARTS[self.calls % PARTS.len()]);
        self.calls += 1;
        self.bytes.read(&mut buffer[..part])
    }
}

impl Seek for PartialReader {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.bytes.seek(to)
    }
}

struct PartialWriter {
    store: MemoryStore,
    bytes: Vec<u8>,
    calls: usize,
}

impl Write for PartialWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let part = bytes.len().min(PARTS[self.calls % PARTS.len()]);
        self.calls += 1;
        self.bytes.extend_from_slice(&bytes[..part]);
        Ok(part)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for PartialWriter {
    fn commit(self: Box<Self>, expected: Option<&Digest>) -> Result<(Digest, u64), StoreError> {
        let Self { store, bytes, .. } = *self;
        let digest = Digest::of(&bytes);
        if let Some(expected) = expected.filter(|expected| **expected != digest) {
            return Err(StoreError::Mismatch { expected: expected.to_string(), actual: digest.to_string() });
        }
        let size = bytes.len() as u64;
        let mut state = store.state();
        state.blobs.entry(digest).or_insert_with(|| Blob { bytes: bytes.into(), used: 0 });
        store.hold(&mut state, ObjectId::Blob(digest));
        Ok((digest, size))
    }
}
