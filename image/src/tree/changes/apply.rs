//! A tree with a layer on it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::{Dir, Name, Node, Tree};
use super::{Change, ChangeDir, Changes};

impl Changes {
    /// `parent` with the changes (image-spec layer.md, "Applying Changesets"): a directory over a
    /// directory takes over its metadata (unless it is only implied) and merges, any other pair replaces. A
    /// whiteout of what is not there does nothing.
    pub fn apply(&self, parent: &Tree) -> Tree {
        let mut root = merged(&self.root, Some(parent.root()));
        if !self.root_changed {
            root.meta = parent.root().meta.clone();
        }
        Tree::new(Arc::new(root))
    }
}

fn merged(changes: &ChangeDir, old: Option<&Arc<Dir>>) -> Dir {
    let below = old.filter(|_| !changes.opaque);
    let mut entries = below.map(|dir| dir.entries.clone()).unwrap_or_default();
    for (name, change) in &changes.entries {
        apply_one(&mut entries, name, change);
    }
    let meta = match old {
        Some(old) if changes.implied => &old.meta,
        _ => &changes.meta,
    };
    Dir { meta: meta.clone(), entries }
}

fn apply_one(entries: &mut BTreeMap<Name, Node>, name: &Name, change: &Change) {
    let node = match change {
        Change::Whiteout => {
            entries.remove(name);
            return;
        }
        Change::Dir(changes) => {
            let old = match entries.get(name) {
                Some(Node::Dir(old)) => Some(old),
                _ => None,
            };
            Node::Dir(Arc::new(merged(changes, old)))
        }
        Change::File(file) => Node::File(Arc::clone(file)),
        Change::Symlink(link) => Node::Symlink(Arc::clone(link)),
        Change::Special(special) => Node::Special(Arc::clone(special)),
    };
    entries.insert(name.clone(), node);
}
