//! Digests of layers.

use std::collections::HashMap;

use super::super::{Change, ChangeDir, ChangeRef, Changes, LinkGroup, Meta};
use super::FileDigest;
use super::hashing::{contents_digest, hash_file, hash_meta, hash_special, hash_symlink};
use crate::{Digest, Hasher};

/// The content digest of a layer, by the rules of this module: no mtime, so fit for a key.
pub fn changes_digest<E>(changes: &Changes, file_digest: &mut FileDigest<'_, E>) -> Result<Digest, E> {
    LayerHashing { exact: None, file_digest }.layer(changes)
}

/// The identity of a layer: its content digest and what else its tar depends on, mtimes, extended
/// attributes of every kind and which names are one inode. Not fit for a key.
pub fn layer_digest<E>(changes: &Changes, file_digest: &mut FileDigest<'_, E>) -> Result<Digest, E> {
    LayerHashing { exact: Some(Links::of(changes)), file_digest }.layer(changes)
}

/// The groups that have several names in a layer, numbered in its order.
struct Links(HashMap<LinkGroup, u64>);

impl Links {
    fn of(changes: &Changes) -> Self {
        let (mut seen, mut numbers) = (HashMap::new(), HashMap::new());
        for entry in changes.entries() {
            if let ChangeRef::File(file) = entry.what
                && let Some(link) = file.link
            {
                let names: &mut u64 = seen.entry(link).or_default();
                *names += 1;
                if *names == 2 {
                    let next = numbers.len() as u64 + 1;
                    numbers.insert(link, next);
                }
            }
        }
        Self(numbers)
    }
}

struct LayerHashing<'a, 'f, E> {
    /// If the layer's identity is wanted.
    exact: Option<Links>,
    file_digest: &'a mut FileDigest<'f, E>,
}

impl<E> LayerHashing<'_, '_, E> {
    fn layer(&mut self, changes: &Changes) -> Result<Digest, E> {
        let mut hasher = Hasher::new();
        hasher.field(b"layer");
        if changes.root_changed {
            self.meta(&mut hasher, b"dir", &changes.root.meta);
        }
        hasher.field(self.contents(&changes.root)?.as_bytes());
        Ok(hasher.finish())
    }

    fn contents(&mut self, dir: &ChangeDir) -> Result<Digest, E> {
        let mut hasher = Hasher::new();
        hasher.field(if dir.opaque { b"opaque" } else { b"merge" });
        for (name, change) in &dir.entries {
            hasher.field(name.as_bytes());
            hasher.update(self.change(change)?.as_bytes());
        }
        Ok(hasher.finish())
    }

    fn change(&mut self, change: &Change) -> Result<Digest, E> {
        let mut hasher = Hasher::new();
        match change {
            Change::Whiteout => hasher.field(b"whiteout"),
            Change::Dir(dir) => {
                if dir.implied {
                    hasher.field(b"implied");
                } else {
                    self.meta(&mut hasher, b"dir", &dir.meta);
                }
                hasher.field(self.contents(dir)?.as_bytes());
            }
            Change::File(file) => {
                let digest = contents_digest(file, self.file_digest)?;
                hash_file(&mut hasher, file, &digest);
                self.more(&mut hasher, &file.meta);
                if let (Some(Links(numbers)), Some(link)) = (&self.exact, file.link) {
                    hasher.update(&numbers.get(&link).copied().unwrap_or(0).to_le_bytes());
                }
            }
            Change::Symlink(link) => {
                hash_symlink(&mut hasher, link);
                self.more(&mut hasher, &link.meta);
            }
            Change::Special(special) => {
                hash_special(&mut hasher, special);
                self.more(&mut hasher, &special.meta);
            }
        }
        Ok(hasher.finish())
    }

    fn meta(&self, hasher: &mut Hasher, kind: &[u8], meta: &Meta) {
        hash_meta(hasher, kind, meta);
        self.more(hasher, meta);
    }

    /// What a layer's identity has and its content has not.
    fn more(&self, hasher: &mut Hasher, meta: &Meta) {
        if self.exact.is_none() {
            return;
        }
        hasher.update(&meta.mtime.secs.to_le_bytes());
        hasher.update(&meta.mtime.nanos.to_le_bytes());
        let xattrs = meta.xattrs.iter().flat_map(|xattrs| xattrs.iter());
        hasher.update(&(xattrs.clone().count() as u64).to_le_bytes());
        for (name, value) in xattrs {
            hasher.field(name.as_bytes());
            hasher.field(value);
        }
    }
}
