//! One pattern as a small automaton, run over all its states at once: no backtracking.

use super::PatternError;

/// A wildcard pattern of COPY: Go's `filepath.Match`, over bytes. There is no `**`: it is two `*`.
///
/// One difference: a negated class such as `[^a]` does not match a `/` (Go's does).
#[derive(Debug, Clone)]
pub struct Glob(Program);

/// Whether `component` of a path makes it a pattern: an unescaped `*`, `?` or `[`.
pub fn has_wildcard(component: &[u8]) -> bool {
    let mut bytes = component.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'*' | b'?' | b'[' => return true,
            _ => {}
        }
    }
    false
}

impl Glob {
    /// Compiles `pattern`.
    pub fn new(pattern: &[u8]) -> Result<Self, PatternError> {
        Program::compile(pattern, Dialect::Match)
            .map(Self)
            .ok_or_else(|| PatternError::Syntax(String::from_utf8_lossy(pattern).into_owned()))
    }

    /// Whether all of `text` matches.
    pub fn matches(&self, text: &[u8]) -> bool {
        self.0.matches(text)
    }
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(super) struct Program {
    /// What every match begins with; most patterns are settled by comparing it.
    prefix: Vec<u8>,
    /// What follows the prefix.
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// This character.
    Char(u32),
    /// One character but `/`.
    AnyChar,
    /// One character in (or, negated, not in) these ranges, never `/`.
    Class { negated: bool, ranges: Vec<(u32, u32)> },
    /// Any number of characters but `/`.
    InComponent,
    /// Any number of characters.
    Anything,
    /// Any number of whole components, each with the `/` behind it. Always followed by [`Step::Within`].
    Components,
    /// Inside of a [`Step::Components`]: left only behind a `/`.
    Within,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// Lists of patterns, with `**`.
    List,
    /// Go's `filepath.Match`.
    Match,
}

impl Program {
    /// Compiles a pattern of a list; `None` if it is malformed.
    pub(super) fn of_list(pattern: &[u8]) -> Option<Self> {
        Self::compile(pattern, Dialect::List)
    }

    fn compile(pattern: &[u8], dialect: Dialect) -> Option<Self> {
        let chars: Vec<u32> = characters(pattern).collect();
        let plain_tail =
            !chars.iter().skip(2).any(|c| "*?[]\\".chars().any(|special| *c == u32::from(special)));
        let mut steps = Vec::new();
        let mut rest = chars.as_slice();
        while let Some((first, after)) = rest.split_first() {
            rest = match char::from_u32(*first) {
                Some('*') if dialect == Dialect::List && after.first() == Some(&u32::from('*')) => {
                    let at_start = steps.is_empty();
                    double_star(&after[1..], at_start && plain_tail, &mut steps)
                }
                Some('*') => {
                    steps.push(Step::InComponent);
                    after
                }
                Some('?') => {
                    steps.push(Step::AnyChar);
                    after
                }
                Some('[') => {
                    let (class, after) = class(after)?;
                    steps.push(class);
                    after
                }
                Some('\\') => {
                    let (escaped, after) = after.split_first()?;
                    steps.push(Step::Char(*escaped));
                    after
                }
                _ => {
                    steps.push(Step::Char(*first));
                    after
                }
            };
        }
        Some(Self::with_prefix(steps))
    }

    fn with_prefix(mut steps: Vec<Step>) -> Self {
        let plain = steps.iter().take_while(|step| matches!(step, Step::Char(_))).count();
        let mut prefix = Vec::new();
        for step in steps.drain(..plain) {
            if let Step::Char(c) = step {
                push_character(&mut prefix, c);
            }
        }
        Self { prefix, steps }
    }

    /// Whether all of `text` matches.
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        let Some(rest) = text.strip_prefix(self.prefix.as_slice()) else { return false };
        match self.steps.as_slice() {
            [] => rest.is_empty(),
            [Step::Anything] => true,
            _ => self.run(rest).last() == Some(&true),
        }
    }

