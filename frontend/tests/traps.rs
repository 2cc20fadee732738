//! The traps of the language by their numbers (dockerfile reference, section 12): those that the frontend
//! alone can show. The others need a build and are in the end-to-end tests.
//!
//! A test looks at the lowered file as text, as the golden files have it.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

#[path = "traps/commands.rs"]
mod commands;
#[path = "traps/copies.rs"]
mod copies;
#[path = "lowering/dump.rs"]
mod dump;
#[path = "lowering/inputs.rs"]
mod inputs;
#[path = "traps/stages.rs"]
mod stages;
#[path = "traps/variables.rs"]
mod variables;

use std::path::Path;

use cooperage_frontend::diagnostic::render;
use cooperage_frontend::lower::{Inputs, Outcome, Source, lower};

/// A lowered file.
struct Lowered(String);

impl Lowered {
    /// Fails the test unless the text contains each of `parts`.
    fn has(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.0.contains(part), "{part:?} is not in\n{}", self.0);
        }
        self
    }

    /// Fails the test if the text contains `part`.
    fn lacks(self, part: &str) -> Self {
        assert!(!self.0.contains(part), "{part:?} is in\n{}", self.0);
        self
    }

    /// How often the text contains `part`.
    fn count(&self, part: &str) -> usize {
        self.0.matches(part).count()
    }
}

/// Lowers a file that is right, its images being busybox.
fn ok(dockerfile: &str) -> Lowered {
    ok_with(dockerfile, |_| {})
}

/// The same with other inputs than none.
fn ok_with(dockerfile: &str, change: impl Fn(&mut Inputs)) -> Lowered {
    let (outcome, said) = lowered(dockerfile, change);
    match outcome {
        Outcome::Ready(build) => Lowered(said + &dump::build(&build)),
        other => panic!("{other:?}\n{said}"),
    }
}

/// Lowers a file that is wrong: what is said of it.
fn err(dockerfile: &str) -> Lowered {
    let (outcome, said) = lowered(dockerfile, |_| {});
    assert!(outcome == Outcome::Failed, "it did not fail");
    Lowered(said)
}

fn lowered(dockerfile: &str, change: impl Fn(&mut Inputs)) -> (Outcome, String) {
    let source = Source { name: "Dockerfile".to_owned(), text: dockerfile.as_bytes().to_vec() };
    let mut case = inputs::Case::read(Path::new(""));
    change(&mut case.inputs);
    loop {
        let lowered = lower(&source, &case.inputs);
        match lowered.outcome {
            Outcome::Needs(needs) => assert!(case.answer(&needs), "{}", dump::needs(&needs)),
            Outcome::NeedsTime(need) => {
                assert!(!case.inputs.times.contains_key(&need), "{}", dump::needs_time(&need));
                case.answer_time(&need);
            }
            outcome => return (outcome, render(&lowered.diagnostics, "Dockerfile", &source.shown())),
        }
    }
}
