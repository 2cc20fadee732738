//! File trees: the value that flows through a build.
//!
//! A [`Tree`] is immutable metadata that names contents by handle. Directories are shared between
//! trees (`Arc`), so an edit copies the path to what changed and comparing two relatives
//! ([`Changes::between`]) costs what differs. No content is read to make, edit or compare a tree;
//! a file's digest is computed once, when somebody asks, and remembered beside it.
//!
//! Shaped like the Remote Execution API's `Directory`: names sorted bytewise, types apart,
//! properties for what it lacks (owner, mtime, xattrs).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::Digest;

mod changes;
pub mod digest;
pub mod edit;
mod filter;
mod name;
pub mod owner;
mod path;
#[cfg(test)]
mod text;
pub mod walk;

pub use changes::{Change, ChangeDir, ChangeEntry, ChangeRef, Changes, Entries, Undecided};
pub use name::{Name, NameError};
pub use path::{FollowLast, PathError, Resolved};

/// Directories within directories, at most, in what cooper makes of foreign input. What reads a tree recurses.
pub const MAX_DEPTH: usize = 512;

/// An immutable file tree. Cloning is one reference count.
#[derive(Debug, Clone)]
pub struct Tree {
    root: Arc<Dir>,
}

/// A directory: its own metadata and its entries, sorted by name.
#[derive(Debug, Clone)]
pub struct Dir {
    /// Of the directory itself.
    pub meta: Meta,
    /// What is in it.
    pub entries: BTreeMap<Name, Node>,
}

/// An entry of a directory.
#[derive(Debug, Clone)]
pub enum Node {
    /// A directory.
    Dir(Arc<Dir>),
    /// A regular file.
    File(Arc<File>),
    /// A symbolic link.
    Symlink(Arc<Symlink>),
    /// A device node or FIFO. Sockets are never part of a tree.
    Special(Arc<Special>),
}

/// What every entry has. The permission bits never contain the type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Permission bits with set-id and sticky: `0o7777` at most.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Time of last modification. Never part of a cache key.
    pub mtime: Timestamp,
    /// Extended attributes: those a layer may carry (`security.capability`, `user.*`), never the
    /// overlay's own (`trusted.overlay.*`, `user.overlay.*`).
    pub xattrs: Xattrs,
}

/// Extended attributes, name to value, shared.
pub type Xattrs = Option<Arc<BTreeMap<Name, Vec<u8>>>>;

/// A point in time, since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Timestamp {
    /// Whole seconds; negative before 1970.
    pub secs: i64,
    /// Nanoseconds within the second, below 1,000,000,000.
    pub nanos: u32,
}

/// A regular file.
#[derive(Debug)]
pub struct File {
    /// Metadata.
    pub meta: Meta,
    /// Length of the contents.
    pub size_bytes: u64,
    /// Where the contents are.
    pub content: Content,
    /// Set if the file may have other names in its tree: all names of one group are one inode.
    pub link: Option<LinkGroup>,
    /// Digest of the contents, once somebody asked.
    pub digest: OnceLock<Digest>,
}

/// Identity of a hard-linked file within this process; see [`LinkGroup::fresh`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkGroup(u64);

impl LinkGroup {
    /// A group that no other file is in. Whoever reads a tree (walk, tar, store) takes one a linked
    /// inode; a copy takes new ones for its targets.
    pub fn fresh() -> Self {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Where a file's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Here: a heredoc, an empty file.
    Inline(Arc<[u8]>),
    /// In a local directory that was walked in this build. Whoever reads them checks the
    /// fingerprint before and after: a file that changes while it is read is an error.
    Local {
        /// Absolute path of the file.
        path: Arc<Path>,
        /// What `statx` said when the tree was made.
        seen: Fingerprint,
    },
    /// In a layer of the store, under this path from the layer's root.
    Layer {
        /// The layer.
        layer: LayerId,
        /// Relative path, without leading `/`.
        path: Arc<[u8]>,
    },
}

/// What tells whether a file is still the one that was seen (git's index, "racy" rule).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Device of the file system.
    pub dev: u64,
    /// Inode.
    pub inode: u64,
    /// Length in bytes.
    pub size_bytes: u64,
    /// Time of last modification.
    pub mtime: Timestamp,
    /// Time of last status change.
    pub ctime: Timestamp,
}

/// Names a layer in the store. Opaque: 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LayerId(Arc<str>);

impl LayerId {
    /// The layer whose identity is `digest` (of its diff ID or of its metadata).
    pub fn of(digest: &Digest) -> Self {
        Self(digest.hex().into())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From the digits, as they are in the store.
    pub fn from_hex(text: &str) -> Option<Self> {
        (text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
            .then(|| Self(text.into()))
    }
}

impl std::fmt::Display for LayerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A symbolic link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symlink {
    /// Metadata; the mode is always `0o777`.
    pub meta: Meta,
    /// The target, as it is written in the link.
    pub target: Arc<[u8]>,
}

/// A device node or FIFO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Special {
    /// Metadata.
    pub meta: Meta,
    /// Which.
    pub kind: SpecialKind,
}

/// Kinds of [`Special`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SpecialKind {
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
}

impl Meta {
    /// Metadata of something that cooper makes itself: owner 0:0, no xattrs.
    pub fn new(mode: u32, mtime: Timestamp) -> Self {
        Self { mode, uid: 0, gid: 0, mtime, xattrs: None }
    }
}

impl Tree {
    /// The tree with this root.
    pub fn new(root: Arc<Dir>) -> Self {
        Self { root }
    }

    /// `FROM scratch`: an empty root, `0755` of 0:0, at the epoch.
    pub fn empty() -> Self {
        Self::new(Arc::new(Dir { meta: Meta::new(0o755, Timestamp::default()), entries: BTreeMap::new() }))
    }

    /// The root directory.
    pub fn root(&self) -> &Arc<Dir> {
        &self.root
    }
}

impl Node {
    /// The entry's metadata.
    pub fn meta(&self) -> &Meta {
        match self {
            Self::Dir(dir) => &dir.meta,
            Self::File(file) => &file.meta,
            Self::Symlink(link) => &link.meta,
            Self::Special(special) => &special.meta,
        }
    }
}
