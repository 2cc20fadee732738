//! What every store's usage and collection do.

use std::slice::from_ref;

use cooperage_image::media_type::{Compression, Family, OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST};
use cooperage_image::{Descriptor, DiffId, Manifest};
use cooperage_llb::key::KeyKind::Definition;
use cooperage_llb::ports::layer_store::{BlobForm, LayerBlob};
use cooperage_llb::ports::upkeep::{PruneRequest, UsageKind};
use cooperage_llb::ports::{BlobStore, CancelToken, LayerStore, Sharing, Upkeep};

use crate::image_names::name;
use crate::samples::{Disk, Store, changes, digest, file, inside, key, layer, put_bytes, put_layer, result};

/// The contract of [`Upkeep`]. `make` gives a store that holds nothing and a way to open it again, after
/// which what was put before is held by nobody.
pub(crate) fn upkeep_suite<S: Store, R: Fn() -> S>(make: impl Fn() -> R) {
    what_is_held_stays(&make());
    what_nobody_holds_goes(&make());
    needed_layers_stay_with_what_needs_them(&make());
    images_stay_until_all_goes(&make());
    a_cap_spares_what_was_used_last(&make());
}

const NOTHING_NAMED: PruneRequest = PruneRequest { all: false, keep_bytes: None };
const ALL: PruneRequest = PruneRequest { all: true, keep_bytes: None };

fn kinds(store: &impl Upkeep) -> Vec<UsageKind> {
    let mut kinds: Vec<_> = store.usage().unwrap().into_iter().map(|record| record.kind).collect();
    kinds.sort();
    kinds
}

fn what_is_held_stays<S: Store>(open: &impl Fn() -> S) {
    let store = open();
    let id = put_layer(&store, "l", b"x");
    let blob = put_bytes(&store, b"blob");
    let mount = store.cache_mount("id", Sharing::Shared, &CancelToken::new()).unwrap().unwrap();
    assert!(store.usage().unwrap().iter().all(|record| record.in_use));
    assert_eq!(store.prune(&ALL).unwrap().removed, []);
    assert!(store.directory(&id).unwrap().is_some());
    assert!(BlobStore::open(&store, &blob).unwrap().is_some());
    assert!(mount.path().is_dir());
}

fn what_nobody_holds_goes<S: Store>(open: &impl Fn() -> S) {
    let k = key(Definition, &[("op", "o")]);
    let store = open();
    let id = put_layer(&store, "l", b"x");
    put_bytes(&store, b"blob");
    drop(store.cache_mount("id", Sharing::Shared, &CancelToken::new()).unwrap().unwrap());
    store.record(&digest("o"), "RUN x", from_ref(&k), &result("r", &[&id])).unwrap();
    drop(store);
    let store = open();
    let usage = store.usage().unwrap();
    let step = usage.iter().find(|record| record.kind == UsageKind::Layer).unwrap();
    assert_eq!((step.description.as_str(), step.in_use, step.id.as_str()), ("RUN x", false, id.as_str()));
    assert_eq!(kinds(&store), [UsageKind::Layer, UsageKind::Blob, UsageKind::CacheMount]);
    let report = store.prune(&NOTHING_NAMED).unwrap();
    assert_eq!(report.removed.len(), 3);
    assert_eq!(report.freed_bytes, usage.iter().map(|record| record.size_bytes).sum::<u64>());
    assert_eq!(store.usage().unwrap(), []);
    assert_eq!(store.lookup(k.digest()).unwrap(), None);
    assert!(store.changes(&id).unwrap().is_none());
    assert_eq!(store.directory(&id).unwrap(), None);
    assert_eq!(put_layer(&store, "l", b"again"), id);
    store.record(&digest("o"), "RUN x", from_ref(&k), &result("r", &[&id])).unwrap();
    assert!(store.lookup(k.digest()).unwrap().is_some());
}

fn needed_layers_stay_with_what_needs_them<S: Store>(open: &impl Fn() -> S) {
    let store = open();
    let needed = put_layer(&store, "needed", b"x");
    put_layer(&store, "unneeded", b"x");
    let id = layer("l");
    LayerStore::put(&store, &id, &changes(&[("copy", file(inside(&needed, "file")))])).unwrap();
    let k = key(Definition, &[("op", "o")]);
    store.record(&digest("o"), "COPY", from_ref(&k), &result("r", &[&id])).unwrap();
    drop(store);
    let store = open();
    assert!(store.lookup(k.digest()).unwrap().is_some());
    let report = store.prune(&ALL).unwrap();
    assert_eq!(
        report.removed.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(),
        [layer("unneeded").as_str()]
    );
    assert!(store.directory(&needed).unwrap().is_some());
}

fn images_stay_until_all_goes<S: Store>(open: &impl Fn() -> S) {
    let store = open();
    let config = put_bytes(&store, b"{}");
    let bytes = put_bytes(&store, b"layer");
    put_bytes(&store, b"unneeded");
    let layers = vec![Descriptor::new(OCI_LAYER_GZIP, bytes, 5)];
    let manifest = Manifest::new(Family::Oci, Descriptor::new(OCI_CONFIG, config, 2), layers).to_bytes();
    let target = put_bytes(&store, &manifest);
    let form = BlobForm { compression: Compression::Gzip, epoch: None };
    let blob = LayerBlob {
        descriptor: Descriptor::of(OCI_LAYER_GZIP, b"layer"),
        diff_id: DiffId(digest("diff")),
        origin: None,
    };
    store.put_blob(&put_layer(&store, "l", b"x"), &form, &blob).unwrap();
    store.set(&name("app"), &Descriptor::new(OCI_MANIFEST, target, manifest.len() as u64)).unwrap();
    drop(store);
    let store = open();
    assert_eq!(store.prune(&NOTHING_NAMED).unwrap().removed.len(), 2);
    assert!(store.usage().unwrap().iter().all(|record| record.in_use && record.kind == UsageKind::Blob));
    assert_eq!(store.usage().unwrap().len(), 3);
    drop(store);
    let store = open();
    assert_eq!(store.prune(&ALL).unwrap().removed.len(), 3);
    assert_eq!(store.list().unwrap(), []);
    assert_eq!(store.usage().unwrap(), []);
}

fn a_cap_spares_what_was_used_last<S: Store>(open: &impl Fn() -> S) {
    let blobs: Vec<_> = (0..4).map(|n| vec![n; 1000]).collect();
    for blob in &blobs {
        put_bytes(&open(), blob);
        std::thread::sleep(std::time::Duration::from_millis(3));
    }
    let oldest = cooperage_image::Digest::of(&blobs[0]);
    assert_eq!(open().size_bytes(&oldest).unwrap(), Some(1000));
    let store = open();
    let keep = |keep_bytes| PruneRequest { all: false, keep_bytes: Some(keep_bytes) };
    assert_eq!(store.prune(&keep(4000)).unwrap().removed, []);
    let report = store.prune(&keep(2500)).unwrap();
    assert_eq!(report.freed_bytes, 2000);
    let left: Vec<_> = store.usage().unwrap().into_iter().map(|record| record.id).collect();
    assert!(left.contains(&oldest.to_string()));
    assert!(left.contains(&cooperage_image::Digest::of(&blobs[3]).to_string()));
}

#[test]
fn on_disk() {
    upkeep_suite(|| {
        let disk = Disk::new();
        move || disk.open()
    });
}

#[test]
fn in_memory() {
    upkeep_suite(|| {
        let store = cooperage_cache::memory::MemoryStore::new();
        move || store.reopen()
    });
}
