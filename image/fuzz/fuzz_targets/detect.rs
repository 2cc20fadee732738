//! A file that ADD looks at: it is an archive or not, and never an error. `cargo +nightly fuzz run detect`.
#![no_main]

use cooperage_image::archive::detect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    detect(bytes).expect("bytes in memory can be read");
});
