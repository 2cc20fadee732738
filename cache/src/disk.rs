//! The store in a directory.

use std::path::Path;
use std::sync::Arc;

use cooperage_llb::ports::StoreError;

mod blobs;
mod cache_mounts;
mod decoded;
mod failure;
mod forms;
mod image_names;
mod index;
mod inventory;
mod layers;
mod layout;
mod lease;
mod leftovers;
mod locking;
mod power;
mod record_row;
mod removal;
mod results;
mod root;
mod session;
mod spread;
mod stat_cache;
mod upkeep;
mod usable;

use root::Root;

/// A root directory, open in this process: blobs, layers, results, names, cache mounts and what is known of
/// local files. Implements all of the store's ports; meant to be shared in one `Arc`.
///
/// Cheap to call from many threads, and any number of processes may have the same root open. What was found
/// or put through it is held, so that no other process removes it, until the store and everything that came
/// from it (workspaces, writers, locks) is dropped.
pub struct DiskStore {
    root: Arc<Root>,
}

impl DiskStore {
    /// Opens the store in the directory `root`, making it if it is missing, and removes what killed
    /// processes left in it.
    ///
    /// # Errors
    /// [`StoreError::Newer`] for a store of a later version, with nothing changed; [`StoreError::ReadOnly`]
    /// if it cannot be written; [`StoreError::Full`]; [`StoreError::Damaged`] if its version or its index is
    /// not readable.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let root = Arc::new(Root::open(root)?);
        if let Some(settled) = power::settled(&root.index, &root.boot)? {
            let (layout, boot) = (root.layout.clone(), root.boot.clone());
            let sync = move || {
                // Only of use after a power failure, and tried again by every process.
                let _ = power::make_durable(&layout, &boot, settled);
            };
            // A machine that has no thread left syncs another time.
            drop(std::thread::Builder::new().name("cooper-sync".to_owned()).spawn(sync));
        }
        Ok(Self { root })
    }

    /// The root directory, absolute.
    pub fn path(&self) -> &Path {
        self.root.layout.root()
    }
}
