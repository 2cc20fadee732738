//! FileOp `copy`: COPY and ADD of files.

mod merge;

use super::super::path::{self, PathError, display};
use super::super::{FollowLast, Meta, Node, Timestamp, Tree};
use super::mode::ModeChange;
use super::place::{self, PlaceError};
use super::select::{SelectError, Selected, select};
use crate::pattern::PatternError;
use merge::Merge;

/// A copy (LLB `FileActionCopy`; dockerfile.md, "COPY and ADD").
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copy {
    /// Path in the source tree, or pattern.
    pub source: Vec<u8>,
    /// Path in the destination tree; a `/` or `/.` at the end says that it is a directory.
    pub dest: Vec<u8>,
    /// Owner of all that is copied and made; else copies keep theirs and made directories are 0:0.
    pub owner: Option<(u32, u32)>,
    /// Mode of what is copied. Octal also is the mode of the directories made for the destination.
    pub mode: Option<ModeChange>,
    /// Follow the source if it is a link. Links in a copied directory stay links.
    pub follow_symlink: bool,
    /// A source directory gives its contents, not itself.
    pub dir_copy_contents: bool,
    /// Make the directory the destination is in.
    pub create_dest_path: bool,
    /// The source is a pattern.
    pub allow_wildcard: bool,
    /// A pattern that matches nothing is no error.
    pub allow_empty_wildcard: bool,
    /// Time of all that is copied and made; else copies keep theirs.
    pub timestamp: Option<Timestamp>,
    /// If not empty, only what matches is copied; relative to the source directory.
    pub include: Vec<String>,
    /// What matches is not copied, likewise. The selected source itself is never filtered.
    pub exclude: Vec<String>,
    /// A file replaces a directory and a directory a file, where it would else be an error.
    pub always_replace: bool,
    /// Source paths that must exist.
    pub required: Vec<Vec<u8>>,
    /// Time of the directories made for the destination, if there is no `timestamp`.
    pub now: Timestamp,
}

/// Why a copy cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// The source is not there.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// The destination leads nowhere.
    #[error("copy to {0}")]
    Dest(#[from] PathError),
    /// The directory for the destination cannot be made, or is missing and may not be made.
    #[error("copy to {dest}: {source}")]
    Place {
        /// The destination.
        dest: String,
        /// Why.
        source: PlaceError,
    },
    /// A file would replace a directory.
    #[error("cannot replace to directory {path} with file")]
    ReplaceDirectory {
        /// The directory.
        path: String,
    },
    /// A directory would replace something else.
    #[error("cannot copy to non-directory: {path}")]
    NonDirectory {
        /// What it would replace.
        path: String,
    },
    /// An include or exclude pattern is malformed.
    #[error("include or exclude of the copy to {dest}: {source}")]
    Pattern {
        /// The destination.
        dest: String,
        /// Why.
        source: PatternError,
    },
}

/// `dest` with what `what` selects of `source`.
///
/// The files of the result share contents and known digests with the source. Names that are one inode
/// in the source and are copied by the same selected path are one inode in the result, another one.
/// Extended attributes are kept, `security.capability` too when the owner changes: the reference sets
/// them after the owner.
pub fn copy(dest: &Tree, source: &Tree, what: &Copy) -> Result<Tree, CopyError> {
    let mut result = dest.clone();
    if !what.create_dest_path {
        check_parent(dest, what)?;
    }
    for selected in select(source, what)? {
        copy_one(&mut result, &selected, what)?;
    }
    Ok(result)
}

fn place_error(what: &Copy) -> impl Fn(PlaceError) -> CopyError {
    |source| CopyError::Place { dest: display(&what.dest), source }
}

fn check_parent(dest: &Tree, what: &Copy) -> Result<(), CopyError> {
    let resolved = dest.resolve(&path::clean(&what.dest), FollowLast::Yes)?;
    let parent = path::split(&resolved.path).map_or(&b""[..], |(dir, _)| dir);
    match dest.get(parent) {
        Some(_) => Ok(()),
        None => Err(place_error(what)(PlaceError::NoParent(display(parent)))),
    }
}

fn copy_one(result: &mut Tree, selected: &Selected, what: &Copy) -> Result<(), CopyError> {
    make_dest_dirs(result, &ensured(&what.dest), what)?;
    let target = target_path(result, selected, what)?;
    let old = result.get(&target);
    let mut merge = Merge::new(what, &target, &selected.node)?;
    let merged = merge.top(&selected.node, old.as_ref())?;
    drop(old);
    place::put(result, &target, merged).map_err(place_error(what))
}

/// The part of a destination that is a directory by the way it is written.
fn ensured(dest: &[u8]) -> Vec<u8> {
    match dest.iter().rposition(|byte| *byte == b'/') {
        Some(at) if !matches!(&dest[at + 1..], b"" | b".") => dest[..at].to_vec(),
        None if !matches!(dest, b"" | b".") => Vec::new(),
        _ => dest.to_vec(),
    }
}

/// Where the selected path goes, its directory made.
fn target_path(result: &mut Tree, selected: &Selected, what: &Copy) -> Result<Vec<u8>, CopyError> {
    let dest = result.resolve(&path::clean(&what.dest), FollowLast::Yes)?;
    let is_dir = matches!(selected.node, Node::Dir(_));
    let into = match &dest.node {
        None => false,
        Some(Node::Dir(_)) => !is_dir || !what.dir_copy_contents,
        Some(_) => is_dir && !what.dir_copy_contents,
    };
    let missing = dest.node.is_none();
    // Dropped so that the directory is not copied again when it is written.
    let dest = dest.path;
    let target = match path::split(&selected.path) {
        Some((_, base)) if into => path::join(&dest, base),
        _ => dest,
    };
    if what.dir_copy_contents && is_dir && missing {
        make_dest_dirs(result, &target, what)?;
    } else if let Some((dir, _)) = path::split(&target) {
        make_dest_dirs(result, dir, what)?;
    }
    Ok(target)
}

/// Makes the directory `at` of the destination, and those above it.
fn make_dest_dirs(result: &mut Tree, at: &[u8], what: &Copy) -> Result<(), CopyError> {
    let at = result.resolve(&path::clean(at), FollowLast::Yes)?.path;
    // Set-id and sticky bits are for what is copied, not for what mkdir makes.
    let mode = match what.mode {
        Some(ModeChange::Octal(bits)) => bits & 0o777,
        _ => 0o755,
    };
    let (uid, gid) = what.owner.unwrap_or_default();
    let meta = Meta { uid, gid, ..Meta::new(mode, what.timestamp.unwrap_or(what.now)) };
    place::make_dirs(result, &at, &meta).map_err(place_error(what))
}
