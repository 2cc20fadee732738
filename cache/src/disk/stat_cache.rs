//! Digests of files that were not touched (docs/formats/stat-cache.md): one file a folder.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cooperage_image::Digest;
use cooperage_image::tree::{Fingerprint, Timestamp};
use cooperage_llb::ports::stat_cache::StatEntries;
use cooperage_llb::ports::{StatCache, StoreError};
use serde::{Deserialize, Serialize};

use super::DiskStore;
use super::failure::{failed, present};
use super::layout::Layout;
use crate::racy::is_settled;

/// How a file begins; the last byte is the version of the format.
const MAGIC: [u8; 8] = *b"coopsta\x01";

impl StatCache for DiskStore {
    fn load(&self, root: &Path) -> Result<StatEntries, StoreError> {
        let path = file_of(&self.root.layout, root);
        let bytes = present(fs::read(&path)).map_err(failed("read", &path))?;
        // A file that cannot be read only means that all is hashed again.
        Ok(bytes.and_then(|bytes| decode(root, &bytes)).unwrap_or_default())
    }

    fn save(&self, root: &Path, entries: &StatEntries, looked_from: SystemTime) -> Result<(), StoreError> {
        let path = file_of(&self.root.layout, root);
        let temporary = self.root.session.temporary("stat");
        fs::write(temporary.path(), encode(root, entries, looked_from)).map_err(failed("write", &path))?;
        fs::rename(temporary.path(), &path).map_err(failed("rename", &path))
    }
}

#[derive(Serialize, Deserialize)]
struct Header<'a> {
    root: &'a [u8],
    entries: u64,
}

#[derive(Serialize, Deserialize)]
struct Entry<'a> {
    path: &'a [u8],
    dev: u64,
    inode: u64,
    size_bytes: u64,
    mtime: (i64, u32),
    ctime: (i64, u32),
    digest: [u8; 32],
}

fn encode(root: &Path, entries: &StatEntries, looked_from: SystemTime) -> Vec<u8> {
    const ENCODES: &str = "bytes and numbers always encode into memory";
    let settled: Vec<_> = entries.iter().filter(|(_, (seen, _))| is_settled(seen, looked_from)).collect();
    let header = Header { root: root.as_os_str().as_bytes(), entries: settled.len() as u64 };
    let mut body = postcard::to_stdvec(&header).expect(ENCODES);
    for (path, (seen, digest)) in settled {
        let entry = Entry {
            path,
            dev: seen.dev,
            inode: seen.inode,
            size_bytes: seen.size_bytes,
            mtime: (seen.mtime.secs, seen.mtime.nanos),
            ctime: (seen.ctime.secs, seen.ctime.nanos),
            digest: *digest.as_bytes(),
        };
        body = postcard::to_extend(&entry, body).expect(ENCODES);
    }
    [&MAGIC[..], Digest::of(&body).as_bytes(), &body].concat()
}

/// `None` for anything but a whole file of this version about this folder.
fn decode(root: &Path, bytes: &[u8]) -> Option<StatEntries> {
    let (digest, body) = bytes.strip_prefix(&MAGIC)?.split_first_chunk::<32>()?;
    if Digest::of(body).as_bytes() != digest {
        return None;
    }
    let (header, mut rest) = postcard::take_from_bytes::<Header<'_>>(body).ok()?;
    if header.root != root.as_os_str().as_bytes() {
        return None;
    }
    let mut entries = StatEntries::with_capacity(usize::try_from(header.entries).ok()?.min(rest.len()));
    for _ in 0..header.entries {
        let (entry, after) = postcard::take_from_bytes::<Entry<'_>>(rest).ok()?;
        rest = after;
        let time = |(secs, nanos)| Timestamp { secs, nanos };
        let seen = Fingerprint {
            dev: entry.dev,
            inode: entry.inode,
            size_bytes: entry.size_bytes,
            mtime: time(entry.mtime),
            ctime: time(entry.ctime),
        };
        entries.insert(entry.path.to_vec(), (seen, Digest::from_bytes(entry.digest)));
    }
    Some(entries)
}

fn file_of(layout: &Layout, root: &Path) -> PathBuf {
    layout.stats().join(Digest::of(root.as_os_str().as_bytes()).hex())
}

/// The folder that a file of the stat cache is about.
pub(crate) fn folder_of(bytes: &[u8]) -> Option<PathBuf> {
    let body = bytes.strip_prefix(&MAGIC)?.get(32..)?;
    let (header, _) = postcard::take_from_bytes::<Header<'_>>(body).ok()?;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(header.root)))
}
