//! A git reference is understood, refused, or none; what is understood can become a source.

#![no_main]

use cooperage_frontend::remote::GitRef;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(Ok(reference)) = GitRef::parse(text) {
        let _ = reference.source();
    }
});
