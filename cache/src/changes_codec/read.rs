//! Bytes to a change set.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use cooperage_image::Digest;
use cooperage_image::tree::{
    Change, ChangeDir, Changes, Content, File, LayerId, LinkGroup, Meta, Name, Special, Symlink,
};
use serde::Deserialize;

use super::{Body, CodecError, ContentBody, DirBody, Entry, FileBody, Header, IMPLIED, OPAQUE, name, unseal};

/// The change set of the layer `id` that `bytes` encode, and the number of its entries.
pub(crate) fn decode(id: &LayerId, bytes: &[u8]) -> Result<(Changes, usize), CodecError> {
    let (header, mut rest) = take::<Header<'_>>(unseal(bytes)?)?;
    let layers: Vec<_> = header.layers.iter().map(|bytes| LayerId::of(&Digest::from_bytes(*bytes))).collect();
    if layers.first() != Some(id) {
        return Err(CodecError::Malformed("it is of another layer"));
    }
    let mut reader = Reader { layers, groups: HashMap::new(), path: Vec::new(), entries: 0 };
    let root_changed = header.root_changed;
    // The root's frame has a name that nobody reads.
    let mut stack = vec![Frame::open(Name::new(b"root").expect("a plain name"), header.root, 0)?];
    loop {
        let frame = stack.last_mut().expect("the root's frame returns from the loop");
        if frame.missing > 0 {
            frame.missing -= 1;
            let (entry, after) = take::<Entry<'_>>(rest)?;
            rest = after;
            if let Some(inner) = reader.entry(frame, entry)? {
                stack.push(inner);
            }
            continue;
        }
        let done = stack.pop().expect("it was there above");
        let (name, dir) = done.close();
        match stack.last_mut() {
            Some(parent) => parent.entries.push((name, Change::Dir(dir))),
            None if rest.is_empty() => return Ok((Changes { root: dir, root_changed }, reader.entries)),
            None => return Err(CodecError::Malformed("there is more than its root has")),
        }
    }
}

/// A directory whose entries are being read.
struct Frame {
    name: Name,
    meta: Meta,
    marks: u8,
    missing: u64,
    entries: Vec<(Name, Change)>,
    /// Length of the directory's path.
    path_len: usize,
}

impl Frame {
    fn open(name: Name, body: DirBody<'_>, path_len: usize) -> Result<Self, CodecError> {
        let meta = body.meta.into_meta()?;
        if body.marks > OPAQUE + IMPLIED {
            return Err(CodecError::Malformed("a directory has an unknown mark"));
        }
        Ok(Self { name, meta, marks: body.marks, missing: body.entries, entries: Vec::new(), path_len })
    }

    fn close(self) -> (Name, ChangeDir) {
        let entries = self.entries.into_iter().collect();
        let (opaque, implied) = (self.marks & OPAQUE != 0, self.marks & IMPLIED != 0);
        (self.name, ChangeDir { meta: self.meta, implied, opaque, entries })
    }
}

struct Reader {
    layers: Vec<LayerId>,
    groups: HashMap<u64, LinkGroup>,
    path: Vec<u8>,
    entries: usize,
}

impl Reader {
    /// Adds an entry to its directory, or begins a directory.
    fn entry(&mut self, frame: &mut Frame, entry: Entry<'_>) -> Result<Option<Frame>, CodecError> {
        self.entries += 1;
        let name = name(entry.name)?;
        if frame.entries.last().is_some_and(|(last, _)| *last >= name) {
            return Err(CodecError::Malformed("its names are not in order"));
        }
        self.path.truncate(frame.path_len);
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(name.as_bytes());
        let change = match entry.body {
            Body::Dir(body) => return Frame::open(name, body, self.path.len()).map(Some),
            Body::File(body) => Change::File(Arc::new(self.file(body)?)),
            Body::Symlink(meta, target) => {
                Change::Symlink(Arc::new(Symlink { meta: meta.into_meta()?, target: target.into() }))
            }
            Body::Special(meta, kind) => {
                Change::Special(Arc::new(Special { meta: meta.into_meta()?, kind: kind.into() }))
            }
            Body::Whiteout => Change::Whiteout,
        };
        frame.entries.push((name, change));
        Ok(None)
    }

    fn file(&mut self, body: FileBody<'_>) -> Result<File, CodecError> {
        let content = match body.content {
            ContentBody::Inline(bytes) => Content::Inline(bytes.into()),
            ContentBody::Here(index) => {
                Content::Layer { layer: self.layer(index)?, path: self.path.as_slice().into() }
            }
            ContentBody::There(index, path) => {
                Content::Layer { layer: self.layer(index)?, path: path.into() }
            }
        };
        let digest = OnceLock::new();
        if let Some(bytes) = body.digest {
            digest.get_or_init(|| Digest::from_bytes(bytes));
        }
        let link = body.link.map(|number| *self.groups.entry(number).or_insert_with(LinkGroup::fresh));
        Ok(File { meta: body.meta.into_meta()?, size_bytes: body.size_bytes, content, link, digest })
    }

    fn layer(&self, index: u64) -> Result<LayerId, CodecError> {
        let index = usize::try_from(index).ok();
        index
            .and_then(|index| self.layers.get(index))
            .cloned()
            .ok_or(CodecError::Malformed("it names a layer that is not in its list"))
    }
}

fn take<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, &'a [u8]), CodecError> {
    postcard::take_from_bytes(bytes).map_err(|_| CodecError::Malformed("it ends early or has odd bytes"))
}
