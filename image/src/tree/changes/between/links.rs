//! Hard links of two trees, compared by name: a group's identity says nothing across trees.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::super::super::path::components;
use super::super::super::{Dir, File, LinkGroup, Node, Tree};
use super::super::{Change, ChangeDir, ChangeRef, Changes};
use super::same_but_links;

/// The paths of each group, in order.
type Names = HashMap<LinkGroup, Vec<Vec<u8>>>;

/// The groups of an old and a new tree; read only when a link makes it necessary.
pub(super) struct Links<'a> {
    old: &'a Tree,
    new: &'a Tree,
    old_names: OnceCell<Names>,
    new_names: OnceCell<Names>,
}

impl<'a> Links<'a> {
    pub(super) fn new(old: &'a Tree, new: &'a Tree) -> Self {
        Self { old, new, old_names: OnceCell::new(), new_names: OnceCell::new() }
    }

    /// Whether the file at `path`, alike in all else, has the same names as before, apart from those
    /// that are gone or are another file now.
    pub(super) fn same(&self, old: Option<LinkGroup>, new: Option<LinkGroup>, path: &[u8]) -> bool {
        if old == new {
            return true;
        }
        let before = names_of(&self.old_names, self.old, old, path);
        let after = names_of(&self.new_names, self.new, new, path);
        before.into_iter().filter(|name| self.is_kept(name)).eq(after)
    }

    fn is_kept(&self, path: &[u8]) -> bool {
        match (self.old.get(path), self.new.get(path)) {
            (Some(Node::File(old)), Some(Node::File(new))) => same_but_links(&old, &new) == Some(true),
            _ => false,
        }
    }

    /// Adds to `changes` every name of the groups that are in it.
    pub(super) fn complete(&self, changes: &mut Changes) {
        let linked = changes.entries().filter_map(|entry| match entry.what {
            ChangeRef::File(file) => file.link.map(|link| (link, entry.path)),
            _ => None,
        });
        let linked: Vec<_> = linked.collect();
        for (link, path) in linked {
            for name in names_of(&self.new_names, self.new, Some(link), &path) {
                if let Some(Node::File(file)) = self.new.get(&name) {
                    insert(&mut changes.root, self.new.root(), &components(&name), &file);
                }
            }
        }
    }
}

fn names_of(cell: &OnceCell<Names>, tree: &Tree, link: Option<LinkGroup>, path: &[u8]) -> Vec<Vec<u8>> {
    let Some(link) = link else { return vec![path.to_vec()] };
    let names = cell.get_or_init(|| {
        let mut names = Names::new();
        collect(tree.root(), &mut Vec::new(), &mut names);
        names
    });
    names.get(&link).cloned().unwrap_or_default()
}

fn collect(dir: &Dir, path: &mut Vec<u8>, names: &mut Names) {
    for (name, node) in &dir.entries {
        let length = path.len();
        if length > 0 {
            path.push(b'/');
        }
        path.extend_from_slice(name.as_bytes());
        match node {
            Node::Dir(dir) => collect(dir, path, names),
            Node::File(file) => {
                if let Some(link) = file.link {
                    names.entry(link).or_default().push(path.clone());
                }
            }
            Node::Symlink(_) | Node::Special(_) => {}
        }
        path.truncate(length);
    }
}

/// Puts `file` at `path` unless a change is there, with the directories above it.
fn insert(changes: &mut ChangeDir, new: &Dir, path: &[&[u8]], file: &Arc<File>) {
    let Some((first, rest)) = path.split_first() else { return };
    let Some((name, node)) = new.entries.get_key_value(*first) else { return };
    match node {
        Node::Dir(dir) => {
            let above = changes.entries.entry(name.clone()).or_insert_with(|| on_the_way(dir));
            if let Change::Dir(above) = above {
                insert(above, dir, rest, file);
            }
        }
        _ => {
            changes.entries.entry(name.clone()).or_insert_with(|| Change::File(Arc::clone(file)));
        }
    }
}

fn on_the_way(dir: &Dir) -> Change {
    Change::Dir(ChangeDir { meta: dir.meta.clone(), implied: false, opaque: false, entries: BTreeMap::new() })
}
