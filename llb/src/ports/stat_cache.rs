//! Digests of files that were not touched since they were hashed.

use std::path::Path;
use std::time::SystemTime;

use cooperage_image::Digest;
use cooperage_image::tree::Fingerprint;

use super::StoreError;

/// A persistent map from a file's fingerprint to the digest of its contents, a folder at a time. The
/// racy rule is the cache's: an entry whose mtime or ctime is not older than the moment from which the
/// folder was looked at is not kept, since the file may have changed within the same clock tick.
pub trait StatCache: Send + Sync {
    /// Digests known for the files below `root`, by path relative to it.
    fn load(&self, root: &Path) -> Result<StatEntries, StoreError>;

    /// Replaces what is known below `root`. `looked_from` is a moment before any of the contents that the digests
    /// are of was read.
    fn save(&self, root: &Path, entries: &StatEntries, looked_from: SystemTime) -> Result<(), StoreError>;
}

/// Fingerprints and digests by relative path.
pub type StatEntries = std::collections::HashMap<Vec<u8>, (Fingerprint, Digest)>;
