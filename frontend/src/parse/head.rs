//! The head of an instruction: its keyword and its flags.

use super::joined::Slice;
use super::report::{Parse, Report};
use super::words::{flag_words, is_plain_blank};

/// An instruction cut into keyword, flags and the rest.
#[derive(Debug)]
pub(super) struct Head<'a> {
    /// As it was written.
    pub(super) keyword: Slice<'a>,
    /// All that follows the keyword, flags included, its ends not trimmed.
    pub(super) tail: Slice<'a>,
    /// Flags as written, and with quotes and escapes processed.
    pub(super) flags: Vec<(Slice<'a>, String)>,
    /// What follows the flags, trimmed.
    pub(super) rest: Slice<'a>,
}

impl<'a> Head<'a> {
    /// Cuts a line that starts with the keyword.
    pub(super) fn read(line: Slice<'a>, escape: char, report: &mut Report) -> Parse<Self> {
        let text = line.text();
        let end = text.find(is_plain_blank).unwrap_or(text.len());
        let (keyword, tail) = (line.part(0..end), line.from(end));
        let (words, rest) = flag_words(tail.text(), escape, report.nodes_left());
        report.grow(words.len(), line.span())?;
        let flags = words.into_iter().map(|word| (tail.part(word.range), word.text)).collect();
        Ok(Self { keyword, tail, flags, rest: tail.from(rest).trim() })
    }
}
