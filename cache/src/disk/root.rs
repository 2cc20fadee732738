//! An open root: what all ports of a [`DiskStore`](super::DiskStore) share.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use cooperage_image::Digest;
use cooperage_llb::ports::StoreError;

use super::decoded::DecodedChanges;
use super::failure::{failed, open_failed, present};
use super::index::Index;
use super::layout::{Layout, VERSION};
use super::lease::{Finding, Held, Leases};
use super::locking::{self, Share};
use super::power::Boot;
use super::removal;
use super::session::{self, Corner, Session};
use super::spread;
use super::usable::UsableLayers;

/// The mark of an OCI image layout (image-spec image-layout.md, "oci-layout file").
const OCI_LAYOUT: &[u8] = b"{\"imageLayoutVersion\":\"1.0.0\"}";
/// An `index.json` without images (image-spec image-layout.md, "index.json file").
const NO_IMAGES: &[u8] =
    b"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[]}";

/// Everything that belongs to one opening of a root.
pub(crate) struct Root {
    pub(crate) layout: Layout,
    pub(crate) index: Index,
    pub(crate) session: Session,
    pub(crate) leases: Leases,
    pub(crate) boot: Boot,
    pub(crate) decoded: DecodedChanges,
    pub(crate) usable: UsableLayers,
    /// Keys that were looked up and found.
    pub(crate) used_keys: Mutex<HashSet<Digest>>,
}

impl Root {
    /// Opens the root, making what is missing of it, and removes what dead processes left.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let path = std::path::absolute(path).map_err(failed("resolve", path))?;
        // Before anything is made: a newer store is left exactly as it is.
        let layout = Layout::new(path);
        let opened = check_version(&layout).and_then(|_| Self::enter(layout.root()));
        opened.map_err(|error| open_failed(layout.root(), error))
    }

    fn enter(path: &Path) -> Result<Self, StoreError> {
        make_directory(path, 0o711)?;
        // The database is opened without following links; those on the way to the root are the user's.
        let layout = Layout::new(fs::canonicalize(path).map_err(failed("resolve", path))?);
        make_directory(&layout.root().join("locks"), 0o711)?;
        let entry = locking::wait(&layout.entry_lock(), Share::Exclusive)?;
        for directory in layout.directories() {
            make_directory(&directory, 0o711)?;
        }
        spread::below(&layout.tmp());
        let session = Session::enter(&layout)?;
        if !check_version(&layout)? {
            place(&session, &layout.oci_layout(), OCI_LAYOUT)?;
            place(&session, &layout.version(), format!("{VERSION}\n").as_bytes())?;
        }
        if present(fs::metadata(layout.image_index()))
            .map_err(failed("inspect", &layout.image_index()))?
            .is_none()
        {
            place(&session, &layout.image_index(), NO_IMAGES)?;
        }
        let index = Index::open(layout.root(), layout.database())?;
        let dead = sweep(&layout, &session)?;
        drop(entry);
        for path in dead {
            // What cannot be removed is listed by `usage` as a leftover and tried again next time.
            let _ = removal::remove_tree(&path);
        }
        Ok(Self {
            layout,
            index,
            session,
            leases: Leases::default(),
            boot: Boot::current(),
            decoded: DecodedChanges::default(),
            usable: UsableLayers::default(),
            used_keys: Mutex::default(),
        })
    }

    /// Begins to look for things that are to be held; see [`super::lease`].
    pub(crate) fn finding(&self) -> Result<Finding<'_>, StoreError> {
        self.leases.finding(&self.layout, &self.session)
    }

    /// Writes the times of last use to the database.
    pub(crate) fn flush_uses(&self) -> Result<(), StoreError> {
        let held = self.leases.all();
        let keys = std::mem::take(&mut *self.used_keys.lock().unwrap_or_else(PoisonError::into_inner));
        if held.is_empty() && keys.is_empty() {
            return Ok(());
        }
        let now = now_ms();
        self.index.write("note the use of things", |transaction| {
            let mut blob = transaction.prepare("UPDATE blob SET used = max(used, ?2) WHERE digest = ?1")?;
            let mut layer = transaction.prepare("UPDATE layer SET used = max(used, ?2) WHERE id = ?1")?;
            let mut record = transaction.prepare("UPDATE record SET used = max(used, ?2) WHERE key = ?1")?;
            for thing in &held {
                match thing {
                    Held::Blob(digest) => blob.execute((digest.as_bytes(), now))?,
                    Held::Layer(digest) => layer.execute((digest.as_bytes(), now))?,
                };
            }
            for key in &keys {
                record.execute((key.as_bytes(), now))?;
            }
            Ok(())
        })
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // Nobody can be told any more, and what is lost is the order in which things are collected.
        let _ = self.flush_uses();
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Writes a file of the layout: a temporary name, a sync, a rename. The few files that are written so are
/// not known to the database, so nothing else could tell after a power failure that they are not whole.
pub(crate) fn place(session: &Session, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let temporary = session.temporary("file");
    let write = || {
        let mut file = File::create_new(temporary.path())?;
        file.write_all(bytes)?;
        file.sync_data()
    };
    write().map_err(failed("write", path))?;
    fs::rename(temporary.path(), path).map_err(failed("replace", path))
}

/// Whether the root has a version, and this program knows it.
fn check_version(layout: &Layout) -> Result<bool, StoreError> {
    let path = layout.version();
    let Some(text) = present(fs::read_to_string(&path)).map_err(failed("read", &path))? else {
        return Ok(false);
    };
    match text.trim_end().parse() {
        Ok(VERSION) => Ok(true),
        Ok(found) if found > VERSION => {
            Err(StoreError::Newer { root: layout.root().to_owned(), found, known: VERSION })
        }
        _ => Err(StoreError::Damaged {
            what: path.display().to_string(),
            detail: format!(
                "it says {:?} instead of {VERSION}; if {} is a store of cooper, remove that file",
                text.chars().take(20).collect::<String>(),
                layout.root().display()
            ),
        }),
    }
}

fn make_directory(path: &Path, mode: u32) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(failed("create", path))
}

/// Takes what dead processes left out of sight; the caller holds the entry lock.
pub(crate) fn sweep(layout: &Layout, session: &Session) -> Result<Vec<PathBuf>, StoreError> {
    let mut dead = Vec::new();
    for corner in session::corners(layout, session.directory())? {
        if let Corner::Dead(path) = corner {
            dead.extend(session.discard(&path)?);
        }
    }
    let locks = layout.key_locks();
    for entry in fs::read_dir(&locks).map_err(failed("list", &locks))? {
        let path = entry.map_err(failed("list", &locks))?.path();
        if let Some(held) = locking::try_removable(&path, Share::Exclusive)? {
            locking::remove(&path, held)?;
        }
    }
    Ok(dead)
}
