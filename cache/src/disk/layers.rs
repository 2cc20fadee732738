//! Layers: a change set, a directory, and blobs.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cooperage_image::Digest;
use cooperage_image::tree::{Changes, LayerId};
use cooperage_llb::ports::layer_store::{BlobForm, LayerBlob};
use cooperage_llb::ports::{LayerStore, StoreError, Workspace};
use rusqlite::{Connection, OptionalExtension};

use super::DiskStore;
use super::failure::{failed, present};
use super::index::Fault;
use super::lease::Held;
use super::removal;
use super::root::{Root, now_ms};
use super::{forms, layers};
use crate::changes_codec::{self, Encoded, layer_digest};

impl LayerStore for DiskStore {
    fn workspace(&self) -> Result<Box<dyn Workspace>, StoreError> {
        let path = self.root.session.fresh_directory("workspace")?;
        Ok(Box::new(DiskWorkspace { path, _root: Arc::clone(&self.root) }))
    }

    fn put(&self, id: &LayerId, changes: &Changes) -> Result<(), StoreError> {
        let root = &self.root;
        if root.leases.holds(Held::Layer(layer_digest(id))) && root.knows_changes(id)? {
            return Ok(());
        }
        let encoded = changes_codec::encode(id, changes);
        let temporary = root.session.temporary("changes");
        fs::write(temporary.path(), &encoded.bytes).map_err(failed("write", &root.layout.changes(id)))?;
        let finding = root.finding()?;
        root.index.write("record a layer", |transaction| {
            if layers::sound(root, transaction, id)?.is_some() {
                return Ok(());
            }
            make_layer_directory(&root.layout.layer(id))?;
            let target = root.layout.changes(id);
            fs::rename(temporary.path(), &target).map_err(failed("rename", &target))?;
            note_layer(root, transaction, id, &encoded)
        })?;
        finding.hold(Held::Layer(layer_digest(id)))
    }

    /// The change set is written once, so the time of its file is that of the layer.
    fn created(&self, id: &LayerId) -> Result<Option<cooperage_image::tree::Timestamp>, StoreError> {
        use std::os::unix::fs::MetadataExt;
        let path = self.root.layout.changes(id);
        match fs::metadata(&path) {
            Ok(found) => {
                let (secs, nanos) = (found.mtime(), found.mtime_nsec() as u32);
                Ok(Some(cooperage_image::tree::Timestamp { secs, nanos }))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("look at", &path)(error)),
        }
    }

    fn changes(&self, id: &LayerId) -> Result<Option<Arc<Changes>>, StoreError> {
        let root = &self.root;
        if let Some(changes) = root.decoded.get(id) {
            return Ok(Some(changes));
        }
        if !root.hold_layer(id)? {
            return Ok(None);
        }
        let path = root.layout.changes(id);
        let bytes = present(fs::read(&path)).map_err(failed("read", &path))?;
        match bytes.map(|bytes| changes_codec::decode(id, &bytes)) {
            Some(Ok((changes, entries))) => {
                let changes = Arc::new(changes);
                root.decoded.put(id, &changes, entries);
                Ok(Some(changes))
            }
            // A layer is made again by the step that made it: one that is damaged is as good as none.
            Some(Err(_)) | None => {
                root.drop_damaged(id)?;
                Ok(None)
            }
        }
    }

    fn put_directory(
        &self,
        id: &LayerId,
        workspace: &dyn Workspace,
        sub: &Path,
    ) -> Result<PathBuf, StoreError> {
        let root = &self.root;
        let target = root.layout.directory(id);
        let source = workspace.path().join(sub);
        let finding = root.finding()?;
        root.index.write("record a layer's directory", |transaction| {
            let Some(layer) = layers::sound(root, transaction, id)? else {
                let detail = "its directory was put before its changes".to_owned();
                return Err(StoreError::Damaged { what: format!("layer {id}"), detail }.into());
            };
            if layer.directory {
                return Ok(());
            }
            // Left by a process that was killed before it wrote the row, or not to be believed. It goes
            // when this process ends: another may still have it mounted.
            root.session.discard(&target)?;
            rename_directory(&source, &target)?;
            transaction.execute(
                "UPDATE layer SET directory = 1, directory_boot = ?2, used = ?3 WHERE id = ?1",
                (layer_digest(id).as_bytes(), root.boot.as_str(), now_ms()),
            )?;
            Ok(())
        })?;
        finding.hold(Held::Layer(layer_digest(id)))?;
        Ok(target)
    }

    fn directory(&self, id: &LayerId) -> Result<Option<PathBuf>, StoreError> {
        let root = &self.root;
        if !root.hold_layer(id)? {
            return Ok(None);
        }
        let found = root.index.read("look for a layer", |index| layers::sound(root, index, id))?;
        Ok(found.filter(|layer| layer.directory).map(|_| root.layout.directory(id)))
    }

    fn put_blob(&self, id: &LayerId, form: &BlobForm, blob: &LayerBlob) -> Result<(), StoreError> {
        let finding = self.root.finding()?;
        self.root.index.write("record a layer's blob", |transaction| {
            forms::put(&self.root, transaction, id, form, blob)
        })?;
        finding.hold(Held::Layer(layer_digest(id)))
    }

    fn blobs(&self, id: &LayerId) -> Result<Vec<(BlobForm, LayerBlob)>, StoreError> {
        let finding = self.root.finding()?;
        let found = self.root.index.read("list a layer's blobs", |index| forms::all(index, id))?;
        if !found.is_empty() {
            finding.hold(Held::Layer(layer_digest(id)))?;
        }
        Ok(found)
    }
}

