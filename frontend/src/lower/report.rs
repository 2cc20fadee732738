//! Where diagnostics are gathered while lowering goes on.

use std::collections::BTreeMap;

use crate::ast::Span;
use crate::diagnostic::{Diagnostic, Severity};
use crate::expand::ExpandError;
use crate::lint::{Finding, Rule};

/// Proof that an error was reported; what could not be lowered is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reported;

/// Most errors, and most findings of one rule, that are kept: more are of no use to a reader.
const MAX_OF_A_KIND: usize = 200;

/// Bytes of text that one lowering makes of variables, environments, histories and copies of them. A few
/// lines (`ENV a=$a$a`, a thousand stages on one another) could else fill any memory.
const BUDGET_BYTES: usize = 64 << 20;

/// The diagnostics so far, and how much may still be made.
#[derive(Debug)]
pub(super) struct Report {
    diagnostics: Vec<Diagnostic>,
    errors: usize,
    /// Findings, by rule.
    kept: BTreeMap<Rule, usize>,
    trigger: Option<Trigger>,
    budget_bytes: usize,
}

/// An ONBUILD instruction of the base: what is wrong in it is said at the FROM that triggers it.
#[derive(Debug, Clone)]
pub(super) struct Trigger {
    pub(super) from: Span,
    pub(super) text: String,
}

impl Default for Report {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Report {
    pub(super) fn new(diagnostics: Vec<Diagnostic>) -> Self {
        let errors = diagnostics.iter().filter(|it| it.severity == Severity::Error).count();
        Self { diagnostics, errors, kept: BTreeMap::new(), trigger: None, budget_bytes: BUDGET_BYTES }
    }

    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether there are so many errors that looking for more is of no use.
    pub(super) fn is_full(&self) -> bool {
        self.errors >= MAX_OF_A_KIND || self.budget_bytes == 0
    }

    /// Whether another finding of `rule` would be kept.
    pub(super) fn wants(&self, rule: Rule) -> bool {
        self.kept.get(&rule).is_none_or(|kept| *kept < MAX_OF_A_KIND)
    }

    /// Takes `bytes` for what is made at `span`; an error, once, when there are no more.
    pub(super) fn spend(&mut self, bytes: usize, span: Span) -> Result<(), Reported> {
        if bytes <= self.budget_bytes {
            self.budget_bytes -= bytes;
            return Ok(());
        }
        let first = std::mem::take(&mut self.budget_bytes) > 0;
        if first {
            let message = "the build becomes too large: more than 64 MiB of variables and history";
            let help = "long values that are used many times add up: keep them in files".to_owned();
            self.error_with_help(span, message, "this is where it becomes too much", Some(help));
        }
        Err(Reported)
    }

    /// What follows is about this trigger (`None`: about the file itself).
    pub(super) fn set_trigger(&mut self, trigger: Option<Trigger>) {
        self.trigger = trigger;
    }

    /// An error at `span`; `label` says what was expected there.
    pub(super) fn error(
        &mut self,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Reported {
        self.error_with_help(span, message, label, None)
    }

    pub(super) fn error_with_help(
        &mut self,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
        help: Option<String>,
    ) -> Reported {
        self.push(Severity::Error, None, span, message.into(), label.into(), help);
        Reported
    }

    /// A text at `span` that cannot be expanded.
    pub(super) fn cannot_expand(&mut self, span: Span, error: &ExpandError, label: &str) -> Reported {
        self.error_with_help(span, error.to_string(), label, Some(error.reason.help()))
    }

    /// What a lint rule says about `span`.
    pub(super) fn finding(&mut self, span: Span, finding: Finding) {
        let Finding { rule, message, label, help } = finding;
        self.push(Severity::Warning, Some(rule), span, message, label, help);
    }

    fn push(
        &mut self,
        severity: Severity,
        rule: Option<Rule>,
        span: Span,
        message: String,
        label: String,
        help: Option<String>,
    ) {
        let kept = match rule {
            None => &mut self.errors,
            Some(rule) => self.kept.entry(rule).or_default(),
        };
        if *kept >= MAX_OF_A_KIND {
            return;
        }
        *kept += 1;
        let diagnostic = match &self.trigger {
            None => Diagnostic { severity, rule, message, span, whole: span, label, help },
            Some(trigger) => {
                let line = trigger.text.lines().next().unwrap_or_default();
                let place = format!("in a trigger of the base: ONBUILD {line}");
                let help = Some(help.map_or(place.clone(), |help| format!("{help} ({place})")));
                let span = trigger.from;
                Diagnostic { severity, rule, message, span, whole: span, label, help }
            }
        };
        self.diagnostics.push(diagnostic);
    }

    /// All of them, sorted by position, each once.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.diagnostics.sort_by(|a, b| {
            (a.span, a.severity, a.rule, &a.message).cmp(&(b.span, b.severity, b.rule, &b.message))
        });
        self.diagnostics.dedup();
        self.diagnostics
    }
}
