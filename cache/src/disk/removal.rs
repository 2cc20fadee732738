//! Removing trees that steps wrote.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};

use super::failure::present;

/// A directory whose path is longer is moved up before it is entered: with a name of 255 bytes in it, the path
/// must not come to the kernel's limit of 4096.
const LONG_PATH_BYTES: usize = 3072;

/// Removes a file or a tree, and directories that their owner may not write as well. What is mounted
/// below is never entered: a forgotten mount must not cost the user the files behind it.
///
/// Without recursion, since a step may make a tree deeper than the stack, and deeper than a path can say.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    let Some(meta) = present(fs::symlink_metadata(path))? else { return Ok(()) };
    if !meta.is_dir() {
        return present(fs::remove_file(path)).map(drop);
    }
    let device = meta.dev();
    let mut stack: Vec<(PathBuf, bool)> = vec![(path.to_owned(), false)];
    let mut moved = 0_u64;
    while let Some((directory, emptied)) = stack.pop() {
        if emptied {
            remove(&directory, |path| fs::remove_dir(path))?;
            continue;
        }
        stack.push((directory.clone(), true));
        for entry in list(&directory)? {
            let child = entry.path();
            let Some(meta) = present(entry.metadata())? else { continue };
            if !meta.is_dir() {
                remove(&child, |path| fs::remove_file(path))?;
                continue;
            }
            if meta.dev() != device || is_mount_point(&child)? {
                let message = format!("{} is still mounted: unmount it first", child.display());
                return Err(io::Error::new(ErrorKind::CrossesDevices, message));
            }
            let child = match child.as_os_str().len() > LONG_PATH_BYTES {
                true => move_up(&child, path, &mut moved)?,
                false => child,
            };
            stack.push((child, false));
        }
    }
    Ok(())
}

/// Whether something is mounted on the directory; a bind of the same file system has its device number.
fn is_mount_point(directory: &Path) -> io::Result<bool> {
    let flags = AtFlags::SYMLINK_NOFOLLOW.union(AtFlags::NO_AUTOMOUNT);
    let found = present(statx(CWD, directory, flags, StatxFlags::TYPE).map_err(io::Error::from))?;
    Ok(found.is_some_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)))
}

/// Moves the directory `deep` into `top`, above it, and returns its path there.
fn move_up(deep: &Path, top: &Path, moved: &mut u64) -> io::Result<PathBuf> {
    let target = loop {
        let target = top.join(format!("moved-{moved}"));
        *moved += 1;
        if present(fs::symlink_metadata(&target))?.is_none() {
            break target;
        }
    };
    match fs::rename(deep, &target) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            // Its `..` changes with it, so that both ends and itself have to be writable.
            for directory in [Some(top), deep.parent(), Some(deep)].into_iter().flatten() {
                fs::set_permissions(directory, Permissions::from_mode(0o700))?;
            }
            fs::rename(deep, &target)?;
        }
        result => result?,
    }
    Ok(target)
}

/// Bytes on disk below `path`, each inode once, as deep as a path can say; 0 if there is nothing.
pub(crate) fn disk_usage(path: &Path) -> io::Result<u64> {
    let Some(meta) = present(fs::symlink_metadata(path))? else { return Ok(0) };
    let mut bytes = meta.blocks() * 512;
    let mut linked = std::collections::HashSet::new();
    let mut stack = if meta.is_dir() { vec![path.to_owned()] } else { Vec::new() };
    while let Some(directory) = stack.pop() {
        let entries = match present(fs::read_dir(&directory)) {
            Ok(Some(entries)) => entries,
            Ok(None) => continue,
            Err(error) if error.kind() == ErrorKind::InvalidFilename => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let Some(meta) = present(entry.metadata())? else { continue };
            if meta.is_dir() {
                stack.push(entry.path());
            } else if meta.nlink() > 1 && !linked.insert(meta.ino()) {
                continue;
            }
            bytes += meta.blocks() * 512;
        }
    }
    Ok(bytes)
}

fn list(directory: &Path) -> io::Result<Vec<fs::DirEntry>> {
    let read = || fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>();
    match read() {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            fs::set_permissions(directory, Permissions::from_mode(0o700))?;
            read()
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        result => result,
    }
}

/// Removes one entry, of a directory that may have to be made writable first.
fn remove(path: &Path, remove: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    match (present(remove(path)), path.parent()) {
        (Err(error), Some(parent)) if error.kind() == ErrorKind::PermissionDenied => {
            fs::set_permissions(parent, Permissions::from_mode(0o700))?;
            remove(path)
        }
        (result, _) => result.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{Mode, OFlags, mkdirat, openat};

    use super::*;

    #[test]
    fn a_tree_deeper_than_a_path_can_say_is_measured_and_removed() {
        let temp = tempfile::tempdir().unwrap();
        let top = temp.path().join("top");
        fs::create_dir_all(top.join("moved-0/empty")).unwrap();
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut fd = openat(CWD, &top, flags, Mode::empty()).unwrap();
        let name = "n".repeat(200);
        for _ in 0..60 {
            mkdirat(&fd, &name, Mode::RWXU).unwrap();
            fd = openat(&fd, &name, flags, Mode::empty()).unwrap();
            openat(&fd, "file", OFlags::CREATE | OFlags::CLOEXEC, Mode::RUSR).unwrap();
        }
        drop(fd);
        assert!(disk_usage(&top).is_ok());
        remove_tree(&top).unwrap();
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
    }

    #[test]
    fn tier_root_what_is_mounted_is_not_entered() {
        let root = rustix::process::geteuid().is_root();
        let must = std::env::var("COOPER_TIERS_MUST_RUN").unwrap_or_default();
        assert!(root || !must.split(',').any(|tier| tier == "root"), "this test must run, and needs root");
        if !root {
            return;
        }
        let temp = tempfile::tempdir().unwrap();
        let (theirs, mounted) = (temp.path().join("theirs"), temp.path().join("top/a/mounted"));
        fs::create_dir_all(&theirs).unwrap();
        fs::create_dir_all(&mounted).unwrap();
        fs::write(theirs.join("file"), "dear").unwrap();
        // A bind: of the same file system, so that the device number says nothing.
        rustix::mount::mount_bind(&theirs, &mounted).unwrap();
        let removed = remove_tree(&temp.path().join("top"));
        rustix::mount::unmount(&mounted, rustix::mount::UnmountFlags::empty()).unwrap();
        assert!(
            removed.unwrap_err().to_string().ends_with("top/a/mounted is still mounted: unmount it first")
        );
        assert_eq!(fs::read(theirs.join("file")).unwrap(), b"dear");
        remove_tree(&temp.path().join("top")).unwrap();
    }
}
