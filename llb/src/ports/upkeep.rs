//! What the store holds and how it is emptied.

use super::StoreError;

/// Disk usage and collection of a root.
pub trait Upkeep: Send + Sync {
    /// What there is, largest first.
    fn usage(&self) -> Result<Vec<UsageRecord>, StoreError>;

    /// Removes what nothing uses: leased things and what named images need stay.
    fn prune(&self, what: &PruneRequest) -> Result<PruneReport, StoreError>;
}

/// One object of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRecord {
    /// Layer or blob ID.
    pub id: String,
    /// Kind.
    pub kind: UsageKind,
    /// Bytes on disk.
    pub size_bytes: u64,
    /// Seconds since 1970 of the last use.
    pub last_used: i64,
    /// Whether a running process or a named image holds it.
    pub in_use: bool,
    /// What it is, for people: the step that made it.
    pub description: String,
}

/// Kinds of [`UsageRecord`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UsageKind {
    /// A layer's directory.
    Layer,
    /// A blob.
    Blob,
    /// A cache mount's directory.
    CacheMount,
    /// Left by a process that was killed.
    Leftover,
}

/// What to remove.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneRequest {
    /// Everything that is not in use, named images included.
    pub all: bool,
    /// Stop as soon as the store is not larger than this; least recently used goes first.
    pub keep_bytes: Option<u64>,
}

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneReport {
    /// What went.
    pub removed: Vec<UsageRecord>,
    /// Bytes freed.
    pub freed_bytes: u64,
}
