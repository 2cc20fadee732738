//! Parsing proved by example: a folder under `fixtures/frontend/parse/` is a test.
//!
//! `ok/NAME/Dockerfile` gives `expected`, the tree as text and any warnings; `err/NAME/Dockerfile` gives
//! `expected`, the rendered message in full. `UPDATE_FIXTURES=1` rewrites every `expected`.

#[path = "parse/dump.rs"]
mod dump;
#[path = "parse/limits.rs"]
mod limits;
#[path = "parse/properties.rs"]
mod properties;
#[path = "parse/trigger.rs"]
mod trigger;

use std::fs;
use std::path::{Path, PathBuf};

use cooperage_frontend::diagnostic::{Severity, render};
use cooperage_frontend::parse::{Parsed, parse};

fn cases(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/frontend/parse").join(kind);
    let mut cases: Vec<_> =
        fs::read_dir(&folder).expect("fixtures exist").map(|entry| entry.expect("readable").path()).collect();
    cases.sort();
    assert!(cases.len() >= 30, "only {} cases in {}", cases.len(), folder.display());
    cases
}

/// Compares each case of `kind` with its `expected`, and shows all differences at once.
fn check(kind: &str, actual: impl Fn(&[u8], &Parsed) -> String) {
    let update = std::env::var_os("UPDATE_FIXTURES").is_some_and(|value| value == "1");
    let mut wrong = String::new();
    for case in cases(kind) {
        let text = fs::read(case.join("Dockerfile")).expect("each case has a Dockerfile");
        let parsed = parse(&text);
        let has_errors = parsed.diagnostics.iter().any(|it| it.severity == Severity::Error);
        let actual = actual(&text, &parsed);
        if has_errors != (kind == "err") {
            wrong += &format!("{}: does not belong into {kind}/\n{actual}\n", case.display());
            continue;
        }
        let path = case.join("expected");
        if update {
            fs::write(&path, &actual).expect("fixtures can be written");
            continue;
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if actual != expected {
            wrong += &format!("{}:\n--- expected\n{expected}\n--- actual\n{actual}\n", case.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}\nUPDATE_FIXTURES=1 takes the actual texts over");
}

#[test]
fn right_files_give_their_tree() {
    check("ok", |text, parsed| {
        let warnings = render(&parsed.diagnostics, "Dockerfile", text);
        let tree = dump::dump(&parsed.dockerfile, text);
        if warnings.is_empty() { tree } else { format!("{tree}\n{warnings}") }
    });
}

#[test]
fn wrong_files_give_their_messages() {
    check("err", |text, parsed| render(&parsed.diagnostics, "Dockerfile", text));
}
