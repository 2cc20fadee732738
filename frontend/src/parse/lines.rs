//! Physical lines.

use std::ops::Range;

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// What is on it, without the line ending (all carriage returns and newlines at its end).
    pub(super) text: &'a str,
    /// The same with its line ending.
    pub(super) raw: &'a str,
    /// Offset of its first byte in the file.
    pub(super) start: usize,
}

impl Line<'_> {
    /// Where the text is in the file.
    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// Whether its first character that is not blank is `#`.
    pub(super) fn is_comment(&self) -> bool {
        self.text.trim_start().starts_with('#')
    }

    /// Whether there is nothing but blanks on it.
    pub(super) fn is_blank(&self) -> bool {
        self.text.trim_start().is_empty()
    }
}

/// The lines of a file, from `at` on.
#[derive(Debug, Clone)]
pub(super) struct Lines<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Skips bytes that belong to no line.
    pub(super) fn skip_bytes(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Offset of the next line.
    pub(super) fn offset(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let rest = &self.text[self.at..];
        if rest.is_empty() {
            return None;
        }
        let raw = &rest[..rest.find('\n').map_or(rest.len(), |newline| newline + 1)];
        let start = self.at;
        self.at += raw.len();
        Some(Line { text: raw.trim_end_matches(['\r', '\n']), raw, start })
    }
}
