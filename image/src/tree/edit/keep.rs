//! Directories that an edit wrote over without being told of them.

use super::super::path::join;
use super::super::{FollowLast, Node, Tree};
use super::place;

/// `edited` with the metadata that the directories at `paths` below `at` have in `before`, if they are there. For
/// archives that name a file and not the directory it is in: unpacking does not change one that exists.
pub fn keep_directories(edited: &Tree, before: &Tree, at: &[u8], paths: &[Vec<u8>]) -> Tree {
    let mut result = edited.clone();
    let Ok(at) = edited.resolve(at, FollowLast::Yes) else { return result };
    for path in paths.iter().map(|path| join(&at.path, path)) {
        if let Some(Node::Dir(old)) = before.get(&path)
            && let Ok(dir) = place::dir_mut(&mut result, &path)
        {
            dir.meta = old.meta.clone();
        }
    }
    result
}
