//! How the rest of an instruction is cut into words (dockerfile reference, section 2, "Word rules").
//!
//! Three ways: at plain blanks, where quotes mean nothing; like a shell, where quotes group but stay in
//! the word; and flags.

use std::ops::Range;

/// Plain blanks: what separates a keyword from its arguments and the words of FROM, EXPOSE and COPY.
/// Narrower than Unicode's, which trims the ends and separates shell-like words.
pub(super) fn is_plain_blank(c: char) -> bool {
    matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

/// Words between plain blanks, at most `limit` and one more (so that the caller sees that there are more).
pub(super) fn plain_words(text: &str, limit: usize) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut at = 0;
    while words.len() <= limit {
        let Some(start) = text[at..].find(|c| !is_plain_blank(c)).map(|skip| at + skip) else { break };
        at = text[start..].find(is_plain_blank).map_or(text.len(), |length| start + length);
        words.push(start..at);
    }
    words
}

/// Words as a shell cuts them, quotes and escapes still in them; at most `limit` and one more. An escape
/// character that is the last of the text is no part of a word.
pub(super) fn shell_words(text: &str, escape: char, limit: usize) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut word: Option<Range<usize>> = None;
    let mut quote: Option<char> = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            words.extend(word.take());
            if words.len() > limit {
                return words;
            }
            continue;
        }
        let mut end = at + c.len_utf8();
        if c == escape && quote != Some('\'') {
            match chars.next() {
                Some((next, escaped)) => end = next + escaped.len_utf8(),
                None => break,
            }
        } else if quote == Some(c) {
            quote = None;
        } else if quote.is_none() && matches!(c, '\'' | '"') {
            quote = Some(c);
        }
        word = Some(word.map_or(at, |word| word.start)..end);
    }
    words.extend(word);
    words
}

/// A word that starts with `--`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FlagWord {
    /// Where.
    pub(super) range: Range<usize>,
    /// Quotes and escapes processed.
    pub(super) text: String,
}

/// The flags at the start of `text`, at most `limit` and one more, and where the rest starts. A bare `--`
/// ends them and is dropped.
pub(super) fn flag_words(text: &str, escape: char, limit: usize) -> (Vec<FlagWord>, usize) {
    let mut flags = Vec::new();
    let mut at = 0;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        if !text[at..].starts_with("--") || flags.len() > limit {
            return (flags, at);
        }
        let (word, length) = flag_word(&text[at..], escape);
        let range = at..at + length;
        at += length;
        if word == "--" {
            return (flags, at);
        }
        flags.push(FlagWord { range, text: word });
    }
}

/// One flag, processed, and its length in the text.
fn flag_word(text: &str, escape: char) -> (String, usize) {
    let mut word = String::new();
    let mut quote: Option<char> = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            return (word, at);
        }
        if c == escape {
            word.extend(chars.next().map(|(_, escaped)| escaped));
        } else if quote == Some(c) {
            quote = None;
        } else if quote.is_none() && matches!(c, '\'' | '"') {
            quote = Some(c);
        } else {
            word.push(c);
        }
    }
    (word, text.len())
}
