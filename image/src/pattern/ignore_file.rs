//! `.dockerignore` and its like: lines of patterns.

use super::{Matcher, PatternError, clean};

/// Longest line of an ignore file, in bytes, as the reference has it.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// Why an ignore file cannot be used. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IgnoreFileError {
    /// A line is not UTF-8.
    #[error("line {line} of the ignore file is not UTF-8")]
    NotUtf8 {
        /// Which.
        line: usize,
    },
    /// A line is longer than 64 KiB.
    #[error("line {line} of the ignore file is longer than {MAX_LINE_BYTES} bytes")]
    LineTooLong {
        /// Which.
        line: usize,
    },
    /// A line is not a pattern.
    #[error("line {line} of the ignore file: {source}")]
    Pattern {
        /// Which.
        line: usize,
        /// Why.
        source: PatternError,
    },
}

/// The patterns of an ignore file, for [`Matcher::new`]. A BOM is dropped; `#` in the first column is a
/// comment; lines are trimmed, empty ones skipped, paths cleaned and a leading `/` dropped, also
/// behind a `!`.
pub fn parse_ignore_file(bytes: &[u8]) -> Result<Vec<String>, IgnoreFileError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut patterns = Vec::new();
    for (at, text) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = at + 1;
        if text.len() > MAX_LINE_BYTES {
            return Err(IgnoreFileError::LineTooLong { line });
        }
        let text = std::str::from_utf8(text).map_err(|_| IgnoreFileError::NotUtf8 { line })?;
        if text.starts_with('#') || text.trim().is_empty() {
            continue;
        }
        let pattern = normalize(text.trim());
        Matcher::new(&[&pattern]).map_err(|source| IgnoreFileError::Pattern { line, source })?;
        patterns.push(pattern);
    }
    Ok(patterns)
}

fn normalize(text: &str) -> String {
    let (mark, path) = match text.strip_prefix('!') {
        Some(path) => ("!", path.trim()),
        None => ("", text),
    };
    if path.is_empty() {
        return mark.to_owned();
    }
    let path = clean(path);
    let path = path.strip_prefix('/').filter(|rest| !rest.is_empty()).unwrap_or(&path);
    format!("{mark}{path}")
}
