//! Directories that a layer does not tell of, though something of it is in them.

use std::collections::BTreeMap;

use super::super::{Dir, Node, Tree};
use super::{Change, ChangeDir, Changes};

impl Changes {
    /// Whether some directory is only [implied](ChangeDir::implied).
    pub fn implies_directories(&self) -> bool {
        fn implies(dir: &ChangeDir) -> bool {
            dir.entries
                .values()
                .any(|change| matches!(change, Change::Dir(dir) if dir.implied || implies(dir)))
        }
        implies(&self.root)
    }

    /// What has to lie on the layer's directory in an overlay, where the topmost directory's metadata counts, so
    /// that directories which the layer only implies show what they have in `tree`, which is the tree with
    /// the layer on it. `None` if they do as it is.
    pub fn implied_in(&self, tree: &Tree) -> Option<Self> {
        let root = shown(&self.root, tree.root())?;
        Some(Self { root, root_changed: false })
    }
}

/// The directories of `changes` that have to be shown as they are in `tree`, with those above them.
fn shown(changes: &ChangeDir, tree: &Dir) -> Option<ChangeDir> {
    let mut entries = BTreeMap::new();
    for (name, change) in &changes.entries {
        if let (Change::Dir(changes), Some(Node::Dir(dir))) = (change, tree.entries.get(name))
            && let Some(below) = shown(changes, dir)
        {
            entries.insert(name.clone(), Change::Dir(below));
        }
    }
    let differs = changes.implied && changes.meta != tree.meta;
    (differs || !entries.is_empty()).then(|| ChangeDir {
        meta: tree.meta.clone(),
        implied: false,
        opaque: false,
        entries,
    })
}
