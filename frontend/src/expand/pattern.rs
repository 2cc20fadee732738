//! Patterns of `${v#p}`, `${v%p}` and `${v/p/r}`: `*` and `?`, which never match a newline, and nothing
//! else that is special.
//!
//! Matching runs over the value once with the set of positions in the pattern that are still possible,
//! so it takes value times pattern steps and never more.

use std::ops::Range;

use super::Reason;

/// Most steps of one match: pattern length times value length.
const MAX_STEPS: usize = 1 << 24;

/// Which of several matches at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    Shortest,
    Longest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Star,
    Any,
    Char(char),
}

/// A compiled pattern.
pub(super) struct Pattern {
    tokens: Vec<Token>,
}

impl Pattern {
    pub(super) fn parse(pattern: &str) -> Result<Self, Reason> {
        let mut tokens = Vec::new();
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            let token = match c {
                '*' if tokens.last() == Some(&Token::Star) => continue,
                '*' => Token::Star,
                '?' => Token::Any,
                '\\' => match chars.next() {
                    Some(c @ ('*' | '?' | '\\' | '}' | '/')) => Token::Char(c),
                    other => {
                        let escaped = other.map(String::from).unwrap_or_default();
                        return Err(Reason::InvalidPattern { pattern: pattern.to_owned(), escaped });
                    }
                },
                c => Token::Char(c),
            };
            tokens.push(token);
        }
        Ok(Self { tokens })
    }

    /// Length in bytes of the match at the start of `value`.
    pub(super) fn prefix(&self, value: &str, which: Match) -> Result<Option<usize>, Reason> {
        self.check_steps(value)?;
        Ok(search(&self.tokens, value.char_indices(), value.len(), true, which).map(|found| found.end))
    }

    /// Length in bytes of the match at the end of `value`.
    pub(super) fn suffix(&self, value: &str, which: Match) -> Result<Option<usize>, Reason> {
        self.check_steps(value)?;
        let reversed: Vec<Token> = self.tokens.iter().rev().copied().collect();
        let backwards = value.char_indices().rev().map(|(at, c)| (value.len() - at - c.len_utf8(), c));
        Ok(search(&reversed, backwards, value.len(), true, which).map(|found| found.end))
    }

    /// The first match at or after byte `from`, the longest of those that start there.
    pub(super) fn find(&self, value: &str, from: usize) -> Result<Option<Range<usize>>, Reason> {
        let rest = &value[from..];
        self.check_steps(rest)?;
        let found = search(&self.tokens, rest.char_indices(), rest.len(), false, Match::Longest);
        Ok(found.map(|found| found.start + from..found.end + from))
    }

    fn check_steps(&self, value: &str) -> Result<(), Reason> {
        if self.tokens.len().saturating_mul(value.len()) > MAX_STEPS {
            return Err(Reason::Limit("the pattern and the value it is matched with are too long"));
        }
        Ok(())
    }
}

/// For each position in the pattern, the smallest start of a match that got there.
struct States {
    starts: Vec<Option<usize>>,
    live: usize,
}

impl States {
    fn new(len: usize) -> Self {
        Self { starts: vec![None; len], live: 0 }
    }

    /// Reaches `state`, and what follows it when it is a star, which may match nothing.
    fn reach(&mut self, tokens: &[Token], mut state: usize, start: usize) {
        loop {
            match &mut self.starts[state] {
                Some(other) => *other = start.min(*other),
                empty => {
                    *empty = Some(start);
                    self.live += 1;
                }
            }
            if tokens.get(state) != Some(&Token::Star) {
                return;
            }
            state += 1;
        }
    }

    fn clear(&mut self) {
        self.starts.fill(None);
        self.live = 0;
    }
}

/// The leftmost match. `len` is the length of all `chars` in bytes.
fn search(
    tokens: &[Token],
    chars: impl Iterator<Item = (usize, char)>,
    len: usize,
    anchored: bool,
    which: Match,
) -> Option<Range<usize>> {
    let end = tokens.len();
    let mut now = States::new(end + 1);
    let mut next = States::new(end + 1);
    let mut best: Option<Range<usize>> = None;
    for (at, c) in chars.map(|(at, c)| (at, Some(c))).chain([(len, None)]) {
        if best.is_none() && (at == 0 || !anchored) {
            now.reach(tokens, 0, at);
        }
        if let Some(start) = now.starts[end]
            && best.as_ref().is_none_or(|best| start <= best.start)
        {
            best = Some(start..at);
            if which == Match::Shortest {
                break;
            }
        }
        let (Some(c), true) = (c, now.live > 0) else { break };
        next.clear();
        for (state, token) in tokens.iter().enumerate() {
            let Some(start) = now.starts[state] else { continue };
            if best.as_ref().is_some_and(|best| start > best.start) {
                continue;
            }
            match token {
                Token::Star if c != '\n' => next.reach(tokens, state, start),
                Token::Any if c != '\n' => next.reach(tokens, state + 1, start),
                Token::Char(wanted) if *wanted == c => next.reach(tokens, state + 1, start),
                _ => {}
            }
        }
        std::mem::swap(&mut now, &mut next);
    }
    best
}
