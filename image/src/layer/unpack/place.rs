//! Where entries go: the change set under way, and the directory that mirrors it.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use super::super::{Ownership, disk};
use super::{UnpackError, refused, shown};
use crate::tree::{Change, ChangeDir, Changes, File, LinkGroup, MAX_DEPTH, Meta, Name, Timestamp};

/// As Linux's `PATH_MAX`.
const MAX_PATH_BYTES: usize = 4096;
/// As Linux's limit, beyond which it answers `ELOOP`.
const MAX_LINKS_FOLLOWED: usize = 40;

/// The change set under way.
pub(super) struct Place<'a> {
    root: BorrowedFd<'a>,
    pub(super) ownership: Ownership,
    changes: Changes,
    /// The directory that was last written to. Entries that follow each other are mostly in one.
    current: (Vec<Name>, OwnedFd),
}

impl<'a> Place<'a> {
    pub(super) fn new(root: BorrowedFd<'a>, ownership: Ownership) -> io::Result<Self> {
        let current = (Vec::new(), root.try_clone_to_owned()?);
        let changes = Changes::none(implied_meta());
        Ok(Self { root, ownership, changes, current })
    }

    pub(super) fn into_changes(self) -> Changes {
        self.changes
    }

    pub(super) fn root_is(&mut self, meta: Meta) {
        self.changes.root.meta = meta;
        self.changes.root_changed = true;
    }

    /// A directory, new or the one there is with new metadata.
    pub(super) fn directory(
        &mut self,
        path: &[u8],
        parents: &[Name],
        name: &Name,
        meta: Meta,
    ) -> Result<(), UnpackError> {
        self.enter(path, parents)?;
        if self.current.0.len() >= MAX_DEPTH {
            return Err(refused(path, format!("more than {MAX_DEPTH} directories deep")));
        }
        if let Some(Change::Dir(dir)) = self.here().entries.get_mut(name) {
            // It is told of now, whoever implied it.
            (dir.meta, dir.implied) = (meta, false);
            return Ok(());
        }
        self.make_dir(name, meta, false).map_err(|source| failed(path, source))
    }

    /// Anything that has no contents.
    pub(super) fn put(
        &mut self,
        path: &[u8],
        parents: &[Name],
        name: &Name,
        change: Change,
    ) -> Result<(), UnpackError> {
        self.enter(path, parents)?;
        self.vacate(name).map_err(|source| failed(path, source))?;
        let (fd, ownership) = (self.current.1.as_fd(), self.ownership);
        let made = match &change {
            Change::Symlink(link) => disk::make_symlink(fd, name, link, ownership),
            Change::Special(special) => disk::make_special(fd, name, special, ownership),
            Change::Whiteout => disk::make_whiteout(fd, name, ownership),
            Change::Dir(_) | Change::File(_) => Err(io::ErrorKind::InvalidInput.into()),
        };
        made.map_err(|source| failed(path, source))?;
        self.here().entries.insert(name.clone(), change);
        Ok(())
    }

    /// A whiteout. What the layer itself has under the name stays; if it is a directory, it is opaque.
    pub(super) fn whiteout(&mut self, path: &[u8], parents: &[Name], name: &Name) -> Result<(), UnpackError> {
        self.enter(path, parents)?;
        match self.here().entries.get_mut(name) {
            // The one that was below is gone with its metadata.
            Some(Change::Dir(dir)) => (dir.opaque, dir.implied) = (true, false),
            Some(_) => {}
            None => return self.put(path, parents, name, Change::Whiteout),
        }
        Ok(())
    }

    /// Hides all that is below in the directory.
    pub(super) fn opaque(&mut self, path: &[u8], directory: &[Name]) -> Result<(), UnpackError> {
        self.enter(path, directory)?;
        self.here().opaque = true;
        Ok(())
    }

    /// A new, empty file on disk; once it is written, [`Place::file_is`] follows.
    pub(super) fn new_file(
        &mut self,
        path: &[u8],
        parents: &[Name],
        name: &Name,
    ) -> Result<fs::File, UnpackError> {
        self.enter(path, parents)?;
        let made = self.vacate(name).and_then(|()| disk::make_file(self.current.1.as_fd(), name));
        made.map_err(|source| failed(path, source))
    }

