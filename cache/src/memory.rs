//! The store in memory, for tests: the same ports as the disk's, kept more strictly.
//!
//! Lists that promise no order are shuffled, readers and writers take a part of what they are given, a blob
//! is not readable before it is committed, change sets always come back decoded anew, and what one handle
//! does not hold another may remove. Directories of layers are real ones, below a temporary directory.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use cooperage_image::tree::{LayerId, Timestamp};
use cooperage_image::{Descriptor, Digest, Reference};
use cooperage_llb::key::Key;
use cooperage_llb::ports::layer_store::{BlobForm, LayerBlob};
use cooperage_llb::ports::result_index::StepResult;
use cooperage_llb::ports::stat_cache::StatEntries;
use tempfile::TempDir;

use crate::collect::ObjectId;

mod blobs;
mod layers;
mod mounts;
mod names;
mod results;
mod upkeep;

/// A store in memory. It lives as long as one of its handles ([`reopen`](Self::reopen)) does, and each
/// handle holds what was found or put through it, as a process holds what it uses of a root.
pub struct MemoryStore {
    handle: Arc<Handle>,
}

/// One holder.
struct Handle {
    shared: Arc<Shared>,
    number: u64,
}

struct Shared {
    state: Mutex<State>,
    /// Somebody let go of a lock.
    unlocked: Condvar,
    directory: TempDir,
}

#[derive(Default)]
struct State {
    /// Counts everything: names, uses, shuffles.
    clock: i64,
    blobs: HashMap<Digest, Blob>,
    layers: HashMap<LayerId, Layer>,
    forms: HashMap<LayerId, Vec<(BlobForm, LayerBlob)>>,
    /// Oldest first.
    records: Vec<Record>,
    memo: HashMap<Digest, Digest>,
    names: BTreeMap<Reference, Descriptor>,
    stats: HashMap<PathBuf, StatEntries>,
    mounts: BTreeMap<String, Mount>,
    locked_keys: HashSet<Digest>,
    held: BTreeMap<u64, BTreeSet<ObjectId>>,
}

struct Blob {
    bytes: Arc<[u8]>,
    used: i64,
}

struct Layer {
    /// In the form that the disk has.
    changes: Vec<u8>,
    needs: Vec<LayerId>,
    own_files: bool,
    directory: Option<PathBuf>,
    step: String,
    used: i64,
    created: Timestamp,
}

struct Record {
    op: Digest,
    step: String,
    key: Key,
    result: StepResult,
}

/// A cache mount's directory and who uses it.
#[derive(Default)]
struct Mount {
    id: String,
    shared_by: u32,
    is_exclusive: bool,
    used: i64,
}

impl MemoryStore {
    /// An empty store.
    ///
    /// # Panics
    /// If the temporary directory cannot be made.
    #[expect(clippy::new_without_default, reason = "it makes a directory")]
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("tests have a temporary directory");
        let shared = Shared { state: Mutex::default(), unlocked: Condvar::new(), directory };
        Self::of(Arc::new(shared))
    }

    /// Another handle of the same store, which holds nothing yet.
    pub fn reopen(&self) -> Self {
        Self::of(Arc::clone(&self.handle.shared))
    }

    fn of(shared: Arc<Shared>) -> Self {
        let number = shared.lock().tick().unsigned_abs();
        Self { handle: Arc::new(Handle { shared, number }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.handle.shared.lock()
    }

    /// A path below the store's directory that nothing has.
    fn fresh_path(&self, prefix: &str) -> PathBuf {
        let number = self.state().tick();
        self.handle.shared.directory.path().join(format!("{prefix}-{number}"))
    }

    fn hold(&self, state: &mut State, thing: ObjectId) {
        state.used(&thing);
        state.held.entry(self.handle.number).or_default().insert(thing);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked under the lock has failed anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.lock().held.remove(&self.number);
    }
}

impl State {
    fn tick(&mut self) -> i64 {
        self.clock += 1;
        self.clock
    }

    fn used(&mut self, thing: &ObjectId) {
        let now = self.tick();
        match thing {
            ObjectId::Blob(digest) => {
                if let Some(blob) = self.blobs.get_mut(digest) {
                    blob.used = now;
                }
            }
            ObjectId::Layer(digest) => {
                if let Some(layer) = self.layers.get_mut(&LayerId::of(digest)) {
                    layer.used = now;
                }
            }
            ObjectId::Mount(name) => {
                if let Some(mount) = self.mounts.get_mut(name) {
                    mount.used = now;
                }
            }
        }
    }

    /// Puts a list that promises no order into another one each time.
    fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            let number = self.tick().unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
            list.swap(end, usize::try_from(number).unwrap_or(0) % (end + 1));
        }
    }
}

/// A directory of a step, removed on drop.
struct MemoryWorkspace {
    path: PathBuf,
    _handle: Arc<Handle>,
}

impl cooperage_llb::ports::Workspace for MemoryWorkspace {
    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for MemoryWorkspace {
    fn drop(&mut self) {
        // What stays goes with the store's directory.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
