//! What every blob store does.

use std::io::{Read, Seek, SeekFrom, Write};

use cooperage_llb::ports::{BlobStore, StoreError};

use crate::samples::{Disk, digest};

/// The contract of [`BlobStore`].
pub(crate) fn blob_store_suite<S: BlobStore>(make: impl Fn() -> S) {
    a_blob_is_there_when_it_is_committed(&make());
    a_mismatch_leaves_nothing(&make());
    a_dropped_writer_leaves_nothing(&make());
    readers_seek(&make());
    reads_are_limited(&make());
    many_threads_put_one_blob(&make());
}

fn a_blob_is_there_when_it_is_committed(store: &impl BlobStore) {
    let wanted = digest("hello world");
    let mut writer = store.writer().unwrap();
    writer.write_all(b"hello ").unwrap();
    assert!(store.open(&wanted).unwrap().is_none());
    writer.write_all(b"world").unwrap();
    writer.flush().unwrap();
    assert_eq!(store.size_bytes(&wanted).unwrap(), None);
    assert_eq!(writer.commit(Some(&wanted)).unwrap(), (wanted, 11));
    assert_eq!(store.size_bytes(&wanted).unwrap(), Some(11));
    assert_eq!(store.read(&wanted, 11).unwrap().unwrap(), b"hello world");
    assert_eq!(store.put(b"hello world").unwrap(), wanted);
    assert_eq!(store.put(b"").unwrap(), digest(""));
    assert_eq!(store.read(&digest(""), 0).unwrap().unwrap(), b"");
}

fn a_mismatch_leaves_nothing(store: &impl BlobStore) {
    let mut writer = store.writer().unwrap();
    writer.write_all(b"other").unwrap();
    let error = writer.commit(Some(&digest("expected"))).unwrap_err();
    assert_eq!(error.to_string(), format!("expected {}, got {}", digest("expected"), digest("other")));
    assert!(store.open(&digest("expected")).unwrap().is_none());
    assert!(store.open(&digest("other")).unwrap().is_none());
}

fn a_dropped_writer_leaves_nothing(store: &impl BlobStore) {
    let mut writer = store.writer().unwrap();
    writer.write_all(b"half").unwrap();
    drop(writer);
    assert!(store.open(&digest("half")).unwrap().is_none());
}

fn readers_seek(store: &impl BlobStore) {
    let blob = store.put(b"0123456789").unwrap();
    let mut reader = store.open(&blob).unwrap().unwrap();
    reader.seek(SeekFrom::Start(4)).unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "456789");
    reader.seek(SeekFrom::End(-2)).unwrap();
    text.clear();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "89");
}

fn reads_are_limited(store: &impl BlobStore) {
    let blob = store.put(b"0123456789").unwrap();
    assert_eq!(store.read(&blob, 10).unwrap().unwrap().len(), 10);
    assert!(matches!(store.read(&blob, 9), Err(StoreError::Damaged { .. })));
    assert_eq!(store.read(&digest("none"), 9).unwrap(), None);
}

fn many_threads_put_one_blob(store: &impl BlobStore) {
    let bytes: Vec<u8> = (0..100_000u32).map(|n| n.to_le_bytes()[1]).collect();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut writer = store.writer().unwrap();
                writer.write_all(&bytes).unwrap();
                let (blob, size) = writer.commit(None).unwrap();
                assert_eq!(size, 100_000);
                assert_eq!(store.read(&blob, size).unwrap().unwrap(), bytes);
            });
        }
    });
}

#[test]
fn on_disk() {
    let disk = Disk::new();
    blob_store_suite(|| disk.fresh());
}

#[test]
fn in_memory() {
    blob_store_suite(cooperage_cache::memory::MemoryStore::new);
}
