//! Variable expansion and the words of the shell-like language in which instructions are written
//! (dockerfile reference, section 2).
//!
//! A text is first cut into parts (`scan`), which needs no variables and finds every quoting error;
//! then the parts are evaluated. The parser uses the first half to find heredocs. Both halves are
//! linear in the text, and bounded: in nesting, in the number of parts and in the size of the result.

mod evaluate;
mod pattern;
pub(crate) mod scan;
mod template;

use std::collections::BTreeMap;

use evaluate::{Evaluation, MAX_DOCUMENT_BYTES, MAX_WORD_BYTES};
use scan::Syntax;

/// Where values come from.
pub trait Variables {
    /// The value, `None` when the variable is unset (which is not the same as empty).
    fn get(&self, name: &str) -> Option<&str>;
}

impl Variables for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<&str> {
        BTreeMap::get(self, name).map(String::as_str)
    }
}

/// An environment in order: the last entry of a name counts.
impl Variables for &[(String, String)] {
    fn get(&self, name: &str) -> Option<&str> {
        self.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// An environment in order: the last entry of a name counts.
impl Variables for Vec<(String, String)> {
    fn get(&self, name: &str) -> Option<&str> {
        self.as_slice().iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// An expanded text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expanded {
    /// The text, quotes and escapes processed.
    pub value: String,
    /// Names that were used and unset, each once, in order of their first use. A name with a default
    /// (`${x:-y}`) is among them, and so are `$1` and `$@`.
    pub unset: Vec<String>,
    /// What matching patterns took: bytes of values times bytes of patterns.
    pub steps: usize,
}

/// Why a text could not be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to process {:?}: {reason}", excerpt(.text))]
pub struct ExpandError {
    /// The text that was to be expanded.
    pub text: String,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a text that is to be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// A quote is opened and not closed.
    #[error("unexpected end of statement while looking for matching {0}")]
    UnterminatedQuote(&'static str),
    /// The closing character of a `${` is missing.
    #[error("syntax error: missing '{0}'")]
    Missing(char),
    /// `${}`, `${{` or `${:`.
    #[error("syntax error: bad substitution")]
    BadSubstitution,
    /// Something other than an operator of the language after the name.
    #[error("unsupported modifier ({0}) in substitution")]
    UnsupportedModifier(String),
    /// `${name:?message}` or `${name?message}`, and it is unset or empty.
    #[error("{name}: {message}")]
    Required {
        /// The variable.
        name: String,
        /// What was written after the question mark, else a standard text.
        message: String,
    },
    /// An escape in a pattern that escapes nothing.
    #[error("invalid pattern ({pattern}) in substitution: invalid escape '\\{escaped}'")]
    InvalidPattern {
        /// The pattern after expansion.
        pattern: String,
        /// What follows the backslash; empty at the end.
        escaped: String,
    },
    /// A limit of this implementation.
    #[error("{0}")]
    Limit(&'static str),
}

impl Expanded {
    /// What it cost, in about the time that a byte of the value takes.
    pub fn cost(&self) -> usize {
        self.value.len() + self.steps / 8
    }
}

impl Reason {
    /// What to do about it.
    pub fn help(&self) -> String {
        let help = match self {
            Self::UnterminatedQuote(_) => "close the quote, or escape it; a JSON array may hold any text",
            Self::Missing('/') => "both slashes are needed: ${name/pattern/replacement}",
            Self::Missing(_) => "close it: ${name}; a `$` that is meant as one is escaped",
            Self::BadSubstitution => "a name stands in the braces: ${name}",
            Self::UnsupportedModifier(_) => {
                "there are :- - :+ + :? ? with a word, # ## % %% with a pattern, and /pattern/replacement"
            }
            Self::Required { .. } => "set it with ENV, with ARG, or with --build-arg for a declared ARG",
            Self::InvalidPattern { .. } => "a backslash may stand before * ? } / and itself",
            Self::Limit(_) => "keep long texts in files",
        };
        help.to_owned()
    }
}

/// Longest text repeated in a message.
const EXCERPT_CHARS: usize = 200;

fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Expands `text` to one word: blanks stay, quotes and escapes go.
///
/// # Errors
/// Wrong quoting or substitution, or a variable that the text requires to be set.
pub fn expand_word(text: &str, escape: char, vars: &dyn Variables) -> Result<Expanded, ExpandError> {
    one(text, Syntax { escape, quotes: true }, vars, MAX_WORD_BYTES)
}

/// Expands `text` and splits the result at unquoted blanks, those out of variables included (EXPOSE).
/// The second list is [`Expanded::unset`].
///
/// # Errors
/// As [`expand_word`].
pub fn expand_words(
    text: &str,
    escape: char,
    vars: &dyn Variables,
) -> Result<(Vec<String>, Vec<String>), ExpandError> {
    let evaluate = || {
        let parts = scan::scan(text, Syntax { escape, quotes: true })?;
        let mut evaluation = Evaluation::new(text, vars, MAX_WORD_BYTES);
        let words = evaluation.words(&parts)?;
        Ok((words, evaluation.into_learnt().0))
    };
    evaluate().map_err(|reason| ExpandError { text: text.to_owned(), reason })
}

/// Expands the body of an unquoted heredoc of COPY or ADD: quotes are kept, and the escape character is
/// always a backslash, whatever the file's directive says.
///
/// # Errors
/// As [`expand_word`].
pub fn expand_heredoc(text: &str, vars: &dyn Variables) -> Result<Expanded, ExpandError> {
    one(text, Syntax { escape: '\\', quotes: false }, vars, MAX_DOCUMENT_BYTES)
}

fn one(text: &str, syntax: Syntax, vars: &dyn Variables, max_bytes: usize) -> Result<Expanded, ExpandError> {
    let evaluate = || {
        let parts = scan::scan(text, syntax)?;
        let mut evaluation = Evaluation::new(text, vars, max_bytes);
        let value = evaluation.word(&parts)?;
        let (unset, steps) = evaluation.into_learnt();
        Ok(Expanded { value, unset, steps })
    };
    evaluate().map_err(|reason| ExpandError { text: text.to_owned(), reason })
}
