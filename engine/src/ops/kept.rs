//! Directories that sources keep from build to build: what is known of a URL, the mirror of a git repository.
//!
//! They are cache mounts of names that no step can give (see [`is_reserved`]), so they are listed, locked
//! between processes and pruned as those are.

use std::path::Path;
use std::sync::Arc;

use cooperage_llb::ports::{CacheMount, CancelToken, Sharing};

use crate::Error;
use crate::engine::Ports;

/// What the IDs of such directories begin with.
const PREFIX: &str = "source:";

/// Whether a step must not have a cache mount of this ID: it could plant what a later build would believe.
pub(super) fn is_reserved(id: &str) -> bool {
    id.starts_with(PREFIX)
}

/// A directory that is ours alone until it is dropped.
pub(super) struct Kept(Box<dyn CacheMount>);

impl Kept {
    /// Takes the directory `name`, waiting for other builds that have it.
    pub(super) async fn take(ports: &Arc<Ports>, name: &str) -> Result<Self, Error> {
        let stop = StopOnDrop::default();
        let (mounts, token, id) = (Arc::clone(&ports.mounts), stop.0.clone(), format!("{PREFIX}{name}"));
        let taken = tokio::task::spawn_blocking(move || mounts.cache_mount(&id, Sharing::Locked, &token));
        let taken = taken.await.map_err(|e| Error::Internal(e.to_string()))??;
        taken.map(Self).ok_or(Error::Cancelled)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// A token that is cancelled when who waits for the work has given it up.
#[derive(Default)]
pub(super) struct StopOnDrop(pub(super) CancelToken);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
