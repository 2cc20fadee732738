//! Any bytes are parsed to a tree and diagnostics whose spans lie in the text, and both can be shown.
//!
//! Start from `fixtures/frontend/parse/*/*/Dockerfile`; a crasher becomes a folder there.

#![no_main]

use cooperage_frontend::diagnostic::render;
use cooperage_frontend::parse::{parse, parse_trigger};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let parsed = parse(text);
    let length = String::from_utf8_lossy(text).len();
    let mut end = 0;
    for instruction in &parsed.dockerfile.instructions {
        assert!(end <= instruction.span.start && instruction.span.end <= length);
        end = instruction.span.end;
    }
    for diagnostic in &parsed.diagnostics {
        assert!(diagnostic.span.start <= diagnostic.span.end && diagnostic.span.end <= length);
    }
    render(&parsed.diagnostics, "Dockerfile", text);
    if let Ok(text) = std::str::from_utf8(text) {
        parse_trigger(text, '\\');
    }
});
