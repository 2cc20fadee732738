//! `fixtures/frontend/{ok,err}/NAME/`: a folder is a test of the lowering. `Dockerfile` and, if the case
//! needs more, `inputs.json` go in; `expected` is what comes out: in `ok` the definition and the config as
//! text, in `err` the diagnostics as a user reads them. `UPDATE_FIXTURES=1` writes `expected` anew.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

#[path = "lowering/dump.rs"]
mod dump;
#[path = "lowering/inputs.rs"]
mod inputs;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use cooperage_frontend::diagnostic::render;
use cooperage_frontend::lower::{Lowered, Outcome, Source, lower};

use cooperage_llb::graph::Graph;
use inputs::Case;

#[test]
fn ok() {
    run("ok", |source, case| {
        let (lowered, rounds) = resolved(source, case);
        let mut text = rounds;
        if !lowered.diagnostics.is_empty() {
            let _ = writeln!(text, "{}", render(&lowered.diagnostics, &source.name, &source.shown()));
        }
        match lowered.outcome {
            Outcome::Ready(build) => {
                Graph::from_definition(&build.definition).unwrap();
                text + &dump::build(&build)
            }
            Outcome::Needs(needs) => text + &dump::needs(&needs),
            Outcome::NeedsTime(need) => panic!("it asks for {need:?} again"),
            Outcome::Failed => panic!("it failed:\n{text}"),
        }
    });
}

#[test]
fn err() {
    run("err", |source, case| {
        let (lowered, _) = resolved(source, case);
        assert!(lowered.outcome == Outcome::Failed, "it did not fail");
        render(&lowered.diagnostics, &source.name, &source.shown())
    });
}

/// Lowers until all needs that the case answers are met; what was asked for in each round.
fn resolved(source: &Source, case: &mut Case) -> (Lowered, String) {
    let mut asked = String::new();
    loop {
        let lowered = lower(source, &case.inputs);
        assert_eq!(lowered, lower(source, &case.inputs), "lowering is not deterministic");
        match &lowered.outcome {
            Outcome::Needs(needs) if case.answer(needs) => asked += &dump::needs(needs),
            Outcome::NeedsTime(need) if !case.inputs.times.contains_key(need) => {
                asked += &dump::needs_time(need);
                case.answer_time(need);
            }
            _ => return (lowered, asked),
        }
    }
}

fn run(kind: &str, text_of: fn(&Source, &mut Case) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/frontend").join(kind);
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 10, "the fixtures are not in {}", folder.display());
    let mut failures = String::new();
    for case in cases {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let outcome = std::panic::catch_unwind(|| check(&case, text_of));
        match outcome {
            Ok(None) => {}
            Ok(Some(difference)) => failures += &format!("== {kind}/{name}\n{difference}\n"),
            Err(_) => failures += &format!("== {kind}/{name} panicked\n"),
        }
    }
    assert!(failures.is_empty(), "{failures}\nUPDATE_FIXTURES=1 writes the expected texts anew");
}

/// `None` if the case is as expected.
fn check(folder: &Path, text_of: fn(&Source, &mut Case) -> String) -> Option<String> {
    let text = std::fs::read(folder.join("Dockerfile")).unwrap();
    let source = Source { name: "Dockerfile".to_owned(), text };
    let mut case = Case::read(&folder.join("inputs.json"));
    let actual = text_of(&source, &mut case);
    let path = folder.join("expected");
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&path, &actual).unwrap();
        return None;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    (actual != expected).then(|| difference(&expected, &actual))
}

/// The first lines that differ.
fn difference(expected: &str, actual: &str) -> String {
    let mut pairs = expected.lines().zip(actual.lines()).enumerate();
    match pairs.find(|(_, (expected, actual))| expected != actual) {
        Some((at, (expected, actual))) => {
            format!("line {}\n  expected {expected}\n  got      {actual}", at + 1)
        }
        None => format!("{} lines expected, {} are there", expected.lines().count(), actual.lines().count()),
    }
}
