//! Collects what is found while parsing, within bounds.

use crate::ast::Span;
use crate::diagnostic::{Diagnostic, Severity};
use crate::lint::{Finding, Rule};

/// Most errors of one file, after which it is not read on, and most warnings, after which no more are kept:
/// what comes after is of no use to a reader, and must not fill the memory.
const MAX_DIAGNOSTICS: usize = 200;
/// Longest message; the words that it repeats may be longer.
const MAX_MESSAGE_CHARS: usize = 400;
/// Most words, comments and instructions of one file together: at some 300 bytes for an instruction, and some
/// 2000 for its op, this is what keeps hostile input within memory. The largest real files have a few thousand.
const MAX_NODES: usize = 100_000;

/// Diagnostics, and how much of the tree may still grow.
#[derive(Debug)]
pub(super) struct Report {
    diagnostics: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
    nodes_left: usize,
    is_overgrown: bool,
}

/// The instruction is wrong and what is wrong has been reported.
#[derive(Debug)]
pub(super) struct Reported;

/// A part of an instruction, unless it is wrong.
pub(super) type Parse<T> = Result<T, Reported>;

impl Report {
    pub(super) fn new() -> Self {
        Self { diagnostics: Vec::new(), errors: 0, warnings: 0, nodes_left: MAX_NODES, is_overgrown: false }
    }

    /// An error of the language.
    pub(super) fn error(&mut self, message: impl Into<String>, span: Span, label: &str) -> Reported {
        self.push(Severity::Error, None, message.into(), span, label, None)
    }

    /// An error with something to do about it.
    pub(super) fn error_with_help(
        &mut self,
        message: impl Into<String>,
        span: Span,
        label: &str,
        help: impl Into<Option<String>>,
    ) -> Reported {
        self.push(Severity::Error, None, message.into(), span, label, help.into())
    }

    /// What a lint rule says about `span`.
    pub(super) fn finding(&mut self, span: Span, finding: Finding) {
        let Finding { rule, message, label, help } = finding;
        self.push(Severity::Warning, Some(rule), message, span, &label, help);
    }

    fn push(
        &mut self,
        severity: Severity,
        rule: Option<Rule>,
        mut message: String,
        span: Span,
        label: &str,
        help: Option<String>,
    ) -> Reported {
        if let Some((end, _)) = message.char_indices().nth(MAX_MESSAGE_CHARS) {
            message.truncate(end);
            message.push_str("...");
        }
        let kept = match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        if *kept < MAX_DIAGNOSTICS {
            *kept += 1;
            let label = label.to_owned();
            self.diagnostics.push(Diagnostic { severity, rule, message, span, whole: span, label, help });
        }
        Reported
    }

    /// Where the diagnostics are, for [`soften`](Self::soften).
    pub(super) fn mark(&self) -> usize {
        self.diagnostics.len()
    }

    /// Makes the errors since `mark` warnings that begin with `prefix`. Where the tree is too large they stay.
    pub(super) fn soften(&mut self, mark: usize, prefix: &str) {
        if self.is_overgrown {
            return;
        }
        for diagnostic in &mut self.diagnostics[mark..] {
            if diagnostic.severity == Severity::Error {
                diagnostic.severity = Severity::Warning;
                diagnostic.message.insert_str(0, prefix);
                self.errors -= 1;
                self.warnings += 1;
            }
        }
    }

    /// Whether to stop reading; there is an error then.
    pub(super) fn is_full(&self) -> bool {
        self.errors >= MAX_DIAGNOSTICS || self.is_overgrown
    }

    /// How many nodes the tree may still get.
    pub(super) fn nodes_left(&self) -> usize {
        self.nodes_left
    }

    /// The tree grows by `nodes`; wrong when that is too much.
    pub(super) fn grow(&mut self, nodes: usize, span: Span) -> Parse<()> {
        if nodes > self.nodes_left {
            self.is_overgrown = true;
            let message = format!("dockerfile has more than {MAX_NODES} instructions and words");
            let help = "make it of several files, each with its own build".to_owned();
            return Err(self.error_with_help(message, span, "this is where it becomes too much", help));
        }
        self.nodes_left -= nodes;
        Ok(())
    }

    /// All that was found, by position; an error before a warning at the same place.
    pub(super) fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.diagnostics.sort_by_key(|it| (it.span.start, it.severity, it.span.end));
        self.diagnostics
    }
}
