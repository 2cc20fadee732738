//! Measurements: `cargo test --release -p cooperage-cache --test store -- --ignored --nocapture figures`.

use std::slice::from_ref;
use std::time::{Duration, Instant};

use cooperage_llb::key::KeyKind::Definition;
use cooperage_llb::ports::stat_cache::StatEntries;
use cooperage_llb::ports::{BlobStore, CancelToken, LayerStore, ResultIndex, StatCache};

use crate::samples::{Disk, digest, fingerprint, key, layer, put_bytes, put_layer, result};

fn mean(count: u32, mut each: impl FnMut(u32)) -> Duration {
    let start = Instant::now();
    (0..count).for_each(&mut each);
    start.elapsed() / count
}

#[test]
#[ignore = "a measurement"]
fn of_the_store() {
    const STEPS: u32 = 500;
    let disk = Disk::new();
    let start = Instant::now();
    let store = disk.open();
    println!("open a new root           {:?}", start.elapsed());
    let id = |n: u32| layer(&n.to_string());
    let k = |n: u32| key(Definition, &[("op", &n.to_string()), ("input 0", "x")]);
    let chain = |n: u32| -> Vec<_> { (n.saturating_sub(20)..=n).map(id).collect() };
    let put = mean(STEPS, |n| drop(put_layer(&store, &n.to_string(), b"contents")));
    println!("put a layer and directory {put:?}");
    let record = mean(STEPS, |n| {
        let layers = chain(n);
        let made = result(&n.to_string(), &layers.iter().collect::<Vec<_>>());
        store.record(&digest("op"), "RUN", from_ref(&k(n)), &made).unwrap();
    });
    println!("record a result           {record:?}");
    let blob =
        mean(STEPS, |n| assert!(store.size_bytes(&put_bytes(&store, &n.to_le_bytes())).unwrap().is_some()));
    println!("put and find a small blob {blob:?}");
    drop(store);
    let start = Instant::now();
    let store = disk.open();
    println!("open it again             {:?}", start.elapsed());
    let first = mean(STEPS, |n| assert!(store.lookup(k(n).digest()).unwrap().is_some()));
    println!("look up, chains of 20     {first:?} the first time");
    let again = mean(STEPS, |n| assert!(store.lookup(k(n).digest()).unwrap().is_some()));
    println!("                          {again:?} again");
    let miss = mean(STEPS, |n| assert!(store.lookup(&digest(&format!("miss {n}"))).unwrap().is_none()));
    println!("look up, a miss           {miss:?}");
    let lock = mean(STEPS, |n| drop(store.lock(&digest(&n.to_string()), &CancelToken::new()).unwrap()));
    println!("lock and unlock a key     {lock:?}");
    let read = mean(STEPS, |n| assert!(store.changes(&id(n)).unwrap().is_some()));
    println!("read a small change set   {read:?}");
    let start = Instant::now();
    drop(store);
    println!("close                     {:?}", start.elapsed());
}

#[test]
#[ignore = "a measurement"]
fn of_the_stat_cache() {
    let disk = Disk::new();
    let store = disk.open();
    let entry = |n: u32| {
        (format!("src/{}/file-{n}.rs", n / 100).into_bytes(), (fingerprint(1000), digest(&n.to_string())))
    };
    let entries: StatEntries = (0..100_000).map(entry).collect();
    let root = disk.directory.path();
    let start = Instant::now();
    store.save(root, &entries, std::time::SystemTime::now()).unwrap();
    println!("save 100,000 entries {:?}", start.elapsed());
    let start = Instant::now();
    assert_eq!(store.load(root).unwrap().len(), 100_000);
    println!("load 100,000 entries {:?}", start.elapsed());
}
