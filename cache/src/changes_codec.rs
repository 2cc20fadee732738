//! A layer's change set as bytes (docs/formats/layer-changes.md).
//!
//! A flat list of entries in depth-first order, each directory saying how many follow in it: neither side
//! recurses, since a step may make directories deeper than a stack.

use std::collections::BTreeMap;
use std::sync::Arc;

use cooperage_image::Digest;
use cooperage_image::tree::{Change, Changes, Content, LayerId, Meta, Name, SpecialKind, Timestamp, Xattrs};
use serde::{Deserialize, Serialize};

mod read;
mod write;

pub(crate) use read::decode;
pub(crate) use write::{Encoded, encode};

/// How a file begins; the last byte is the version of the format.
const MAGIC: [u8; 8] = *b"coopchg\x01";
/// Marks of a directory.
const OPAQUE: u8 = 1;
const IMPLIED: u8 = 2;
/// Length of [`MAGIC`] and of the digest of the rest.
const HEAD_BYTES: usize = 8 + 32;

/// Why bytes are not a change set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodecError {
    /// Written by another version, or not a change set at all.
    #[error("it is not a change set of version 1")]
    Version,
    /// Not the bytes that were written.
    #[error("its bytes have another digest than when it was written")]
    Digest,
    /// The bytes are those that were written, but mean nothing.
    #[error("malformed: {0}")]
    Malformed(&'static str),
}

/// What comes before the entries.
#[derive(Serialize, Deserialize)]
struct Header<'a> {
    /// Layers that contents are in, named by index after.
    layers: Vec<[u8; 32]>,
    root_changed: bool,
    #[serde(borrow)]
    root: DirBody<'a>,
}

/// One entry of the list.
#[derive(Serialize, Deserialize)]
struct Entry<'a> {
    name: &'a [u8],
    #[serde(borrow)]
    body: Body<'a>,
}

#[derive(Serialize, Deserialize)]
enum Body<'a> {
    #[serde(borrow)]
    Dir(DirBody<'a>),
    #[serde(borrow)]
    File(FileBody<'a>),
    Symlink(#[serde(borrow)] MetaBody<'a>, &'a [u8]),
    Special(#[serde(borrow)] MetaBody<'a>, SpecialBody),
    Whiteout,
}

#[derive(Serialize, Deserialize)]
struct DirBody<'a> {
    #[serde(borrow)]
    meta: MetaBody<'a>,
    /// [`OPAQUE`] and [`IMPLIED`], added.
    marks: u8,
    /// Entries of the directory, which follow it, each with all that is below it.
    entries: u64,
}

#[derive(Serialize, Deserialize)]
struct FileBody<'a> {
    #[serde(borrow)]
    meta: MetaBody<'a>,
    size_bytes: u64,
    #[serde(borrow)]
    content: ContentBody<'a>,
    /// Number of the link group in this layer.
    link: Option<u64>,
    digest: Option<[u8; 32]>,
}

#[derive(Serialize, Deserialize)]
enum ContentBody<'a> {
    Inline(&'a [u8]),
    /// In a layer, under the entry's own path.
    Here(u64),
    /// In a layer, under another path.
    There(u64, &'a [u8]),
}

#[derive(Serialize, Deserialize)]
enum SpecialBody {
    CharDevice(u32, u32),
    BlockDevice(u32, u32),
    Fifo,
}

#[derive(Serialize, Deserialize)]
struct MetaBody<'a> {
    mode: u32,
    uid: u32,
    gid: u32,
    secs: i64,
    nanos: u32,
    #[serde(borrow)]
    xattrs: Vec<(&'a [u8], &'a [u8])>,
}

impl From<SpecialKind> for SpecialBody {
    fn from(kind: SpecialKind) -> Self {
        match kind {
            SpecialKind::CharDevice { major, minor } => Self::CharDevice(major, minor),
            SpecialKind::BlockDevice { major, minor } => Self::BlockDevice(major, minor),
            SpecialKind::Fifo => Self::Fifo,
        }
    }
}

impl From<SpecialBody> for SpecialKind {
    fn from(body: SpecialBody) -> Self {
        match body {
            SpecialBody::CharDevice(major, minor) => Self::CharDevice { major, minor },
            SpecialBody::BlockDevice(major, minor) => Self::BlockDevice { major, minor },
            SpecialBody::Fifo => Self::Fifo,
        }
    }
}

impl<'a> MetaBody<'a> {
    fn of(meta: &'a Meta) -> Self {
        let xattrs = meta.xattrs.iter().flat_map(|xattrs| xattrs.iter());
        Self {
            mode: meta.mode,
            uid: meta.uid,
            gid: meta.gid,
            secs: meta.mtime.secs,
            nanos: meta.mtime.nanos,
            xattrs: xattrs.map(|(name, value)| (name.as_bytes(), value.as_slice())).collect(),
        }
    }

    fn into_meta(self) -> Result<Meta, CodecError> {
        if self.nanos >= 1_000_000_000 || self.mode > 0o7777 {
            return Err(CodecError::Malformed("a mode or a time is out of range"));
        }
        let mtime = Timestamp { secs: self.secs, nanos: self.nanos };
        Ok(Meta { mode: self.mode, uid: self.uid, gid: self.gid, mtime, xattrs: xattrs(&self.xattrs)? })
    }
}

fn xattrs(pairs: &[(&[u8], &[u8])]) -> Result<Xattrs, CodecError> {
    if pairs.is_empty() {
        return Ok(None);
    }
    let named = |(key, value): &(&[u8], &[u8])| Ok((name(key)?, value.to_vec()));
    Ok(Some(Arc::new(pairs.iter().map(named).collect::<Result<BTreeMap<_, _>, _>>()?)))
}

fn name(bytes: &[u8]) -> Result<Name, CodecError> {
    Name::new(bytes).map_err(|_| CodecError::Malformed("a name cannot be a file's"))
}

/// Visits every entry of `changes` with its path, parents first.
pub(crate) fn visit(changes: &Changes, mut each: impl FnMut(&[u8], &Change)) {
    let mut path = Vec::new();
    let mut stack = vec![(changes.root.entries.iter(), 0)];
    while let Some((entries, length)) = stack.last_mut() {
        path.truncate(*length);
        let Some((name, change)) = entries.next() else {
            stack.pop();
            continue;
        };
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name.as_bytes());
        each(&path, change);
        if let Change::Dir(directory) = change {
            stack.push((directory.entries.iter(), path.len()));
        }
    }
}

/// Whether `content`, of a file that is being recorded as part of the layer `id`, is in that layer itself.
pub(crate) fn is_own(content: &Content, id: &LayerId) -> bool {
    match content {
        Content::Inline(_) => false,
        Content::Local { .. } => true,
        Content::Layer { layer, .. } => layer == id,
    }
}

/// The digest whose digits are the layer's ID: how files and the database name it.
pub(crate) fn layer_digest(id: &LayerId) -> Digest {
    format!("sha256:{id}").parse().expect("a layer's ID is 64 hexadecimal digits")
}

fn seal(body: Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(Digest::of(&body).as_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

fn unseal(bytes: &[u8]) -> Result<&[u8], CodecError> {
    let rest = bytes.strip_prefix(&MAGIC).ok_or(CodecError::Version)?;
    let (digest, body) = rest.split_first_chunk::<32>().ok_or(CodecError::Digest)?;
    if Digest::of(body).as_bytes() != digest {
        return Err(CodecError::Digest);
    }
    Ok(body)
}

#[cfg(test)]
mod tests;
