//! Locks that live as long as their process: `flock` on files of the root.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use cooperage_llb::ports::{CancelToken, StoreError};

use super::failure::{failed, present};

/// How others may hold the lock at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// Any number of these.
    Shared,
    /// Nobody else.
    Exclusive,
}

/// Between two looks at a lock that another process holds.
const POLL: [Duration; 4] = [
    Duration::from_millis(1),
    Duration::from_millis(4),
    Duration::from_millis(16),
    Duration::from_millis(50),
];

/// Opens a lock file, making it if it is missing.
pub(crate) fn open(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o644);
    options.open(path).map_err(failed("open the lock", path))
}

/// Waits for a lock on a file that is never removed; it is released when the file is dropped.
pub(crate) fn wait(path: &Path, share: Share) -> Result<File, StoreError> {
    let file = open(path)?;
    let locked = match share {
        Share::Shared => file.lock_shared(),
        Share::Exclusive => file.lock(),
    };
    locked.map_err(failed("lock", path))?;
    Ok(file)
}

/// Takes a lock on a file that [`remove`] may remove; `None` if another holder is in the way.
///
/// A file that was unlinked between being opened and being locked is not the lock any more: a later
/// comer would make and lock a new one. So the name must still lead to the inode that is locked.
pub(crate) fn try_removable(path: &Path, share: Share) -> Result<Option<File>, StoreError> {
    loop {
        let file = open(path)?;
        if !attempt(&file, share).map_err(failed("lock", path))? {
            return Ok(None);
        }
        if is_still(&file, path).map_err(failed("inspect the lock", path))? {
            return Ok(Some(file));
        }
    }
}

/// As [`try_removable`], waiting for other holders; `None` if `stop` is cancelled before.
pub(crate) fn wait_removable(
    path: &Path,
    share: Share,
    stop: &CancelToken,
) -> Result<Option<File>, StoreError> {
    let mut pauses = POLL.iter();
    let mut pause = POLL[0];
    while !stop.is_cancelled() {
        if let Some(file) = try_removable(path, share)? {
            return Ok(Some(file));
        }
        pause = pauses.next().copied().unwrap_or(pause);
        std::thread::sleep(pause);
    }
    Ok(None)
}

/// Locks without waiting; whether it is ours.
pub(crate) fn attempt(file: &File, share: Share) -> io::Result<bool> {
    let locked = match share {
        Share::Shared => file.try_lock_shared(),
        Share::Exclusive => file.try_lock(),
    };
    match locked {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Removes a lock file that is held exclusively, and then releases it.
pub(crate) fn remove(path: &Path, held: File) -> Result<(), StoreError> {
    present(std::fs::remove_file(path)).map_err(failed("remove the lock", path))?;
    drop(held);
    Ok(())
}

fn is_still(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    let named = present(std::fs::symlink_metadata(path))?;
    Ok(named.is_some_and(|named| (named.dev(), named.ino()) == (ours.dev(), ours.ino())))
}
