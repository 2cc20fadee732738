//! A process's own corner of the root: its temporary files, and the lock by which others see that it lives.
//!
//! `tmp/<pid>-<random>/` holds `lease`, locked by `flock` for as long as the process lives, and everything
//! that is being written. A corner whose `lease` can be locked was left by a process that is dead.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use cooperage_llb::ports::StoreError;

use super::failure::{failed, present};
use super::layout::Layout;
use super::locking::{self, Share};
use super::removal;

/// The corner of this process (of one opening of the root).
pub(crate) struct Session {
    directory: PathBuf,
    lease: File,
    /// Bytes of the lease file that are whole records.
    held_bytes: Mutex<u64>,
    next: AtomicU64,
}

/// A file on its way to its name.
pub(crate) struct Temporary(PathBuf);

impl Temporary {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Gone already if it was renamed; else it goes with the corner at the latest.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A corner found in `tmp/`.
pub(crate) enum Corner {
    /// Its process lives and holds what the lease file lists.
    Living(PathBuf),
    /// Nobody needs it.
    Dead(PathBuf),
}

impl Session {
    /// Makes the corner. The caller holds the entry lock, so that nobody takes it for a dead one before
    /// its lease is locked.
    pub(crate) fn enter(layout: &Layout) -> Result<Self, StoreError> {
        let tmp = layout.tmp();
        let directory = tempfile::Builder::new()
            .prefix(&format!("{}-", std::process::id()))
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o711))
            .tempdir_in(&tmp)
            .map_err(failed("create a directory in", &tmp))?
            .keep();
        let path = lease_path(&directory);
        let lease = locking::open(&path)?;
        // Who looks whether we live holds it for a moment.
        lease.lock().map_err(failed("lock", &path))?;
        Ok(Self { directory, lease, held_bytes: Mutex::default(), next: AtomicU64::new(0) })
    }

    /// Adds to the list of what this process holds, behind the last whole record: what a full disk let
    /// through of one is written over by the next.
    pub(crate) fn hold(&self, record: &[u8]) -> Result<(), StoreError> {
        // The number is right after a panic elsewhere: it changes in one step.
        let mut held_bytes = self.held_bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self.lease.write_all_at(record, *held_bytes);
        written.map_err(failed("write", &lease_path(&self.directory)))?;
        *held_bytes += record.len() as u64;
        Ok(())
    }

    /// A path for a file that is removed on drop, unless it was renamed.
    pub(crate) fn temporary(&self, prefix: &str) -> Temporary {
        Temporary(self.fresh_path(prefix))
    }

    /// A path that nothing has yet.
    fn fresh_path(&self, prefix: &str) -> PathBuf {
        self.directory.join(format!("{prefix}-{}", self.next.fetch_add(1, Ordering::Relaxed)))
    }

    /// A new empty directory, reachable by the users of a step's user namespace but not listable.
    pub(crate) fn fresh_directory(&self, prefix: &str) -> Result<PathBuf, StoreError> {
        let path = self.fresh_path(prefix);
        DirBuilder::new().mode(0o711).create(&path).map_err(failed("create", &path))?;
        Ok(path)
    }

    /// Moves `path` out of sight, to be removed at leisure; whether it was there.
    pub(crate) fn discard(&self, path: &Path) -> Result<Option<PathBuf>, StoreError> {
        let target = self.fresh_path("discarded");
        let moved = present(std::fs::rename(path, &target)).map_err(failed("discard", path))?;
        Ok(moved.map(|()| target))
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // What cannot be removed now is a dead corner for the next process.
        let _ = removal::remove_tree(&self.directory);
    }
}

/// Every other corner of the root. The caller holds the entry lock.
pub(crate) fn corners(layout: &Layout, own: &Path) -> Result<Vec<Corner>, StoreError> {
    let tmp = layout.tmp();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&tmp).map_err(failed("list", &tmp))? {
        let path = entry.map_err(failed("list", &tmp))?.path();
        if path == own {
            continue;
        }
        let lease = lease_path(&path);
        let living = match present(File::open(&lease)) {
            Ok(Some(file)) => !locking::attempt(&file, Share::Shared).map_err(failed("lock", &lease))?,
            Ok(None) => false,
            // A stray file in the place of a corner.
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => false,
            Err(error) => return Err(failed("open", &lease)(error)),
        };
        found.push(if living { Corner::Living(path) } else { Corner::Dead(path) });
    }
    Ok(found)
}

/// The list of what the process of the corner `directory` holds.
pub(crate) fn lease_path(directory: &Path) -> PathBuf {
    directory.join("lease")
}
