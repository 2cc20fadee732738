//! Small values that the suites put into stores.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use cooperage_cache::DiskStore;
use cooperage_image::Digest;
use cooperage_image::tree::{
    Change, ChangeDir, Changes, Content, File, Fingerprint, LayerId, Meta, Name, Timestamp,
};
use cooperage_llb::key::{Component, Key, KeyKind, ResultId};
use cooperage_llb::ports::result_index::{Chain, StepResult};
use cooperage_llb::ports::{BlobStore, CacheMounts, ImageNames, LayerStore, ResultIndex, StatCache, Upkeep};

/// All ports of one store.
pub(crate) trait Store:
    BlobStore + LayerStore + ResultIndex + StatCache + ImageNames + Upkeep + CacheMounts + Send + Sync
{
}

impl<T: BlobStore + LayerStore + ResultIndex + StatCache + ImageNames + Upkeep + CacheMounts> Store for T {}

/// A store with the directory that it lives in, which goes with it.
pub(crate) struct Disk {
    pub(crate) directory: tempfile::TempDir,
}

impl Disk {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn root(&self) -> std::path::PathBuf {
        self.directory.path().join("root")
    }

    pub(crate) fn open(&self) -> DiskStore {
        DiskStore::open(&self.root()).unwrap()
    }

    /// A store in a root that nothing has.
    pub(crate) fn fresh(&self) -> DiskStore {
        let root = tempfile::Builder::new().tempdir_in(self.directory.path()).unwrap().keep();
        DiskStore::open(&root).unwrap()
    }
}

pub(crate) fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

pub(crate) fn layer(text: &str) -> LayerId {
    LayerId::of(&digest(text))
}

pub(crate) fn time(secs: i64) -> Timestamp {
    Timestamp { secs, nanos: 7 }
}

pub(crate) fn fingerprint(secs: i64) -> Fingerprint {
    Fingerprint { dev: 1, inode: 2, size_bytes: 3, mtime: time(secs), ctime: time(secs) }
}

pub(crate) fn file(content: Content) -> Change {
    let size_bytes = match &content {
        Content::Inline(bytes) => bytes.len() as u64,
        Content::Local { .. } | Content::Layer { .. } => 3,
    };
    let meta = Meta::new(0o644, time(1));
    Change::File(Arc::new(File { meta, size_bytes, content, link: None, digest: OnceLock::new() }))
}

pub(crate) fn local() -> Content {
    Content::Local { path: std::path::Path::new("/somewhere").into(), seen: fingerprint(1) }
}

pub(crate) fn inside(id: &LayerId, path: &str) -> Content {
    Content::Layer { layer: id.clone(), path: path.as_bytes().into() }
}

/// A change set with these entries at the top.
pub(crate) fn changes(entries: &[(&str, Change)]) -> Changes {
    let entries: BTreeMap<_, _> =
        entries.iter().map(|(name, change)| (Name::new(name.as_bytes()).unwrap(), change.clone())).collect();
    let root = ChangeDir { meta: Meta::new(0o755, time(1)), implied: false, opaque: false, entries };
    Changes { root, root_changed: true }
}

pub(crate) fn key(kind: KeyKind, components: &[(&str, &str)]) -> Key {
    let component =
        |(name, value): &(&str, &str)| Component { name: (*name).to_owned(), digest: digest(value) };
    Key::new(kind, components.iter().map(component).collect())
}

/// A result of one output.
pub(crate) fn result(name: &str, layers: &[&LayerId]) -> StepResult {
    let layers = layers.iter().map(|id| (*id).clone()).collect();
    StepResult { id: ResultId(digest(name)), outputs: vec![Chain { layers }] }
}

/// Puts a layer of one file with a directory that has it.
pub(crate) fn put_layer(store: &dyn Store, name: &str, contents: &[u8]) -> LayerId {
    let id = layer(name);
    LayerStore::put(store, &id, &changes(&[("file", file(local()))])).unwrap();
    let workspace = store.workspace().unwrap();
    let fs = workspace.path().join("fs");
    std::fs::create_dir(&fs).unwrap();
    std::fs::write(fs.join("file"), contents).unwrap();
    store.put_directory(&id, &*workspace, "fs".as_ref()).unwrap();
    id
}

pub(crate) fn put_bytes(store: &dyn BlobStore, bytes: &[u8]) -> Digest {
    store.put(bytes).unwrap()
}
