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

/// All diagnostics, a blank line between two of them. `source_name` is what the file is called, `text`
/// its bytes. Columns count characters, from 1. Of a long line or span the start is shown.
pub fn render(diagnostics: &[Diagnostic], source_name: &str, text: &[u8]) -> String {
    let lines = LineStarts::new(text);
    let mut out = String::new();
    for (index, diagnostic) in diagnostics.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        one(diagnostic, source_name, text, &lines, &mut out);
    }
    out
}

/// The line, counted from 1, of the byte at `offset`; that of the end if `offset` is beyond it.
pub fn line_of(text: &[u8], offset: usize) -> usize {
    text[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Where each line starts.
struct LineStarts(Vec<usize>);

impl LineStarts {
    fn new(text: &[u8]) -> Self {
        let newlines = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(newlines.filter(|at| *at < text.len())).collect())
    }

    /// Index of the line of `offset`.
    fn index(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset).saturating_sub(1)
    }
}

fn one(diagnostic: &Diagnostic, source_name: &str, text: &[u8], lines: &LineStarts, out: &mut String) {
    let start = diagnostic.span.start.min(text.len());
    let end = diagnostic.span.end.clamp(start, text.len());
    let first = lines.index(start);
    let last = lines.index(if end > start { end - 1 } else { end });
    let shown = last.min(first + MAX_LINES - 1);
    let column = String::from_utf8_lossy(&text[lines.0[first]..start]).chars().count() + 1;
    let gutter = (shown + 1).to_string().len();

    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let rule = diagnostic.rule.map(|rule| format!("[{rule}]")).unwrap_or_default();
    line(out, format_args!("{severity}{rule}: {}", diagnostic.message));
    line(out, format_args!("{:gutter$}--> {source_name}:{}:{column}", " ", first + 1));
    line(out, format_args!("{:gutter$} |", ""));
    for index in first..=shown {
        let line_start = lines.0[index];
        let line_end = lines.0.get(index + 1).copied().unwrap_or(text.len());
        let bytes = text[line_start..line_end].trim_ascii_end();
        let from = start.clamp(line_start, line_start + bytes.len()) - line_start;
        let to = end.clamp(line_start, line_start + bytes.len()) - line_start;
        let (source, marks) = excerpt(bytes, from, to);
        line(out, format_args!("{:>gutter$} | {source}", index + 1));
        let label = if index == shown { diagnostic.label.as_str() } else { "" };
        line(out, format_args!("{:gutter$} | {marks} {label}", ""));
    }
    if shown < last {
        line(out, format_args!("{:gutter$} | ... to line {}", "", last + 1));
    }
    if let Some(help) = &diagnostic.help {
        line(out, format_args!("{:gutter$} |", ""));
        line(out, format_args!("{:gutter$} = help: {help}", ""));
    }
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
    let blank = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let from = if from == 0 && to > blank { blank } else { from };
    let [before, marked, after] =
        [&bytes[..from], &bytes[from..to.max(from)], &bytes[to.max(from)..]].map(visible);
    let mut before = before;
    let too_long = before.chars().count().saturating_sub(MAX_LINE_CHARS / 2);
    if too_long > 0 {
        let skip = before.chars().count() - CHARS_BEFORE;
        before = format!("...{}", before.chars().skip(skip).collect::<String>());
    }
    let room = MAX_LINE_CHARS.saturating_sub(before.chars().count());
    let marks = marked.chars().count().clamp(1, room.max(1));
    let mut source = format!("{before}{marked}{after}");
    if let Some((cut, _)) = source.char_indices().nth(MAX_LINE_CHARS) {
        source.truncate(cut);
        source.push_str("...");
    }
    (source, format!("{}{}", " ".repeat(before.chars().count()), "^".repeat(marks)))
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
