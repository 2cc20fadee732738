//! Continuation lines joined to one logical line (dockerfile reference, section 1).

use std::ops::Range;

use super::joined::Joined;
use super::lines::{Line, Lines};

/// An instruction's line.
#[derive(Debug)]
pub(super) struct LogicalLine {
    /// Its text.
    pub(super) joined: Joined,
    /// The first blank line among the continuation lines.
    pub(super) blank: Option<Range<usize>>,
}

/// Reads the continuation lines of `first` too: they are joined with nothing in between and keep their
/// leading blanks; comments and blank lines among them are dropped. The end of the file ends it.
pub(super) fn read(first: &Line<'_>, lines: &mut Lines<'_>, escape: char) -> LogicalLine {
    let mut joined = Joined::default();
    let mut blank = None;
    let text = first.text.trim_start();
    let mut start = first.start + first.text.len() - text.len();
    let mut next = Some(text);
    while let Some(text) = next {
        let (text, more) = match continued(text, escape) {
            Some(text) => (text, true),
            None => (text, false),
        };
        joined.push(text, start);
        next = None;
        if !more {
            break;
        }
        for line in lines.by_ref() {
            if line.is_comment() {
                continue;
            }
            if line.is_blank() {
                blank.get_or_insert(line.range());
                continue;
            }
            start = line.start;
            next = Some(line.text);
            break;
        }
    }
    LogicalLine { joined, blank }
}

/// The line without the escape character at its end, if that is one that continues it: blanks may follow
/// it, but no other escape character may precede it.
fn continued(text: &str, escape: char) -> Option<&str> {
    let text = text.trim_end_matches([' ', '\t']).strip_suffix(escape)?;
    (!text.ends_with(escape)).then_some(text)
}
