//! Writing an entry into a tree: the directories on the way are copied, the rest is shared.

use std::sync::Arc;

use super::super::path::{self, components};
use super::super::{Dir, MAX_DEPTH, Meta, Name, NameError, Node, Tree};

/// Why an entry cannot be placed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// The directory it should be in does not exist.
    #[error("{0} does not exist")]
    NoParent(String),
    /// Something on the way is not a directory.
    #[error("{0} is not a directory")]
    NotDirectory(String),
    /// It would be in too many directories.
    #[error("it is more than {MAX_DEPTH} directories deep")]
    TooDeep,
    /// A component cannot be a file name.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// The directory at `at`, for writing; its path must have no links.
pub(super) fn dir_mut<'a>(tree: &'a mut Tree, at: &[u8]) -> Result<&'a mut Dir, PlaceError> {
    let mut dir = Arc::make_mut(&mut tree.root);
    let mut here = Vec::new();
    for part in components(at) {
        here = path::join(&here, part);
        dir = match dir.entries.get_mut(part) {
            Some(Node::Dir(next)) => Arc::make_mut(next),
            Some(_) => return Err(PlaceError::NotDirectory(path::display(&here))),
            None => return Err(PlaceError::NoParent(path::display(&here))),
        };
    }
    Ok(dir)
}

/// Puts `node` at `at`, over whatever is there. At the root, a directory replaces it.
pub(super) fn put(tree: &mut Tree, at: &[u8], node: Node) -> Result<(), PlaceError> {
    match (path::split(at), node) {
        (None, Node::Dir(root)) => tree.root = root,
        (None, _) => return Err(PlaceError::NotDirectory("/".to_owned())),
        (Some((dir, name)), node) => {
            let name = Name::new(name)?;
            dir_mut(tree, dir)?.entries.insert(name, node);
        }
    }
    Ok(())
}

/// Makes the directory `at` and the missing ones above it, each with `meta`.
pub(super) fn make_dirs(tree: &mut Tree, at: &[u8], meta: &Meta) -> Result<(), PlaceError> {
    if matches!(tree.get(at), Some(Node::Dir(_))) {
        return Ok(());
    }
    let parts = components(at);
    if parts.len() > MAX_DEPTH {
        return Err(PlaceError::TooDeep);
    }
    let mut dir = Arc::make_mut(&mut tree.root);
    let mut here = Vec::new();
    for part in parts {
        here = path::join(&here, part);
        let made = || Node::Dir(Arc::new(Dir { meta: meta.clone(), entries: Default::default() }));
        dir = match dir.entries.entry(Name::new(part)?).or_insert_with(made) {
            Node::Dir(next) => Arc::make_mut(next),
            _ => return Err(PlaceError::NotDirectory(path::display(&here))),
        };
    }
    Ok(())
}
