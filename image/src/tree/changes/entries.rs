//! A change set as the flat list that a layer's tar is.

use std::sync::Arc;

use super::super::path::join;
use super::super::{File, Meta, Name, Special, Symlink};
use super::{Change, ChangeDir, Changes};

/// One entry of a layer.
#[derive(Debug, Clone)]
pub struct ChangeEntry<'a> {
    /// Path without leading `/`; the root's is empty. A whiteout's is the path that it removes, an
    /// opaque marker's the directory that has it.
    pub path: Vec<u8>,
    /// What is there.
    pub what: ChangeRef<'a>,
}

/// What a [`ChangeEntry`] is.
#[derive(Debug, Clone, Copy)]
pub enum ChangeRef<'a> {
    /// A directory.
    Dir(&'a Meta),
    /// The directory before it is opaque.
    Opaque,
    /// A regular file.
    File(&'a Arc<File>),
    /// A symbolic link.
    Symlink(&'a Arc<Symlink>),
    /// A device or FIFO.
    Special(&'a Arc<Special>),
    /// The path is removed.
    Whiteout,
}

/// The entries of a layer, in order; see [`Changes::entries`].
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    /// Still to be given, the next one last.
    stack: Vec<Pending<'a>>,
}

#[derive(Debug, Clone)]
enum Pending<'a> {
    Ready(ChangeEntry<'a>),
    Contents(Vec<u8>, &'a ChangeDir),
}

impl<'a> Entries<'a> {
    pub(super) fn new(changes: &'a Changes) -> Self {
        let mut stack = vec![Pending::Contents(Vec::new(), &changes.root)];
        if changes.root_changed {
            let what = ChangeRef::Dir(&changes.root.meta);
            stack.push(Pending::Ready(ChangeEntry { path: Vec::new(), what }));
        }
        Self { stack }
    }

    fn push_contents(&mut self, path: &[u8], dir: &'a ChangeDir) {
        let is_whiteout = |(_, change): &(&'a Name, &'a Change)| matches!(change, Change::Whiteout);
        let (whiteouts, others): (Vec<_>, Vec<_>) = dir.entries.iter().partition(is_whiteout);
        for (name, change) in others.into_iter().rev().chain(whiteouts.into_iter().rev()) {
            let path = join(path, name.as_bytes());
            let what = match change {
                Change::Dir(dir) => {
                    self.stack.push(Pending::Contents(path.clone(), dir));
                    if dir.implied {
                        continue;
                    }
                    ChangeRef::Dir(&dir.meta)
                }
                Change::File(file) => ChangeRef::File(file),
                Change::Symlink(link) => ChangeRef::Symlink(link),
                Change::Special(special) => ChangeRef::Special(special),
                Change::Whiteout => ChangeRef::Whiteout,
            };
            self.stack.push(Pending::Ready(ChangeEntry { path, what }));
        }
        if dir.opaque {
            let path = path.to_vec();
            self.stack.push(Pending::Ready(ChangeEntry { path, what: ChangeRef::Opaque }));
        }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = ChangeEntry<'a>;

    fn next(&mut self) -> Option<ChangeEntry<'a>> {
        loop {
            match self.stack.pop()? {
                Pending::Ready(entry) => return Some(entry),
                Pending::Contents(path, dir) => self.push_contents(&path, dir),
            }
        }
    }
}
