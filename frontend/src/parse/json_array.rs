//! The exec form: a JSON array of strings, told from a shell line the way Go's `encoding/json` does
//! (dockerfile reference, section 2, "Word rules").
//!
//! A general JSON library does not fit: Go accepts a lone surrogate (as U+FFFD) and 10,000 levels, takes a
//! number that no float can hold for broken JSON, and each string needs its place in the file.

use std::ops::Range;

/// What the rest of an instruction is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Json {
    /// An array of strings, each with its place, quotes included.
    Strings(Vec<(String, Range<usize>)>),
    /// An array with something else in it; where the first such thing is.
    NotOnlyStrings(Range<usize>),
    /// No JSON array.
    Text,
    /// More strings than allowed.
    TooMany,
}

/// Levels that Go reads before it gives up.
const MAX_DEPTH: usize = 10_000;

/// Looks for an array of at most `limit` strings; `text` has no blanks at its ends.
pub(super) fn json_array(text: &str, limit: usize) -> Json {
    if !text.starts_with('[') {
        return Json::Text;
    }
    let mut reader = Reader { bytes: text.as_bytes(), text, at: 0 };
    let mut strings = Vec::new();
    let mut other = None;
    match reader.array(limit, &mut strings, &mut other) {
        Some(()) if strings.len() > limit => Json::TooMany,
        Some(()) => match other {
            Some(range) => Json::NotOnlyStrings(range),
            None => Json::Strings(strings),
        },
        None => Json::Text,
    }
}

/// Each method reads one thing, or answers `None` when it is not there.
struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn array(
        &mut self,
        limit: usize,
        strings: &mut Vec<(String, Range<usize>)>,
        other: &mut Option<Range<usize>>,
    ) -> Option<()> {
        self.take(b'[')?;
        self.blanks();
        if self.peek() != Some(b']') {
            loop {
                self.blanks();
                let start = self.at;
                if self.peek() == Some(b'"') {
                    let value = self.string()?;
                    if strings.len() <= limit {
                        strings.push((value, start..self.at));
                    }
                } else {
                    self.value()?;
                    other.get_or_insert(start..self.at);
                }
                self.blanks();
                if self.take(b',').is_none() {
                    break;
                }
            }
        }
        self.take(b']')?;
        self.blanks();
        (self.at == self.bytes.len()).then_some(())
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.peek() == Some(wanted)).then(|| self.at += 1)
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn string(&mut self) -> Option<String> {
        self.take(b'"')?;
        let mut value = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.find(|c: char| c == '"' || c == '\\' || c < ' ')?;
            value.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(value);
                }
                b'\\' => value.push(self.escape()?),
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        self.take(b'\\')?;
        let c = match self.peek()? {
            c @ (b'"' | b'\\' | b'/') => char::from(c),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode();
            }
            _ => return None,
        };
        self.at += 1;
        Some(c)
    }

    /// What follows `\u`: one unit, or the two of a pair; half a pair is U+FFFD.
    fn unicode(&mut self) -> Option<char> {
        let first = self.unit()?;
        if let 0xd800..0xdc00 = first {
            let back = self.at;
            if self.bytes[self.at..].starts_with(b"\\u") {
                self.at += 2;
                let second = self.unit()?;
                if let 0xdc00..0xe000 = second {
                    return char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
                }
                self.at = back;
            }
        }
        Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
    }

    /// Anything, without recursion: `open` remembers which brackets are open.
    fn value(&mut self) -> Option<()> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            self.blanks();
            match self.peek()? {
                b'[' | b'{' => {
                    let bracket = self.bytes[self.at];
                    self.at += 1;
                    open.push(bracket);
                    if open.len() >= MAX_DEPTH {
                        return None;
                    }
                    self.blanks();
                    if self.peek() != Some(bracket + 2) {
                        if bracket == b'{' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                b'"' => drop(self.string()?),
                b't' => self.literal("true")?,
                b'f' => self.literal("false")?,
                b'n' => self.literal("null")?,
                _ => self.number()?,
            }
            if self.close(&mut open)? {
                return Some(());
            }
        }
    }

    /// What follows a value: closing brackets, then a comma, unless nothing is open any more.
    fn close(&mut self, open: &mut Vec<u8>) -> Option<bool> {
        while let Some(bracket) = open.last().copied() {
            self.blanks();
            match self.peek()? {
                b',' => {
                    self.at += 1;
                    if bracket == b'{' {
                        self.key()?;
                    }
                    return Some(false);
                }
                // Both closing brackets are two after their opening one.
                closing if closing == bracket + 2 => {
                    self.at += 1;
                    open.pop();
                }
                _ => return None,
            }
        }
        Some(true)
    }

    fn key(&mut self) -> Option<()> {
        self.blanks();
        self.string()?;
        self.blanks();
        self.take(b':')
    }

    fn literal(&mut self, literal: &str) -> Option<()> {
        self.bytes[self.at..].starts_with(literal.as_bytes()).then(|| self.at += literal.len())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        let _ = self.take(b'-');
        if self.take(b'0').is_none() {
            self.digits()?;
        }
        if self.take(b'.').is_some() {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        self.text[start..self.at].parse::<f64>().ok().filter(|number| number.is_finite()).map(drop)
    }
}
