//! What every result index does.

use std::slice::from_ref;
use std::sync::atomic::{AtomicU32, Ordering};

use cooperage_image::media_type::{Compression, OCI_LAYER_GZIP};
use cooperage_image::{Descriptor, DiffId};
use cooperage_llb::key::KeyKind::{Content, Definition};
use cooperage_llb::ports::layer_store::{BlobForm, LayerBlob};
use cooperage_llb::ports::result_index::Difference;
use cooperage_llb::ports::{CancelToken, LayerStore};

use crate::samples::{
    Disk, Store, changes, digest, file, inside, key, layer, local, put_bytes, put_layer, result,
};

/// The contract of [`ResultIndex`].
pub(crate) fn result_index_suite<S: Store>(make: impl Fn() -> S) {
    a_recorded_result_is_found(&make());
    who_comes_second_adopts(&make());
    a_layer_must_be_to_be_had(&make());
    candidates_are_newest_first(&make());
    digests_are_remembered(&make());
    misses_are_explained(&make());
    one_key_is_worked_on_once(&make());
    a_lock_can_be_given_up(&make());
}

fn a_recorded_result_is_found(store: &impl Store) {
    let id = put_layer(store, "l", b"x");
    let (definition, content) = (key(Definition, &[("op", "o")]), key(Content, &[("op", "o")]));
    assert_eq!(store.lookup(definition.digest()).unwrap(), None);
    let made = result("r", &[&id]);
    let keys = [definition.clone(), content.clone()];
    assert_eq!(store.record(&digest("o"), "RUN x", &keys, &made).unwrap(), made);
    assert_eq!(store.lookup(definition.digest()).unwrap(), Some(made.clone()));
    assert_eq!(store.lookup(content.digest()).unwrap(), Some(made));
    let scratch = result("scratch", &[]);
    let empty = key(Definition, &[("op", "empty")]);
    store.record(&digest("empty"), "FROM scratch", from_ref(&empty), &scratch).unwrap();
    assert_eq!(store.lookup(empty.digest()).unwrap(), Some(scratch));
}

fn who_comes_second_adopts(store: &impl Store) {
    let id = put_layer(store, "l", b"x");
    let other = put_layer(store, "other", b"y");
    let (one, two) = (key(Definition, &[("op", "1")]), key(Content, &[("op", "2")]));
    let (first, second) = (result("first", &[&id]), result("second", &[&other]));
    store.record(&digest("o"), "s", from_ref(&two), &first).unwrap();
    let kept = store.record(&digest("o"), "s", &[one.clone(), two.clone()], &second).unwrap();
    assert_eq!(kept, first);
    assert_eq!(store.lookup(one.digest()).unwrap(), Some(first.clone()));
    assert_eq!(store.lookup(two.digest()).unwrap(), Some(first));
}

/// A record that leads to nothing is a miss, and is replaced by one that leads to something.
fn a_layer_must_be_to_be_had(store: &impl Store) {
    let needed = layer("needed");
    let id = layer("l");
    let k = key(Definition, &[("op", "o")]);
    let lost = result("lost", &[&id]);
    let found = |expected: bool, why: &str| {
        assert_eq!(store.lookup(k.digest()).unwrap().is_some(), expected, "{why}");
    };
    store.record(&digest("o"), "s", from_ref(&k), &lost).unwrap();
    found(false, "no change set");
    LayerStore::put(store, &id, &changes(&[("own", file(local())), ("copy", file(inside(&needed, "file")))]))
        .unwrap();
    found(false, "no bytes of its own");
    let form = BlobForm { compression: Compression::Gzip, epoch: None };
    let blob = LayerBlob {
        descriptor: Descriptor::of(OCI_LAYER_GZIP, b"blob"),
        diff_id: DiffId(digest("diff")),
        origin: None,
    };
    store.put_blob(&id, &form, &blob).unwrap();
    found(false, "a blob that is nowhere");
    put_bytes(store, b"blob");
    found(false, "a needed layer is missing");
    put_layer(store, "needed", b"x");
    found(true, "all is there");
    let far = layer("far");
    let k = key(Definition, &[("op", "far")]);
    LayerStore::put(store, &far, &changes(&[("own", file(local()))])).unwrap();
    let far_result = result("far", &[&far]);
    store.record(&digest("far"), "s", from_ref(&k), &lost_of("far2")).unwrap();
    assert_eq!(store.record(&digest("far"), "s", from_ref(&k), &far_result).unwrap(), far_result);
    assert_eq!(store.lookup(k.digest()).unwrap(), None);
    let origin = Some("host.example/a:1".parse().unwrap());
    store
        .put_blob(
            &far,
            &form,
            &LayerBlob { descriptor: Descriptor::of(OCI_LAYER_GZIP, b"far"), origin, ..blob },
        )
        .unwrap();
    assert_eq!(store.lookup(k.digest()).unwrap(), Some(far_result));
}

