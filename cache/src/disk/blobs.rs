//! Blobs as files named by their digest.

use std::fs::{self, File};
use std::io::{BufWriter, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use cooperage_image::{Digest, Hasher};
use cooperage_llb::ports::{BlobReader, BlobStore, BlobWriter, StoreError};
use rusqlite::{Connection, OptionalExtension};

use super::DiskStore;
use super::failure::{failed, present};
use super::index::Fault;
use super::lease::Held;
use super::power::digest_of;
use super::root::{Root, now_ms};
use super::session::Temporary;

/// Between a compressor's small writes and the file.
const BUFFER_BYTES: usize = 256 * 1024;

impl BlobStore for DiskStore {
    fn open(&self, digest: &Digest) -> Result<Option<Box<dyn BlobReader>>, StoreError> {
        Ok(self.root.blob(digest)?.map(|file| Box::new(file) as Box<dyn BlobReader>))
    }

    fn size_bytes(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        let Some(file) = self.root.blob(digest)? else { return Ok(None) };
        let meta = file.metadata().map_err(failed("inspect", &self.root.layout.blob(digest)))?;
        Ok(Some(meta.len()))
    }

    fn writer(&self) -> Result<Box<dyn BlobWriter>, StoreError> {
        let temporary = self.root.session.temporary("blob");
        let file = File::create_new(temporary.path()).map_err(failed("create", temporary.path()))?;
        Ok(Box::new(NewBlob {
            root: Arc::clone(&self.root),
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
            temporary,
            hasher: Hasher::new(),
            size_bytes: 0,
        }))
    }

    fn put(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        if self.root.blob(&digest)?.is_none() {
            let mut writer = self.writer()?;
            writer.write_all(bytes).map_err(failed("write", &self.root.layout.blob(&digest)))?;
            writer.commit(Some(&digest))?;
        }
        Ok(digest)
    }
}

impl Root {
    /// A blob's file, held from now on.
    pub(crate) fn blob(&self, digest: &Digest) -> Result<Option<File>, StoreError> {
        let path = self.layout.blob(digest);
        if self.leases.holds(Held::Blob(*digest)) {
            return present(File::open(&path)).map_err(failed("open", &path));
        }
        let finding = self.finding()?;
        // The row before the file: a row that another process writes meanwhile vouches for the file that it puts,
        // and not for the one that was there and may be open here.
        let vouched = self.index.read("look for a blob", |index| vouched_size(self, index, digest))?;
        let Some(mut file) = present(File::open(&path)).map_err(failed("open", &path))? else {
            return Ok(None);
        };
        let size = file.metadata().map_err(failed("inspect", &path))?.len();
        if vouched != Some(size) && !self.verify_blob(digest, &mut file)? {
            return Ok(None);
        }
        finding.hold(Held::Blob(*digest))?;
        Ok(Some(file))
    }

    /// Decides about a file that the database does not vouch for: written before a power failure, or by
    /// another tool. A wrong one is removed.
    fn verify_blob(&self, digest: &Digest, file: &mut File) -> Result<bool, StoreError> {
        let path = self.layout.blob(digest);
        let (actual, size) = digest_of(file).map_err(failed("read", &path))?;
        file.rewind().map_err(failed("read", &path))?;
        let ours = file.metadata().map_err(failed("inspect", &path))?;
        self.index.write("settle a blob", |transaction| {
            if actual == *digest {
                note_blob(self, transaction, digest, size)?;
                return Ok(true);
            }
            // Another process may have put a good one meanwhile; under the transaction none can.
            let named = present(fs::metadata(&path)).map_err(failed("inspect", &path))?;
            if named.is_some_and(|named| (named.dev(), named.ino()) == (ours.dev(), ours.ino())) {
                fs::remove_file(&path).map_err(failed("remove", &path))?;
                transaction.execute("DELETE FROM blob WHERE digest = ?1", [digest.as_bytes()])?;
            }
            Ok(false)
        })
    }
}

/// Length of a blob that needs no verification.
pub(crate) fn vouched_size(root: &Root, index: &Connection, digest: &Digest) -> Result<Option<u64>, Fault> {
    let mut statement = index.prepare("SELECT size, boot FROM blob WHERE digest = ?1")?;
    let row = statement
        .query_row([digest.as_bytes()], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?)))
        .optional()?;
    Ok(row
        .filter(|(_, boot)| root.boot.vouches_for(boot.as_deref()))
        .and_then(|(size, _)| size.try_into().ok()))
}

fn note_blob(root: &Root, index: &Connection, digest: &Digest, size: u64) -> Result<(), Fault> {
    index.execute(
        "INSERT OR REPLACE INTO blob (digest, size, boot, used) VALUES (?1, ?2, ?3, ?4)",
        (digest.as_bytes(), size.cast_signed(), root.boot.as_str(), now_ms()),
    )?;
    Ok(())
}

/// A blob on its way.
struct NewBlob {
    file: BufWriter<File>,
    temporary: Temporary,
    hasher: Hasher,
    size_bytes: u64,
    /// Last, so that the corner outlives what is in it.
    root: Arc<Root>,
}

impl Write for NewBlob {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size_bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl BlobWriter for NewBlob {
    fn commit(mut self: Box<Self>, expected: Option<&Digest>) -> Result<(Digest, u64), StoreError> {
        self.file.flush().map_err(failed("write", self.temporary.path()))?;
        let digest = self.hasher.clone().finish();
        if let Some(expected) = expected.filter(|expected| **expected != digest) {
            return Err(StoreError::Mismatch { expected: expected.to_string(), actual: digest.to_string() });
        }
        let root = &self.root;
        let target = root.layout.blob(&digest);
        let finding = root.finding()?;
        root.index.write("record a blob", |transaction| {
            let there = present(fs::metadata(&target)).map_err(failed("inspect", &target))?;
            let vouched = vouched_size(root, transaction, &digest)?;
            if vouched.is_none() || vouched != there.map(|meta| meta.len()) {
                fs::rename(self.temporary.path(), &target).map_err(failed("rename", &target))?;
                note_blob(root, transaction, &digest, self.size_bytes)?;
            }
            Ok(())
        })?;
        finding.hold(Held::Blob(digest))?;
        Ok((digest, self.size_bytes))
    }
}
