//! Our parser and two others, over all fixtures: whatever they read otherwise has a cause with a name.
//!
//! `make corpus CORPUS=DIR` does the same with real Dockerfiles (docs/conformance/corpus.md).

#[path = "oracles/causes.rs"]
mod causes;
#[path = "oracles/compare.rs"]
mod compare;
#[path = "oracles/dockerfile_parser.rs"]
mod dockerfile_parser;
#[path = "oracles/edges.rs"]
mod edges;
#[path = "oracles/parse_dockerfile.rs"]
mod parse_dockerfile;
#[path = "oracles/reading.rs"]
mod reading;
#[path = "oracles/rules.rs"]
mod rules;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use compare::Counts;

/// Every `Dockerfile` of the fixtures.
fn fixtures() -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("fixtures can be read") {
            let path = entry.expect("fixtures can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name == "Dockerfile") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[test]
fn every_difference_has_a_cause() {
    let mut counts = Counts::default();
    let (mut unexplained, mut seen, mut odd) = (String::new(), BTreeSet::new(), BTreeSet::new());
    for path in fixtures() {
        let text = fs::read(&path).expect("fixtures can be read");
        for finding in compare::file(&String::from_utf8_lossy(&text), &mut counts) {
            match (finding.cause, edges::edge(&path, &finding)) {
                (Some(cause), _) => _ = seen.insert(cause.name),
                (None, Some(edge)) => _ = odd.insert(edge),
                (None, None) => unexplained += &format!("{}:{finding}\n", path.display()),
            }
        }
    }
    assert!(unexplained.is_empty(), "{unexplained}");
    assert!(counts.files >= 250 && counts.instructions >= 800, "too little was compared: {counts:?}");
    assert!(counts.both_refuse.values().all(|files| *files >= 20), "wrong files: {counts:?}");
    // An excuse that nothing needs would hide the next defect.
    let unused: Vec<_> = causes::all().map(|cause| cause.name).filter(|name| !seen.contains(name)).collect();
    assert!(unused.is_empty(), "causes without a fixture: {unused:?}");
    let unused: Vec<_> = edges::all().filter(|edge| !odd.contains(edge)).collect();
    assert!(unused.is_empty(), "read alike by now: {unused:?}");
}
