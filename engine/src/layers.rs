//! The layers of one build: those in the store, and those that are only metadata so far.
//!
//! "Trees first, bytes late": a COPY makes a layer that exists as [`Changes`] in memory. It gets a row
//! in the store when its result is recorded, a directory when a RUN has to see it, and a blob when
//! it is exported, each at most once, whoever asks first ([`directory`]).

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cooperage_image::layer::Ownership;
use cooperage_image::tree::{Changes, LayerId, Tree};
use cooperage_image::{Descriptor, Digest, Hasher};
use cooperage_llb::ports::layer_store::{BlobForm, LayerBlob};
use cooperage_llb::ports::registry::BoxFuture;
use cooperage_llb::ports::result_index::Chain;
use cooperage_llb::ports::{BlobStore, CancelToken, LayerStore, Registry};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use crate::Error;
use crate::cancel::Cancellable;

mod blob;
mod contents;
mod directory;
mod fetch;
mod implied;

pub(crate) use contents::Contents;

/// Makes a layer when somebody needs it first: a source that is known by more than its bytes.
pub(crate) trait Deferred: Send + Sync {
    /// Makes the layer: its changes and its directory are in the store afterwards. Returns the directory.
    fn make<'a>(&'a self, layers: &'a Layers) -> BoxFuture<'a, Result<PathBuf, Error>>;
}

/// The layers that a build works with. One instance a build.
pub(crate) struct Layers {
    store: Arc<dyn LayerStore>,
    blobs: Arc<dyn BlobStore>,
    registry: Arc<dyn Registry>,
    ownership: Ownership,
    /// Ends the reading of large files.
    cancel: CancelToken,
    nonce: u64,
    /// One permit a core: each layer that is compressed or unpacked holds some MiB of buffers.
    work: Semaphore,
    state: Mutex<State>,
    pulled_blobs: AtomicU64,
}

#[derive(Default)]
struct State {
    /// Change sets of layers, from this build or from the store.
    changes: HashMap<LayerId, Arc<Changes>>,
    /// Layers that the store does not know yet.
    fresh: HashMap<LayerId, Arc<Changes>>,
    /// Layers of which it is known that they imply no directory.
    explicit: HashSet<LayerId>,
    /// Merged trees of chains.
    trees: HashMap<Vec<LayerId>, Tree>,
    /// One cell a layer: the directory is made once.
    directories: HashMap<LayerId, Arc<OnceCell<PathBuf>>>,
    /// One cell a blob: it is fetched once.
    fetches: HashMap<Digest, Arc<OnceCell<()>>>,
    /// One cell a layer, form and compression level: it is compressed once.
    written: HashMap<(LayerId, BlobForm, Option<u32>), Arc<OnceCell<LayerBlob>>>,
    /// Layers that nobody needed yet.
    deferred: HashMap<LayerId, Arc<dyn Deferred>>,
    /// Where blobs that are not in the blob store can be read: OCI layouts.
    layouts: HashMap<Digest, PathBuf>,
}

