//! The bytes that are hashed for an entry. A change here is a new version of every key.

use std::sync::Arc;

use super::super::filter::{Filter, FilterAt};
use super::super::path::join;
use super::super::{Content, Dir, File, Meta, Node, Special, SpecialKind, Symlink};
use super::FileDigest;
use crate::{Digest, Hasher};

/// Hashes the part of a tree that a filter lets through.
pub(super) struct Hashing<'a, 'f, E> {
    pub(super) filter: &'a Filter,
    pub(super) file_digest: &'a mut FileDigest<'f, E>,
}

impl<E> Hashing<'_, '_, E> {
    /// `node` itself, whatever the patterns say of it, and what they let through below.
    pub(super) fn whole(&mut self, node: &Node) -> Result<Digest, E> {
        match node {
            Node::Dir(dir) => {
                let children = self.children(dir, b"", &FilterAt::default())?;
                Ok(dir_digest(Some(&dir.meta), &children))
            }
            leaf => self.leaf(leaf),
        }
    }

    /// What is in `dir`, without its own metadata.
    pub(super) fn contents(&mut self, dir: &Dir) -> Result<Digest, E> {
        let children = self.children(dir, b"", &FilterAt::default())?;
        Ok(dir_digest(None, &children))
    }

    fn children<'d>(&mut self, dir: &'d Dir, path: &[u8], at: &FilterAt) -> Result<Children<'d>, E> {
        let mut children = Vec::with_capacity(dir.entries.len());
        for (name, node) in &dir.entries {
            let path = join(path, name.as_bytes());
            let verdict = self.filter.judge(&path, at);
            match node {
                Node::Dir(dir) if verdict.included || verdict.descend => {
                    let below = self.children(dir, &path, &verdict.at)?;
                    if verdict.included || !below.is_empty() {
                        children.push((name.as_bytes(), dir_digest(Some(&dir.meta), &below)));
                    }
                }
                Node::Dir(_) => {}
                leaf if verdict.included => children.push((name.as_bytes(), self.leaf(leaf)?)),
                _ => {}
            }
        }
        Ok(children)
    }

    fn leaf(&mut self, node: &Node) -> Result<Digest, E> {
        let mut hasher = Hasher::new();
        match node {
            Node::File(file) => {
                let digest = contents_digest(file, self.file_digest)?;
                hash_file(&mut hasher, file, &digest);
            }
            Node::Symlink(link) => hash_symlink(&mut hasher, link),
            Node::Special(special) => hash_special(&mut hasher, special),
            Node::Dir(dir) => return self.contents(dir),
        }
        Ok(hasher.finish())
    }
}

/// Names and digests, sorted by name.
pub(super) type Children<'a> = Vec<(&'a [u8], Digest)>;

pub(super) fn dir_digest(meta: Option<&Meta>, children: &Children<'_>) -> Digest {
    let mut hasher = Hasher::new();
    match meta {
        Some(meta) => hash_meta(&mut hasher, b"dir", meta),
        None => hasher.field(b"contents"),
    }
    for (name, digest) in children {
        hasher.field(name);
        hasher.update(digest.as_bytes());
    }
    hasher.finish()
}

/// The digest of a file's contents: remembered, made from what is here, or asked for.
pub(super) fn contents_digest<E>(file: &Arc<File>, file_digest: &mut FileDigest<'_, E>) -> Result<Digest, E> {
    if let Some(known) = file.digest.get() {
        return Ok(*known);
    }
    let digest = match &file.content {
        Content::Inline(bytes) => Digest::of(bytes),
        _ => file_digest(file)?,
    };
    Ok(*file.digest.get_or_init(|| digest))
}

pub(super) fn hash_file(hasher: &mut Hasher, file: &File, contents: &Digest) {
    hash_meta(hasher, b"file", &file.meta);
    hasher.update(&file.size_bytes.to_le_bytes());
    hasher.update(contents.as_bytes());
}

pub(super) fn hash_symlink(hasher: &mut Hasher, link: &Symlink) {
    hash_meta(hasher, b"link", &link.meta);
    hasher.field(&link.target);
}

pub(super) fn hash_special(hasher: &mut Hasher, special: &Special) {
    let (kind, major, minor) = match special.kind {
        SpecialKind::CharDevice { major, minor } => (&b"char"[..], major, minor),
        SpecialKind::BlockDevice { major, minor } => (&b"block"[..], major, minor),
        SpecialKind::Fifo => (&b"fifo"[..], 0, 0),
    };
    hash_meta(hasher, kind, &special.meta);
    hasher.update(&major.to_le_bytes());
    hasher.update(&minor.to_le_bytes());
}

/// Type, permissions, owner and attributes; no time.
pub(super) fn hash_meta(hasher: &mut Hasher, kind: &[u8], meta: &Meta) {
    hasher.field(kind);
    for number in [meta.mode, meta.uid, meta.gid] {
        hasher.update(&number.to_le_bytes());
    }
    let attributes =
        || meta.xattrs.iter().flat_map(|xattrs| xattrs.iter()).filter(|(name, _)| counts(name.as_bytes()));
    hasher.update(&(attributes().count() as u64).to_le_bytes());
    for (name, value) in attributes() {
        hasher.field(name.as_bytes());
        hasher.field(value);
    }
}

/// Whether an attribute is content: labels and ACLs are the machine's.
fn counts(name: &[u8]) -> bool {
    name == b"security.capability" || !(name.starts_with(b"security.") || name.starts_with(b"system."))
}
