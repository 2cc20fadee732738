//! Cuts a text into parts: plain runs, quotes, escapes, substitutions.

use std::ops::Range;

use super::Reason;

/// How deep substitutions may be nested in each other.
const MAX_DEPTH: usize = 100;
/// Parts a text may have: at 48 bytes each, what keeps hostile input within memory.
const MAX_PARTS: usize = 1_000_000;

/// What is special in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Syntax {
    /// The escape character.
    pub(crate) escape: char,
    /// Whether quotes quote.
    pub(crate) quotes: bool,
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Where it is in the text, its quotes included.
    pub(crate) range: Range<usize>,
    /// What it is.
    pub(crate) kind: PartKind,
}

/// Kinds of [`Part`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PartKind {
    /// Taken as it is; a blank in it ends a word.
    Plain,
    /// `<<` and the blanks after it: taken as it is, and no word ends in it.
    Opening,
    /// The escape character (one byte) and what it quotes, which is nothing at the end of a text.
    Escaped,
    /// `'...'`
    Single,
    /// `"..."`
    Double(Vec<Part>),
    /// `$name` or `${...}`
    Substitution(Box<Substitution>),
}

/// `$name`, `${name}`, `${name<operator>...}`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Substitution {
    /// Where the name is in the text; may be empty.
    pub(crate) name: Range<usize>,
    /// What is done with its value.
    pub(crate) operator: Operator,
}

/// What a [`Substitution`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operator {
    /// Nothing.
    None,
    /// `-`, `+`, `?`, or one that does not exist (an error once it is evaluated), perhaps after a colon.
    Test { colon: bool, test: char, word: Vec<Part> },
    /// `#p`, `##p`, `%p`, `%%p`: for the longest match the pattern begins with the operator again.
    Trim { suffix: bool, pattern: Vec<Part> },
    /// `/p/r`, `//p/r`
    Replace { all: bool, pattern: Vec<Part>, replacement: Vec<Part> },
}

