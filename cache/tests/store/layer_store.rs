//! What every layer store does.

use std::fs;
use std::sync::Arc;

use cooperage_image::media_type::{Compression, OCI_LAYER_GZIP};
use cooperage_image::tree::{Change, Content, LayerId, LinkGroup, Name};
use cooperage_image::{Descriptor, DiffId};
use cooperage_llb::ports::layer_store::{BlobForm, LayerBlob};
use cooperage_llb::ports::{LayerStore, StoreError};

use crate::samples::{Disk, Store, changes, digest, file, inside, layer, local, put_bytes, put_layer, time};

/// The contract of [`LayerStore`].
pub(crate) fn layer_store_suite<S: Store>(make: impl Fn() -> S) {
    workspaces_go_with_their_guard(&make());
    contents_of_a_walk_become_the_layers(&make());
    a_layer_is_put_once(&make());
    a_directory_needs_changes(&make());
    the_first_directory_stays(&make());
    blobs_by_form(&make());
    hard_links_stay_together(&make());
}

fn workspaces_go_with_their_guard(store: &impl Store) {
    let (one, other) = (store.workspace().unwrap(), store.workspace().unwrap());
    assert_ne!(one.path(), other.path());
    assert!(one.path().is_absolute());
    assert_eq!(fs::read_dir(one.path()).unwrap().count(), 0);
    let deep = one.path().join("a/b/c");
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("file"), "x").unwrap();
    let path = one.path().to_owned();
    drop(one);
    assert!(!path.exists());
}

fn contents_of_a_walk_become_the_layers(store: &impl Store) {
    let (id, other) = (layer("l"), layer("other"));
    let inline = Content::Inline(b"abc"[..].into());
    let put = changes(&[
        ("local", file(local())),
        ("inline", file(inline.clone())),
        ("elsewhere", file(inside(&other, "x/y"))),
        ("moved", file(inside(&id, "x/y"))),
        ("gone", Change::Whiteout),
    ]);
    assert!(store.changes(&id).unwrap().is_none());
    LayerStore::put(store, &id, &put).unwrap();
    let got = store.changes(&id).unwrap().unwrap();
    let content = |name: &str| match &got.root.entries[name.as_bytes()] {
        Change::File(file) => file.content.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(content("local"), inside(&id, "local"));
    assert_eq!(content("inline"), inline);
    assert_eq!(content("elsewhere"), inside(&other, "x/y"));
    assert_eq!(content("moved"), inside(&id, "x/y"));
    assert!(matches!(got.root.entries[&b"gone"[..]], Change::Whiteout));
    assert_eq!((got.root.entries.len(), got.root_changed), (5, true));
    assert_eq!(got.root.meta, put.root.meta);
}

fn a_layer_is_put_once(store: &impl Store) {
    let id = layer("l");
    LayerStore::put(store, &id, &changes(&[("a", Change::Whiteout)])).unwrap();
    LayerStore::put(store, &id, &changes(&[("a", Change::Whiteout)])).unwrap();
    assert_eq!(store.changes(&id).unwrap().unwrap().root.entries.len(), 1);
    assert_eq!(store.directory(&id).unwrap(), None);
    assert_eq!(store.blobs(&id).unwrap(), []);
}

fn a_directory_needs_changes(store: &impl Store) {
    let workspace = store.workspace().unwrap();
    fs::create_dir(workspace.path().join("fs")).unwrap();
    let error = store.put_directory(&layer("unknown"), &*workspace, "fs".as_ref()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert_eq!(store.directory(&layer("unknown")).unwrap(), None);
}

fn the_first_directory_stays(store: &impl Store) {
    let id = put_layer(store, "l", b"first");
    let directory = store.directory(&id).unwrap().unwrap();
    assert_eq!(fs::read(directory.join("file")).unwrap(), b"first");
    put_layer(store, "l", b"second");
    assert_eq!(store.directory(&id).unwrap().unwrap(), directory);
    assert_eq!(fs::read(directory.join("file")).unwrap(), b"first");
}

fn blobs_by_form(store: &impl Store) {
    let id = layer("l");
    LayerStore::put(store, &id, &changes(&[])).unwrap();
    let form = |epoch| BlobForm { compression: Compression::Gzip, epoch };
    let blob = |text: &str, origin: Option<&str>| LayerBlob {
        descriptor: Descriptor::of(OCI_LAYER_GZIP, text.as_bytes()),
        diff_id: DiffId(digest("diff")),
        origin: origin.map(|origin| origin.parse().unwrap()),
    };
    store.put_blob(&id, &form(None), &blob("a", Some("host.example/a:1"))).unwrap();
    store.put_blob(&id, &form(Some(time(5))), &blob("b", None)).unwrap();
    // The same blob once more, by somebody who does not know where it came from.
    store.put_blob(&id, &form(None), &blob("a", None)).unwrap();
    let mut found = store.blobs(&id).unwrap();
    found.sort_by_key(|(form, _)| *form);
    assert_eq!(
        found,
        [(form(None), blob("a", Some("host.example/a:1"))), (form(Some(time(5))), blob("b", None))]
    );
    // One that is here is worth more than one that is not.
    put_bytes(store, b"b");
    store.put_blob(&id, &form(Some(time(5))), &blob("c", None)).unwrap();
    assert!(store.blobs(&id).unwrap().contains(&(form(Some(time(5))), blob("b", None))));
}

fn hard_links_stay_together(store: &impl Store) {
    let id = layer("l");
    let linked = |group| match file(local()) {
        Change::File(file) => {
            let file = Arc::try_unwrap(file).unwrap();
            Change::File(Arc::new(cooperage_image::tree::File { link: Some(group), ..file }))
        }
        other => panic!("{other:?}"),
    };
    let (one, two) = (LinkGroup::fresh(), LinkGroup::fresh());
    let put = changes(&[("a", linked(one)), ("b", linked(two)), ("c", linked(one))]);
    LayerStore::put(store, &id, &put).unwrap();
    let got = store.changes(&id).unwrap().unwrap();
    let group = |name: &str| match &got.root.entries[&Name::new(name.as_bytes()).unwrap()] {
        Change::File(file) => file.link.unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(group("a"), group("c"));
    assert_ne!(group("a"), group("b"));
}

#[test]
fn on_disk() {
    let disk = Disk::new();
    layer_store_suite(|| disk.fresh());
}

#[test]
fn a_second_opening_sees_what_the_first_put() {
    let disk = Disk::new();
    let id: LayerId = put_layer(&disk.open(), "l", b"bytes");
    let store = disk.open();
    let directory = store.directory(&id).unwrap().unwrap();
    assert_eq!(fs::read(directory.join("file")).unwrap(), b"bytes");
    assert_eq!(store.changes(&id).unwrap().unwrap().root.entries.len(), 1);
}

#[test]
fn in_memory() {
    layer_store_suite(cooperage_cache::memory::MemoryStore::new);
}
