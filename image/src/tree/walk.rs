//! Reading a local directory into a [`Tree`]: metadata only, on all cores, contents by handle.
//!
//! One `statx` an entry; attributes are asked for only of files and directories. An entry that goes
//! while it is looked at is not there; one that cannot be read is an error with its path. A directory
//! that the patterns exclude is entered only if a `!` pattern could match below it.

mod entry;
mod follow;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rayon::prelude::*;
use rustix::fs::{CWD, Dir as DirStream, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::filter::{Filter, FilterAt, Verdict};
use super::path::join;
use super::{Dir, LinkGroup, MAX_DEPTH, Meta, Name, NameError, Node, Tree};
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
    /// Directories are in directories beyond what a tree may have.
    #[error("{} is more than {MAX_DEPTH} directories deep", path.display())]
    TooDeep {
        /// The first that is too deep.
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
    walk.tree(meta, absolute)
}

struct Walk {
    filter: Filter,
    owners: Owners,
    modes: Modes,
    /// Files with several names, by device and inode.
    inodes: Mutex<HashMap<(u64, u64), LinkGroup>>,
}

/// A directory that is to be read when all of its level have been found.
struct Pending {
    /// Index of the directory it is in, among those that were read; `None` for the root.
    parent: Option<usize>,
    /// Its name there; the root's path is all the name it has.
    name: Option<Name>,
    meta: Meta,
    path: PathBuf,
    relative: Vec<u8>,
    /// The entry itself passes the patterns; else it is there only for what is in it.
    included: bool,
    at: FilterAt,
}

/// A directory that was read.
struct Listed {
    pending: Pending,
    entries: Vec<(Name, Node)>,
}

/// A directory in a directory.
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

    /// Reads level by level, each on all cores, and then puts what was read together from below: no stack
    /// grows with the depth of a directory that nobody vetted.
    fn tree(&self, meta: Meta, root: PathBuf) -> Result<Tree, WalkError> {
        let (relative, at) = (Vec::new(), FilterAt::default());
        let root = Pending { parent: None, name: None, meta, path: root, relative, included: true, at };
        let mut read: Vec<Listed> = Vec::new();
        let mut level = vec![root];
        for depth in 0.. {
            if level.is_empty() {
                break;
            }
            if depth > MAX_DEPTH {
                return Err(WalkError::TooDeep { path: level.swap_remove(0).path });
            }
            let listed = std::mem::take(&mut level)
                .into_par_iter()
                .map(|pending| self.list(pending))
                .collect::<Result<Vec<_>, WalkError>>()?;
            for (listed, below) in listed.into_iter().flatten() {
                level.extend(below.into_iter().map(|dir| self.pending(read.len(), &listed.pending, dir)));
                read.push(listed);
            }
        }
        // Whatever is in a directory was read after it.
        while let Some(Listed { pending, entries }) = read.pop() {
            let wanted = pending.included || !entries.is_empty();
            let dir = Arc::new(Dir { meta: pending.meta, entries: entries.into_iter().collect() });
            match (pending.parent, pending.name) {
                (Some(parent), Some(name)) if wanted => read[parent].entries.push((name, Node::Dir(dir))),
                (Some(_), _) => {}
                (None, _) => return Ok(Tree::new(dir)),
            }
        }
        unreachable!("the root was read first, and returns")
    }

    fn pending(&self, parent: usize, above: &Pending, dir: Below) -> Pending {
        let Below { name, meta, verdict } = dir;
        Pending {
            parent: Some(parent),
            path: entry::child(&above.path, &name),
            relative: join(&above.relative, name.as_bytes()),
            name: Some(name),
            meta,
            included: verdict.included,
            at: verdict.at,
        }
    }

    /// What is in a directory, without what is in the directories there; `None` if it has gone.
    fn list(&self, pending: Pending) -> Result<Option<(Listed, Vec<Below>)>, WalkError> {
        let Pending { path, relative, included, at, .. } = &pending;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
            Ok(fd) => fd,
            // The root was there a moment ago.
            Err(errno) if pending.parent.is_none() => {
                return Err(WalkError::Read { path: path.clone(), source: errno.into() });
            }
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            // Left out itself, it was only to be searched.
            Err(Errno::ACCESS) if !included => return Ok(None),
            Err(errno) => return Err(WalkError::Read { path: path.clone(), source: errno.into() }),
        };
        let looked_at = self
            .names(&fd, path, relative, at)?
            .into_par_iter()
            .with_min_len(64)
            .map(|(name, kind, verdict)| {
                let found = self.look(&fd, name.as_bytes(), &entry::child(path, &name), kind)?;
                Ok(found.map(|found| (name, found, verdict)))
            })
            .collect::<Result<Vec<_>, WalkError>>()?;
        let mut entries = Vec::with_capacity(looked_at.len());
        let mut below = Vec::new();
        for (name, found, verdict) in looked_at.into_iter().flatten() {
            match found {
                Found::Dir(meta) if verdict.included || verdict.descend => {
                    below.push(Below { name, meta, verdict });
                }
                Found::Leaf(node) if verdict.included => entries.push((name, node)),
                Found::Dir(_) | Found::Leaf(_) => {}
            }
        }
        Ok(Some((Listed { pending, entries }, below)))
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
