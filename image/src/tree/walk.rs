//! Reading a local directory into a [`Tree`]: metadata only, on all cores, contents by handle.
//!
//! One `statx` an entry; attributes are asked for only of files and directories. An entry that goes
//! while it is looked at is not there; one that cannot be read is an error with its path. A directory
//! that the patterns exclude is entered only if a `!` pattern could match below it.

mod entry;
mod follow;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rayon::prelude::*;
use rustix::fs::{CWD, Dir as DirStream, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::filter::{Filter, FilterAt, Verdict};
use super::path::join;
use super::{Dir, LinkGroup, Meta, Name, NameError, Node, Tree};
use crate::pattern::PatternError;
use entry::Found;

/// What a walk takes and keeps.
#[derive(Debug, Clone, Default)]
pub struct WalkOptions {
    /// If not empty, only what matches is taken, with the directories above it.
    pub include: Vec<String>,
    /// What matches is left out (`.dockerignore`).
    pub exclude: Vec<String>,
    /// If not empty, only these paths are taken, as if included, and what they lead to when they or
    /// their last component's matches are symbolic links, so that a COPY finds it. A path that is the
    /// root takes everything.
    pub follow: Vec<String>,
    /// Whose the entries are.
    pub owners: Owners,
    /// Which permissions they have.
    pub modes: Modes,
}

/// Owners of walked entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Owners {
    /// As on disk.
    #[default]
    Kept,
    /// 0:0: a build context's owner is the machine's, not the project's.
    Root,
}

/// Permissions of walked entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Modes {
    /// As on disk.
    #[default]
    Kept,
    /// As a umask of 0022 would have left them: `0666` and `0664` are `0644`, `0777` and `0775` are `0755`, so that
    /// a checkout under umask 0000 (GitLab's runner) or 0002 gives the same tree. Any other mode was chosen by
    /// somebody, and is kept.
    Portable,
}

/// Why a directory cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// An entry cannot be read.
    #[error("read {}", path.display())]
    Read {
        /// The entry.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The root is not a directory.
    #[error("{} is not a directory", path.display())]
    NotDirectory {
        /// The root.
        path: PathBuf,
    },
    /// An include or exclude pattern is malformed.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// The system gave a name that cannot be one.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// The tree below `root`, which may be a symbolic link to a directory. Runs on the current rayon pool.
pub fn walk(root: &Path, options: &WalkOptions) -> Result<Tree, WalkError> {
    let read = |source| WalkError::Read { path: root.to_owned(), source };
    let absolute = std::fs::canonicalize(root).map_err(read)?;
    let mut include = options.include.clone();
    if !options.follow.is_empty() {
        match follow::follow_links(&absolute, &options.follow)? {
            Some(paths) => include.extend(paths),
            None => include.clear(),
        }
    }
    let walk = Walk {
        filter: Filter::new(&include, &options.exclude)?,
        owners: options.owners,
        modes: options.modes,
        inodes: Mutex::default(),
    };
    let meta = walk.root_meta(&absolute)?;
    let entries = walk.entries(&absolute, b"", &FilterAt::default(), true)?.unwrap_or_default();
    Ok(Tree::new(Arc::new(Dir { meta, entries })))
}

struct Walk {
    filter: Filter,
    owners: Owners,
    modes: Modes,
    /// Files with several names, by device and inode.
    inodes: Mutex<HashMap<(u64, u64), LinkGroup>>,
}

/// A directory that is read after its siblings were looked at, when their directory is closed again.
struct Below {
    name: Name,
    meta: Meta,
    verdict: Verdict,
}

impl Walk {
    fn root_meta(&self, root: &Path) -> Result<Meta, WalkError> {
        match self.look(CWD, root.as_os_str().as_encoded_bytes(), root, FileType::Directory)? {
            Some(Found::Dir(meta)) => Ok(meta),
            _ => Err(WalkError::NotDirectory { path: root.to_owned() }),
        }
    }

    /// What is in the directory at `path`; `None` if it has gone.
    fn entries(
        &self,
        path: &Path,
        relative: &[u8],
        at: &FilterAt,
        included: bool,
    ) -> Result<Option<BTreeMap<Name, Node>>, WalkError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            // Left out itself, it was only to be searched.
            Err(Errno::ACCESS) if !included => return Ok(None),
            Err(errno) => return Err(WalkError::Read { path: path.to_owned(), source: errno.into() }),
        };
        let names = self.names(&fd, path, relative, at)?;
        let looked_at = names
            .into_par_iter()
            .with_min_len(64)
            .map(|(name, kind, verdict)| {
                let found = self.look(&fd, name.as_bytes(), &entry::child(path, &name), kind)?;
                Ok(found.map(|found| (name, found, verdict)))
            })
            .collect::<Result<Vec<_>, WalkError>>()?;
        drop(fd);
        let mut nodes = Vec::with_capacity(looked_at.len());
        let mut below = Vec::new();
        for (name, found, verdict) in looked_at.into_iter().flatten() {
            match found {
                Found::Dir(meta) => below.push(Below { name, meta, verdict }),
                Found::Leaf(node) if verdict.included => nodes.push((name, node)),
                Found::Leaf(_) => {}
            }
        }
        let dirs = below
            .into_par_iter()
            .map(|dir| self.below(path, relative, dir))
            .collect::<Result<Vec<_>, WalkError>>()?;
        nodes.extend(dirs.into_iter().flatten());
        Ok(Some(nodes.into_iter().collect()))
    }

    fn below(&self, path: &Path, relative: &[u8], dir: Below) -> Result<Option<(Name, Node)>, WalkError> {
        let Below { name, meta, verdict } = dir;
        let relative = join(relative, name.as_bytes());
        let entries = match verdict.included || verdict.descend {
            true => self.entries(&entry::child(path, &name), &relative, &verdict.at, verdict.included)?,
            false => None,
        };
        let wanted = entries.filter(|entries| verdict.included || !entries.is_empty());
        Ok(wanted.map(|entries| (name, Node::Dir(Arc::new(Dir { meta, entries })))))
    }

    /// The names in an open directory that the patterns do not leave out with all below.
    fn names(
        &self,
        fd: &rustix::fd::OwnedFd,
        path: &Path,
        relative: &[u8],
        at: &FilterAt,
    ) -> Result<Vec<(Name, FileType, Verdict)>, WalkError> {
        let read = |errno: Errno| WalkError::Read { path: path.to_owned(), source: errno.into() };
        let mut names = Vec::new();
        for entry in DirStream::read_from(fd).map_err(read)? {
            let entry = entry.map_err(read)?;
            let (name, kind) = (entry.file_name().to_bytes(), entry.file_type());
            if matches!(name, b"." | b"..") || kind == FileType::Socket {
                continue;
            }
            let verdict = self.filter.judge(&join(relative, name), at);
            let may_be_dir = matches!(kind, FileType::Directory | FileType::Unknown);
            if verdict.included || (verdict.descend && may_be_dir) {
                names.push((Name::new(name)?, kind, verdict));
            }
        }
        Ok(names)
    }
}
