//! Content digests of trees: what goes into cache keys.
//!
//! A digest covers type, mode, owner, extended attributes (`security.capability`, and what is neither
//! `security.*` nor `system.*`), a file's length and contents, a link's target, a device's numbers, and
//! for a directory the names and digests of its entries. No mtime, and not the name of what is hashed.
//! A hard link is hashed as the file it is.
//!
//! Files are hashed by the caller: first [`files_without_digest`] or [`selected_files`], to hash them on
//! all cores and remember the results ([`File::digest`]); what then is still without is asked for.

mod changes;
mod hashing;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use super::edit::{Copy, SelectError, Selected, select};
use super::filter::{Filter, FilterAt};
use super::path::{join, split};
use super::{Content, File, Node, Tree};
use crate::{Digest, Hasher};
use hashing::Hashing;

pub use changes::{changes_digest, layer_digest};

/// Digest of a file's contents, from whoever can read them.
pub type FileDigest<'a, E> = dyn FnMut(&Arc<File>) -> Result<Digest, E> + 'a;

/// Why a selection has no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError<E> {
    /// Nothing can be selected.
    #[error(transparent)]
    Select(SelectError),
    /// A file could not be hashed.
    #[error(transparent)]
    File(E),
}

/// The digest of `node` and all below it. `file_digest` is asked for files that have no digest yet
/// and whose contents are not here; the answer is remembered.
pub fn node_digest<E>(node: &Node, file_digest: &mut FileDigest<'_, E>) -> Result<Digest, E> {
    let filter = Filter::default();
    let mut hashing = Hashing { filter: &filter, file_digest };
    hashing.whole(node)
}

/// The digests of what a copy reads: one for each selected path, in the order they are copied, with
/// the path for people. What the patterns leave out has no part in it.
///
/// The path itself is no part of the key: moved files are the same content. A digest covers the base
/// name where the result depends on it and the operation does not say it: behind a wildcard, unless
/// it is a directory that only gives its contents. Of such a directory its own metadata is left out,
/// since the copy does not take it over.
pub fn selection<E>(
    source: &Tree,
    what: &Copy,
    file_digest: &mut FileDigest<'_, E>,
) -> Result<Vec<(Vec<u8>, Digest)>, SelectionError<E>> {
    let filter = filter_of(what).map_err(SelectionError::Select)?;
    let mut hashing = Hashing { filter: &filter, file_digest };
    let mut digests = Vec::new();
    for selected in select(source, what).map_err(SelectionError::Select)? {
        let digest = selected_digest(&selected, what, &mut hashing).map_err(SelectionError::File)?;
        digests.push((selected.path, digest));
    }
    Ok(digests)
}

fn selected_digest<E>(
    selected: &Selected,
    what: &Copy,
    hashing: &mut Hashing<'_, '_, E>,
) -> Result<Digest, E> {
    let contents_only = what.dir_copy_contents && matches!(selected.node, Node::Dir(_));
    let digest = match &selected.node {
        Node::Dir(dir) if contents_only && !what.always_replace => hashing.contents(dir)?,
        node => hashing.whole(node)?,
    };
    let base = split(&selected.path).map(|(_, base)| base).filter(|_| selected.wildcard && !contents_only);
    Ok(match base {
        None => digest,
        Some(base) => {
            let mut named = Hasher::new();
            named.field(b"named");
            named.field(base);
            named.field(digest.as_bytes());
            named.finish()
        }
    })
}

fn filter_of(what: &Copy) -> Result<Filter, SelectError> {
    Ok(Filter::new(&what.include, &what.exclude)?)
}

/// Files below `node` that have no digest and whose contents must be read for one; an inode once.
pub fn files_without_digest(node: &Node) -> Vec<Arc<File>> {
    let mut files = Vec::new();
    each_file(node, &Filter::default(), b"", &FilterAt::default(), &mut |_, file| {
        files.push(Arc::clone(file))
    });
    unhashed(files)
}

/// A file that a copy reads, with its path in the source, without leading `/`.
pub type SelectedFile = (Vec<u8>, Arc<File>);

/// The files that a copy reads, with their paths: to hash those that have no digest, and as components
/// of its key, so that a miss can name the file. An inode with several names is there several times.
pub fn selected_files(source: &Tree, what: &Copy) -> Result<Vec<SelectedFile>, SelectError> {
    let filter = filter_of(what)?;
    let mut files = Vec::new();
    for selected in select(source, what)? {
        each_file(&selected.node, &filter, b"", &FilterAt::default(), &mut |path, file| {
            files.push((join(&selected.path, path), Arc::clone(file)));
        });
    }
    Ok(files)
}

/// Of `files` those whose contents must be read for a digest; an inode once.
pub fn unhashed(files: impl IntoIterator<Item = Arc<File>>) -> Vec<Arc<File>> {
    let (mut nodes, mut groups) = (HashSet::new(), HashSet::new());
    files
        .into_iter()
        .filter(|file| file.digest.get().is_none() && !matches!(file.content, Content::Inline(_)))
        .filter(|file| nodes.insert(Arc::as_ptr(file)) && file.link.is_none_or(|link| groups.insert(link)))
        .collect()
}

fn each_file(
    node: &Node,
    filter: &Filter,
    path: &[u8],
    at: &FilterAt,
    give: &mut dyn FnMut(&[u8], &Arc<File>),
) {
    let dir = match node {
        Node::File(file) => return give(path, file),
        Node::Dir(dir) => dir,
        Node::Symlink(_) | Node::Special(_) => return,
    };
    for (name, node) in &dir.entries {
        let path = join(path, name.as_bytes());
        let verdict = filter.judge(&path, at);
        if verdict.included || (verdict.descend && matches!(node, Node::Dir(_))) {
            each_file(node, filter, &path, &verdict.at, give);
        }
    }
}
