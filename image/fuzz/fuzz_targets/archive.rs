//! An archive that a context or ADD is made of: it unpacks below its directory or is refused.
//! `cargo +nightly fuzz run archive`, as an ordinary user.
#![no_main]

use cooperage_image::archive::{detect, unpack_archive};
use cooperage_image::layer::Ownership;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let kind = detect(bytes).expect("bytes in memory can be read");
    let outer = tempfile::tempdir().expect("a temporary directory");
    let dir = outer.path().join("a/root");
    std::fs::create_dir_all(&dir).expect("a directory");
    let unpacked = unpack_archive(bytes, &dir, Ownership::Caller);
    for (folder, only) in [(outer.path().to_owned(), "a"), (outer.path().join("a"), "root")] {
        let inside: Vec<_> = std::fs::read_dir(folder).expect("it was made above").flatten().collect();
        assert!(inside.len() == 1 && inside[0].file_name() == only, "something was made outside of the root");
    }
    if let Ok(unpacked) = unpacked
        && kind.is_none()
    {
        // Only what has a header has something in it.
        assert!(unpacked.tree.root().entries.is_empty());
    }
});
