//! Why an oracle differs from us: each cause by name, with the test that tells it.
//!
//! Where an oracle refuses there is nothing to compare, and a cause is told by what the instruction has in
//! it. Where it reads something else, a cause has to turn our reading into theirs, to the last word.

use cooperage_frontend::ast::Instruction;

use super::reading::{Node, Oracle};
use super::{dockerfile_parser, rules};

/// A cause.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) name: &'static str,
    /// The rule, and what the oracle does instead.
    pub(crate) why: &'static str,
}

/// An instruction that is read in two ways.
pub(crate) struct Disagreement<'a> {
    pub(crate) oracle: &'static str,
    pub(crate) instruction: &'a Instruction,
    /// As it stands in the file.
    pub(crate) source: &'a str,
    pub(crate) escape: char,
    pub(crate) ours: &'a [String],
    pub(crate) theirs: Result<&'a [String], &'a str>,
}

pub(crate) const fn cause(name: &'static str, why: &'static str) -> Cause {
    Cause { name, why }
}

/// Why an instruction is read otherwise.
pub(crate) fn of_reading(disagreement: &Disagreement<'_>) -> Option<&'static Cause> {
    rules::RULES.iter().find(|(holds, _)| holds(disagreement)).map(|(_, cause)| cause)
}

impl Disagreement<'_> {
    pub(crate) fn is_of(&self, oracle: &Oracle) -> bool {
        self.oracle == oracle.name
    }

    /// The oracle refuses, or finds several instructions.
    pub(crate) fn is_refusal(&self) -> bool {
        self.theirs.is_err()
    }

    pub(crate) fn refuses_as(&self, oracle: &Oracle) -> bool {
        self.is_of(oracle) && self.is_refusal()
    }
}

static BYTE_ORDER_MARK: Cause = cause("byte order mark", "is dropped; it wants none");
static END: Cause =
    cause("end of a text", "blanks and an escape that ends the file are dropped; it keeps them");
static NAMES: Cause = cause("two stages of one name", "are legal; it refuses them");
static UNCHECKED: Cause = cause("unchecked", "it does not check this");

/// Why a file is read otherwise whose instructions are read alike one by one.
pub(crate) fn of_file(
    oracle: &Oracle,
    text: &str,
    ours: &[Node],
    theirs: &Result<Vec<Node>, String>,
) -> Option<&'static Cause> {
    let is_alike = |(ours, theirs): (&Node, &Node)| {
        let trimmed = |said: &[String]| -> Vec<String> {
            said.iter().map(|word| word.trim_end_matches([' ', '\t', '\\']).to_owned()).collect()
        };
        (ours.at, &ours.keyword) == (theirs.at, &theirs.keyword)
            && trimmed(&ours.said) == trimmed(&theirs.said)
    };
    match theirs {
        Err(_) if text.starts_with('\u{feff}') && oracle.name == dockerfile_parser::ORACLE.name => {
            Some(&BYTE_ORDER_MARK)
        }
        Err(error) if error.contains("duplicate stage name") => Some(&NAMES),
        Err(_) if text.trim_end().ends_with('\\') => Some(&END),
        Ok(theirs) if ours.len() == theirs.len() && ours.iter().zip(theirs).all(is_alike) => Some(&END),
        _ => None,
    }
}

/// What an oracle leaves to its caller: how our message begins.
const UNCHECKED_BY: [(&str, &[&str]); 2] = [
    (
        "parse-dockerfile",
        &[
            "missing a value on flag",
            "invalid name for build stage",
            "unknown flag",
            "ENV must have two arguments",
            "VOLUME requires at least one argument",
            "unterminated heredoc",
            "only one",
            "ENV names can not be blank",
            "syntax error - can't find =",
            "duplicate flag",
            "expecting boolean value",
            "no instruction after the line continuation",
            "when using JSON array syntax",
            "FROM isn't allowed as an ONBUILD trigger",
            "MAINTAINER isn't allowed as an ONBUILD trigger",
            "VOLUME specified can not be an empty string",
        ],
    ),
    (
        "dockerfile-parser",
        &[
            "the Dockerfile cannot be empty",
            "file with no instructions",
            "no build stage in current context",
            "missing a value on flag",
            "unknown flag",
            "unknown instruction",
            "invalid escape token",
            "only one",
            "duplicate flag",
            "expecting boolean value",
            "when using JSON array syntax",
            "dockerfile contains no stages",
            "invalid name for build stage",
            "ADD requires at least two arguments",
            "COPY requires at least two arguments",
            "unknown type",
            "FROM isn't allowed as an ONBUILD trigger",
            "MAINTAINER isn't allowed as an ONBUILD trigger",
            "chaining ONBUILD",
            "SHELL requires the arguments to be in JSON form",
            "VOLUME specified can not be an empty string",
        ],
    ),
];

/// Why an oracle accepts what we refuse.
pub(crate) fn of_leniency(oracle: &Oracle, message: &str) -> Option<&'static Cause> {
    let (_, unchecked) = UNCHECKED_BY.iter().find(|(name, _)| *name == oracle.name)?;
    unchecked.iter().any(|beginning| message.starts_with(beginning)).then_some(&UNCHECKED)
}

/// All causes.
pub(crate) fn all() -> impl Iterator<Item = &'static Cause> {
    rules::RULES.iter().map(|(_, cause)| cause).chain([&BYTE_ORDER_MARK, &END, &NAMES, &UNCHECKED])
}
