//! `# check=`: which rules are left out, and whether warnings are errors (dockerfile reference, section 1,
//! "Directives").

use super::Inputs;
use super::report::Report;
use crate::ast::{Directives, Span};
use crate::diagnostic::{Diagnostic, Severity};

#[derive(Debug, Default, PartialEq, Eq)]
struct Check {
    skip: Vec<String>,
    error: bool,
}

/// Applies the directive, or the build argument that replaces it, to the warnings in `report`.
pub(super) fn apply(directives: &Directives, inputs: &Inputs, report: Report) -> Vec<Diagnostic> {
    let given = inputs.build_args.get("BUILDKIT_DOCKERFILE_CHECK");
    let (text, span) = match (given, &directives.check) {
        (Some(given), _) => (given.as_str(), Span::default()),
        (None, Some(check)) => (check.value.as_str(), check.span),
        (None, None) => return report.finish(),
    };
    let check = match Check::parse(text) {
        Ok(check) => check,
        Err(message) => {
            let mut report = report;
            report.error(span, message, "expected skip=RULE,... or error=true, separated by ;");
            return report.finish();
        }
    };
    let mut diagnostics = report.finish();
    diagnostics.retain(|diagnostic| !diagnostic.rule.is_some_and(|rule| check.skips(rule)));
    let mut rules: Vec<&str> = diagnostics.iter().filter_map(|diagnostic| diagnostic.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    if check.error && !rules.is_empty() {
        let mut report = Report::new(diagnostics);
        let message = format!("lint violation found for rules: {}", rules.join(", "));
        report.error(span, message, "asks for an error");
        diagnostics = report.finish();
    }
    diagnostics
}

impl Check {
    fn parse(text: &str) -> Result<Self, String> {
        let mut check = Self::default();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, value) =
                part.split_once('=').ok_or_else(|| format!("invalid check option {part:?}"))?;
            let value = value.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "skip" => check.skip = value.split(',').map(|rule| rule.trim().to_lowercase()).collect(),
                // No rule of ours is an experimental one.
                "experimental" => {}
                "error" => match value.to_ascii_lowercase().as_str() {
                    "true" | "1" | "t" => check.error = true,
                    "false" | "0" | "f" => check.error = false,
                    _ => return Err(format!("invalid value {value:?} for the check option error")),
                },
                other => return Err(format!("invalid check option {other:?}")),
            }
        }
        Ok(check)
    }

    fn skips(&self, rule: &str) -> bool {
        self.skip.iter().any(|skip| skip == "all" || *skip == rule.to_lowercase())
    }
}

/// Whether there is an error among `diagnostics`.
pub(super) fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}
