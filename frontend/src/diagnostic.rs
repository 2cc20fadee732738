//! What is said about a Dockerfile: errors and warnings, with the place they are about.

mod render;
mod suggestion;

use crate::ast::Span;
use crate::lint::Rule;

pub use render::{line_of, render};
pub use suggestion::did_you_mean;

/// One thing to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The lint rule; `None` for an error of the language itself.
    pub rule: Option<Rule>,
    /// What is wrong, lower case, no full stop.
    pub message: String,
    /// What is underlined; the whole instruction when nothing smaller fits.
    pub span: Span,
    /// The instruction that `span` is in; `span` where it is in none, or says more.
    pub whole: Span,
    /// Words under the underline: what was expected.
    pub label: String,
    /// What to do next.
    pub help: Option<String>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file cannot be built.
    Error,
    /// The file can be built, but.
    Warning,
}
