//! What a copy selects of its source: wildcards expanded, links followed, misses named.

use std::sync::Arc;

use super::super::path::{self, FollowLast, PathError, components, display};
use super::super::{Dir, Node, Tree};
use super::Copy;
use super::near::{Near, near};
use crate::pattern::{Glob, PatternError, has_wildcard};

/// Why nothing can be selected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// There is no such path.
    #[error("{path:?}: not found{near}")]
    NotFound {
        /// The path, or the pattern.
        path: String,
        /// A name like it.
        near: Near,
    },
    /// The path leads nowhere.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The pattern is malformed.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

/// The paths that a pattern stands for.
pub(super) struct Expanded {
    /// Without leading `/`, in lexical order.
    pub(super) paths: Vec<Vec<u8>>,
    /// Whether there was a wildcard.
    pub(super) wildcard: bool,
}

/// A selected path and what is there, links followed if the copy does.
pub(in crate::tree) struct Selected {
    /// Without leading `/`; the base name is that of the link, if it is one.
    pub(in crate::tree) path: Vec<u8>,
    pub(in crate::tree) node: Node,
    /// Matched by a wildcard: the name is not in the operation's definition.
    pub(in crate::tree) wildcard: bool,
}

/// The source paths that a copy reads, without leading `/`, each to be copied (or unpacked) in turn.
///
/// Empty only if a wildcard matched nothing and that is allowed. A path is not found if it does not
/// exist, if one of [`Copy::required`] does not, or if the part before the first wildcard does not.
pub fn matches(source: &Tree, what: &Copy) -> Result<Vec<Vec<u8>>, SelectError> {
    Ok(select(source, what)?.into_iter().map(|selected| selected.path).collect())
}

pub(in crate::tree) fn select(source: &Tree, what: &Copy) -> Result<Vec<Selected>, SelectError> {
    let follow = if what.follow_symlink { FollowLast::Yes } else { FollowLast::No };
    for required in &what.required {
        existing(source, required, follow)?;
    }
    let expanded = if what.allow_wildcard {
        expand(source, &what.source, follow)?
    } else {
        Expanded { paths: vec![path::clean(&what.source)], wildcard: false }
    };
    if expanded.paths.is_empty() && !what.allow_empty_wildcard {
        return Err(SelectError::NotFound { path: display(&what.source), near: Near(None) });
    }
    let selected = |path: Vec<u8>| {
        let node = existing(source, &path, follow)?;
        Ok(Selected { path, node, wildcard: expanded.wildcard })
    };
    expanded.paths.into_iter().map(selected).collect()
}

/// What is at `path`; [`SelectError::NotFound`] if nothing.
fn existing(source: &Tree, path: &[u8], follow: FollowLast) -> Result<Node, SelectError> {
    let not_found = || SelectError::NotFound {
        path: display(&path::clean(path)),
        near: near(source, &path::clean(path)),
    };
    match source.resolve(&path::clean(path), follow) {
        Err(PathError::NotDirectory { .. }) => Err(not_found()),
        Err(other) => Err(other.into()),
        Ok(resolved) => resolved.node.ok_or_else(not_found),
    }
}

/// The paths that match `pattern`, component by component: no `*` crosses a `/`, and no link is
/// entered behind the first wildcard. Without a wildcard, the path itself, whether it exists or not.
pub(super) fn expand(tree: &Tree, pattern: &[u8], follow: FollowLast) -> Result<Expanded, SelectError> {
    let parts = components(pattern);
    let Some(first) = parts.iter().position(|part| has_wildcard(part)) else {
        return Ok(Expanded { paths: vec![parts.join(&b'/')], wildcard: false });
    };
    let globs = parts[first..].iter().map(|part| Glob::new(part)).collect::<Result<Vec<_>, _>>()?;
    let prefix = parts[..first].join(&b'/');
    existing(tree, &prefix, follow)?;
    let resolved = tree.resolve(&prefix, follow)?;
    let mut paths = Vec::new();
    if let Some(Node::Dir(dir)) = &resolved.node {
        expand_in(dir, &resolved.path, &globs, &mut paths);
    }
    Ok(Expanded { paths, wildcard: true })
}

fn expand_in(dir: &Arc<Dir>, here: &[u8], globs: &[Glob], paths: &mut Vec<Vec<u8>>) {
    let Some((glob, rest)) = globs.split_first() else { return };
    for (name, node) in dir.entries.iter().filter(|(name, _)| glob.matches(name.as_bytes())) {
        let path = path::join(here, name.as_bytes());
        match node {
            _ if rest.is_empty() => paths.push(path),
            Node::Dir(dir) => expand_in(dir, &path, rest, paths),
            _ => {}
        }
    }
}
