//! An ignore file: its patterns compile whenever it can be read, and match any path. The first line is the
//! path, the rest the file.
#![no_main]

use cooperage_image::pattern::{Matcher, parse_ignore_file};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (path, file) = bytes.split_at(end);
    let Ok(patterns) = parse_ignore_file(file) else { return };
    let matcher = Matcher::new(&patterns).expect("patterns that were read are patterns");
    let path: Vec<u8> =
        path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(&b'/');
    let matched = matcher.matches(&path);
    // What is matched without exceptions is matched with all below it.
    if matched && !matcher.has_exceptions() && !path.is_empty() {
        assert!(matcher.matches(&[&path[..], b"/below"].concat()));
    }
    let may = matcher.may_match_below(&path) || matcher.may_except_below(&path);
    let below = [&path[..], b"/x"].concat();
    if !may && !path.is_empty() {
        assert_eq!(matcher.matches(&below), matched, "what cannot match below does not");
    }
});
