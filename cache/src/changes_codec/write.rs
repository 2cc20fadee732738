//! A change set to bytes.

use std::collections::HashMap;

use cooperage_image::tree::{Change, ChangeDir, Changes, Content, File, LayerId, LinkGroup};

use super::{
    Body, ContentBody, DirBody, Entry, FileBody, Header, IMPLIED, MetaBody, OPAQUE, is_own, layer_digest,
    seal, visit,
};

/// A change set as bytes, with what the store needs to know of it.
pub(crate) struct Encoded {
    /// The file.
    pub(crate) bytes: Vec<u8>,
    /// Other layers that contents are in.
    pub(crate) needs: Vec<LayerId>,
    /// Whether any content is in the layer itself.
    pub(crate) own_files: bool,
    /// About what the layer's directory takes on a disk; more than that if files have holes.
    pub(crate) files_size_bytes: u64,
}

/// Encodes `changes` as those of the layer `id`. Contents in local directories become its own.
pub(crate) fn encode(id: &LayerId, changes: &Changes) -> Encoded {
    let mut list = EntryList { id, layers: vec![id.clone()], groups: HashMap::new(), bytes: Vec::new() };
    let (mut own_files, mut files_size_bytes) = (false, BLOCK_BYTES);
    visit(changes, |path, change| {
        if let Change::File(file) = change {
            own_files |= is_own(&file.content, id);
        }
        files_size_bytes = files_size_bytes.saturating_add(disk_size(change, &list.groups));
        list.push(path, change);
    });
    let header = Header {
        layers: list.layers.iter().map(|layer| *layer_digest(layer).as_bytes()).collect(),
        root_changed: changes.root_changed,
        root: dir_body(&changes.root),
    };
    let mut body = postcard::to_stdvec(&header).expect(ENCODES);
    body.extend_from_slice(&list.bytes);
    let needs = list.layers.split_off(1);
    Encoded { bytes: seal(body), needs, own_files, files_size_bytes }
}

const ENCODES: &str = "bytes, numbers and lists always encode into memory";
const BLOCK_BYTES: u64 = 4096;

struct EntryList<'a> {
    id: &'a LayerId,
    /// The layer itself first.
    layers: Vec<LayerId>,
    groups: HashMap<LinkGroup, u64>,
    bytes: Vec<u8>,
}

impl EntryList<'_> {
    fn push(&mut self, path: &[u8], change: &Change) {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        let body = match change {
            Change::Dir(dir) => Body::Dir(dir_body(dir)),
            Change::File(file) => Body::File(self.file_body(path, file)),
            Change::Symlink(link) => Body::Symlink(MetaBody::of(&link.meta), &link.target),
            Change::Special(special) => Body::Special(MetaBody::of(&special.meta), special.kind.into()),
            Change::Whiteout => Body::Whiteout,
        };
        let bytes = std::mem::take(&mut self.bytes);
        self.bytes = postcard::to_extend(&Entry { name, body }, bytes).expect(ENCODES);
    }

    fn file_body<'f>(&mut self, path: &[u8], file: &'f File) -> FileBody<'f> {
        let content = match &file.content {
            Content::Inline(bytes) => ContentBody::Inline(bytes),
            Content::Local { .. } => ContentBody::Here(0),
            Content::Layer { layer, path: at } => {
                let index = self.layer_index(layer);
                if **at == *path { ContentBody::Here(index) } else { ContentBody::There(index, at) }
            }
        };
        let next = self.groups.len() as u64;
        let link = file.link.map(|group| *self.groups.entry(group).or_insert(next));
        let digest = file.digest.get().map(|digest| *digest.as_bytes());
        FileBody { meta: MetaBody::of(&file.meta), size_bytes: file.size_bytes, content, link, digest }
    }

    fn layer_index(&mut self, layer: &LayerId) -> u64 {
        if layer == self.id {
            return 0;
        }
        // Neighbours are mostly of the same layer, and a layer copies from few others.
        let known = self.layers.iter().rposition(|known| known == layer);
        let index = known.unwrap_or_else(|| {
            self.layers.push(layer.clone());
            self.layers.len() - 1
        });
        index as u64
    }
}

fn dir_body(dir: &ChangeDir) -> DirBody<'_> {
    let marks = u8::from(dir.opaque) * OPAQUE + u8::from(dir.implied) * IMPLIED;
    DirBody { meta: MetaBody::of(&dir.meta), marks, entries: dir.entries.len() as u64 }
}

fn disk_size(change: &Change, seen: &HashMap<LinkGroup, u64>) -> u64 {
    match change {
        Change::Dir(_) => BLOCK_BYTES,
        Change::File(file) if file.link.is_some_and(|group| seen.contains_key(&group)) => 0,
        Change::File(file) => file.size_bytes.saturating_add(BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES,
        Change::Symlink(_) | Change::Special(_) | Change::Whiteout => 0,
    }
}
