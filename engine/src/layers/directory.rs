//! Giving a layer its directory, for a RUN to see and for contents to be read from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cooperage_image::layer::{self, ContentReader};
use cooperage_image::tree::{Change, ChangeDir, Changes, Content, File, LayerId};
use cooperage_llb::ports::layer_store::LayerBlob;
use cooperage_llb::ports::result_index::Chain;

use super::{Contents, Layers};
use crate::Error;
use crate::side_by_side::side_by_side;

impl Layers {
    /// Directories of a chain, lowest first, made side by side where they are missing.
    pub(crate) async fn directories(self: &Arc<Self>, chain: &Chain) -> Result<Vec<PathBuf>, Error> {
        let making = chain.layers.iter().map(|id| {
            let (layers, id) = (Arc::clone(self), id.clone());
            async move { layers.directory(&id).await }
        });
        side_by_side(making).await
    }

    /// Directories of those layers of a chain that change anything: what an overlay is stacked from.
    pub(crate) async fn visible_directories(self: &Arc<Self>, chain: &Chain) -> Result<Vec<PathBuf>, Error> {
        let mut visible = Chain::default();
        for id in &chain.layers {
            // What is not known yet is a base's, and is not empty for long.
            let known = self.known_changes(id)?;
            if known.is_none_or(|changes| !changes.is_empty()) {
                visible.layers.push(id.clone());
            }
        }
        self.directories(&visible).await?;
        let stack = self.with_implied_directories(chain, visible).await?;
        self.directories(&stack).await
    }

    /// Makes sure that the contents of `changes` can be opened.
    pub(crate) async fn prepare(self: &Arc<Self>, changes: &Changes) -> Result<(), Error> {
        let mut needed = BTreeSet::new();
        layers_in(&changes.root, &mut needed);
        self.directories(&Chain { layers: needed.into_iter().collect() }).await.map(drop)
    }

    /// Makes sure that the contents of `files` can be opened.
    pub(crate) async fn prepare_files(self: &Arc<Self>, files: &[Arc<File>]) -> Result<(), Error> {
        let mut needed = BTreeSet::new();
        for file in files {
            layer_of(file, &mut needed);
        }
        self.directories(&Chain { layers: needed.into_iter().collect() }).await.map(drop)
    }

    /// The layer's directory, which exists after [`prepare`](Self::prepare).
    pub(super) fn made_directory(&self, id: &LayerId) -> Result<PathBuf, Error> {
        let made = self.state().directories.get(id).and_then(|cell| cell.get().cloned());
        match made {
            Some(directory) => Ok(directory),
            None => self
                .store
                .directory(id)?
                .ok_or_else(|| Error::Internal(format!("the contents of layer {id} were not prepared"))),
        }
    }

    /// The layer's directory, made first if it has none.
    pub(crate) async fn directory(&self, id: &LayerId) -> Result<PathBuf, Error> {
        let cell = Arc::clone(self.state().directories.entry(id.clone()).or_default());
        cell.get_or_try_init(|| self.make_directory(id)).await.cloned()
    }

    async fn make_directory(&self, id: &LayerId) -> Result<PathBuf, Error> {
        if let Some(directory) = self.store.directory(id)? {
            return Ok(directory);
        }
        let deferred = self.state().deferred.get(id).cloned();
        if let Some(how) = deferred {
            return how.make(self).await;
        }
        if let Some(changes) = self.known_changes(id)? {
            let mut needed = BTreeSet::new();
            layers_in(&changes.root, &mut needed);
            if !needed.contains(id) {
                for layer in &needed {
                    Box::pin(self.directory(layer)).await?;
                }
                let _turn = self.turn().await?;
                return self.write_directory(id, &changes);
            }
        }
        let blobs = self.store.blobs(id)?;
        let Some((_, blob)) = blobs.first() else {
            return Err(Error::Internal(format!("layer {id} has neither directory nor blob")));
        };
        // A blob that is here is better than one that must be fetched.
        let mut chosen = blob;
        for (_, blob) in &blobs {
            if self.blobs.size_bytes(&blob.descriptor.digest)?.is_some() {
                chosen = blob;
                break;
            }
        }
        self.fetch(chosen).await?;
        let _turn = self.turn().await?;
        self.unpack(id, chosen)
    }

    fn write_directory(&self, id: &LayerId, changes: &Arc<Changes>) -> Result<PathBuf, Error> {
        let contents = Directories { layers: self };
        let workspace = self.store.workspace()?;
        let directory = workspace.path().join("fs");
        make(&directory)?;
        tokio::task::block_in_place(|| {
            layer::write_directory(changes, &directory, &contents, self.ownership)
        })
        .map_err(|e| Error::disk(format!("writing layer {}", &id.as_str()[..12]), &e))?;
        self.store.put(id, changes)?;
        self.state().fresh.remove(id);
        Ok(self.store.put_directory(id, workspace.as_ref(), Path::new("fs"))?)
    }

    fn unpack(&self, id: &LayerId, blob: &LayerBlob) -> Result<PathBuf, Error> {
        let digest = &blob.descriptor.digest;
        let reader = self.blobs.open(digest)?.ok_or_else(|| {
            Error::Environment(format!("blob {digest} vanished from the store: build again"))
        })?;
        let workspace = self.store.workspace()?;
        let directory = workspace.path().join("fs");
        make(&directory)?;
        let unpacked = tokio::task::block_in_place(|| {
            layer::unpack(self.cancellable(reader), &directory, id, self.ownership)
        })
        .map_err(|e| Error::disk(format!("unpacking layer {digest}"), &e))?;
        if unpacked.diff_id != blob.diff_id {
            return Err(Error::Environment(format!(
                "layer {digest} unpacks to {}, but its image says {}: the image is damaged",
                unpacked.diff_id, blob.diff_id
            )));
        }
        self.store.put(id, &unpacked.changes)?;
        self.state().changes.entry(id.clone()).or_insert_with(|| Arc::new(unpacked.changes));
        Ok(self.store.put_directory(id, workspace.as_ref(), Path::new("fs"))?)
    }
}

/// Contents for a layer that is being written, when only a borrow of the layers is at hand.
struct Directories<'a> {
    layers: &'a Layers,
}

impl ContentReader for Directories<'_> {
    fn open(&self, file: &File) -> std::io::Result<Box<dyn std::io::Read + Send>> {
        Contents::open_in(self.layers, file)
    }
}

fn make(directory: &Path) -> Result<(), Error> {
    std::fs::create_dir(directory).map_err(Error::file("create", directory))
}

fn layers_in(directory: &ChangeDir, found: &mut BTreeSet<LayerId>) {
    for change in directory.entries.values() {
        match change {
            Change::Dir(directory) => layers_in(directory, found),
            Change::File(file) => layer_of(file, found),
            Change::Symlink(_) | Change::Special(_) | Change::Whiteout => {}
        }
    }
}

fn layer_of(file: &File, found: &mut BTreeSet<LayerId>) {
    match &file.content {
        Content::Layer { layer, .. } if !found.contains(layer) => {
            found.insert(layer.clone());
        }
        Content::Layer { .. } | Content::Inline(_) | Content::Local { .. } => {}
    }
}

/// Whether a change has its bytes outside the store.
pub(super) fn has_local_contents(directory: &ChangeDir) -> bool {
    directory.entries.values().any(|change| match change {
        Change::Dir(directory) => has_local_contents(directory),
        Change::File(file) => matches!(file.content, Content::Local { .. }),
        Change::Symlink(_) | Change::Special(_) | Change::Whiteout => false,
    })
}
