//! FileOp `symlink`.

use std::sync::Arc;

use super::super::path::{self, PathError};
use super::super::{FollowLast, Meta, Node, Symlink, Timestamp, Tree};
use super::place::{self, PlaceError};

/// A symbolic link to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MakeSymlink {
    /// What is written in the link (`oldpath`).
    pub target: Vec<u8>,
    /// Where the link is made (`newpath`).
    pub path: Vec<u8>,
    /// Owner and group; 0:0 if `None`.
    pub owner: Option<(u32, u32)>,
    /// Time of last modification.
    pub mtime: Timestamp,
}

/// Why a link cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SymlinkError {
    /// The path leads nowhere.
    #[error("make symbolic link {0}")]
    Path(#[from] PathError),
    /// The directory it should be in is missing, or none.
    #[error("make symbolic link {path}: {source}")]
    Place {
        /// The link.
        path: String,
        /// Why.
        source: PlaceError,
    },
    /// Something has the name.
    #[error("make symbolic link {path}: it exists")]
    Exists {
        /// The link.
        path: String,
    },
    /// A link cannot hold this target: empty, or with a NUL.
    #[error("make symbolic link {path}: {target:?} cannot be a target")]
    Target {
        /// The link.
        path: String,
        /// The target.
        target: String,
    },
}

/// `tree` with the link.
pub fn symlink(tree: &Tree, what: &MakeSymlink) -> Result<Tree, SymlinkError> {
    if what.target.is_empty() || what.target.contains(&0) {
        let target = String::from_utf8_lossy(&what.target).into_owned();
        return Err(SymlinkError::Target { path: path::display(&what.path), target });
    }
    let resolved = tree.resolve(&what.path, FollowLast::Yes)?;
    if resolved.node.is_some() {
        return Err(SymlinkError::Exists { path: path::display(&what.path) });
    }
    let (uid, gid) = what.owner.unwrap_or_default();
    let meta = Meta { uid, gid, ..Meta::new(0o777, what.mtime) };
    let link = Node::Symlink(Arc::new(Symlink { meta, target: what.target.as_slice().into() }));
    let mut result = tree.clone();
    place::put(&mut result, &resolved.path, link)
        .map_err(|source| SymlinkError::Place { path: path::display(&what.path), source })?;
    Ok(result)
}
