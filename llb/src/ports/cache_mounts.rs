//! Directories that steps keep from build to build (`RUN --mount=type=cache`).

use std::path::Path;

use super::{CancelToken, StoreError};

/// The cache mounts of a root.
pub trait CacheMounts: Send + Sync {
    /// A directory of the cache mount `id`, made (empty, 0755) when there is none. It is the caller's until
    /// the guard is dropped, in the way that `sharing` says. `None` if `stop` was cancelled first.
    ///
    /// A step that mounts one ID twice asks once: a locked directory would wait for itself.
    fn cache_mount(
        &self,
        id: &str,
        sharing: Sharing,
        stop: &CancelToken,
    ) -> Result<Option<Box<dyn CacheMount>>, StoreError>;
}

/// A cache mount in use. What a step writes to it stays, whether or not the step succeeds.
pub trait CacheMount: Send + Sync {
    /// Absolute path of the directory.
    fn path(&self) -> &Path;
}

/// Who may use a cache mount at the same time (dockerfile `sharing=`; `pb.CacheSharingOpt`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Sharing {
    /// Everybody uses one directory.
    #[default]
    Shared,
    /// Each one has a directory that nobody else uses now: the first free one, else a new one.
    Private,
    /// One after the other; who comes later waits.
    Locked,
}
