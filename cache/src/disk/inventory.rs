//! What a root holds, read from its database, its names and its living processes' leases.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::Read;

use cooperage_image::Digest;
use cooperage_llb::ports::StoreError;
use rusqlite::Connection;

use super::failure::{failed, present};
use super::forms;
use super::image_names::label;
use super::index::Fault;
use super::layers::layer_of;
use super::lease::{self, Held};
use super::root::Root;
use super::session::{self, Corner};
use crate::collect::images::{MANIFEST_LIMIT_BYTES, blobs_of};
use crate::collect::{Inventory, NamedImage, Object, ObjectId};

impl Root {
    /// Everything that living processes hold. Complete only under the exclusive collection lock.
    pub(crate) fn held_by_anyone(&self) -> Result<BTreeSet<Held>, StoreError> {
        let mut held: BTreeSet<Held> = self.leases.all().into_iter().collect();
        for corner in session::corners(&self.layout, self.session.directory())? {
            if let Corner::Living(directory) = corner {
                let path = session::lease_path(&directory);
                // A process that ended since holds nothing.
                let bytes = present(fs::read(&path)).map_err(failed("read", &path))?;
                held.extend(lease::decode(&bytes.unwrap_or_default()));
            }
        }
        Ok(held)
    }

    /// Layers, blobs and images. Cache mounts are added by whoever locks them.
    pub(crate) fn inventory(&self, held: &BTreeSet<Held>) -> Result<Inventory, StoreError> {
        let images = self.named_images()?;
        let objects = self.index.read("list what there is", |index| {
            let mut objects = blobs(index, held)?;
            layers(index, held, &mut objects)?;
            Ok(objects)
        })?;
        let mut inventory = Inventory { objects, images };
        inventory.describe_images();
        Ok(inventory)
    }

    /// Every named image with the blobs that it is made of.
    fn named_images(&self) -> Result<Vec<NamedImage>, StoreError> {
        let mut found = Vec::new();
        for image in self.image_index()?.manifests {
            let blobs = blobs_of(&image, |digest| {
                let path = self.layout.blob(digest);
                // Another tool may call anything a manifest.
                let read = File::open(&path).and_then(|file| {
                    let mut bytes = Vec::new();
                    file.take(MANIFEST_LIMIT_BYTES).read_to_end(&mut bytes)?;
                    Ok(bytes)
                });
                present(read).map_err(failed("read", &path))
            })?;
            found.push(NamedImage { name: label(&image), target: image.digest, blobs });
        }
        Ok(found)
    }
}

fn blobs(index: &Connection, held: &BTreeSet<Held>) -> Result<BTreeMap<ObjectId, Object>, Fault> {
    let mut statement = index.prepare("SELECT digest, size, used FROM blob")?;
    let mut rows = statement.query([])?;
    let mut objects = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let digest = Digest::from_bytes(row.get(0)?);
        let object = Object {
            size_bytes: row.get::<_, i64>(1)?.cast_unsigned(),
            used_ms: row.get(2)?,
            held: held.contains(&Held::Blob(digest)),
            ..Object::default()
        };
        objects.insert(ObjectId::Blob(digest), object);
    }
    Ok(objects)
}

/// Adds the layers, what they need, and which blobs of held layers are held with them.
fn layers(
    index: &Connection,
    held: &BTreeSet<Held>,
    objects: &mut BTreeMap<ObjectId, Object>,
) -> Result<(), Fault> {
    let mut needs: HashMap<[u8; 32], Vec<ObjectId>> = HashMap::new();
    let mut statement = index.prepare("SELECT layer, needs FROM need")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        needs.entry(row.get(0)?).or_default().push(ObjectId::Layer(Digest::from_bytes(row.get(1)?)));
    }
    let mut statement =
        index.prepare("SELECT id, changes_size, files_size, directory, own_files, step, used FROM layer")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: [u8; 32] = row.get(0)?;
        let digest = Digest::from_bytes(id);
        let (directory, own_files): (bool, bool) = (row.get(3)?, row.get(4)?);
        let files = if directory { row.get::<_, i64>(2)? } else { 0 };
        let description: String = row.get(5)?;
        let is_held = held.contains(&Held::Layer(digest));
        let mut needs = needs.remove(&id).unwrap_or_default();
        let mut leans_on_blobs = own_files && !directory;
        for (_, blob) in forms::all(index, &layer_of(id))? {
            leans_on_blobs &= blob.origin.is_none();
            let blob = ObjectId::Blob(blob.descriptor.digest);
            if let Some(object) = objects.get_mut(&blob) {
                object.held |= is_held;
                object.description.clone_from(&description);
                needs.push(blob);
            }
        }
        if !leans_on_blobs {
            needs.retain(|id| matches!(id, ObjectId::Layer(_)));
        }
        let object = Object {
            size_bytes: row.get::<_, i64>(1)?.saturating_add(files).cast_unsigned(),
            used_ms: row.get(6)?,
            needs,
            held: is_held,
            description,
        };
        objects.insert(ObjectId::Layer(digest), object);
    }
    hold_forms_of_unknown(index, held, objects)
}

/// Blobs of layers that are held, but whose change sets nobody has read yet.
fn hold_forms_of_unknown(
    index: &Connection,
    held: &BTreeSet<Held>,
    objects: &mut BTreeMap<ObjectId, Object>,
) -> Result<(), Fault> {
    for thing in held {
        let Held::Layer(id) = thing else { continue };
        for (_, blob) in forms::all(index, &layer_of(*id.as_bytes()))? {
            if let Some(object) = objects.get_mut(&ObjectId::Blob(blob.descriptor.digest)) {
                object.held = true;
            }
        }
    }
    Ok(())
}
