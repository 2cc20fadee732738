//! What every stat cache does.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use cooperage_image::tree::{Fingerprint, Timestamp};
use cooperage_llb::ports::StatCache;
use cooperage_llb::ports::stat_cache::StatEntries;

use crate::samples::{Disk, digest, fingerprint};

/// The contract of [`StatCache`].
pub(crate) fn stat_cache_suite<S: StatCache>(make: impl Fn() -> S) {
    entries_are_replaced(&make());
    racy_entries_are_not_kept(&make());
}

fn entries_are_replaced(store: &impl StatCache) {
    let (one, other) = (Path::new("/one"), Path::new("/other"));
    assert_eq!(store.load(one).unwrap(), StatEntries::new());
    let entries = |names: &[&[u8]]| -> StatEntries {
        names.iter().map(|name| (name.to_vec(), (fingerprint(1000), digest("x")))).collect()
    };
    let now = SystemTime::now;
    let odd: &[u8] = b"not \xff utf-8";
    store.save(one, &entries(&[b"a", b"b/c", odd]), now()).unwrap();
    store.save(other, &entries(&[b"d"]), now()).unwrap();
    assert_eq!(store.load(one).unwrap(), entries(&[b"a", b"b/c", odd]));
    store.save(one, &entries(&[b"e"]), now()).unwrap();
    assert_eq!(store.load(one).unwrap(), entries(&[b"e"]));
    assert_eq!(store.load(other).unwrap(), entries(&[b"d"]));
}

fn racy_entries_are_not_kept(store: &impl StatCache) {
    let root = Path::new("/racy");
    let looked_from = SystemTime::now();
    let now = looked_from.duration_since(UNIX_EPOCH).unwrap();
    let now = Timestamp { secs: i64::try_from(now.as_secs()).unwrap(), nanos: now.subsec_nanos() };
    let old = fingerprint(1000);
    let before = |seconds| Timestamp { secs: now.secs - seconds, nanos: 1 };
    let whole = |seconds| Timestamp { nanos: 0, ..before(seconds) };
    let cases: [(&[u8], Fingerprint, bool); 6] = [
        (b"old", old, true),
        (b"just before", Fingerprint { mtime: before(1), ctime: before(1), ..old }, true),
        (b"changed now", Fingerprint { mtime: now, ctime: now, ..old }, false),
        (b"mtime set back", Fingerprint { ctime: now, ..old }, false),
        (
            b"mtime of tomorrow",
            Fingerprint { mtime: Timestamp { secs: now.secs + 86400, ..now }, ..old },
            false,
        ),
        (b"clock of whole seconds", Fingerprint { mtime: whole(1), ctime: whole(1), ..old }, false),
    ];
    let entries: StatEntries =
        cases.iter().map(|(name, seen, _)| (name.to_vec(), (*seen, digest("x")))).collect();
    // What comes later, a look at what is known or the saving itself, does not count.
    assert!(store.load(root).unwrap().is_empty());
    store.save(root, &entries, looked_from).unwrap();
    let found = store.load(root).unwrap();
    for (name, _, kept) in cases {
        assert_eq!(found.contains_key(name), kept, "{}", String::from_utf8_lossy(name));
    }
}

#[test]
fn on_disk() {
    let disk = Disk::new();
    stat_cache_suite(|| disk.fresh());
}

#[test]
fn a_damaged_file_counts_as_none() {
    let disk = Disk::new();
    let folder = disk.directory.path();
    let entries = StatEntries::from([(b"a".to_vec(), (fingerprint(1000), digest("x")))]);
    disk.open().save(folder, &entries, SystemTime::now()).unwrap();
    let stats = disk.root().join("stat");
    let file = std::fs::read_dir(&stats).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&file, &whole[..length]).unwrap();
        assert_eq!(disk.open().load(folder).unwrap(), StatEntries::new(), "{length}");
    }
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(disk.open().load(folder).unwrap(), entries);
}

#[test]
fn in_memory() {
    stat_cache_suite(cooperage_cache::memory::MemoryStore::new);
}