    /// Whether some text that begins with `dir` and a `/` could match.
    pub(super) fn may_match_below(&self, dir: &[u8]) -> bool {
        let mut text = dir.to_vec();
        text.push(b'/');
        if self.prefix.len() >= text.len() {
            return self.prefix.starts_with(&text);
        }
        text.strip_prefix(self.prefix.as_slice()).is_some_and(|rest| self.run(rest).contains(&true))
    }

    /// The states that `text` leads to: one for each step that may come next, and the end.
    fn run(&self, text: &[u8]) -> Vec<bool> {
        let mut states = vec![false; self.steps.len() + 1];
        let mut next = states.clone();
        states[0] = true;
        self.skip_optional(&mut states);
        for c in characters(text) {
            next.fill(false);
            for (at, step) in self.steps.iter().enumerate() {
                if states[at] {
                    let (stay, advance) = step.take(c);
                    next[at] |= stay;
                    next[at + 1] |= advance;
                }
            }
            self.skip_optional(&mut next);
            std::mem::swap(&mut states, &mut next);
        }
        states
    }

    fn skip_optional(&self, states: &mut [bool]) {
        for (at, step) in self.steps.iter().enumerate() {
            if states[at] {
                match step {
                    Step::InComponent | Step::Anything => states[at + 1] = true,
                    Step::Components => {
                        states[at + 1] = true;
                        states[at + 2] = true;
                    }
                    _ => {}
                }
            }
        }
    }
}

impl Step {
    /// Whether after `c` the step goes on, and whether it may be done.
    fn take(&self, c: u32) -> (bool, bool) {
        let slash = c == u32::from('/');
        match self {
            Self::Char(wanted) => (false, c == *wanted),
            Self::AnyChar => (false, !slash),
            Self::Class { negated, ranges } => {
                let within = ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
                (false, !slash && within != *negated)
            }
            Self::InComponent => (!slash, false),
            Self::Anything => (true, false),
            Self::Components => (false, false),
            Self::Within => (true, slash),
        }
    }
}

/// The steps of a `**` before `rest`, and what is left after them. `**x` at the start of an otherwise
/// plain pattern matches every path that ends in `x`; elsewhere `**` is whole components.
fn double_star<'a>(rest: &'a [u32], leads_plain: bool, steps: &mut Vec<Step>) -> &'a [u32] {
    let slash = rest.first() == Some(&u32::from('/'));
    let rest = if slash { &rest[1..] } else { rest };
    if rest.is_empty() || (leads_plain && !slash) {
        steps.push(Step::Anything);
    } else {
        steps.extend([Step::Components, Step::Within]);
    }
    rest
}

/// A class, from behind its `[`, and what is left behind its `]`.
fn class(mut rest: &[u32]) -> Option<(Step, &[u32])> {
    let mut negated = false;
    if rest.first() == Some(&u32::from('^')) {
        negated = true;
        rest = &rest[1..];
    }
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && rest.first() == Some(&u32::from(']')) {
            return Some((Step::Class { negated, ranges }, &rest[1..]));
        }
        let (low, after) = class_character(rest)?;
        let (high, after) = match after.split_first() {
            Some((dash, after)) if *dash == u32::from('-') => class_character(after)?,
            _ => (low, after),
        };
        ranges.push((low, high));
        rest = after;
    }
}

fn class_character(rest: &[u32]) -> Option<(u32, &[u32])> {
    let (first, after) = rest.split_first()?;
    match char::from_u32(*first) {
        Some('-' | ']') => None,
        Some('\\') => after.split_first().map(|(c, after)| (*c, after)),
        _ => Some((*first, after)),
    }
}

/// Bytes that are no UTF-8 stand for themselves, above all characters.
const BYTE_BASE: u32 = 0x0011_0000;

fn characters(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.utf8_chunks().flat_map(|chunk| {
        let invalid = chunk.invalid().iter().map(|byte| BYTE_BASE + u32::from(*byte));
        chunk.valid().chars().map(u32::from).chain(invalid)
    })
}

fn push_character(bytes: &mut Vec<u8>, c: u32) {
    match char::from_u32(c) {
        Some(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        // Made by `characters` from one byte.
        None => bytes.push((c - BYTE_BASE) as u8),
    }
}