impl Layers {
    pub(crate) fn new(
        store: Arc<dyn LayerStore>,
        blobs: Arc<dyn BlobStore>,
        registry: Arc<dyn Registry>,
        ownership: Ownership,
        cancel: CancelToken,
    ) -> Self {
        Self {
            store,
            blobs,
            registry,
            ownership,
            cancel,
            nonce: nonce(),
            work: Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from)),
            state: Mutex::default(),
            pulled_blobs: AtomicU64::new(0),
        }
    }

    /// Names a new layer. Its identity is a fresh one: two runs of one step may write different bytes.
    pub(crate) fn fresh_id(&self) -> LayerId {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut hasher = Hasher::new();
        hasher.field(b"layer");
        hasher.field(&self.nonce.to_le_bytes());
        hasher.field(&std::process::id().to_le_bytes());
        hasher.field(&NEXT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        LayerId::of(&hasher.finish())
    }

    /// Adds a layer that is only metadata.
    pub(crate) fn add(&self, changes: Changes) -> LayerId {
        let id = self.fresh_id();
        let changes = Arc::new(changes);
        let mut state = self.state();
        state.changes.insert(id.clone(), Arc::clone(&changes));
        state.fresh.insert(id.clone(), changes);
        id
    }

    /// Adds the tree of a source, as a layer over nothing.
    pub(crate) fn add_tree(&self, tree: &Tree) -> LayerId {
        let mut changes = Changes::between(&Tree::empty(), tree);
        changes.root_changed = true;
        self.add(changes)
    }

    /// Says how the layer `id` is made if it turns out to be needed.
    pub(crate) fn defer(&self, id: LayerId, how: Arc<dyn Deferred>) {
        self.state().deferred.insert(id, how);
    }

    /// Makes sure that the store knows the layers of `chain`, so that a result may name them.
    pub(crate) fn persist(&self, chain: &Chain) -> Result<(), Error> {
        for id in &chain.layers {
            let changes = self.state().fresh.get(id).cloned();
            if let Some(changes) = changes {
                self.store.put(id, &changes)?;
                self.state().fresh.remove(id);
            }
        }
        Ok(())
    }

    /// Change set of a layer; fetched and unpacked first if it is a base's that never was.
    pub(crate) async fn changes(&self, id: &LayerId) -> Result<Arc<Changes>, Error> {
        if let Some(changes) = self.known_changes(id)? {
            return Ok(changes);
        }
        self.directory(id).await?;
        self.known_changes(id)?
            .ok_or_else(|| Error::Internal(format!("layer {id} has a directory but no changes")))
    }

    fn known_changes(&self, id: &LayerId) -> Result<Option<Arc<Changes>>, Error> {
        if let Some(changes) = self.state().changes.get(id) {
            return Ok(Some(Arc::clone(changes)));
        }
        let found = self.store.changes(id)?;
        if let Some(changes) = &found {
            self.state().changes.insert(id.clone(), Arc::clone(changes));
        }
        Ok(found)
    }

    /// The merged tree of a chain.
    pub(crate) async fn tree(&self, chain: &Chain) -> Result<Tree, Error> {
        let known = (0..=chain.layers.len()).rev().find_map(|length| {
            let tree = self.state().trees.get(&chain.layers[..length]).cloned();
            tree.map(|tree| (length, tree))
        });
        let (length, mut tree) = known.unwrap_or_else(|| (0, Tree::empty()));
        for end in length..chain.layers.len() {
            let changes = self.changes(&chain.layers[end]).await?;
            tree = changes.apply(&tree);
            self.state().trees.insert(chain.layers[..=end].to_vec(), tree.clone());
        }
        Ok(tree)
    }

    /// Remembers the tree of a chain that was just made, so that nobody computes it again.
    pub(crate) fn remember_tree(&self, chain: &Chain, tree: Tree) {
        self.state().trees.insert(chain.layers.clone(), tree);
    }

    /// Records where a base's layer can be had; nothing is fetched.
    pub(crate) fn add_base(&self, blob: &LayerBlob) -> Result<LayerId, Error> {
        let id = LayerId::of(&blob.diff_id.0);
        let compression = cooperage_image::media_type::layer_compression(&blob.descriptor.media_type)
            .ok_or_else(|| unknown_layer_type(&blob.descriptor))?;
        self.store.put_blob(&id, &BlobForm { compression, epoch: None }, blob)?;
        Ok(id)
    }

    /// Whether the layer's own contents are in the context only: it was made in this build from local
    /// files, and has neither a directory nor a blob.
    pub(crate) fn is_unsettled(&self, id: &LayerId) -> Result<bool, Error> {
        let Some(changes) = self.state().changes.get(id).cloned() else { return Ok(false) };
        Ok(directory::has_local_contents(&changes.root)
            && self.store.directory(id)?.is_none()
            && self.store.blobs(id)?.is_empty())
    }

    /// How many blobs were pulled from registries.
    pub(crate) fn pulled_blobs(&self) -> u64 {
        self.pulled_blobs.load(Ordering::Relaxed)
    }

    /// The store of the layers.
    pub(crate) fn store(&self) -> &Arc<dyn LayerStore> {
        &self.store
    }

    /// Who owns what is written to the store.
    pub(crate) fn ownership(&self) -> Ownership {
        self.ownership
    }

    /// `reader`, until the build is cancelled.
    fn cancellable<R>(&self, reader: R) -> Cancellable<R> {
        Cancellable::new(reader, self.cancel.clone())
    }

    /// Waits for a core.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        self.work.acquire().await.map_err(|e| Error::Internal(e.to_string()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is one insert or remove, so a panic elsewhere leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells this engine's layers from those of another process with our number, before or after a reboot.
fn nonce() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

/// The error for a layer of a type that cannot be unpacked.
pub(crate) fn unknown_layer_type(descriptor: &Descriptor) -> Error {
    Error::Environment(format!(
        "layer {} has the unknown media type {:?}",
        descriptor.digest, descriptor.media_type
    ))
}
