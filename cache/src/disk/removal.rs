//! Removing trees that steps wrote.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::failure::present;

/// Removes a file or a tree, and directories that their owner may not write as well. What is mounted
/// below is never entered: a forgotten mount must not cost the user the files behind it.
///
/// Without recursion, since a step may make a tree deeper than the stack.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    let Some(meta) = present(fs::symlink_metadata(path))? else { return Ok(()) };
    if !meta.is_dir() {
        return present(fs::remove_file(path)).map(drop);
    }
    let device = meta.dev();
    let mut stack: Vec<(PathBuf, bool)> = vec![(path.to_owned(), false)];
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
            } else if meta.dev() == device {
                stack.push((child, false));
            } else {
                let message = format!("{} is another file system, still mounted", child.display());
                return Err(io::Error::new(ErrorKind::CrossesDevices, message));
            }
        }
    }
    Ok(())
}

/// Bytes on disk below `path`, each inode once; 0 if there is nothing.
pub(crate) fn disk_usage(path: &Path) -> io::Result<u64> {
    let Some(meta) = present(fs::symlink_metadata(path))? else { return Ok(0) };
    let mut bytes = meta.blocks() * 512;
    let mut linked = std::collections::HashSet::new();
    let mut stack = if meta.is_dir() { vec![path.to_owned()] } else { Vec::new() };
    while let Some(directory) = stack.pop() {
        let Some(entries) = present(fs::read_dir(&directory))? else { continue };
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
