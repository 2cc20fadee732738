//! Evaluates the parts of a text with variables.

use std::collections::BTreeSet;

use super::pattern::{Match, Pattern};
use super::scan::{Operator, Part, PartKind, Substitution};
use super::{Reason, Variables, template};

/// Longest word in bytes: `ENV a=$a$a` thirty times over must not fill the memory. A process can be given no
/// variable of more than 128 KiB anyway.
pub(super) const MAX_WORD_BYTES: usize = 1 << 20;
/// The same of a heredoc, which is a file.
pub(super) const MAX_DOCUMENT_BYTES: usize = 16 << 20;

/// One evaluation: the text that the parts are of, and what is learnt on the way.
pub(super) struct Evaluation<'a> {
    text: &'a str,
    vars: &'a dyn Variables,
    unset: Vec<String>,
    seen: BTreeSet<&'a str>,
    max_bytes: usize,
    /// What matching patterns took so far.
    steps: usize,
}

/// What becomes of escape characters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    /// They go.
    Process,
    /// They stay, for the pattern to understand.
    Keep,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(text: &'a str, vars: &'a dyn Variables, max_bytes: usize) -> Self {
        Self { text, vars, unset: Vec::new(), seen: BTreeSet::new(), max_bytes, steps: 0 }
    }

    /// The names that are unset, and the steps of patterns.
    pub(super) fn into_learnt(self) -> (Vec<String>, usize) {
        (self.unset, self.steps)
    }

    fn check_size(&self, bytes: usize) -> Result<(), Reason> {
        check_size(bytes, self.max_bytes)
    }

    /// All parts as one word.
    pub(super) fn word(&mut self, parts: &[Part]) -> Result<String, Reason> {
        self.join(parts, Escapes::Process)
    }

    /// All parts, split at blanks that are not quoted.
    pub(super) fn words(&mut self, parts: &[Part]) -> Result<Vec<String>, Reason> {
        let mut words = Vec::new();
        let mut word = String::new();
        let mut total_bytes = 0;
        for part in parts {
            let mut piece = String::new();
            self.part(part, Escapes::Process, &mut piece)?;
            total_bytes += piece.len();
            self.check_size(total_bytes)?;
            if !matches!(part.kind, PartKind::Plain | PartKind::Substitution(_)) {
                word.push_str(&piece);
                continue;
            }
            for c in piece.chars() {
                if !c.is_whitespace() {
                    word.push(c);
                } else if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
        }
        if !word.is_empty() {
            words.push(word);
        }
        Ok(words)
    }

    fn join(&mut self, parts: &[Part], escapes: Escapes) -> Result<String, Reason> {
        let mut out = String::new();
        for part in parts {
            self.part(part, escapes, &mut out)?;
            self.check_size(out.len())?;
        }
        Ok(out)
    }

    fn part(&mut self, part: &Part, escapes: Escapes, out: &mut String) -> Result<(), Reason> {
        let source = &self.text[part.range.clone()];
        match &part.kind {
            PartKind::Plain | PartKind::Opening => out.push_str(source),
            PartKind::Escaped if escapes == Escapes::Keep => out.push_str(source),
            PartKind::Escaped => out.push_str(&source[1..]),
            PartKind::Single => out.push_str(&source[1..source.len() - 1]),
            PartKind::Double(parts) => out.push_str(&self.join(parts, escapes)?),
            PartKind::Substitution(substitution) => out.push_str(&self.substitute(substitution)?),
        }
        Ok(())
    }

    /// The words of a substitution are evaluated first, needed or not: a required variable in a default
    /// that is not taken still has to be set.
    fn substitute(&mut self, substitution: &Substitution) -> Result<String, Reason> {
        let text = self.text;
        let name = &text[substitution.name.clone()];
        match &substitution.operator {
            Operator::None => Ok(self.get(name).unwrap_or_default().to_owned()),
            Operator::Test { colon, test, word } => {
                let word = self.join(word, Escapes::Process)?;
                let value = self.get(name);
                decide(name, value, *colon, *test, word)
            }
            Operator::Trim { suffix, pattern } => {
                let pattern = self.join(pattern, Escapes::Keep)?;
                let value = self.get(name).unwrap_or_default();
                self.steps += value.len().saturating_mul(pattern.len());
                trim(value, &pattern, *suffix)
            }
            Operator::Replace { all, pattern, replacement } => {
                let pattern = self.join(pattern, Escapes::Keep)?;
                let replacement = self.join(replacement, Escapes::Keep)?;
                let value = self.get(name).unwrap_or_default();
                self.steps += value.len().saturating_mul(pattern.len());
                let pattern = Pattern::parse(&pattern)?;
                replace(value, &pattern, &replacement, *all, self.max_bytes)
            }
        }
    }

    fn get(&mut self, name: &'a str) -> Option<&'a str> {
        let value = self.vars.get(name);
        if value.is_none() && self.seen.insert(name) {
            self.unset.push(name.to_owned());
        }
        value
    }
}

fn check_size(bytes: usize, max_bytes: usize) -> Result<(), Reason> {
    match bytes > max_bytes {
        false => Ok(()),
        true if max_bytes == MAX_WORD_BYTES => Err(Reason::Limit("the result is longer than 1 MiB")),
        true => Err(Reason::Limit("the result is longer than 16 MiB")),
    }
}

/// `${name-word}` and its relatives.
fn decide(name: &str, value: Option<&str>, colon: bool, test: char, word: String) -> Result<String, Reason> {
    let present = value.filter(|value| !(colon && value.is_empty()));
    match (test, present) {
        ('-', Some(present)) | ('?', Some(present)) => Ok(present.to_owned()),
        ('-', None) | ('+', Some(_)) => Ok(word),
        ('+', None) => Ok(String::new()),
        ('?', None) => {
            let standard = match value {
                None => "is not allowed to be unset",
                Some(_) => "is not allowed to be empty",
            };
            let message = if word.is_empty() { standard.to_owned() } else { word };
            Err(Reason::Required { name: name.to_owned(), message })
        }
        (other, _) => Err(Reason::UnsupportedModifier(format!(":{other}"))),
    }
}

fn trim(value: &str, pattern: &str, suffix: bool) -> Result<String, Reason> {
    let operator = if suffix { '%' } else { '#' };
    let (which, pattern) = match pattern.strip_prefix(operator) {
        Some(rest) => (Match::Longest, rest),
        None => (Match::Shortest, pattern),
    };
    let pattern = Pattern::parse(pattern)?;
    Ok(if suffix {
        let dropped = pattern.suffix(value, which)?.unwrap_or(0);
        value[..value.len() - dropped].to_owned()
    } else {
        value[pattern.prefix(value, which)?.unwrap_or(0)..].to_owned()
    })
}

/// The first match, taken as it is; or all matches, where `replacement` is a template.
fn replace(
    value: &str,
    pattern: &Pattern,
    replacement: &str,
    all: bool,
    max_bytes: usize,
) -> Result<String, Reason> {
    let mut out = String::new();
    let mut copied = 0;
    let mut from = 0;
    while from <= value.len() {
        let Some(found) = pattern.find(value, from)? else { break };
        out.push_str(&value[copied..found.start]);
        if !all {
            out.push_str(replacement);
            copied = found.end;
            break;
        }
        // An empty match right behind another match is none.
        if found.end > copied || found.start == 0 {
            template::expand(replacement, &value[found.clone()], &mut out);
        }
        check_size(out.len(), max_bytes)?;
        copied = found.end;
        let width = value[from..].chars().next().map_or(1, char::len_utf8);
        from = if from + width > found.end { from + width } else { found.end };
    }
    out.push_str(value.get(copied..).unwrap_or_default());
    Ok(out)
}
