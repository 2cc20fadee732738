//! Merging a source entry into what the destination has at its place.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::super::filter::{Filter, FilterAt};
use super::super::super::path::{components, display, join};
use super::super::super::{Dir, File, LinkGroup, MAX_DEPTH, Meta, Name, Node, Special, Symlink, Xattrs};
use super::super::place::PlaceError;
use super::{Copy, CopyError};

/// The merge of one selected path.
pub(super) struct Merge<'a> {
    what: &'a Copy,
    filter: Filter,
    /// The new group of each source group with several names below the selected path.
    links: HashMap<LinkGroup, LinkGroup>,
    /// Some source file has a group, if only with names elsewhere: its copy must not have it.
    linked: bool,
    /// For messages.
    target: &'a [u8],
}

/// A directory's place in a merge.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// The selected directory itself: one that exists keeps its metadata.
    Top,
    /// Below it.
    Below,
}

impl<'a> Merge<'a> {
    pub(super) fn new(what: &'a Copy, target: &'a [u8], source: &Node) -> Result<Self, CopyError> {
        let filter = Filter::new(&what.include, &what.exclude)
            .map_err(|source| CopyError::Pattern { dest: display(&what.dest), source })?;
        let mut names = HashMap::new();
        let height = count_links(source, &mut names);
        // The selected directory itself is the target.
        if components(target).len() + height.saturating_sub(1) > MAX_DEPTH {
            let place = |source| CopyError::Place { dest: display(&what.dest), source };
            return Err(place(PlaceError::TooDeep));
        }
        let linked = !names.is_empty();
        let several = names.into_iter().filter(|(_, count)| *count > 1);
        let links = several.map(|(group, _)| (group, LinkGroup::fresh())).collect();
        Ok(Self { what, filter, links, linked, target })
    }

    /// What the selected `source` and what is at its target make. Patterns are not asked about it.
    pub(super) fn top(&mut self, source: &Node, target: Option<&Node>) -> Result<Node, CopyError> {
        match source {
            Node::Dir(dir) => {
                let dir = self.dir(dir, target, b"", &FilterAt::default(), true, Depth::Top)?;
                Ok(Node::Dir(dir.expect("a directory that is included itself is always made")))
            }
            other => self.leaf(other, target, b""),
        }
    }

    /// An entry of a copied directory; `None` if the patterns leave it out.
    fn below(
        &mut self,
        source: &Node,
        target: Option<&Node>,
        path: &[u8],
        above: &FilterAt,
    ) -> Result<Option<Node>, CopyError> {
        let verdict = self.filter.judge(path, above);
        match source {
            Node::Dir(dir) if verdict.included || verdict.descend => {
                if target.is_none() && self.is_shared_as_it_is() {
                    return Ok(Some(source.clone()));
                }
                let dir = self.dir(dir, target, path, &verdict.at, verdict.included, Depth::Below)?;
                Ok(dir.map(Node::Dir))
            }
            Node::Dir(_) => Ok(None),
            other if verdict.included => self.leaf(other, target, path).map(Some),
            _ => Ok(None),
        }
    }

    /// Whether a directory whose place is free is in the result as it is in the source.
    fn is_shared_as_it_is(&self) -> bool {
        let Copy { owner, mode, timestamp, .. } = self.what;
        self.filter.is_open() && !self.linked && owner.is_none() && mode.is_none() && timestamp.is_none()
    }

    /// A directory. One that is not included itself is made, with its own metadata, for what is
    /// included below it; `None` if that is nothing.
    fn dir(
        &mut self,
        source: &Dir,
        target: Option<&Node>,
        path: &[u8],
        at: &FilterAt,
        included: bool,
        depth: Depth,
    ) -> Result<Option<Arc<Dir>>, CopyError> {
        let (old, obstacle) = match target {
            Some(Node::Dir(old)) => (Some(old), false),
            Some(_) => (None, !self.what.always_replace),
            None => (None, false),
        };
        let non_directory = || CopyError::NonDirectory { path: display(&join(self.target, path)) };
        if obstacle && included {
            return Err(non_directory());
        }
        let mut copied = Vec::new();
        for (name, node) in &source.entries {
            let below = join(path, name.as_bytes());
            let place = old.and_then(|old| old.entries.get(name));
            if let Some(node) = self.below(node, place, &below, at)? {
                copied.push((name.clone(), node));
            }
        }
        if !included && copied.is_empty() {
            return Ok(None);
        }
        if obstacle {
            return Err(CopyError::NonDirectory { path: display(&join(self.target, path)) });
        }
        let meta = self.dir_meta(&source.meta, old.map(|old| &old.meta), included, depth);
        let mut entries = old.map(|old| old.entries.clone()).unwrap_or_default();
        entries.extend(copied);
        Ok(Some(Arc::new(Dir { meta, entries })))
    }

