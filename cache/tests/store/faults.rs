//! What the world does to a disk's store: full and read-only file systems, damage, power failures, other
//! versions, other tools.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::slice::from_ref;

use cooperage_cache::DiskStore;
use cooperage_image::Digest;
use cooperage_image::media_type::{Family, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST};
use cooperage_image::{Descriptor, Manifest};
use cooperage_llb::key::KeyKind::Definition;
use cooperage_llb::ports::upkeep::{PruneRequest, UsageKind};
use cooperage_llb::ports::{BlobStore, ImageNames, LayerStore, ResultIndex, StoreError, Upkeep};
use rusqlite::Connection;

use crate::image_names::name;
use crate::samples::{Disk, digest, key, layer, put_bytes, put_layer, result};
use crate::workload::{build, verify};

fn open_error(root: &Path) -> StoreError {
    match DiskStore::open(root) {
        Ok(_) => panic!("{} opens", root.display()),
        Err(error) => error,
    }
}

fn database(disk: &Disk) -> Connection {
    Connection::open(disk.root().join("cache.db")).unwrap()
}

/// Every file below a directory with its bytes.
fn everything(root: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { left.push(path) } else { found.push((path.clone(), fs::read(&path).unwrap())) }
        }
    }
    found.sort();
    found
}

#[test]
fn a_newer_store_is_left_alone() {
    let disk = Disk::new();
    build(&disk.open(), 2);
    fs::write(disk.root().join("version"), "2\n").unwrap();
    let before = everything(&disk.root());
    let error = open_error(&disk.root());
    assert_eq!(
        error.to_string(),
        format!(
            "the store {} has format 2, this cooper knows 1: use a newer cooper or another --root",
            disk.root().display()
        )
    );
    assert_eq!(everything(&disk.root()), before);
}

#[test]
fn a_root_behind_a_link_is_a_root() {
    let disk = Disk::new();
    fs::create_dir(disk.directory.path().join("real")).unwrap();
    std::os::unix::fs::symlink("real", disk.directory.path().join("link")).unwrap();
    let root = disk.directory.path().join("link/root");
    let digest = put_bytes(&DiskStore::open(&root).unwrap(), b"x");
    let real = DiskStore::open(&disk.directory.path().join("real/root")).unwrap();
    assert_eq!(real.size_bytes(&digest).unwrap(), Some(1));
}

#[test]
fn a_newer_index_is_refused() {
    let disk = Disk::new();
    build(&disk.open(), 2);
    database(&disk).pragma_update(None, "user_version", 9).unwrap();
    assert!(matches!(open_error(&disk.root()), StoreError::Newer { found: 9, known: 1, .. }));
}

#[test]
fn a_garbage_version_says_what_to_do() {
    let disk = Disk::new();
    drop(disk.open());
    fs::write(disk.root().join("version"), "").unwrap();
    let error = open_error(&disk.root());
    assert!(error.to_string().contains("it says \"\" instead of 1; if "), "{error}");
}

