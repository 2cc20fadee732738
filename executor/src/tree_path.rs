//! Paths in a tree, followed as the kernel would follow them in a root of its own.

use cooperage_image::tree::{Dir, Node, Tree};

/// What symbolic links are followed at most, as Linux does (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// A path without symbolic links, and how much of it there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// Names from the root.
    pub(crate) names: Vec<Vec<u8>>,
    /// How many of them exist.
    pub(crate) existing: usize,
}

/// Follows `path` from the root of `tree`; `None` for a loop of links.
pub(crate) fn resolve(tree: &Tree, path: &[u8]) -> Option<Resolved> {
    let mut todo: Vec<Vec<u8>> = split(path);
    let mut found = Resolved { names: vec![], existing: 0 };
    let mut links = 0;
    while let Some(name) = todo.pop() {
        if name == b".." {
            found.names.pop();
            found.existing = found.existing.min(found.names.len());
            continue;
        }
        let whole = found.existing == found.names.len();
        let node = if whole {
            directory(tree, &found.names).and_then(|dir| dir.entries.get(name.as_slice()))
        } else {
            None
        };
        match node {
            Some(Node::Symlink(link)) => {
                links += 1;
                if links > MAX_LINKS {
                    return None;
                }
                if link.target.first() == Some(&b'/') {
                    found = Resolved { names: vec![], existing: 0 };
                }
                todo.extend(split(&link.target));
            }
            other => {
                found.existing += usize::from(other.is_some());
                found.names.push(name);
            }
        }
    }
    Some(found)
}

/// The directory at names without links.
pub(crate) fn directory<'a>(tree: &'a Tree, names: &[Vec<u8>]) -> Option<&'a Dir> {
    names.iter().try_fold(&**tree.root(), |dir, name| match dir.entries.get(name.as_slice()) {
        Some(Node::Dir(below)) => Some(&**below),
        _ => None,
    })
}

/// Components, last first.
fn split(path: &[u8]) -> Vec<Vec<u8>> {
    let parts = path.split(|b| *b == b'/').filter(|part| !part.is_empty() && *part != b".");
    parts.rev().map(<[u8]>::to_vec).collect()
}
