//! Changes: what one layer does to the tree below it.
//!
//! One definition of change for every way to make a layer, or digests would differ between them: an
//! entry belongs to the layer when its type, mode, owner, size, mtime, xattrs, link target or link
//! group differs from the parent's, or its contents do; with the directories above it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::{File, Meta, Name, Special, Symlink};

mod apply;
mod between;
mod entries;
mod implied;
#[cfg(test)]
mod tests;

pub use between::Undecided;
pub use entries::{ChangeEntry, ChangeRef, Entries};

/// A layer's change set (image-spec layer.md, "Representing Changes").
#[derive(Debug, Clone)]
pub struct Changes {
    /// The root. Its own metadata is written to the layer only if `root_changed`.
    pub root: ChangeDir,
    /// Whether the root directory's own metadata differs from the parent's.
    pub root_changed: bool,
}

/// A directory on the way to a change, or one that changed itself.
#[derive(Debug, Clone)]
pub struct ChangeDir {
    /// Metadata the directory has after the layer, changed or not.
    pub meta: Meta,
    /// Nothing but what is in it tells of it, as in layers of other tools: a directory that is there below keeps
    /// its own metadata, and `meta` is for where there is none. Never set at the root (`root_changed` is).
    pub implied: bool,
    /// Hides all that the layers below have here. Layers read may have it; layers that cooper
    /// writes have explicit whiteouts instead.
    pub opaque: bool,
    /// What changed in it.
    pub entries: BTreeMap<Name, Change>,
}

/// One change.
#[derive(Debug, Clone)]
pub enum Change {
    /// A directory added, changed, or above a change. Over anything but a directory, it replaces.
    Dir(ChangeDir),
    /// A file added or changed.
    File(Arc<File>),
    /// A symbolic link added or changed.
    Symlink(Arc<Symlink>),
    /// A device or FIFO added or changed.
    Special(Arc<Special>),
    /// Removed from the layers below.
    Whiteout,
}

impl Changes {
    /// No change at all.
    pub fn none(root: Meta) -> Self {
        let root = ChangeDir { meta: root, implied: false, opaque: false, entries: BTreeMap::new() };
        Self { root, root_changed: false }
    }

    /// Whether the layer would be empty.
    pub fn is_empty(&self) -> bool {
        !self.root_changed && !self.root.opaque && self.root.entries.is_empty()
    }

    /// How many entries the layer's tar has.
    pub fn count(&self) -> usize {
        self.entries().count()
    }

    /// Bytes of the files' contents; an inode with several names counts once.
    pub fn size_bytes(&self) -> u64 {
        let mut seen = HashSet::new();
        self.entries()
            .filter_map(|entry| match entry.what {
                ChangeRef::File(file) => Some(file),
                _ => None,
            })
            .filter(|file| file.link.is_none_or(|link| seen.insert(link)))
            .map(|file| file.size_bytes)
            .sum()
    }

    /// The entries in the order of the layer's tar: parents first; in a directory first
    /// [`ChangeRef::Opaque`], then whiteouts, then the rest, each in the bytewise order of the names
    /// (image-spec layer.md: whiteouts should precede siblings).
    pub fn entries(&self) -> Entries<'_> {
        Entries::new(self)
    }
}
