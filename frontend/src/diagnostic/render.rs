//! Diagnostics as plain text.
//!
//! ```text
//! error: unknown instruction: RUNN
//!   --> Dockerfile:3:1
//!    |
//!  3 | RUNN make
//!    | ^^^^ not an instruction
//!    |
//!    = help: did you mean RUN?
//! ```

use std::fmt::Write as _;

use super::{Diagnostic, Severity};

/// Lines of the source shown for one diagnostic.
const MAX_LINES: usize = 6;
/// Characters of one line shown.
const MAX_LINE_CHARS: usize = 160;
/// Characters shown before the span when a line is cut at its start.
const CHARS_BEFORE: usize = 20;
/// Bytes that the characters shown of one line can have: more of it is not looked at.
const MAX_LINE_BYTES: usize = MAX_LINE_CHARS * 4;

/// All diagnostics, a blank line between two of them. `source_name` is what the file is called, `text`
/// its bytes. Columns count characters, from 1. Of a long line or span the start is shown.
///
/// Places are those of [`parse`](crate::parse::parse): in the text that the bytes are read as.
pub fn render(diagnostics: &[Diagnostic], source_name: &str, text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let text = text.as_bytes();
    // A text that ends with a line ending has no further line that could be shown.
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let mut place = Place::default();
    let mut out = String::new();
    for (index, diagnostic) in diagnostics.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        place = place.moved_to(diagnostic.span.start.min(text.len()), text);
        one(diagnostic, source_name, text, place, &mut out);
    }
    out
}

/// An offset in the text, and in which line it is. Sorted diagnostics move it over the text once.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    offset: usize,
    /// Line endings before it.
    lines_before: usize,
    line_start: usize,
    /// Characters of its line before it.
    characters_before: usize,
}

impl Place {
    fn moved_to(self, offset: usize, text: &[u8]) -> Self {
        let from = if offset < self.offset { Self::default() } else { self };
        let between = &text[from.offset..offset];
        let lines_before = from.lines_before + newlines(between);
        match between.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => {
                let line_start = from.offset + at + 1;
                let characters_before = characters(&text[line_start..offset]);
                Self { offset, lines_before, line_start, characters_before }
            }
            None => {
                let characters_before = from.characters_before + characters(between);
                Self { offset, lines_before, line_start: from.line_start, characters_before }
            }
        }
    }
}

/// The line, counted from 1, of the byte at `offset`; that of the end if `offset` is beyond it.
pub fn line_of(text: &[u8], offset: usize) -> usize {
    let text = String::from_utf8_lossy(text);
    let text = text.as_bytes();
    newlines(&text[..offset.min(text.len())]) + 1
}

fn newlines(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte == b'\n').count()
}

fn one(diagnostic: &Diagnostic, source_name: &str, text: &[u8], place: Place, out: &mut String) {
    let start = place.offset;
    let end = diagnostic.span.end.clamp(start, text.len());
    let first = place.lines_before + 1;
    let column = place.characters_before + 1;
    let last = first + newlines(&text[start..end.saturating_sub(1).max(start)]);
    let shown = last.min(first + MAX_LINES - 1);
    let mut line_start = place.line_start;
    let gutter = shown.to_string().len();

    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let rule = diagnostic.rule.map(|rule| format!("[{rule}]")).unwrap_or_default();
    line(out, format_args!("{severity}{rule}: {}", diagnostic.message));
    line(out, format_args!("{:gutter$}--> {source_name}:{first}:{column}", " "));
    line(out, format_args!("{:gutter$} |", ""));
    for number in first..=shown {
        let known = if number == last { end.saturating_sub(1).max(start) } else { line_start };
        let length = line_length(text, line_start, known, number == last);
        let bytes = text[line_start..line_start + length].trim_ascii_end();
        let in_line = |offset: usize| offset.clamp(line_start, line_start + bytes.len()) - line_start;
        let (source, marks) = excerpt(bytes, in_line(start), in_line(end));
        line(out, format_args!("{number:>gutter$} | {source}"));
        let label = if number == shown { diagnostic.label.as_str() } else { "" };
        line(out, format_args!("{:gutter$} | {marks} {label}", ""));
        line_start += length + 1;
    }
    if shown < last {
        line(out, format_args!("{:gutter$} | ... to line {last}", ""));
    }
    if let Some(help) = &diagnostic.help {
        line(out, format_args!("{:gutter$} |", ""));
        line(out, format_args!("{:gutter$} = help: {help}", ""));
    }
}

/// Length of the line that starts at `line_start` and reaches at least to `known`. Of the last line that
/// is shown, what is too far behind that to be seen does not count.
fn line_length(text: &[u8], line_start: usize, known: usize, is_last: bool) -> usize {
    let known = known.max(line_start);
    let end = if is_last { boundary(text, known + 1 + MAX_LINE_BYTES) } else { text.len() };
    let rest = &text[known..end];
    let more = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    known - line_start + more
}

/// Appends a line without blanks at its end.
fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let start = out.len();
    // Writing to a string cannot go wrong.
    let _ = out.write_fmt(text);
    out.truncate(start + out[start..].trim_end().len());
    out.push('\n');
}

/// The part of a line that is shown, and marks under its bytes `from..to`. Leading blanks of a line that
/// only continues a span are not marked. Control characters are shown as blanks, tabs as four.
fn excerpt(bytes: &[u8], from: usize, to: usize) -> (String, String) {
    let blank = bytes.iter().take(to).take_while(|byte| byte.is_ascii_whitespace()).count();
    let from = if from == 0 && to > blank { blank } else { from };
    let to = to.max(from);
    // Bytes that are not UTF-8 may look like a character's end anywhere, hence the bounds.
    let mut before = visible(&bytes[boundary(bytes, from.saturating_sub(MAX_LINE_BYTES)).min(from)..from]);
    let count = before.chars().count();
    if count > MAX_LINE_CHARS / 2 {
        before = format!("...{}", before.chars().skip(count - CHARS_BEFORE).collect::<String>());
    }
    let marked = visible(&bytes[from..boundary(bytes, from + MAX_LINE_BYTES).min(to)]);
    let after = visible(&bytes[to..boundary(bytes, to + MAX_LINE_BYTES)]);
    let indent = before.chars().count();
    let marks = marked.chars().count().clamp(1, MAX_LINE_CHARS - indent);
    let mut source = format!("{before}{marked}{after}");
    if let Some((cut, _)) = source.char_indices().nth(MAX_LINE_CHARS) {
        source.truncate(cut);
        source.push_str("...");
    }
    (source, format!("{}{}", " ".repeat(indent), "^".repeat(marks)))
}

/// Whether a byte goes on with the UTF-8 character before it.
fn goes_on(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// How many characters start in `bytes`.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| !goes_on(**byte)).count()
}

/// The first start of a character at or after `at`; a character has at most three bytes more.
fn boundary(bytes: &[u8], at: usize) -> usize {
    let at = at.min(bytes.len());
    at + bytes[at..].iter().take(3).take_while(|byte| goes_on(**byte)).count()
}

fn visible(bytes: &[u8]) -> String {
    let mut out = String::new();
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '\t' => out.push_str("    "),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
