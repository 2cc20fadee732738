//! What can only be done once all of an archive is read: directories get their metadata (writing into them
//! changed their times), files learn where their contents are.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, Stat, statat};

use super::{UnpackError, Unpacking, disk};
use crate::tree::{Change, ChangeDir, Content, File, Fingerprint, LayerId, LinkGroup, Name, Timestamp};

/// Where the contents of unpacked files are said to be.
pub(crate) enum Contents<'a> {
    /// In this layer.
    Layer(&'a LayerId),
    /// In the directory they were unpacked to.
    Local,
}

/// Settles the directory `dir`, open as `fd` at `path`, and all below.
pub(super) fn settle(
    dir: &mut ChangeDir,
    fd: BorrowedFd<'_>,
    path: &Path,
    how: &Unpacking<'_>,
) -> Result<(), UnpackError> {
    let mut names = HashMap::new();
    count_links(dir, &mut names);
    Settling { base: path, how, names, first: HashMap::new(), path: Vec::new() }.directory(dir, fd)
}

struct Settling<'a> {
    base: &'a Path,
    how: &'a Unpacking<'a>,
    /// How many names each linked file has.
    names: HashMap<LinkGroup, usize>,
    /// Each linked file, settled under its first name.
    first: HashMap<LinkGroup, Arc<File>>,
    path: Vec<u8>,
}

impl Settling<'_> {
    fn directory(&mut self, dir: &mut ChangeDir, fd: BorrowedFd<'_>) -> Result<(), UnpackError> {
        for (name, change) in &mut dir.entries {
            let parent_len = self.path.len();
            if parent_len > 0 {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name.as_bytes());
            match change {
                Change::Dir(child) => {
                    let child_fd = disk::open_dir(fd, name).map_err(|source| self.failed(source))?;
                    self.directory(child, child_fd.as_fd())?;
                }
                Change::File(file) => *file = self.file(file, fd, name)?,
                Change::Symlink(_) | Change::Special(_) | Change::Whiteout => {}
            }
            self.path.truncate(parent_len);
        }
        disk::settle_dir(fd, dir, self.how.ownership).map_err(|source| self.failed(source))
    }

    fn file(&mut self, file: &Arc<File>, fd: BorrowedFd<'_>, name: &Name) -> Result<Arc<File>, UnpackError> {
        if let Some(first) = file.link.and_then(|group| self.first.get(&group)) {
            return Ok(first.clone());
        }
        let content = match self.how.contents {
            Contents::Layer(layer) => {
                Content::Layer { layer: layer.clone(), path: self.path.as_slice().into() }
            }
            Contents::Local => {
                let stat = statat(fd, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW);
                let seen = fingerprint(&stat.map_err(|error| self.failed(error.into()))?);
                Content::Local { path: self.local_path().into(), seen }
            }
        };
        let settled = Arc::new(File {
            meta: file.meta.clone(),
            size_bytes: file.size_bytes,
            content,
            link: file.link.filter(|group| self.names.get(group).is_some_and(|names| *names > 1)),
            digest: file.digest.clone(),
        });
        if let Some(group) = settled.link {
            self.first.insert(group, settled.clone());
        }
        Ok(settled)
    }

    fn local_path(&self) -> std::path::PathBuf {
        use std::os::unix::ffi::OsStrExt;
        self.base.join(std::ffi::OsStr::from_bytes(&self.path))
    }

    fn failed(&self, source: io::Error) -> UnpackError {
        UnpackError::Write { path: String::from_utf8_lossy(&self.path).into_owned(), source }
    }
}

fn count_links(dir: &ChangeDir, names: &mut HashMap<LinkGroup, usize>) {
    for change in dir.entries.values() {
        match change {
            Change::Dir(dir) => count_links(dir, names),
            Change::File(file) => {
                if let Some(group) = file.link {
                    *names.entry(group).or_default() += 1;
                }
            }
            Change::Symlink(_) | Change::Special(_) | Change::Whiteout => {}
        }
    }
}

fn fingerprint(stat: &Stat) -> Fingerprint {
    let time = |secs, nanos| Timestamp { secs, nanos: u32::try_from(nanos).unwrap_or_default() };
    Fingerprint {
        dev: stat.st_dev,
        inode: stat.st_ino,
        size_bytes: u64::try_from(stat.st_size).unwrap_or_default(),
        mtime: time(stat.st_mtime, stat.st_mtime_nsec),
        ctime: time(stat.st_ctime, stat.st_ctime_nsec),
    }
}
