//! What lint finds in a Dockerfile.

use std::fmt;
use std::ops::{Range, RangeInclusive};

use cooperage_frontend::ast::Span;
use cooperage_frontend::diagnostic::{Diagnostic, Severity, line_of};
use cooperage_frontend::lint::Rule;
use cooperage_frontend::lower::Source;

use crate::excerpt::excerpt;

/// A longer instruction is not shown whole, but the lines of it that are meant.
const MAX_LINES: usize = 10;

/// Something in a Dockerfile that is legal, and still better written otherwise. Shown as
/// `UndefinedVar: Usage of undefined variable '$x' (line 3)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The rule that found it; [`Rule::description`] says what it asks for.
    pub rule: Rule,
    /// A page about the rule.
    pub url: Option<String>,
    /// What was found, in a sentence.
    pub detail: String,
    /// What is meant, as bytes of the Dockerfile.
    pub span: Range<usize>,
    /// The instruction that it is in, as lines of the Dockerfile, from 1.
    pub lines: RangeInclusive<usize>,
    /// The lines that are meant, with those around them: ends with a line break.
    pub excerpt: String,
}

impl Warning {
    /// The findings among `diagnostics`, which are about `source`.
    pub(crate) fn among(diagnostics: &[Diagnostic], source: &Source) -> Vec<Self> {
        let warnings = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Warning);
        warnings.filter_map(|diagnostic| Self::of(diagnostic, source)).collect()
    }

    fn of(diagnostic: &Diagnostic, source: &Source) -> Option<Self> {
        let rule = diagnostic.rule?;
        let lines = lines(diagnostic.whole, &source.shown());
        let shown = match lines.end() - lines.start() < MAX_LINES {
            true => lines.clone(),
            false => self::lines(diagnostic.span, &source.shown()),
        };
        Some(Self {
            rule,
            url: rule.url(),
            detail: diagnostic.message.clone(),
            span: diagnostic.span.start..diagnostic.span.end,
            lines,
            excerpt: excerpt(&source.name, &source.shown(), shown).unwrap_or_default(),
        })
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (line {})", self.rule, self.detail, self.lines.start())
    }
}

/// The lines of `span`, from 1.
pub(crate) fn lines(span: Span, text: &[u8]) -> RangeInclusive<usize> {
    let last = span.end.saturating_sub(1).max(span.start);
    line_of(text, span.start)..=line_of(text, last)
}