    pub(super) fn file_is(&mut self, name: &Name, file: Change) {
        self.here().entries.insert(name.clone(), file);
    }

    /// Another name for something that the layer has.
    pub(super) fn hard_link(
        &mut self,
        path: &[u8],
        parents: &[Name],
        name: &Name,
        target: &[u8],
    ) -> Result<(), UnpackError> {
        let refuse = |reason: String| refused(path, format!("hard link to {}: {reason}", shown(target)));
        let target = components(target).map_err(refuse)?;
        let Some((old, old_parents)) = target.split_last() else {
            return Err(refuse("it is the root".to_owned()));
        };
        let missing = || refuse("the archive has no such file before the link".to_owned());
        let old_parent = self.resolve(old_parents).map_err(refuse)?.filter(|r| r.missing.is_empty());
        let old_parent = old_parent.ok_or_else(missing)?.directory;
        let change = match self.dir(&old_parent).and_then(|dir| dir.entries.get(old)) {
            None | Some(Change::Whiteout) => return Err(missing()),
            Some(Change::Dir(_)) => return Err(refuse("it is a directory".to_owned())),
            Some(Change::File(file)) => Change::File(linked(file)),
            Some(other) => other.clone(),
        };
        self.enter(path, parents)?;
        if self.current.0 == old_parent && name == old {
            return Ok(());
        }
        let made = self.vacate(name).and_then(|()| {
            let fd = disk::open_below(self.root, &old_parent)?;
            disk::make_link(fd.as_fd(), old, self.current.1.as_fd(), name)
        });
        made.map_err(|source| failed(path, source))?;
        // Vacating the name may have taken the old one with it only if linking failed.
        if let Some(dir) = self.dir_mut(&old_parent) {
            dir.entries.insert(old.clone(), change.clone());
        }
        self.here().entries.insert(name.clone(), change);
        Ok(())
    }

    /// Makes `parents` the current directory, following the archive's own links and making what is missing.
    fn enter(&mut self, path: &[u8], parents: &[Name]) -> Result<(), UnpackError> {
        let Some(resolved) = self.resolve(parents).map_err(|reason| refused(path, reason))? else {
            return Err(refused(path, "a file is where its directory should be".to_owned()));
        };
        if resolved.directory.len() + resolved.missing.len() > MAX_DEPTH {
            return Err(refused(path, format!("more than {MAX_DEPTH} directories deep")));
        }
        self.open(resolved.directory).map_err(|source| failed(path, source))?;
        for name in resolved.missing {
            self.make_dir(&name, implied_meta(), true).map_err(|source| failed(path, source))?;
            let mut directory = self.current.0.clone();
            directory.push(name);
            self.open(directory).map_err(|source| failed(path, source))?;
        }
        Ok(())
    }

    fn open(&mut self, directory: Vec<Name>) -> io::Result<()> {
        if directory != self.current.0 {
            let fd = match directory.strip_prefix(&self.current.0[..]) {
                Some(rest) => disk::open_below(self.current.1.as_fd(), rest)?,
                None => disk::open_below(self.root, &directory)?,
            };
            self.current = (directory, fd);
        }
        Ok(())
    }

    /// Makes a directory in the current one. If it takes the place of something of this layer (a whiteout, a
    /// file) that would have hidden what is below, it is opaque.
    fn make_dir(&mut self, name: &Name, meta: Meta, implied: bool) -> io::Result<()> {
        let opaque = self.here().entries.contains_key(name);
        self.vacate(name)?;
        disk::make_dir(self.current.1.as_fd(), name)?;
        let dir = ChangeDir { meta, implied: implied && !opaque, opaque, entries: BTreeMap::new() };
        self.here().entries.insert(name.clone(), Change::Dir(dir));
        Ok(())
    }

    /// Removes what the layer has under `name` of the current directory.
    fn vacate(&mut self, name: &Name) -> io::Result<()> {
        match self.here().entries.remove(name) {
            Some(change) => disk::remove(self.current.1.as_fd(), name, &change),
            None => Ok(()),
        }
    }

