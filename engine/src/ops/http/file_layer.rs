//! From a body on its way to a layer of one file.

use std::collections::BTreeMap;
use std::fs::{File as DiskFile, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use cooperage_image::layer::Ownership;
use cooperage_image::tree::{Change, ChangeDir, Changes, Content, File, LayerId, Meta, Name, Timestamp};
use cooperage_llb::ports::Workspace;
use cooperage_llb::ports::downloads::Fetched;

use super::identity::HttpSource;
use crate::Error;
use crate::layers::Layers;

/// A body that is being fetched; removed unless it becomes a layer.
pub(super) struct Body {
    workspace: Box<dyn Workspace>,
    path: PathBuf,
}

impl Body {
    pub(super) fn new(layers: &Layers) -> Result<Self, Error> {
        let workspace = layers.store().workspace()?;
        let directory = workspace.path().join("fs");
        std::fs::create_dir(&directory).map_err(Error::file("create", &directory))?;
        let path = workspace.path().join("body");
        Ok(Self { workspace, path })
    }

    /// Where it is to be written.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the layer; its directory.
    pub(super) fn into_layer(
        self,
        id: &LayerId,
        source: &HttpSource,
        name: &str,
        facts: &Fetched,
        modified: Option<Timestamp>,
        layers: &Layers,
    ) -> Result<PathBuf, Error> {
        let meta =
            Meta { uid: source.uid, gid: source.gid, ..Meta::new(source.perm, modified.unwrap_or_default()) };
        let directory = self.workspace.path().join("fs");
        let file = directory.join(name);
        std::fs::rename(&self.path, &file).map_err(Error::file("rename", &file))?;
        settle(&file, &meta, layers.ownership()).map_err(Error::file("set the metadata of", &file))?;
        settle(&directory, &Meta::new(0o755, Timestamp::default()), layers.ownership())
            .map_err(Error::file("set the metadata of", &directory))?;
        let store = layers.store();
        store.put(id, &changes(id, name, meta, facts)?)?;
        Ok(store.put_directory(id, self.workspace.as_ref(), Path::new("fs"))?)
    }
}

/// Gives an entry its owner, mode and time.
fn settle(path: &Path, meta: &Meta, ownership: Ownership) -> io::Result<()> {
    let open = DiskFile::open(path)?;
    let mode = match ownership {
        Ownership::Real => {
            std::os::unix::fs::fchown(&open, Some(meta.uid), Some(meta.gid))?;
            meta.mode
        }
        Ownership::Caller => (meta.mode & 0o777) | 0o600,
    };
    open.set_permissions(Permissions::from_mode(mode))?;
    let since = Duration::from_secs(u64::try_from(meta.mtime.secs).unwrap_or_default());
    open.set_modified(SystemTime::UNIX_EPOCH + since)
}

fn changes(id: &LayerId, name: &str, meta: Meta, facts: &Fetched) -> Result<Changes, Error> {
    let digest = OnceLock::new();
    digest.get_or_init(|| facts.digest);
    let file = File {
        meta,
        size_bytes: facts.size_bytes,
        content: Content::Layer { layer: id.clone(), path: name.as_bytes().into() },
        link: None,
        digest,
    };
    let entry = Name::new(name.as_bytes()).map_err(|e| Error::Internal(e.to_string()))?;
    let entries = BTreeMap::from([(entry, Change::File(Arc::new(file)))]);
    let root =
        ChangeDir { meta: Meta::new(0o755, Timestamp::default()), implied: false, opaque: false, entries };
    Ok(Changes { root, root_changed: true })
}
