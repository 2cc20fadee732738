//! Paths in a tree: lookup, and resolution of symbolic links that never leaves the root.
//!
//! A path is bytes, components between slashes; a leading `/`, empty components and `.` mean nothing.
//! Paths that are returned have no leading `/`; the root's is empty.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Dir, Node, Tree};

/// Links followed in one resolution before it is taken for a loop, as in Linux.
const MAX_LINKS: usize = 40;

/// Whether a link that is the last component is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowLast {
    /// Like `stat`.
    Yes,
    /// Like `lstat`.
    No,
}

/// Where a path leads.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The path without links, as far as it exists; what is missing is appended as written.
    pub path: Vec<u8>,
    /// What is there.
    pub node: Option<Node>,
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// More than 40 links on the way.
    #[error("{path}: too many levels of symbolic links")]
    TooManyLinks {
        /// The path that was looked up.
        path: String,
    },
    /// A component with something behind it is not a directory.
    #[error("{path}: {at} is not a directory")]
    NotDirectory {
        /// The path that was looked up.
        path: String,
        /// The component.
        at: String,
    },
}

/// The path for people: absolute, whatever its bytes.
pub(super) fn display(path: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(path.strip_prefix(b"/").unwrap_or(path)))
}

/// The components of `path` by text alone: `..` takes back the one before it, and is nothing at the root.
pub(super) fn components(path: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts
}

/// `path` by text alone, without leading `/`.
pub(super) fn clean(path: &[u8]) -> Vec<u8> {
    components(path).join(&b'/')
}

/// The directory and the last component of a cleaned path; `None` for the root.
pub(super) fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.is_empty() {
        return None;
    }
    Some(match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    })
}

/// `name` in the directory `dir`, both cleaned.
pub(super) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    match (dir, name) {
        (b"", name) => name.to_vec(),
        (dir, b"") => dir.to_vec(),
        (dir, name) => [dir, name].join(&b'/'),
    }
}

impl Tree {
    /// The entry at `path`, no link followed, `..` taken by text. `None` if there is none.
    pub fn get(&self, path: &[u8]) -> Option<Node> {
        let mut node = Node::Dir(Arc::clone(self.root()));
        for part in components(path) {
            let Node::Dir(dir) = &node else { return None };
            node = dir.entries.get(part)?.clone();
        }
        Some(node)
    }

    /// Follows the links of `path` within the tree: an absolute target starts at the tree's root, and
    /// `..` at the root stays there. A missing component is no error ([`Resolved::node`] is `None`).
    pub fn resolve(&self, path: &[u8], last: FollowLast) -> Result<Resolved, PathError> {
        Walk::new(self, path).run(last)
    }
}

/// A resolution under way.
struct Walk<'a> {
    asked: &'a [u8],
    root: &'a Arc<Dir>,
    /// Where we are: names from the root, each with its directory.
    at: Vec<(Vec<u8>, Arc<Dir>)>,
    todo: VecDeque<Vec<u8>>,
    links: usize,
}

impl<'a> Walk<'a> {
    fn new(tree: &'a Tree, asked: &'a [u8]) -> Self {
        Self { asked, root: tree.root(), at: Vec::new(), todo: parts(asked), links: 0 }
    }

    fn run(mut self, last: FollowLast) -> Result<Resolved, PathError> {
        while let Some(name) = self.todo.pop_front() {
            if name == b".." {
                self.at.pop();
                continue;
            }
            let dir = self.at.last().map_or(self.root, |(_, dir)| dir);
            match dir.entries.get(name.as_slice()).cloned() {
                None => return Ok(self.missing(&name)),
                Some(Node::Dir(dir)) => self.at.push((name, dir)),
                Some(Node::Symlink(link)) if !self.todo.is_empty() || last == FollowLast::Yes => {
                    self.follow(&link.target)?;
                }
                Some(node) if self.todo.is_empty() => {
                    return Ok(Resolved { path: join(&self.here(), &name), node: Some(node) });
                }
                Some(_) => {
                    let at = display(&join(&self.here(), &name));
                    return Err(PathError::NotDirectory { path: display(self.asked), at });
                }
            }
        }
        let dir = self.at.last().map_or(self.root, |(_, dir)| dir);
        Ok(Resolved { node: Some(Node::Dir(Arc::clone(dir))), path: self.here() })
    }

    fn follow(&mut self, target: &[u8]) -> Result<(), PathError> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(PathError::TooManyLinks { path: display(self.asked) });
        }
        if target.first() == Some(&b'/') {
            self.at.clear();
        }
        let mut todo = parts(target);
        todo.append(&mut self.todo);
        self.todo = todo;
        Ok(())
    }

    fn missing(&self, name: &[u8]) -> Resolved {
        let here = self.here();
        let rest = [here.as_slice(), name].into_iter().chain(self.todo.iter().map(Vec::as_slice));
        Resolved { path: clean(&rest.collect::<Vec<_>>().join(&b'/')), node: None }
    }

    fn here(&self) -> Vec<u8> {
        self.at.iter().map(|(name, _)| name.as_slice()).collect::<Vec<_>>().join(&b'/')
    }
}

fn parts(path: &[u8]) -> VecDeque<Vec<u8>> {
    path.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b".")).map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::super::text::tree;
    use super::*;

    fn resolved(path: &str, last: FollowLast) -> String {
        let tree = tree(
            "f644 a/b/file =x\nl777 abs ->/a/b\nl777 a/up ->../../../a\nl777 loop ->loop\nl777 a/dangling ->gone/x\nl777 twice ->abs/file",
        );
        match tree.resolve(path.as_bytes(), last) {
            Ok(Resolved { path, node }) => {
                let kind = match node {
                    None => "nothing",
                    Some(Node::Dir(_)) => "dir",
                    Some(Node::File(_)) => "file",
                    Some(Node::Symlink(_)) => "link",
                    Some(Node::Special(_)) => "special",
                };
                format!("{kind} {}", display(&path))
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn links_are_followed_inside_the_root() {
        for (path, expected) in [
            ("/", "dir /"),
            ("..//./a/", "dir /a"),
            ("abs/file", "file /a/b/file"),
            ("a/up/b", "dir /a/b"),
            ("a/up/../../..", "dir /"),
            ("twice", "file /a/b/file"),
            ("a/dangling/y", "nothing /a/gone/x/y"),
            ("no/../such", "nothing /such"),
            ("loop", "/loop: too many levels of symbolic links"),
            ("a/b/file/x", "/a/b/file/x: /a/b/file is not a directory"),
        ] {
            assert_eq!(resolved(path, FollowLast::Yes), expected, "{path}");
        }
        assert_eq!(resolved("abs", FollowLast::No), "link /abs");
        assert_eq!(resolved("a/up/dangling", FollowLast::No), "link /a/dangling");
    }

    #[test]
    fn lookup_follows_nothing() {
        let tree = tree("f644 a/b =x\nl777 l ->a");
        assert!(tree.get(b"/a/../a/b").is_some() && tree.get(b"").is_some());
        assert!(tree.get(b"l/b").is_none() && tree.get(b"a/b/c").is_none());
    }
}
