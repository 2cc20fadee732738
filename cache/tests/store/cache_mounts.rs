//! What every store of cache mounts does.

use std::fs;
use std::path::PathBuf;

use cooperage_llb::ports::{CacheMount, CacheMounts, CancelToken, Sharing};

use crate::samples::Disk;

/// The contract of [`CacheMounts`].
pub(crate) fn cache_mounts_suite<S: CacheMounts>(make: impl Fn() -> S) {
    what_is_written_stays(&make());
    private_ones_are_alone(&make());
    locked_ones_wait(&make());
}

fn mount(store: &impl CacheMounts, id: &str, sharing: Sharing) -> Box<dyn CacheMount> {
    store.cache_mount(id, sharing, &CancelToken::new()).unwrap().unwrap()
}

fn what_is_written_stays(store: &impl CacheMounts) {
    let one = mount(store, "/root/.cache ../ \u{1F980}", Sharing::Shared);
    fs::write(one.path().join("file"), "x").unwrap();
    let two = mount(store, "/root/.cache ../ \u{1F980}", Sharing::Shared);
    assert_eq!(one.path(), two.path());
    let other = mount(store, "other", Sharing::Shared);
    assert_ne!(one.path(), other.path());
    drop((one, two));
    let later = mount(store, "/root/.cache ../ \u{1F980}", Sharing::Locked);
    assert_eq!(fs::read(later.path().join("file")).unwrap(), b"x");
}

fn private_ones_are_alone(store: &impl CacheMounts) {
    let paths = |mounts: &[Box<dyn CacheMount>]| -> Vec<PathBuf> {
        mounts.iter().map(|mount| mount.path().to_owned()).collect()
    };
    let mounts: Vec<_> = (0..3).map(|_| mount(store, "id", Sharing::Private)).collect();
    let first = paths(&mounts);
    assert!(first[0] != first[1] && first[1] != first[2] && first[0] != first[2]);
    drop(mounts);
    let again: Vec<_> = (0..3).map(|_| mount(store, "id", Sharing::Private)).collect();
    assert_eq!(paths(&again), first);
}

fn locked_ones_wait(store: &impl CacheMounts) {
    let held = mount(store, "id", Sharing::Locked);
    let stop = CancelToken::new();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| store.cache_mount("id", Sharing::Locked, &stop).unwrap().is_none());
        std::thread::sleep(std::time::Duration::from_millis(20));
        stop.cancel();
        assert!(waiting.join().unwrap());
        let waiting = scope.spawn(|| mount(store, "id", Sharing::Shared).path().to_owned());
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(!waiting.is_finished());
        let path = held.path().to_owned();
        drop(held);
        assert_eq!(waiting.join().unwrap(), path);
    });
}

#[test]
fn on_disk() {
    let disk = Disk::new();
    cache_mounts_suite(|| disk.fresh());
}

#[test]
fn in_memory() {
    cache_mounts_suite(cooperage_cache::memory::MemoryStore::new);
}
