//! Path patterns: `.dockerignore` and include/exclude lists ([`Matcher`]), and the wildcards of COPY
//! ([`Glob`], Go's `filepath.Match`).
//!
//! A list is matched in order and the last pattern that matches decides; `!` before a pattern takes
//! paths out again. A pattern that matches a directory matches all below it. `*`, `?` and `[..]` never
//! match a `/`; `**` matches any number of components. Matching takes time linear in the path, whatever
//! the pattern: patterns come from repositories that nobody vetted.

mod glob;
mod ignore_file;
#[cfg(test)]
mod tests;

pub use glob::{Glob, has_wildcard};
pub use ignore_file::{IgnoreFileError, parse_ignore_file};

use glob::Program;

/// Why some text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// An unclosed or empty `[..]`, a range without an end, or a `\` at the end.
    #[error("{0:?} is not a valid pattern")]
    Syntax(String),
    /// A `!` with nothing behind it.
    #[error("a lone \"!\" is not a valid pattern")]
    LoneException,
}

/// A list of patterns, as in `.dockerignore`, `--exclude` and LLB's include and exclude patterns.
#[derive(Debug, Clone, Default)]
pub struct Matcher {
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone)]
struct Pattern {
    /// Written with a `!`.
    exception: bool,
    program: Program,
}

/// What is known of a directory's path, to match what is in it; [`Default`] is the root.
#[derive(Debug, Clone, Default)]
pub struct ParentMatch(Vec<bool>);

impl Matcher {
    /// Compiles `patterns`. Blanks around a pattern are dropped, empty patterns skipped, paths cleaned
    /// (`./a/../b` is `b`). Patterns are relative to the root of what is matched; a leading `/` is not
    /// special here and so never matches (an ignore file's is dropped by [`parse_ignore_file`]).
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, PatternError> {
        let compiled = patterns
            .iter()
            .map(|text| text.as_ref().trim())
            .filter(|text| !text.is_empty())
            .map(Pattern::new)
            .collect::<Result<_, _>>()?;
        Ok(Self { patterns: compiled })
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether some pattern begins with `!`.
    pub fn has_exceptions(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern.exception)
    }

    /// Whether `path` (relative, no leading or trailing `/`) or a directory above it is matched.
    pub fn matches(&self, path: &[u8]) -> bool {
        let mut parent = ParentMatch::default();
        for (at, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            parent = self.matches_in(&path[..at], &parent).1;
        }
        self.matches_in(path, &parent).0
    }

    /// Whether `path` is matched, given what was returned for the directory it is in; and what to
    /// give for what is in `path` if that is a directory. Each directory of a walk is matched once.
    pub fn matches_in(&self, path: &[u8], parent: &ParentMatch) -> (bool, ParentMatch) {
        let mut matched = false;
        let mut known = vec![false; self.patterns.len()];
        for (at, pattern) in self.patterns.iter().enumerate() {
            let above = parent.0.get(at).copied().unwrap_or(false);
            // A pattern that could not change the answer is not tried, as the reference does: what it
            // would have matched is not remembered for the paths below either.
            if !above && pattern.exception != matched {
                continue;
            }
            known[at] = above || pattern.program.matches(path);
            if known[at] {
                matched = !pattern.exception;
            }
        }
        (matched, ParentMatch(known))
    }

    /// Whether some pattern without `!` could match a path below the directory `dir`. May say yes
    /// where there is none; a no is certain.
    pub fn may_match_below(&self, dir: &[u8]) -> bool {
        self.patterns.iter().any(|pattern| !pattern.exception && pattern.program.may_match_below(dir))
    }

    /// Whether some pattern with `!` could match a path below the directory `dir`, likewise.
    pub fn may_except_below(&self, dir: &[u8]) -> bool {
        self.patterns.iter().any(|pattern| pattern.exception && pattern.program.may_match_below(dir))
    }
}

impl Pattern {
    fn new(text: &str) -> Result<Self, PatternError> {
        let cleaned = clean(text);
        let (exception, body) = match cleaned.strip_prefix('!') {
            Some("") => return Err(PatternError::LoneException),
            Some(body) => (true, body),
            None => (false, cleaned.as_str()),
        };
        let program =
            Program::of_list(body.as_bytes()).ok_or_else(|| PatternError::Syntax(body.to_owned()))?;
        Ok(Self { exception, program })
    }
}

/// The shortest path that names the same file by text alone (Go's `path.Clean`): no empty or `.`
/// component, no `..` but at the start of a relative path; `.` for nothing.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            _ => parts.push(part),
        }
    }
    match (rooted, parts.join("/")) {
        (true, joined) => format!("/{joined}"),
        (false, joined) if joined.is_empty() => ".".to_owned(),
        (false, joined) => joined,
    }
}
