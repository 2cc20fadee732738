//! FileOp `rm`.

use super::super::path::{self, PathError};
use super::super::{FollowLast, Tree};
use super::near::{Near, near};
use super::place;
use super::select::{SelectError, expand};

/// A path to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remove {
    /// What. Links above the last component are followed; a link itself is removed.
    pub path: Vec<u8>,
    /// A missing path is no error.
    pub allow_not_found: bool,
    /// The path is a pattern; one that matches nothing is no error.
    pub allow_wildcard: bool,
}

/// Why a path cannot be removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoveError {
    /// It does not exist.
    #[error("remove {path}: not found{near}")]
    NotFound {
        /// The path.
        path: String,
        /// A name like it.
        near: Near,
    },
    /// It is the root.
    #[error("remove /: the root cannot be removed")]
    Root,
    /// The path leads nowhere.
    #[error("remove {0}")]
    Path(#[from] PathError),
    /// The pattern is malformed, or what is before its first wildcard leads nowhere.
    #[error("remove: {0}")]
    Pattern(#[from] SelectError),
}

/// `tree` without the path and all below it.
pub fn remove(tree: &Tree, what: &Remove) -> Result<Tree, RemoveError> {
    let mut result = tree.clone();
    if !what.allow_wildcard {
        remove_one(&mut result, &path::clean(&what.path), what.allow_not_found)?;
        return Ok(result);
    }
    for path in expand(tree, &what.path, FollowLast::No)?.paths {
        remove_one(&mut result, &path, what.allow_not_found)?;
    }
    Ok(result)
}

fn remove_one(tree: &mut Tree, asked: &[u8], allow_not_found: bool) -> Result<(), RemoveError> {
    if asked.is_empty() {
        return Err(RemoveError::Root);
    }
    let not_found = |tree: &Tree| match allow_not_found {
        true => Ok(()),
        false => Err(RemoveError::NotFound { path: path::display(asked), near: near(tree, asked) }),
    };
    let resolved = match tree.resolve(asked, FollowLast::No) {
        Err(PathError::NotDirectory { .. }) => return not_found(tree),
        other => other?,
    };
    let Some((dir, name)) = path::split(&resolved.path) else { return Err(RemoveError::Root) };
    if resolved.node.is_none() {
        return not_found(tree);
    }
    if let Ok(dir) = place::dir_mut(tree, dir) {
        dir.entries.remove(name);
    }
    Ok(())
}
