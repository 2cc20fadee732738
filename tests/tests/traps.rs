//! The traps of the language by their numbers (dockerfile reference, section 12): those that only a build
//! shows. The others are in the frontend's tests.

#[path = "traps/copies.rs"]
mod copies;
#[path = "traps/fetched.rs"]
mod fetched;
#[path = "traps/keys.rs"]
mod keys;
#[path = "traps/steps.rs"]
mod steps;

use std::path::Path;

use cooperage_tests::{Cooper, Outcome, busybox, folder};

fn cooper() -> Cooper {
    let cooper = Cooper::new();
    busybox(&cooper);
    cooper
}

/// What the steps of `dockerfile` print in a context of `files`.
fn said(dockerfile: &str, files: &[(&str, &str)]) -> Vec<String> {
    let files = [&[("Dockerfile", dockerfile)], files].concat();
    lines(&cooper().build(&[], folder(&files).path()).ok())
}

/// The lines that steps printed, without number and time.
fn lines(outcome: &Outcome) -> Vec<String> {
    let printed = outcome.stderr.lines().filter_map(|line| {
        let mut words = line.strip_prefix('#')?.splitn(3, ' ');
        words.next()?.parse::<u32>().ok()?;
        words.next()?.parse::<f64>().ok()?;
        Some(words.next()?.to_owned())
    });
    printed.collect()
}

/// Whether building `after` finds all steps of `before` done.
fn hits(cooper: &Cooper, before: (&[&str], &Path), after: (&[&str], &Path)) -> bool {
    cooper.build(before.0, before.1).ok();
    cooper.build(after.0, after.1).ok().count("ran") == 0
}
