//! What differs between two trees.

mod links;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::{Content, Dir, File, Name, Node, Tree};
use super::{Change, ChangeDir, Changes};
use links::Links;

/// Two files alike in all but the handle of their contents, old and new, of which a digest is missing.
pub type Undecided = (Arc<File>, Arc<File>);

impl Changes {
    /// The changes that make `new` of `old`, by the definition of this module; never opaque. What the
    /// trees share (`Arc`) is not looked at.
    ///
    /// No content is read: two files whose contents may differ ([`Changes::undecided`]) count as
    /// changed, so that nothing is lost.
    ///
    /// Link groups are compared by their names. A name that leaves a group does not change those that
    /// stay; one that comes brings all of them, since a link in a layer needs its target there.
    pub fn between(old: &Tree, new: &Tree) -> Self {
        let mut comparison = Comparison { links: Links::new(old, new), undecided: None };
        let entries = comparison.entries(old.root(), new.root(), &mut Vec::new());
        let root = ChangeDir { meta: new.root().meta.clone(), implied: false, opaque: false, entries };
        let mut changes = Self { root_changed: old.root().meta != new.root().meta, root };
        comparison.links.complete(&mut changes);
        changes
    }

    /// The pairs of files that [`Changes::between`] could only tell apart by their digests, and has not
    /// got them. Give them [digests](File::digest) first, and a file that was rewritten with the bytes
    /// it had (an overlay's copy-up) is not in the layer.
    pub fn undecided(old: &Tree, new: &Tree) -> Vec<Undecided> {
        let mut comparison = Comparison { links: Links::new(old, new), undecided: Some(Vec::new()) };
        comparison.entries(old.root(), new.root(), &mut Vec::new());
        comparison.undecided.unwrap_or_default()
    }
}

struct Comparison<'a> {
    links: Links<'a>,
    /// Collected, if wanted.
    undecided: Option<Vec<Undecided>>,
}

impl Comparison<'_> {
    fn entries(&mut self, old: &Arc<Dir>, new: &Arc<Dir>, path: &mut Vec<u8>) -> BTreeMap<Name, Change> {
        let mut changes = BTreeMap::new();
        if Arc::ptr_eq(old, new) {
            return changes;
        }
        for name in old.entries.keys().filter(|name| !new.entries.contains_key(*name)) {
            changes.insert(name.clone(), Change::Whiteout);
        }
        for (name, node) in &new.entries {
            let length = path.len();
            if length > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(name.as_bytes());
            if let Some(change) = self.node(old.entries.get(name), node, path) {
                changes.insert(name.clone(), change);
            }
            path.truncate(length);
        }
        changes
    }

    fn node(&mut self, old: Option<&Node>, new: &Node, path: &mut Vec<u8>) -> Option<Change> {
        match (old, new) {
            (Some(Node::Dir(old)), Node::Dir(new)) => {
                let entries = self.entries(old, new, path);
                let changed = !entries.is_empty() || old.meta != new.meta;
                changed.then(|| {
                    Change::Dir(ChangeDir { meta: new.meta.clone(), implied: false, opaque: false, entries })
                })
            }
            (Some(Node::File(old)), Node::File(new)) if self.same_file(old, new, path) => None,
            (Some(Node::Symlink(old)), Node::Symlink(new)) if old == new => None,
            (Some(Node::Special(old)), Node::Special(new)) if old == new => None,
            (_, new) => Some(added(new)),
        }
    }

    fn same_file(&mut self, old: &Arc<File>, new: &Arc<File>, path: &[u8]) -> bool {
        if Arc::ptr_eq(old, new) {
            return true;
        }
        let same = same_but_links(old, new);
        if let (None, Some(undecided)) = (same, &mut self.undecided) {
            undecided.push((Arc::clone(old), Arc::clone(new)));
        }
        same == Some(true) && self.links.same(old.link, new.link, path)
    }
}

/// Whether two files differ in nothing but their link groups; `None` if a digest is needed to tell.
fn same_but_links(old: &File, new: &File) -> Option<bool> {
    if old.meta != new.meta || old.size_bytes != new.size_bytes {
        return Some(false);
    }
    let handles_tell = match (&old.content, &new.content) {
        _ if old.size_bytes == 0 => Some(true),
        (Content::Inline(old), Content::Inline(new)) => Some(old == new),
        (Content::Local { seen: old, .. }, Content::Local { seen: new, .. }) if old == new => Some(true),
        (old, new) if old == new => Some(true),
        _ => None,
    };
    handles_tell.or_else(|| Some(old.digest.get()? == new.digest.get()?))
}

/// All of a node that was not there before.
fn added(node: &Node) -> Change {
    match node {
        Node::Dir(dir) => Change::Dir(ChangeDir {
            meta: dir.meta.clone(),
            implied: false,
            opaque: false,
            entries: dir.entries.iter().map(|(name, node)| (name.clone(), added(node))).collect(),
        }),
        Node::File(file) => Change::File(Arc::clone(file)),
        Node::Symlink(link) => Change::Symlink(Arc::clone(link)),
        Node::Special(special) => Change::Special(Arc::clone(special)),
    }
}
