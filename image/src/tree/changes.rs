//! Changes: what one layer does to the tree below it.
//!
//! One definition of change for every way to make a layer, or digests would differ between them: an
//! entry belongs to the layer when its type, mode, owner, size, mtime, xattrs, link target or link
//! group differs from the parent's, or its contents do; with the directories above it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{File, Meta, Name, Special, Symlink};

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