    /// Follows `parents` in the change set. `None` if something on the way is no directory.
    fn resolve(&self, parents: &[Name]) -> Result<Option<Resolved>, String> {
        let mut resolved = Resolved::default();
        let mut todo: VecDeque<Vec<u8>> = parents.iter().map(|name| name.as_bytes().to_vec()).collect();
        let mut followed = 0;
        while let Some(step) = todo.pop_front() {
            match &step[..] {
                b"" | b"." => continue,
                b".." => {
                    if resolved.missing.pop().is_none() {
                        resolved.directory.pop();
                    }
                    continue;
                }
                _ => {}
            }
            let name = Name::new(&step).map_err(|error| error.to_string())?;
            if !resolved.missing.is_empty() {
                resolved.missing.push(name);
                continue;
            }
            match self.dir(&resolved.directory).and_then(|dir| dir.entries.get(&name)) {
                Some(Change::Dir(_)) => resolved.directory.push(name),
                None | Some(Change::Whiteout) => resolved.missing.push(name),
                Some(Change::File(_) | Change::Special(_)) => return Ok(None),
                Some(Change::Symlink(link)) => {
                    followed += 1;
                    if followed > MAX_LINKS_FOLLOWED {
                        return Err("too many symbolic links on its way".to_owned());
                    }
                    if link.target.starts_with(b"/") {
                        resolved.directory.clear();
                    }
                    for step in link.target.split(|b| *b == b'/').rev() {
                        todo.push_front(step.to_vec());
                    }
                }
            }
        }
        Ok(Some(resolved))
    }

    fn here(&mut self) -> &mut ChangeDir {
        let Self { changes, current, .. } = self;
        walk_mut(&mut changes.root, &current.0).expect("the current directory was made before it was entered")
    }

    fn dir(&self, path: &[Name]) -> Option<&ChangeDir> {
        path.iter().try_fold(&self.changes.root, |dir, name| match dir.entries.get(name) {
            Some(Change::Dir(dir)) => Some(dir),
            _ => None,
        })
    }

    fn dir_mut(&mut self, path: &[Name]) -> Option<&mut ChangeDir> {
        walk_mut(&mut self.changes.root, path)
    }
}

/// Where a path leads.
#[derive(Default)]
struct Resolved {
    /// Directories that exist.
    directory: Vec<Name>,
    /// Those to be made in it.
    missing: Vec<Name>,
}

fn walk_mut<'d>(root: &'d mut ChangeDir, path: &[Name]) -> Option<&'d mut ChangeDir> {
    path.iter().try_fold(root, |dir, name| match dir.entries.get_mut(name) {
        Some(Change::Dir(dir)) => Some(dir),
        _ => None,
    })
}

/// The same file, in a link group.
fn linked(file: &Arc<File>) -> Arc<File> {
    if file.link.is_some() {
        return file.clone();
    }
    Arc::new(File {
        meta: file.meta.clone(),
        size_bytes: file.size_bytes,
        content: file.content.clone(),
        link: Some(LinkGroup::fresh()),
        digest: file.digest.clone(),
    })
}

/// What a directory has that nothing but its contents tells of.
fn implied_meta() -> Meta {
    Meta::new(0o755, Timestamp::default())
}

fn failed(path: &[u8], source: io::Error) -> UnpackError {
    UnpackError::Write { path: shown(path), source }
}

/// The names of a path in an archive: an absolute one starts at the root all the same, `..` is refused.
pub(super) fn components(path: &[u8]) -> Result<Vec<Name>, String> {
    if path.len() > MAX_PATH_BYTES {
        return Err(format!("its path is longer than {MAX_PATH_BYTES} bytes"));
    }
    path.split(|b| *b == b'/')
        .filter(|name| !matches!(*name, b"" | b"."))
        .map(|name| match name {
            b".." => Err("its path leads out with ..".to_owned()),
            name => Name::new(name).map_err(|error| error.to_string()),
        })
        .collect()
}
