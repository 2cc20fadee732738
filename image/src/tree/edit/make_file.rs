//! FileOp `mkfile`.

use std::sync::{Arc, OnceLock};

use super::super::path::{self, PathError};
use super::super::{Content, File, FollowLast, Meta, Node, Timestamp, Tree, Xattrs};
use super::place::{self, PlaceError};

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MakeFile {
    /// Where; links are followed, so that a link's target is written.
    pub path: Vec<u8>,
    /// Permission bits of a new file; only `0o777` of them count. A file that exists keeps its own.
    pub mode: u32,
    /// Contents.
    pub data: Arc<[u8]>,
    /// Owner and group; if `None`, 0:0 or those of the file that exists.
    pub owner: Option<(u32, u32)>,
    /// Time of last modification.
    pub mtime: Timestamp,
}

/// Why a file cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MakeFileError {
    /// The path leads nowhere.
    #[error("make file {0}")]
    Path(#[from] PathError),
    /// The directory it should be in is missing, or none.
    #[error("make file {path}: {source}")]
    Place {
        /// The file.
        path: String,
        /// Why.
        source: PlaceError,
    },
    /// Something else than a file has the name.
    #[error("make file {path}: it exists and is not a file")]
    NotFile {
        /// The file.
        path: String,
    },
}

/// `tree` with the file. It is written in place of one that exists: that one's mode, owner and
/// attributes stay, other hard links to it do not see the write, and a file capability is lost as a
/// write loses it.
pub fn make_file(tree: &Tree, what: &MakeFile) -> Result<Tree, MakeFileError> {
    let resolved = tree.resolve(&what.path, FollowLast::Yes)?;
    let mut meta = match &resolved.node {
        None => Meta::new(what.mode & 0o777, what.mtime),
        Some(Node::File(old)) => {
            Meta { mtime: what.mtime, xattrs: written(&old.meta.xattrs), ..old.meta.clone() }
        }
        Some(_) => return Err(MakeFileError::NotFile { path: path::display(&what.path) }),
    };
    (meta.uid, meta.gid) = what.owner.unwrap_or((meta.uid, meta.gid));
    let file = File {
        meta,
        size_bytes: what.data.len() as u64,
        content: Content::Inline(Arc::clone(&what.data)),
        link: None,
        digest: OnceLock::new(),
    };
    let mut result = tree.clone();
    place::put(&mut result, &resolved.path, Node::File(Arc::new(file)))
        .map_err(|source| MakeFileError::Place { path: path::display(&what.path), source })?;
    Ok(result)
}

fn written(xattrs: &Xattrs) -> Xattrs {
    let mut kept = xattrs.as_deref()?.clone();
    kept.remove(&b"security.capability"[..]);
    (!kept.is_empty()).then(|| Arc::new(kept))
}
