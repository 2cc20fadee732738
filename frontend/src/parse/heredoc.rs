//! Heredocs: where they are opened in a line, and their bodies (dockerfile reference, section 1,
//! "Heredocs", and traps 22 to 24, 66 and 75).

use std::ops::Range;

use super::joined::Slice;
use super::lines::Lines;
use super::report::{Parse, Report, Reported};
use crate::ast::{Heredoc, Span, Spanned};
use crate::expand::Reason;
use crate::expand::scan::{Part, PartKind, Syntax, scan};

/// Words are quoted with a backslash here, whatever the escape directive says.
const SYNTAX: Syntax = Syntax { escape: '\\', quotes: true };

/// A word `<<NAME`.
#[derive(Debug)]
pub(super) struct Opening {
    name: String,
    expand: bool,
    chomp: bool,
    fd: Option<u32>,
    word: Spanned<String>,
}

impl Opening {
    /// Reads a word as an opening. It is none if it has another `<`, or no name.
    pub(super) fn read(word: Slice<'_>) -> Option<Self> {
        let text = word.text();
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let rest = text[digits..].strip_prefix("<<")?;
        let (chomp, rest) = match rest.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
        if rest.contains('<') {
            return None;
        }
        let parts = scan(rest, SYNTAX).ok()?;
        let expand = !parts.iter().any(|it| matches!(it.kind, PartKind::Single | PartKind::Double(_)));
        let mut name = String::new();
        unquote(rest, &parts, &mut name);
        let fd = text[..digits].parse().ok();
        (!name.is_empty()).then(|| Self { name, expand, chomp, fd, word: word.spanned() })
    }

    /// The name that the word gives.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The heredoc with this body.
    pub(super) fn with_body(self, body: String, body_span: Span) -> Heredoc {
        let Self { name, expand, chomp, fd, word } = self;
        Heredoc { name, opening: word, body, body_span, expand, chomp, fd }
    }
}

/// The word without quotes and escapes; variables stay as they are written.
fn unquote(text: &str, parts: &[Part], out: &mut String) {
    for part in parts {
        let source = &text[part.range.clone()];
        match &part.kind {
            PartKind::Escaped => out.push_str(&source[1..]),
            PartKind::Single => out.push_str(&source[1..source.len() - 1]),
            PartKind::Double(parts) => unquote(text, parts, out),
            PartKind::Plain | PartKind::Opening | PartKind::Substitution(_) => out.push_str(source),
        }
    }
}

/// All openings in a line. A line that is not well quoted has none, as in `RUN echo it's <<EOF`.
pub(super) fn openings(line: Slice<'_>, report: &mut Report) -> Parse<Vec<Opening>> {
    let text = line.text();
    if !text.contains("<<") {
        return Ok(Vec::new());
    }
    let parts = match scan(text, SYNTAX) {
        Ok(parts) => parts,
        Err(Reason::Limit(limit)) => {
            return Err(report.error_with_help(
                limit,
                line.span(),
                "in this instruction",
                "put the text in a file".to_owned(),
            ));
        }
        Err(_) => return Ok(Vec::new()),
    };
    let openings: Vec<_> =
        words(text, &parts).into_iter().filter_map(|word| Opening::read(line.part(word))).collect();
    report.grow(openings.len(), line.span())?;
    Ok(openings)
}

/// The shell words of a line that have a `<<` in them.
fn words(text: &str, parts: &[Part]) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut word: Option<(Range<usize>, bool)> = None;
    let mut end_word = |word: &mut Option<(Range<usize>, bool)>| {
        if let Some((range, true)) = word.take() {
            words.push(range);
        }
    };
    for Part { range, kind } in parts {
        if *kind != PartKind::Plain {
            let (start, opens) = word.map_or((range.start, false), |(word, opens)| (word.start, opens));
            word = Some((start..range.end, opens || *kind == PartKind::Opening));
            continue;
        }
        for (at, c) in text[range.clone()].char_indices() {
            let at = range.start + at;
            if c.is_whitespace() {
                end_word(&mut word);
            } else {
                let (start, opens) = word.map_or((at, false), |(word, opens)| (word.start, opens));
                word = Some((start..at + c.len_utf8(), opens));
            }
        }
    }
    end_word(&mut word);
    words
}

/// An opening whose terminator does not come.
#[derive(Debug)]
pub(super) struct Unterminated {
    name: String,
    chomp: bool,
    word: Span,
    /// A line that looks like the terminator, and is none because of the blanks around it.
    almost: Option<Span>,
}

impl Unterminated {
    /// Says so.
    pub(super) fn report(self, report: &mut Report) -> Reported {
        let Self { name, chomp, word, almost } = self;
        let help = match almost {
            Some(_) if chomp => "only tabs may stand before the terminator, and nothing behind it".to_owned(),
            Some(_) => format!(
                "the terminator stands alone at the start of its line; `<<-{name}` allows tabs before it"
            ),
            None => format!("end it with a line that is just `{name}`"),
        };
        report.error_with_help("unterminated heredoc", word, &format!("no line `{name}` follows"), help)
    }
}

/// Takes the bodies of `openings`, in order, from the lines that follow. Answers where the last one's
/// terminator ends.
pub(super) fn bodies(
    openings: Vec<Opening>,
    lines: &mut Lines<'_>,
) -> Result<(Vec<Heredoc>, Option<usize>), Unterminated> {
    let mut heredocs = Vec::new();
    let mut end = None;
    for opening in openings {
        let start = lines.offset();
        let mut body = String::new();
        let mut almost = None;
        loop {
            let Some(line) = lines.next() else {
                let Opening { name, chomp, word, .. } = opening;
                return Err(Unterminated { name, chomp, word: word.span, almost });
            };
            let text = if opening.chomp { line.text.trim_start_matches('\t') } else { line.text };
            if text == opening.name {
                let body_span = Span { start, end: line.start };
                end = Some(line.range().end);
                heredocs.push(opening.with_body(body, body_span));
                break;
            }
            if text.trim() == opening.name {
                almost.get_or_insert(Span { start: line.start, end: line.range().end });
            }
            body.push_str(line.raw);
        }
    }
    Ok((heredocs, end))
}
