//! What is said about a Dockerfile: errors and warnings, with the place they are about.

mod render;
mod suggestion;

use crate::ast::Span;

pub use render::{line_of, render};
pub use suggestion::did_you_mean;

/// One thing to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Name of the lint rule, `UndefinedVar`; `None` for an error of the language itself.
    pub rule: Option<&'static str>,
    /// What is wrong, lower case, no full stop.
    pub message: String,
    /// What is underlined; the whole instruction when nothing smaller fits.
    pub span: Span,
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
