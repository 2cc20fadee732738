//! A file as we and an oracle read it.
//!
//! First the whole file: the same instructions at the same places, saying the same. Where that fails,
//! instruction by instruction, so that one construct that an oracle does not know hides no other.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::catch_unwind;

use cooperage_frontend::ast::{Dockerfile, Instruction};
use cooperage_frontend::diagnostic::{Severity, line_of};
use cooperage_frontend::parse::parse;

use super::causes::{self, Cause, Disagreement};
use super::reading::{Node, Oracle, ours};
use super::{dockerfile_parser, parse_dockerfile};

pub(crate) const ORACLES: [&Oracle; 2] = [&parse_dockerfile::ORACLE, &dockerfile_parser::ORACLE];

/// A difference between us and an oracle.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) oracle: &'static str,
    /// In the file, from 1.
    pub(crate) line: usize,
    pub(crate) difference: Difference,
    /// Why; a defect of one of the two if nobody knows.
    pub(crate) cause: Option<&'static Cause>,
}

#[derive(Debug)]
pub(crate) enum Difference {
    /// We say this, they say that or refuse.
    Read { ours: Vec<String>, theirs: Result<Vec<String>, String> },
    /// We refuse for this reason, they don't.
    Accepted(String),
    /// All instructions are alike one by one, but not the file.
    File(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { oracle, line, difference, cause } = self;
        match difference {
            Difference::Read { ours, theirs } => {
                write!(f, "{line}: {oracle}\n  ours   {ours:?}\n  theirs {theirs:?}")?;
            }
            Difference::Accepted(message) => write!(f, "{line}: {oracle} accepts, and we say: {message}")?,
            Difference::File(difference) => write!(f, "{line}: {oracle}, the whole file: {difference}")?,
        }
        match cause {
            Some(cause) => write!(f, "\n  {}: {}", cause.name, cause.why),
            None => write!(f, "\n  without a cause"),
        }
    }
}

/// What was compared.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) files: usize,
    pub(crate) instructions: usize,
    /// Files that both refuse, by oracle.
    pub(crate) both_refuse: BTreeMap<&'static str, usize>,
}

/// Compares one file with each oracle.
pub(crate) fn file(text: &str, counts: &mut Counts) -> Vec<Finding> {
    let parsed = parse(text.as_bytes());
    let error = parsed.diagnostics.iter().find(|it| it.severity == Severity::Error);
    counts.files += 1;
    counts.instructions += parsed.dockerfile.instructions.len();
    let mut findings = Vec::new();
    for oracle in ORACLES {
        let theirs = read(oracle, text);
        match (error, theirs) {
            (None, theirs) => findings.extend(readings(oracle, text, &parsed.dockerfile, theirs)),
            (Some(_), Err(_)) => *counts.both_refuse.entry(oracle.name).or_default() += 1,
            (Some(error), Ok(_)) => findings.push(Finding {
                oracle: oracle.name,
                line: line_of(text.as_bytes(), error.span.start),
                cause: causes::of_leniency(oracle, &error.message),
                difference: Difference::Accepted(error.message.clone()),
            }),
        }
    }
    findings
}

/// An oracle that panics refuses.
fn read(oracle: &Oracle, text: &str) -> Result<Vec<Node>, String> {
    catch_unwind(|| (oracle.read)(text)).unwrap_or_else(|_| Err("it panicked".to_owned()))
}

fn readings(
    oracle: &'static Oracle,
    text: &str,
    dockerfile: &Dockerfile,
    theirs: Result<Vec<Node>, String>,
) -> Vec<Finding> {
    let ours = ours(dockerfile, oracle);
    if theirs.as_ref() == Ok(&ours) {
        return Vec::new();
    }
    let escape = dockerfile.directives.escape_char();
    let findings: Vec<Finding> = dockerfile
        .instructions
        .iter()
        .filter_map(|instruction| alone(oracle, text, instruction, escape))
        .collect();
    if !findings.is_empty() {
        return findings;
    }
    let cause = causes::of_file(oracle, text, &ours, &theirs);
    let difference = theirs.map_or_else(|error| error, |theirs| first_difference(&ours, &theirs));
    vec![Finding { oracle: oracle.name, line: 1, difference: Difference::File(difference), cause }]
}

fn first_difference(ours: &[Node], theirs: &[Node]) -> String {
    match ours.iter().zip(theirs).find(|(ours, theirs)| ours != theirs) {
        Some((ours, theirs)) => format!("ours {ours:?} theirs {theirs:?}"),
        None => format!("ours are {} instructions, theirs {}", ours.len(), theirs.len()),
    }
}

/// Compares one instruction, in a file with nothing else in it.
fn alone(oracle: &Oracle, text: &str, instruction: &Instruction, escape: char) -> Option<Finding> {
    let span = instruction.span;
    let source = text.get(span.start..span.end).unwrap_or_default();
    let keyword = instruction.keyword.value.to_ascii_uppercase();
    let directive = if escape == '\\' { String::new() } else { format!("# escape={escape}\n") };
    let stage = if keyword == "FROM" { "" } else { "FROM scratch\n" };
    // A line that ends the file is continued by nothing.
    let end = if span.end == text.len() { "" } else { "\n" };
    let ours = (oracle.ours)(instruction);
    let theirs = read(oracle, &format!("{directive}{stage}{source}{end}")).and_then(|nodes| {
        let mut nodes = nodes.into_iter().skip(usize::from(keyword != "FROM"));
        match (nodes.next(), nodes.next()) {
            (Some(node), None) if node.keyword == keyword => Ok(node.said),
            (first, second) => Err(format!("it is {first:?} and {second:?}")),
        }
    });
    if theirs.as_ref() == Ok(&ours) {
        return None;
    }
    let (name, said) = (oracle.name, theirs.as_deref().map_err(String::as_str));
    let disagreement = Disagreement { oracle: name, instruction, source, escape, ours: &ours, theirs: said };
    let cause = causes::of_reading(&disagreement);
    let line = line_of(text.as_bytes(), span.start);
    Some(Finding { oracle: oracle.name, line, cause, difference: Difference::Read { ours, theirs } })
}
