//! Blobs by digest.

use std::io::{Read, Seek, Write};

use cooperage_image::Digest;

use super::StoreError;

/// Bytes by digest, shared by all processes of a root. Cheap to call from many threads.
pub trait BlobStore: Send + Sync {
    /// Opens a blob; `None` if it is not there. The bytes were verified when they were put.
    fn open(&self, digest: &Digest) -> Result<Option<Box<dyn BlobReader>>, StoreError>;

    /// Length of a blob in bytes; `None` if it is not there.
    fn size_bytes(&self, digest: &Digest) -> Result<Option<u64>, StoreError>;

    /// Begins a blob of yet unknown digest. Nothing is visible before [`BlobWriter::commit`];
    /// dropping the writer removes what was written.
    fn writer(&self) -> Result<Box<dyn BlobWriter>, StoreError>;

    /// Puts `bytes`; a blob that is there already is left alone.
    fn put(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let mut writer = self.writer()?;
        writer.write_all(bytes).map_err(|source| StoreError::Io {
            action: "write",
            path: "a new blob".into(),
            source,
        })?;
        writer.commit(None).map(|(digest, _)| digest)
    }

    /// All bytes of a small blob (manifest, config); `None` if it is not there. A blob of more than
    /// `limit_bytes` is an error.
    fn read(&self, digest: &Digest, limit_bytes: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(reader) = self.open(digest)? else { return Ok(None) };
        let mut bytes = Vec::new();
        reader.take(limit_bytes + 1).read_to_end(&mut bytes).map_err(|source| StoreError::Io {
            action: "read",
            path: digest.to_string().into(),
            source,
        })?;
        if bytes.len() as u64 > limit_bytes {
            let detail = format!("larger than {limit_bytes} bytes");
            return Err(StoreError::Damaged { what: digest.to_string(), detail });
        }
        Ok(Some(bytes))
    }
}

/// An open blob.
pub trait BlobReader: Read + Seek + Send {}

impl<T: Read + Seek + Send> BlobReader for T {}

/// A blob that is being written; hashes while it writes.
pub trait BlobWriter: Write + Send {
    /// Makes the blob visible and returns its digest and length. With `expected`, bytes of another
    /// digest are dropped and [`StoreError::Mismatch`] is returned. Atomic; idempotent between processes.
    fn commit(self: Box<Self>, expected: Option<&Digest>) -> Result<(Digest, u64), StoreError>;
}
