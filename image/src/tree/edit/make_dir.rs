//! FileOp `mkdir`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::path::{self, PathError};
use super::super::{Dir, FollowLast, Meta, Node, Timestamp, Tree};
use super::place::{self, PlaceError};

/// A directory to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MakeDir {
    /// Where; links are followed.
    pub path: Vec<u8>,
    /// Permission bits; only `0o777` of them count.
    pub mode: u32,
    /// Make missing directories above it too, with the same mode, owner and time.
    pub make_parents: bool,
    /// Owner and group; 0:0 if `None`.
    pub owner: Option<(u32, u32)>,
    /// Time of what is made.
    pub mtime: Timestamp,
}

/// Why a directory cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MakeDirError {
    /// The path leads nowhere.
    #[error("make directory {0}")]
    Path(#[from] PathError),
    /// A directory above is missing, or something on the way is none.
    #[error("make directory {path}: {source}")]
    Place {
        /// The directory.
        path: String,
        /// Why.
        source: PlaceError,
    },
}

/// `tree` with the directory. One that exists is kept as it is; without
/// [`make_parents`](MakeDir::make_parents) so is anything else that has the name (llb.md, FileOp).
pub fn make_dir(tree: &Tree, what: &MakeDir) -> Result<Tree, MakeDirError> {
    let resolved = tree.resolve(&what.path, FollowLast::Yes)?;
    let wrong = |source| MakeDirError::Place { path: path::display(&what.path), source };
    let (uid, gid) = what.owner.unwrap_or_default();
    let meta = Meta { uid, gid, ..Meta::new(what.mode & 0o777, what.mtime) };
    let mut result = tree.clone();
    if what.make_parents {
        place::make_dirs(&mut result, &resolved.path, &meta).map_err(wrong)?;
    } else if resolved.node.is_none() {
        let dir = Node::Dir(Arc::new(Dir { meta, entries: BTreeMap::new() }));
        place::put(&mut result, &resolved.path, dir).map_err(wrong)?;
    }
    Ok(result)
}