fn lost_of(name: &str) -> cooperage_llb::ports::result_index::StepResult {
    result(name, &[&layer(name)])
}

fn candidates_are_newest_first(store: &impl Store) {
    let id = put_layer(store, "l", b"x");
    let op = digest("op");
    for n in ["1", "2", "3", "4"] {
        store.record(&op, "s", &[key(Definition, &[("input 0", n)])], &result(n, &[&id])).unwrap();
    }
    store.record(&op, "s", &[key(Definition, &[("input 0", "5")])], &lost_of("5")).unwrap();
    let found = store.candidates(&op, 3).unwrap();
    let names: Vec<_> = found.iter().map(|candidate| candidate.result.id.0).collect();
    assert_eq!(names, ["4", "3", "2"].map(digest));
    assert_eq!(found[0].key, key(Definition, &[("input 0", "4")]));
    assert_eq!(store.candidates(&digest("other"), 3).unwrap(), []);
    assert_eq!(store.candidates(&op, 0).unwrap(), []);
}

fn digests_are_remembered(store: &impl Store) {
    assert_eq!(store.recall(&digest("what")).unwrap(), None);
    store.remember(&digest("what"), &digest("a")).unwrap();
    assert_eq!(store.recall(&digest("what")).unwrap(), Some(digest("a")));
    store.remember(&digest("what"), &digest("b")).unwrap();
    assert_eq!(store.recall(&digest("what")).unwrap(), Some(digest("b")));
}

fn misses_are_explained(store: &impl Store) {
    let old = key(Definition, &[("op", "o"), ("src/a", "1"), ("src/b", "1")]);
    let new = key(Definition, &[("op", "o"), ("src/a", "2"), ("src/c", "1")]);
    assert_eq!(store.explain("COPY src", &new).unwrap(), []);
    store
        .record(&digest("o"), "COPY src", &[key(Definition, &[("op", "older")])], &result("0", &[]))
        .unwrap();
    store.record(&digest("o"), "COPY src", &[old], &result("1", &[])).unwrap();
    store.record(&digest("o"), "COPY src", &[key(Content, &[("op", "c")])], &result("2", &[])).unwrap();
    let expected = [
        Difference::Changed("src/a".to_owned()),
        Difference::Added("src/c".to_owned()),
        Difference::Removed("src/b".to_owned()),
    ];
    assert_eq!(store.explain("COPY src", &new).unwrap(), expected);
    assert_eq!(store.explain("COPY other", &new).unwrap(), []);
}

fn one_key_is_worked_on_once(store: &impl Store) {
    let stop = CancelToken::new();
    let inside = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let guard = store.lock(&digest("key"), &stop).unwrap().unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    std::thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(guard);
                }
            });
        }
    });
    let _one = store.lock(&digest("key"), &stop).unwrap().unwrap();
    let _other = store.lock(&digest("another key"), &stop).unwrap().unwrap();
}

fn a_lock_can_be_given_up(store: &impl Store) {
    let held = store.lock(&digest("key"), &CancelToken::new()).unwrap().unwrap();
    let stop = CancelToken::new();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| store.lock(&digest("key"), &stop).unwrap().is_none());
        std::thread::sleep(std::time::Duration::from_millis(20));
        stop.cancel();
        assert!(waiting.join().unwrap());
    });
    drop(held);
    assert!(store.lock(&digest("key"), &stop).unwrap().is_none());
}

#[test]
fn on_disk() {
    let disk = Disk::new();
    result_index_suite(|| disk.fresh());
}

#[test]
fn in_memory() {
    result_index_suite(cooperage_cache::memory::MemoryStore::new);
}