/// A layer whose change set is there.
pub(crate) struct Sound {
    /// Whether it has a directory that is to be believed.
    pub(crate) directory: bool,
    /// Whether contents are in the layer itself.
    pub(crate) own_files: bool,
}

/// The layer `id`, if its change set is whole. Costs a query and one or two `stat`s; a change set of an
/// earlier boot is read and verified.
pub(crate) fn sound(root: &Root, index: &Connection, id: &LayerId) -> Result<Option<Sound>, Fault> {
    let mut statement = index.prepare(
        "SELECT changes_size, changes_boot, directory, directory_boot, own_files FROM layer WHERE id = ?1",
    )?;
    let row = statement
        .query_row([layer_digest(id).as_bytes()], |row| {
            let boot = |column| row.get::<_, Option<String>>(column);
            Ok((row.get::<_, i64>(0)?, boot(1)?, row.get::<_, bool>(2)?, boot(3)?, row.get::<_, bool>(4)?))
        })
        .optional()?;
    let Some((size, boot, directory, directory_boot, own_files)) = row else { return Ok(None) };
    let path = root.layout.changes(id);
    let there = present(fs::metadata(&path)).map_err(failed("inspect", &path))?;
    if there.is_none_or(|meta| meta.len().cast_signed() != size) {
        return Ok(None);
    }
    if !root.boot.vouches_for(boot.as_deref()) {
        let bytes = fs::read(&path).map_err(failed("read", &path))?;
        if changes_codec::decode(id, &bytes).is_err() {
            return Ok(None);
        }
    }
    let directory =
        directory && root.boot.vouches_for(directory_boot.as_deref()) && root.layout.directory(id).is_dir();
    Ok(Some(Sound { directory, own_files }))
}

impl Root {
    /// Holds a layer whose change set is there; whether it is.
    pub(crate) fn hold_layer(&self, id: &LayerId) -> Result<bool, StoreError> {
        let held = Held::Layer(layer_digest(id));
        if self.leases.holds(held) {
            return self.knows_changes(id);
        }
        let finding = self.finding()?;
        let found = self.knows_changes(id)?;
        if found {
            finding.hold(held)?;
        }
        Ok(found)
    }

    fn knows_changes(&self, id: &LayerId) -> Result<bool, StoreError> {
        let found = self.index.read("look for a layer", |index| layers::sound(self, index, id))?;
        Ok(found.is_some())
    }

    /// Forgets a layer whose change set cannot be read, so that what led to it is a miss.
    fn drop_damaged(&self, id: &LayerId) -> Result<(), StoreError> {
        let path = self.layout.changes(id);
        self.decoded.forget(id);
        self.usable.forget(id);
        self.index.write("drop a damaged layer", |transaction| {
            // Another process may have put it again; under the transaction none can.
            let bytes = present(fs::read(&path)).map_err(failed("read", &path))?;
            if bytes.is_some_and(|bytes| changes_codec::decode(id, &bytes).is_ok()) {
                return Ok(());
            }
            present(fs::remove_file(&path)).map_err(failed("remove", &path))?;
            transaction.execute("DELETE FROM layer WHERE id = ?1", [layer_digest(id).as_bytes()])?;
            transaction.execute("DELETE FROM need WHERE layer = ?1", [layer_digest(id).as_bytes()])?;
            Ok(())
        })
    }
}

fn note_layer(root: &Root, index: &Connection, id: &LayerId, encoded: &Encoded) -> Result<(), Fault> {
    let id = layer_digest(id);
    index.execute(
        "INSERT INTO layer (id, changes_size, changes_boot, files_size, own_files, used)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET changes_size = ?2, changes_boot = ?3, files_size = ?4,
             own_files = ?5, used = ?6",
        (
            id.as_bytes(),
            encoded.bytes.len() as i64,
            root.boot.as_str(),
            i64::try_from(encoded.files_size_bytes).unwrap_or(i64::MAX),
            encoded.own_files,
            now_ms(),
        ),
    )?;
    index.execute("DELETE FROM need WHERE layer = ?1", [id.as_bytes()])?;
    let mut insert = index.prepare("INSERT OR IGNORE INTO need (layer, needs) VALUES (?1, ?2)")?;
    for needed in &encoded.needs {
        insert.execute((id.as_bytes(), layer_digest(needed).as_bytes()))?;
    }
    Ok(())
}

fn make_layer_directory(path: &Path) -> Result<(), StoreError> {
    match fs::DirBuilder::new().mode(0o711).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(failed("create", path)(error)),
        _ => Ok(()),
    }
}

/// Renames a directory that its owner, who is not root, may not write: its `..` entry changes with it.
fn rename_directory(source: &Path, target: &Path) -> Result<(), StoreError> {
    let rename = || fs::rename(source, target);
    let denied = match rename() {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => error,
        result => return result.map_err(failed("rename", target)),
    };
    let renamed = fs::metadata(source).and_then(|meta| {
        let mode = meta.permissions().mode();
        fs::set_permissions(source, PermissionsExt::from_mode(mode | 0o700))?;
        rename()?;
        fs::set_permissions(target, PermissionsExt::from_mode(mode))
    });
    renamed.map_err(|_| failed("rename", target)(denied))
}

/// A workspace in the process's corner of `tmp/`.
struct DiskWorkspace {
    path: PathBuf,
    /// The corner must outlive it.
    _root: Arc<Root>,
}

impl Workspace for DiskWorkspace {
    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DiskWorkspace {
    fn drop(&mut self) {
        // What cannot be removed now is tried again with the corner, and by the next process.
        let _ = removal::remove_tree(&self.path);
    }
}

/// The layer that the database names by `bytes`.
pub(crate) fn layer_of(bytes: [u8; 32]) -> LayerId {
    LayerId::of(&Digest::from_bytes(bytes))
}