/// Cuts `text` into parts.
pub(crate) fn scan(text: &str, syntax: Syntax) -> Result<Vec<Part>, Reason> {
    Scanner { text, at: 0, syntax, depth: 0, parts: 0 }.parts_until(None)
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    syntax: Syntax,
    depth: usize,
    parts: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        let rest = &self.text[self.at..];
        self.at += rest.find(|c| !wanted(c)).unwrap_or(rest.len());
    }

    /// Parts up to `stop`, which is consumed, or to the end of the text.
    fn parts_until(&mut self, stop: Option<char>) -> Result<Vec<Part>, Reason> {
        let mut parts = Vec::new();
        while let Some(next) = self.peek() {
            if Some(next) == stop {
                self.next();
                return Ok(parts);
            }
            let start = self.at;
            let kind = self.part(next, stop)?;
            self.push(&mut parts, start, kind)?;
        }
        match stop {
            Some(stop) => Err(Reason::Missing(stop)),
            None => Ok(parts),
        }
    }

    fn push(&mut self, parts: &mut Vec<Part>, start: usize, kind: PartKind) -> Result<(), Reason> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(Reason::Limit("more than 1000000 quotes, escapes and variables in one text"));
        }
        parts.push(Part { range: start..self.at, kind });
        Ok(())
    }

    fn part(&mut self, next: char, stop: Option<char>) -> Result<PartKind, Reason> {
        let Syntax { escape, quotes } = self.syntax;
        match next {
            '$' => return self.dollar(),
            '<' if self.text[self.at..].starts_with("<<") => {
                self.at += 2;
                self.skip_while(|c| matches!(c, ' ' | '\t' | '\r'));
                return Ok(PartKind::Opening);
            }
            '\'' if quotes => return self.single_quote(),
            '"' if quotes => return self.double_quote(),
            next if next == escape => {
                self.next();
                self.next();
                return Ok(PartKind::Escaped);
            }
            _ => self.next(),
        };
        self.skip_while(|c| {
            !(matches!(c, '$' | '<') || (quotes && matches!(c, '\'' | '"')) || c == escape || Some(c) == stop)
        });
        Ok(PartKind::Plain)
    }

    fn single_quote(&mut self) -> Result<PartKind, Reason> {
        match self.text[self.at + 1..].find('\'') {
            Some(length) => {
                self.at += length + 2;
                Ok(PartKind::Single)
            }
            None => {
                self.at = self.text.len();
                Err(Reason::UnterminatedQuote("single-quote"))
            }
        }
    }

    fn double_quote(&mut self) -> Result<PartKind, Reason> {
        let escape = self.syntax.escape;
        self.next();
        let mut parts = Vec::new();
        loop {
            let start = self.at;
            let kind = match self.next() {
                None => return Err(Reason::UnterminatedQuote("double-quote")),
                Some('"') => return Ok(PartKind::Double(parts)),
                Some('$') => {
                    self.at = start;
                    self.dollar()?
                }
                Some(c)
                    if c == escape && self.peek().is_some_and(|c| matches!(c, '"' | '$') || c == escape) =>
                {
                    self.next();
                    PartKind::Escaped
                }
                Some(_) => {
                    self.skip_while(|c| !matches!(c, '"' | '$') && c != escape);
                    PartKind::Plain
                }
            };
            self.push(&mut parts, start, kind)?;
        }
    }

    fn dollar(&mut self) -> Result<PartKind, Reason> {
        self.next();
        if self.peek() == Some('{') {
            self.next();
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(Reason::Limit("substitutions are nested more than 100 deep"));
            }
            let substitution = self.braces();
            self.depth -= 1;
            return substitution.map(|it| PartKind::Substitution(Box::new(it)));
        }
        let name = self.name();
        if name.is_empty() {
            return Ok(PartKind::Plain);
        }
        Ok(PartKind::Substitution(Box::new(Substitution { name, operator: Operator::None })))
    }

    /// A run of digits, a special parameter, or letters, digits and `_`.
    fn name(&mut self) -> Range<usize> {
        let start = self.at;
        match self.peek() {
            Some('0'..='9') => self.skip_while(|c| c.is_ascii_digit()),
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => self.at += 1,
            _ => self.skip_while(|c| c == '_' || c.is_alphanumeric()),
        }
        start..self.at
    }

    /// What follows `${`, the closing brace included.
    fn braces(&mut self) -> Result<Substitution, Reason> {
        match self.peek() {
            None => return Err(Reason::Missing('}')),
            Some('{' | '}' | ':') => return Err(Reason::BadSubstitution),
            Some(_) => {}
        }
        let name = self.name();
        let operator = match self.next() {
            None => return Err(Reason::Missing('}')),
            Some('}') => Operator::None,
            Some(':') => match self.next() {
                None => return Err(Reason::Missing('}')),
                Some(c @ ('#' | '%')) => return Err(Reason::UnsupportedModifier(format!(":{c}"))),
                Some(test) => Operator::Test { colon: true, test, word: self.word_until('}')? },
            },
            Some(test @ ('-' | '+' | '?')) => {
                Operator::Test { colon: false, test, word: self.word_until('}')? }
            }
            Some(c @ ('#' | '%')) => Operator::Trim { suffix: c == '%', pattern: self.word_until('}')? },
            Some('/') => {
                let all = self.peek() == Some('/');
                if all {
                    self.next();
                }
                let pattern = self.word_until('/')?;
                Operator::Replace { all, pattern, replacement: self.word_until('}')? }
            }
            Some(c) => return Err(Reason::UnsupportedModifier(c.to_string())),
        };
        Ok(Substitution { name, operator })
    }

    /// A word inside braces. When the text ends in it, it is the end that is missing, whatever else is.
    fn word_until(&mut self, stop: char) -> Result<Vec<Part>, Reason> {
        let word = self.parts_until(Some(stop));
        word.map_err(|reason| match reason {
            Reason::Limit(_) => reason,
            _ if self.at == self.text.len() => Reason::Missing(stop),
            _ => reason,
        })
    }
}
