//! Real Dockerfiles, read by us and by other parsers, and lowered for each of their stages.
//!
//! `corpus DIR` takes every file below DIR for a Dockerfile and prints, as tables, what was refused and
//! where the parsers differ, each with its cause. What has no cause is printed in full, and the exit code
//! is 1. docs/conformance/corpus.md keeps the tables of one run.
//!
//! `corpus DIR COUNT SEED` changes them at random instead, COUNT times, and lowers what comes out: a panic,
//! or time that grows faster than the text, is printed, and the exit code is 1.

#[path = "../../tests/oracles/causes.rs"]
mod causes;
#[path = "../../tests/oracles/compare.rs"]
mod compare;
#[path = "../../tests/oracles/dockerfile_parser.rs"]
mod dockerfile_parser;
mod mutants;
#[path = "../../tests/oracles/parse_dockerfile.rs"]
mod parse_dockerfile;
#[path = "../../tests/oracles/reading.rs"]
mod reading;
mod refusals;
#[path = "../../tests/oracles/rules.rs"]
mod rules;
mod targets;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use compare::{Counts, Finding};
use targets::Verdict;

/// Stack of the thread that calls the oracles: one of them recurses once a line.
const STACK_BYTES: usize = 512 << 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Option<Vec<u64>> = arguments.iter().skip(1).map(|number| number.parse().ok()).collect();
    let (Some(folder), Some(numbers)) = (arguments.first().cloned(), numbers) else {
        eprintln!("which folder? corpus DIR [COUNT SEED]");
        return ExitCode::from(2);
    };
    let run = move || match numbers[..] {
        [count, seed] => mutate(Path::new(&folder), count, seed),
        _ => measure(Path::new(&folder)),
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run);
    match thread.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(0))) => ExitCode::SUCCESS,
        Ok(Ok(Ok(unexplained))) => {
            eprintln!("{unexplained} to look at");
            ExitCode::FAILURE
        }
        Ok(Ok(Err(error))) | Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
        Ok(Err(_)) => ExitCode::from(70),
    }
}

/// Everything that was found, by class.
#[derive(Default)]
struct Tables {
    counts: Counts,
    targets: usize,
    built: usize,
    built_with_arguments: usize,
    /// By class: targets.
    refused: BTreeMap<&'static str, usize>,
    /// By oracle and cause: instructions or files.
    differences: BTreeMap<(&'static str, &'static str), usize>,
    unexplained: usize,
}

/// Returns how much has no cause.
fn measure(folder: &Path) -> io::Result<usize> {
    // An oracle that panics is a finding, not a message.
    std::panic::set_hook(Box::new(|_| {}));
    let mut files = Vec::new();
    find(folder, &mut files)?;
    files.sort();
    let (mut tables, mut known) = (Tables::default(), HashSet::new());
    for path in files {
        let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
        if known.contains(&text) {
            continue;
        }
        for finding in compare::file(&text, &mut tables.counts) {
            tables.finding(&path, &finding);
        }
        for (target, verdict) in targets::lower_all(&text) {
            tables.verdict(&path, target.as_deref(), &verdict);
        }
        known.insert(text);
    }
    tables.print();
    Ok(tables.unexplained)
}

/// Returns how many mutants are bad.
fn mutate(folder: &Path, count: u64, seed: u64) -> io::Result<usize> {
    let mut files = Vec::new();
    find(folder, &mut files)?;
    files.sort();
    let texts = files.iter().map(std::fs::read).collect::<io::Result<Vec<_>>>()?;
    Ok(mutants::campaign(&texts, count, seed))
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            find(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

impl Tables {
    fn finding(&mut self, path: &Path, finding: &Finding) {
        match finding.cause {
            Some(cause) => *self.differences.entry((finding.oracle, cause.name)).or_default() += 1,
            None => {
                self.unexplained += 1;
                eprintln!("{}:{finding}", path.display());
            }
        }
    }

    fn verdict(&mut self, path: &Path, target: Option<&str>, verdict: &Verdict) {
        self.targets += 1;
        match verdict {
            Verdict::Built => self.built += 1,
            Verdict::BuiltWithArguments => self.built_with_arguments += 1,
            Verdict::Refused(message) => match refusals::class(message) {
                Some(class) => *self.refused.entry(class).or_default() += 1,
                None => {
                    self.unexplained += 1;
                    eprintln!("{} target {target:?}: {message}", path.display());
                }
            },
        }
    }

    fn print(&self) {
        let Self { counts, targets, built, built_with_arguments, .. } = self;
        println!(
            "{} files, {} instructions
",
            counts.files, counts.instructions
        );
        println!("| targets | {targets} |\n|---|--:|\n| lowered | {built} |");
        println!("| lowered with made-up build arguments | {built_with_arguments} |");
        for (class, count) in &self.refused {
            println!("| refused: {class} | {count} |");
        }
        println!("\n| cause | parse-dockerfile | dockerfile-parser | the rule, and what they do instead |");
        println!("|---|--:|--:|---|");
        for cause in causes::all() {
            let count = |oracle| self.differences.get(&(oracle, cause.name)).copied().unwrap_or_default();
            let [first, second] = compare::ORACLES.map(|oracle| count(oracle.name));
            println!("| {} | {first} | {second} | {} |", cause.name, cause.why);
        }
        for (oracle, count) in &counts.both_refuse {
            println!("\n{oracle} and we refuse {count} files both.");
        }
    }
}
