//! Cache mounts: real directories, locks in memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use cooperage_image::Digest;
use cooperage_llb::ports::{CacheMount, CacheMounts, CancelToken, Sharing, StoreError};

use super::layers::io;
use super::{Handle, MemoryStore, Mount, State};

/// Between two looks at a cancellation.
const POLL: Duration = Duration::from_millis(5);

impl CacheMounts for MemoryStore {
    fn cache_mount(
        &self,
        id: &str,
        sharing: Sharing,
        stop: &CancelToken,
    ) -> Result<Option<Box<dyn CacheMount>>, StoreError> {
        let group = Digest::of(id.as_bytes()).hex();
        let is_exclusive = sharing != Sharing::Shared;
        let mut number = 0;
        let mut state = self.state();
        while !stop.is_cancelled() {
            let name = format!("{group}/{number}");
            if state.take_mount(&name, id, is_exclusive) {
                let path = self.mount_path(&name);
                fs::create_dir_all(&path).map_err(io("create", &path))?;
                return Ok(Some(Box::new(MemoryMount { name, path, handle: Arc::clone(&self.handle) })));
            }
            if sharing == Sharing::Private {
                number += 1;
                continue;
            }
            let waited = self.handle.shared.unlocked.wait_timeout(state, POLL);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(None)
    }
}

impl MemoryStore {
    pub(super) fn mount_path(&self, name: &str) -> PathBuf {
        self.handle.shared.directory.path().join("mounts").join(name)
    }
}

impl State {
    fn take_mount(&mut self, name: &str, id: &str, is_exclusive: bool) -> bool {
        let new = || Mount { id: id.to_owned(), ..Mount::default() };
        let mount = self.mounts.entry(name.to_owned()).or_insert_with(new);
        if mount.is_exclusive || (is_exclusive && mount.shared_by > 0) {
            return false;
        }
        mount.is_exclusive = is_exclusive;
        mount.shared_by += u32::from(!is_exclusive);
        true
    }
}

struct MemoryMount {
    name: String,
    path: PathBuf,
    handle: Arc<Handle>,
}

impl CacheMount for MemoryMount {
    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for MemoryMount {
    fn drop(&mut self) {
        let mut state = self.handle.shared.lock();
        let now = state.tick();
        if let Some(mount) = state.mounts.get_mut(&self.name) {
            mount.shared_by -= u32::from(!mount.is_exclusive);
            mount.is_exclusive = false;
            mount.used = now;
        }
        self.handle.shared.unlocked.notify_all();
    }
}