    fn dir_meta(&self, source: &Meta, old: Option<&Meta>, included: bool, depth: Depth) -> Meta {
        match old {
            None => self.changed(source, true),
            Some(old) if depth == Depth::Top => {
                Meta { mtime: self.what.timestamp.unwrap_or(source.mtime), ..old.clone() }
            }
            Some(old) if included => {
                Meta { xattrs: merged(&old.xattrs, &source.xattrs), ..self.changed(source, true) }
            }
            // On the way to something included: the reference takes over the mode and nothing else.
            Some(old) => Meta { mode: source.mode, ..old.clone() },
        }
    }

    /// Anything but a directory: it replaces what is there, unless that is a directory.
    fn leaf(&self, source: &Node, target: Option<&Node>, path: &[u8]) -> Result<Node, CopyError> {
        if matches!(target, Some(Node::Dir(_))) && !self.what.always_replace {
            return Err(CopyError::ReplaceDirectory { path: display(&join(self.target, path)) });
        }
        Ok(match source {
            Node::File(file) => Node::File(self.file(file)),
            Node::Symlink(link) => {
                // The kernel has no mode for links.
                let meta = Meta { mode: link.meta.mode, ..self.changed(&link.meta, false) };
                Node::Symlink(Arc::new(Symlink { meta, target: Arc::clone(&link.target) }))
            }
            Node::Special(special) => {
                let meta = self.changed(&special.meta, false);
                Node::Special(Arc::new(Special { meta, kind: special.kind }))
            }
            Node::Dir(_) => source.clone(),
        })
    }

    fn file(&self, file: &Arc<File>) -> Arc<File> {
        let meta = self.changed(&file.meta, false);
        let link = file.link.and_then(|link| self.links.get(&link)).copied();
        if meta == file.meta && link == file.link {
            return Arc::clone(file);
        }
        Arc::new(File {
            meta,
            size_bytes: file.size_bytes,
            content: file.content.clone(),
            link,
            digest: file.digest.clone(),
        })
    }

    /// The metadata of a copy.
    fn changed(&self, source: &Meta, is_dir: bool) -> Meta {
        let (uid, gid) = self.what.owner.unwrap_or((source.uid, source.gid));
        let mode = self.what.mode.as_ref().map_or(source.mode, |change| change.apply(source.mode, is_dir));
        let mtime = self.what.timestamp.unwrap_or(source.mtime);
        Meta { mode, uid, gid, mtime, xattrs: source.xattrs.clone() }
    }
}

/// Attributes of a directory that exists are added to, never removed.
fn merged(old: &Xattrs, new: &Xattrs) -> Xattrs {
    let (Some(old), Some(new)) = (old, new) else { return new.clone().or_else(|| old.clone()) };
    let mut all = old.as_ref().clone();
    all.extend(new.iter().map(|(name, value): (&Name, _)| (name.clone(), value.clone())));
    Some(Arc::new(all))
}

/// Counts the names of linked files below `node`; returns how many directories are within each other there.
fn count_links(node: &Node, names: &mut HashMap<LinkGroup, usize>) -> usize {
    match node {
        Node::Dir(dir) => {
            1 + dir.entries.values().map(|node| count_links(node, names)).max().unwrap_or_default()
        }
        Node::File(file) => {
            if let Some(link) = file.link {
                *names.entry(link).or_default() += 1;
            }
            0
        }
        Node::Symlink(_) | Node::Special(_) => 0,
    }
}
