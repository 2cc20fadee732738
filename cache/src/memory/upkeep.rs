//! Usage and collection in memory, by the same decision as on disk.

use std::collections::HashSet;
use std::fs;

use cooperage_image::tree::LayerId;
use cooperage_llb::ports::upkeep::{PruneReport, PruneRequest, UsageRecord};
use cooperage_llb::ports::{StoreError, Upkeep};

use super::layers::layer;
use super::{Layer, MemoryStore, State};
use crate::collect::images::blobs_of;
use crate::collect::{Inventory, NamedImage, Object, ObjectId, sort_usage};

impl Upkeep for MemoryStore {
    fn usage(&self) -> Result<Vec<UsageRecord>, StoreError> {
        let mut records = self.state().inventory().usage();
        sort_usage(&mut records);
        Ok(records)
    }

    fn prune(&self, what: &PruneRequest) -> Result<PruneReport, StoreError> {
        let mut state = self.state();
        let inventory = state.inventory();
        let victims = inventory.choose(what);
        for (name, _) in &victims.images {
            state.names.remove(name);
        }
        for id in &victims.objects {
            // Nothing reads a directory that goes: what a handle holds is never chosen.
            let directory = match id {
                ObjectId::Blob(digest) => {
                    state.blobs.remove(digest);
                    None
                }
                ObjectId::Layer(digest) => {
                    state.forms.remove(&LayerId::of(digest));
                    state.layers.remove(&LayerId::of(digest)).and_then(|layer| layer.directory)
                }
                ObjectId::Mount(name) => state.mounts.remove(name).map(|_| self.mount_path(name)),
            };
            if let Some(directory) = directory {
                // What stays goes with the store's directory.
                let _ = fs::remove_dir_all(directory);
            }
        }
        let layers: HashSet<LayerId> = state.layers.keys().cloned().collect();
        state.records.retain(|record| {
            record.result.outputs.iter().flat_map(|chain| &chain.layers).all(|id| layers.contains(id))
        });
        let removed: Vec<_> =
            victims.objects.iter().map(|id| inventory.objects[id].usage_record(id, false)).collect();
        let freed_bytes = removed.iter().fold(0, |sum: u64, record| sum.saturating_add(record.size_bytes));
        Ok(PruneReport { removed, freed_bytes })
    }
}

impl State {
    fn inventory(&self) -> Inventory {
        let mut inventory = Inventory::default();
        for (digest, blob) in &self.blobs {
            let id = ObjectId::Blob(*digest);
            let held = self.is_held(&id);
            let size_bytes = blob.bytes.len() as u64;
            inventory
                .objects
                .insert(id, Object { size_bytes, used_ms: blob.used, held, ..Object::default() });
        }
        for (id, found) in &self.layers {
            let object = self.layer_object(id, found, &mut inventory);
            inventory.objects.insert(layer(id), object);
        }
        for (name, mount) in &self.mounts {
            let object = Object {
                size_bytes: 1,
                used_ms: mount.used,
                held: mount.is_exclusive || mount.shared_by > 0,
                description: format!("cache mount {}", mount.id),
                ..Object::default()
            };
            inventory.objects.insert(ObjectId::Mount(name.clone()), object);
        }
        for (name, target) in &self.names {
            let read = |digest: &_| {
                Ok::<_, std::convert::Infallible>(self.blobs.get(digest).map(|blob| blob.bytes.to_vec()))
            };
            let Ok(blobs) = blobs_of(target, read);
            inventory.images.push(NamedImage { name: name.clone(), target: target.digest, blobs });
        }
        inventory.describe_images();
        inventory
    }

    fn layer_object(&self, id: &LayerId, found: &Layer, inventory: &mut Inventory) -> Object {
        let held = self.is_held(&layer(id));
        let mut needs: Vec<_> = found.needs.iter().map(layer).collect();
        let forms = self.forms.get(id).map(Vec::as_slice).unwrap_or_default();
        let leans_on_blobs = found.own_files
            && found.directory.is_none()
            && forms.iter().all(|(_, blob)| blob.origin.is_none());
        for (_, blob) in forms {
            let blob = ObjectId::Blob(blob.descriptor.digest);
            if let Some(object) = inventory.objects.get_mut(&blob) {
                object.held |= held;
                object.description.clone_from(&found.step);
                if leans_on_blobs {
                    needs.push(blob);
                }
            }
        }
        let size_bytes = found.changes.len() as u64;
        Object { size_bytes, used_ms: found.used, needs, held, description: found.step.clone() }
    }

    fn is_held(&self, id: &ObjectId) -> bool {
        self.held.values().any(|held| held.contains(id))
    }
}