#[test]
fn a_garbage_index_says_what_to_do_and_doing_it_helps() {
    let disk = Disk::new();
    build(&disk.open(), 3);
    let path = disk.root().join("cache.db");
    // Also the log, which would repair the head of the file.
    fs::remove_file(disk.root().join("cache.db-wal")).unwrap();
    fs::write(&path, vec![b'x'; 8192]).unwrap();
    let error = open_error(&disk.root());
    let advice = format!("remove it and the files named {}-*", path.display());
    assert!(matches!(error, StoreError::Damaged { .. }) && error.to_string().contains(&advice), "{error}");
    for entry in fs::read_dir(disk.root()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with("cache.db") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    let store = disk.open();
    // Images are not lost: blobs are verified and taken up again.
    let (_, image) = store.list().unwrap().pop().unwrap();
    assert_eq!(store.read(&image.digest, 100).unwrap().unwrap(), b"image of 3");
    assert_eq!(build(&store, 3), 3);
    verify(&store, 3);
}

#[test]
fn a_damaged_change_set_is_a_layer_that_is_not_there() {
    for damage in [&b""[..], b"coopchg\x01", b"garbage"] {
        let disk = Disk::new();
        build(&disk.open(), 2);
        let path = disk.root().join("layers").join(layer("layer 1").as_str()).join("changes");
        let mut bytes = fs::read(&path).unwrap();
        let length = bytes.len();
        bytes.splice(..damage.len().max(1), damage.iter().copied());
        // Once of another length, once of the same.
        bytes.resize(if damage.is_empty() { length - 1 } else { length }, 0);
        bytes[length / 2] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let store = disk.open();
        assert!(store.changes(&layer("layer 1")).unwrap().is_none());
        drop(store);
        let store = disk.open();
        assert_eq!(build(&store, 2), 1);
        verify(&store, 2);
    }
}

/// Rows of another boot are what a power failure leaves; their files may be anything.
#[test]
fn after_a_power_failure_nothing_is_believed_unverified() {
    let disk = Disk::new();
    let good = digest("good");
    {
        let store = disk.open();
        build(&store, 4);
        assert_eq!(put_bytes(&store, b"good"), good);
        put_bytes(&store, b"torn");
    }
    database(&disk)
        .execute_batch(
            "UPDATE blob SET boot = 'x'; UPDATE layer SET changes_boot = 'x', directory_boot = 'x'",
        )
        .unwrap();
    let blobs = disk.root().join("blobs/sha256");
    fs::write(blobs.join(digest("torn").hex()), b"\0\0\0\0").unwrap();
    let torn = disk.root().join("layers").join(layer("layer 2").as_str()).join("changes");
    let length = fs::metadata(&torn).unwrap().len();
    fs::write(&torn, vec![0; usize::try_from(length).unwrap()]).unwrap();
    let store = disk.open();
    assert_eq!(store.read(&good, 10).unwrap().unwrap(), b"good");
    assert!(BlobStore::open(&store, &digest("torn")).unwrap().is_none());
    assert!(!blobs.join(digest("torn").hex()).exists());
    assert_eq!(store.directory(&layer("layer 0")).unwrap(), None);
    assert!(store.changes(&layer("layer 0")).unwrap().is_some());
    let key = key(Definition, &[("op", "step 2")]);
    assert_eq!(store.lookup(key.digest()).unwrap(), None);
    // Their bytes are there as blobs, so the others are hits.
    let key = crate::samples::key(Definition, &[("op", "step 1")]);
    assert!(store.lookup(key.digest()).unwrap().is_some());
}

#[test]
fn what_was_synced_is_believed_after_a_boot() {
    let disk = Disk::new();
    build(&disk.open(), 2);
    database(&disk).execute_batch("UPDATE blob SET used = 1000; UPDATE layer SET used = 1000").unwrap();
    drop(disk.open());
    let unsynced = || -> u32 {
        let sql = "SELECT (SELECT count(*) FROM blob WHERE boot IS NOT NULL)
                   + (SELECT count(*) FROM layer WHERE changes_boot IS NOT NULL OR directory_boot IS NOT NULL)";
        database(&disk).query_row(sql, [], |row| row.get(0)).unwrap()
    };
    // The sync runs beside the build and ends when it ends.
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while unsynced() > 0 {
        assert!(std::time::Instant::now() < end, "{} files are still unsynced", unsynced());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn other_tools_read_the_layout() {
    let disk = Disk::new();
    let store = disk.open();
    let config =
        br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"config":{}}"#;
    let mut tar = vec![0u8; 1024];
    tar.resize(10240, 0);
    let layer = Descriptor::new(OCI_LAYER, put_bytes(&store, &tar), 10240);
    let config = config.as_slice().to_vec();
    let text = String::from_utf8(config).unwrap().replace("[]", &format!("[\"{}\"]", layer.digest));
    let config = Descriptor::new(OCI_CONFIG, put_bytes(&store, text.as_bytes()), text.len() as u64);
    let manifest = Manifest::new(Family::Oci, config, vec![layer]).to_bytes();
    let target = Descriptor::new(OCI_MANIFEST, put_bytes(&store, &manifest), manifest.len() as u64);
    store.set(&name("app:1"), &target).unwrap();
    store.set(&name("other:1"), &target).unwrap();
    let Ok(output) = Command::new("skopeo")
        .arg("inspect")
        .arg(format!("oci:{}:docker.io/library/app:1", disk.root().display()))
        .output()
    else {
        assert!(std::env::var_os("CI").is_none(), "skopeo is missing");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains(&target.digest.to_string()));
}

#[test]
fn leftovers_are_seen_and_removed() {
    let disk = Disk::new();
    let store = disk.open();
    let dead = disk.root().join("tmp/99999-dead");
    fs::create_dir_all(dead.join("workspace-1/work")).unwrap();
    fs::write(dead.join("lease"), "x").unwrap();
    fs::write(dead.join("blob-1"), vec![1; 5000]).unwrap();
    fs::write(disk.root().join("tmp/stray"), "x").unwrap();
    fs::write(disk.root().join("blobs/sha256/not-a-digest"), "x").unwrap();
    fs::create_dir_all(disk.root().join("layers").join(digest("orphan").hex()).join("fs")).unwrap();
    fs::write(disk.root().join("locks/keys").join(digest("lock").hex()), "").unwrap();
    let usage = store.usage().unwrap();
    let left: Vec<_> = usage.iter().filter(|record| record.kind == UsageKind::Leftover).collect();
    assert_eq!(left.len(), 2);
    assert!(left[0].id == "tmp/99999-dead" && left[0].size_bytes > 5000, "{left:?}");
    let report = store.prune(&PruneRequest::default()).unwrap();
    assert_eq!(report.removed.len(), 4);
    assert_eq!(fs::read_dir(disk.root().join("tmp")).unwrap().count(), 1);
    assert_eq!(fs::read_dir(disk.root().join("blobs/sha256")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(disk.root().join("layers")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(disk.root().join("locks/keys")).unwrap().count(), 0);
}

/// A file system of its own, gone with the guard.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn tmpfs(options: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let run = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(directory.path())
            .status();
        assert!(run.unwrap().success());
        Self(directory)
    }

    fn remount(&self, options: &str) {
        let run =
            Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(self.0.path()).status();
        assert!(run.unwrap().success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn tier_root_a_full_disk_loses_nothing() {
    let Some(mounted) = as_root(|| Mounted::tmpfs("size=3m")) else { return };
    let root = mounted.0.path().join("root");
    let store = DiskStore::open(&root).unwrap();
    build(&store, 3);
    let full = |error: &StoreError| matches!(error, StoreError::Full { .. });
    let filler = mounted.0.path().join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    let error = BlobStore::put(&store, &[7; 100_000]).unwrap_err();
    assert!(error.to_string().starts_with("no space left for "), "{error}");
    assert!(full(&error));
    let error = LayerStore::put(&store, &layer("new"), &crate::samples::changes(&[])).unwrap_err();
    assert!(full(&error), "{error}");
    assert!(full(&store.set(&name("app"), &Descriptor::of(OCI_MANIFEST, b"x")).unwrap_err()));
    drop(store);
    let other = mounted.0.path().join("other");
    assert!(full(&open_error(&other)), "{}", open_error(&other));
    drop(file);
    fs::remove_file(&filler).unwrap();
    let store = DiskStore::open(&root).unwrap();
    assert_eq!(build(&store, 3), 0);
    assert_eq!(BlobStore::put(&store, &[7; 100_000]).unwrap(), Digest::of(&[7; 100_000]));
    assert!(DiskStore::open(&other).is_ok());
}

#[test]
fn tier_root_a_read_only_store_is_said_to_be_one() {
    let Some(mounted) = as_root(|| Mounted::tmpfs("size=3m")) else { return };
    let root = mounted.0.path().join("root");
    build(&DiskStore::open(&root).unwrap(), 1);
    mounted.remount("ro");
    for root in [root, mounted.0.path().join("other")] {
        let error = open_error(&root);
        let expected = format!(
            "the store {} cannot be written: choose another with --root or COOPER_ROOT",
            root.display()
        );
        assert_eq!(error.to_string(), expected);
    }
}

/// Runs what needs root; a machine where `COOPER_TIERS_MUST_RUN` names the tier must be able to.
pub(crate) fn as_root<T>(make: impl FnOnce() -> T) -> Option<T> {
    if rustix::process::geteuid().is_root() {
        return Some(make());
    }
    let must = std::env::var("COOPER_TIERS_MUST_RUN").unwrap_or_default();
    assert!(!must.split(',').any(|tier| tier == "root"), "this test must run, and needs root");
    None
}

#[test]
fn the_layer_of_a_step_that_was_not_recorded_is_collected() {
    let disk = Disk::new();
    let id = put_layer(&disk.open(), "l", b"x");
    let store = disk.open();
    let k = key(Definition, &[("op", "o")]);
    store.record(&digest("o"), "s", from_ref(&k), &result("r", &[&id])).unwrap();
    // Recording holds what was recorded, also where another process made it.
    assert_eq!(store.prune(&PruneRequest::default()).unwrap().removed, []);
    assert!(store.lookup(k.digest()).unwrap().is_some());
}
