//! Layers in memory; their directories are real.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cooperage_image::tree::{Changes, LayerId, Timestamp};
use cooperage_llb::ports::layer_store::{BlobForm, LayerBlob};
use cooperage_llb::ports::{LayerStore, StoreError, Workspace};

use super::{Layer, MemoryStore, MemoryWorkspace};
use crate::changes_codec::{self, layer_digest};
use crate::collect::ObjectId;

impl LayerStore for MemoryStore {
    fn workspace(&self) -> Result<Box<dyn Workspace>, StoreError> {
        let path = self.fresh_path("workspace");
        fs::create_dir(&path).map_err(io("create", &path))?;
        Ok(Box::new(MemoryWorkspace { path, _handle: Arc::clone(&self.handle) }))
    }

    fn put(&self, id: &LayerId, changes: &Changes) -> Result<(), StoreError> {
        let encoded = changes_codec::encode(id, changes);
        let mut state = self.state();
        state.layers.entry(id.clone()).or_insert_with(|| Layer {
            changes: encoded.bytes,
            needs: encoded.needs,
            own_files: encoded.own_files,
            directory: None,
            step: String::new(),
            used: 0,
            created: now(),
        });
        self.hold(&mut state, layer(id));
        Ok(())
    }

    fn changes(&self, id: &LayerId) -> Result<Option<Arc<Changes>>, StoreError> {
        let mut state = self.state();
        let Some(found) = state.layers.get(id) else { return Ok(None) };
        let (changes, _) = changes_codec::decode(id, &found.changes).map_err(|error| {
            StoreError::Damaged { what: format!("layer {id}"), detail: error.to_string() }
        })?;
        self.hold(&mut state, layer(id));
        Ok(Some(Arc::new(changes)))
    }

    fn created(&self, id: &LayerId) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.state().layers.get(id).map(|layer| layer.created))
    }

    fn put_directory(
        &self,
        id: &LayerId,
        workspace: &dyn Workspace,
        sub: &Path,
    ) -> Result<PathBuf, StoreError> {
        let target = self.fresh_path("layer");
        let mut state = self.state();
        let Some(found) = state.layers.get_mut(id) else {
            let detail = "its directory was put before its changes".to_owned();
            return Err(StoreError::Damaged { what: format!("layer {id}"), detail });
        };
        let directory = match &found.directory {
            Some(directory) => directory.clone(),
            None => {
                fs::rename(workspace.path().join(sub), &target).map_err(io("rename", &target))?;
                found.directory.insert(target).clone()
            }
        };
        self.hold(&mut state, layer(id));
        Ok(directory)
    }

    fn directory(&self, id: &LayerId) -> Result<Option<PathBuf>, StoreError> {
        let mut state = self.state();
        let directory = state.layers.get(id).and_then(|layer| layer.directory.clone());
        if directory.is_some() {
            self.hold(&mut state, layer(id));
        }
        Ok(directory)
    }

    fn put_blob(&self, id: &LayerId, form: &BlobForm, blob: &LayerBlob) -> Result<(), StoreError> {
        let mut state = self.state();
        let here = state.blobs.contains_key(&blob.descriptor.digest);
        let known = state.forms.get(id).and_then(|forms| forms.iter().find(|(known, _)| known == form));
        let known = known.map(|(_, known)| known.clone());
        let known_here =
            known.as_ref().is_some_and(|known| state.blobs.contains_key(&known.descriptor.digest));
        let mut blob = blob.clone();
        let is_same = known.as_ref().is_some_and(|known| known.descriptor.digest == blob.descriptor.digest);
        if is_same {
            blob.origin = blob.origin.or(known.and_then(|known| known.origin));
        }
        if is_same || here || !known_here {
            let forms = state.forms.entry(id.clone()).or_default();
            forms.retain(|(known, _)| known != form);
            forms.push((*form, blob));
        }
        self.hold(&mut state, layer(id));
        Ok(())
    }

    fn blobs(&self, id: &LayerId) -> Result<Vec<(BlobForm, LayerBlob)>, StoreError> {
        let mut state = self.state();
        let mut forms = state.forms.get(id).cloned().unwrap_or_default();
        state.shuffle(&mut forms);
        self.hold(&mut state, layer(id));
        Ok(forms)
    }
}

pub(super) fn layer(id: &LayerId) -> ObjectId {
    ObjectId::Layer(layer_digest(id))
}

pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    move |source| StoreError::Io { action, path: path.to_owned(), source }
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp { secs: since.as_secs() as i64, nanos: since.subsec_nanos() }
}
