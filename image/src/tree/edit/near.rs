//! "Did you mean": the name in a directory that is most like one that is not there.

use std::fmt;

use super::super::path::{components, display, join};
use super::super::{FollowLast, Node, Tree};

/// A path that exists and is like the one that does not, if there is one. Shown as `, did you mean ..?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near(pub Option<String>);

impl fmt::Display for Near {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(path) => write!(f, ", did you mean {path}?"),
            None => Ok(()),
        }
    }
}

/// The path most like `missing`: its first missing component replaced by a name of that directory.
pub(super) fn near(tree: &Tree, missing: &[u8]) -> Near {
    let mut here = Vec::new();
    for part in components(missing) {
        let next = join(&here, part);
        match tree.resolve(&next, FollowLast::Yes) {
            Ok(resolved) if resolved.node.is_some() => here = next,
            _ => {
                let name = nearest(tree, &here, part);
                return Near(name.map(|name| display(&join(&here, &name))));
            }
        }
    }
    Near(None)
}

fn nearest(tree: &Tree, dir: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let Some(Node::Dir(dir)) = tree.resolve(dir, FollowLast::Yes).ok()?.node else { return None };
    let limit = (name.len() / 3).clamp(1, 3);
    dir.entries
        .keys()
        .map(|candidate| (difference(name, candidate.as_bytes()), candidate))
        .filter(|(difference, _)| *difference <= limit)
        .min_by_key(|(difference, _)| *difference)
        .map(|(_, candidate)| candidate.as_bytes().to_vec())
}

/// Bytes to insert, remove or replace to make one of the other, case aside; names are 255 bytes at most.
fn difference(a: &[u8], b: &[u8]) -> usize {
    if a.len().abs_diff(b.len()) > 3 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (at, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (to, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(!x.eq_ignore_ascii_case(y));
            diagonal = row[to + 1];
            row[to + 1] = replaced.min(row[to] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
