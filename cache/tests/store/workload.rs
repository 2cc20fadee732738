//! A small build that any number of processes run on one root, and that knows what must be in it.

use std::fs;
use std::io::Write;
use std::slice::from_ref;

use cooperage_cache::DiskStore;
use cooperage_image::media_type::{Compression, OCI_LAYER, OCI_MANIFEST};
use cooperage_image::tree::{Changes, Content, Fingerprint};
use cooperage_image::{Descriptor, DiffId, Digest};
use cooperage_llb::key::{Key, KeyKind};
use cooperage_llb::ports::layer_store::{BlobForm, LayerBlob};
use cooperage_llb::ports::result_index::StepResult;
use cooperage_llb::ports::{
    BlobStore, CacheMounts, CancelToken, ImageNames, LayerStore, ResultIndex, Sharing, StatCache,
};

use crate::samples::{changes, digest, file, fingerprint, inside, key, layer, local, put_bytes, result};

/// What step `n` writes.
fn contents(n: u64) -> Vec<u8> {
    (0..20_000 + n * 100).map(|at| (at * (n + 3) % 251) as u8).collect()
}

fn step_key(n: u64) -> Key {
    key(KeyKind::Definition, &[("op", &format!("step {n}"))])
}

fn step_result(n: u64) -> StepResult {
    result(&format!("step {n}"), &[&layer(&format!("layer {n}"))])
}

/// Step `n` has a file of its own and one that is in the layer of step `n - 1`.
fn step_changes(n: u64) -> Changes {
    let mut entries = vec![("file", file(local()))];
    if n > 0 {
        entries.push(("copy", file(inside(&layer(&format!("layer {}", n - 1)), "file"))));
    }
    changes(&entries)
}

const FORM: BlobForm = BlobForm { compression: Compression::Uncompressed, epoch: None };

/// Runs the steps below `steps` that are not in the cache, and checks those that are; how many ran.
pub(crate) fn build(store: &DiskStore, steps: u64) -> u64 {
    let mut ran = 0;
    for n in 0..steps {
        let k = step_key(n);
        if store.lookup(k.digest()).unwrap().is_none() {
            let lock = store.lock(k.digest(), &CancelToken::new()).unwrap().unwrap();
            if store.lookup(k.digest()).unwrap().is_none() {
                run(store, n, &k);
                ran += 1;
            }
            drop(lock);
        }
        assert_eq!(store.lookup(k.digest()).unwrap(), Some(step_result(n)), "step {n}");
    }
    name_an_image(store, steps);
    // All of it is held by now, whatever others remove.
    for n in 0..steps {
        check(store, n);
    }
    ran
}

fn run(store: &DiskStore, n: u64, k: &Key) {
    let id = layer(&format!("layer {n}"));
    let workspace = store.workspace().unwrap();
    let fs = workspace.path().join("fs");
    fs::create_dir(&fs).unwrap();
    fs::write(fs.join("file"), contents(n)).unwrap();
    LayerStore::put(store, &id, &step_changes(n)).unwrap();
    store.put_directory(&id, &*workspace, "fs".as_ref()).unwrap();
    let mut writer = store.writer().unwrap();
    for part in contents(n).chunks(777) {
        writer.write_all(part).unwrap();
    }
    let (blob, size) = writer.commit(None).unwrap();
    let descriptor = Descriptor::new(OCI_LAYER, blob, size);
    store.put_blob(&id, &FORM, &LayerBlob { descriptor, diff_id: DiffId(blob), origin: None }).unwrap();
    let mount = store.cache_mount("mount", Sharing::Locked, &CancelToken::new()).unwrap().unwrap();
    fs::write(mount.path().join(n.to_string()), "x").unwrap();
    assert_eq!(
        store
            .record(
                k.components().first().map(|part| &part.digest).unwrap(),
                "RUN",
                from_ref(k),
                &step_result(n)
            )
            .unwrap(),
        step_result(n)
    );
}

fn name_an_image(store: &DiskStore, steps: u64) {
    let manifest = put_bytes(store, format!("image of {steps}").as_bytes());
    store.set(&"app".parse().unwrap(), &Descriptor::new(OCI_MANIFEST, manifest, 10)).unwrap();
    let folder = store.path().parent().unwrap();
    let entry: (Fingerprint, Digest) = (fingerprint(steps.cast_signed()), digest("x"));
    store.save(folder, &[(b"file".to_vec(), entry)].into(), std::time::SystemTime::now()).unwrap();
    store.load(folder).unwrap();
}

/// That all of step `n` is there and right.
pub(crate) fn check(store: &DiskStore, n: u64) {
    let id = layer(&format!("layer {n}"));
    let got = store.changes(&id).unwrap().unwrap_or_else(|| panic!("no changes of step {n}"));
    assert_eq!(got.root.entries.len(), step_changes(n).root.entries.len());
    let directory = store.directory(&id).unwrap().unwrap_or_else(|| panic!("no directory of step {n}"));
    assert!(fs::read(directory.join("file")).unwrap() == contents(n), "step {n}");
    let blob = Digest::of(&contents(n));
    if let [(_, known)] = &store.blobs(&id).unwrap()[..] {
        assert_eq!(known.descriptor.digest, blob);
        // A collection may have taken it before the layer, which has a directory, was held.
        let bytes = store.read(&blob, 1 << 20).unwrap();
        assert!(bytes.is_none_or(|bytes| bytes == contents(n)), "blob of step {n}");
    }
}

/// Checks whatever a root has after its users were killed: what it says it has is right. Gives back how
/// many steps it has.
pub(crate) fn verify(store: &DiskStore, steps: u64) -> u64 {
    let mut found = 0;
    for n in 0..steps {
        if store.lookup(step_key(n).digest()).unwrap().is_some() {
            found += 1;
            check(store, n);
            if n > 0 {
                let needed = store.directory(&layer(&format!("layer {}", n - 1))).unwrap();
                assert!(needed.is_some(), "step {n} copies a file that is gone");
            }
        }
    }
    for entry in fs::read_dir(store.path().join("blobs/sha256")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let digest: Digest = format!("sha256:{name}").parse().unwrap();
        assert_eq!(Digest::of(&fs::read(entry.path()).unwrap()), digest, "{name}");
        assert!(BlobStore::open(store, &digest).unwrap().is_some());
    }
    for (_, image) in store.list().unwrap() {
        assert!(BlobStore::open(store, &image.digest).unwrap().is_some(), "a name leads nowhere");
    }
    found
}

#[test]
fn a_second_build_runs_nothing() {
    let disk = crate::samples::Disk::new();
    assert_eq!(build(&disk.open(), 5), 5);
    let store = disk.open();
    assert_eq!(build(&store, 5), 0);
    let held = match &store.changes(&layer("layer 1")).unwrap().unwrap().root.entries[&b"copy"[..]] {
        cooperage_image::tree::Change::File(file) => file.content.clone(),
        other => panic!("{other:?}"),
    };
    assert!(matches!(held, Content::Layer { layer: of, .. } if of == layer("layer 0")));
}
