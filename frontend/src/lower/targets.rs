//! The stages that can be built, without any value: what `--call=targets` lists.

use super::Source;
use super::outline::description;
use super::stage::Sections;
use crate::ast::Span;
use crate::diagnostic::{Diagnostic, Severity};
use crate::parse::parse;

/// A stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// In lower case. A stage without a name can be built only if it is the default.
    pub name: Option<String>,
    /// Of the comment above its FROM.
    pub description: Option<String>,
    /// The base as it is written.
    pub base: String,
    /// `--platform` as it is written.
    pub platform: Option<String>,
    /// Whether it is built when no target is named: the last one.
    pub is_default: bool,
    /// Its FROM.
    pub span: Span,
}

/// The stages of a file, in order; the errors if it cannot be parsed.
pub fn targets(source: &Source) -> Result<Vec<Target>, Vec<Diagnostic>> {
    let parsed = parse(&source.text);
    if parsed.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return Err(parsed.diagnostics);
    }
    let sections = Sections::of(&parsed.dockerfile.instructions);
    let count = sections.stages.len();
    let stages = sections.stages.iter().enumerate().map(|(index, section)| {
        let name = section.from.name.as_ref().map(|name| name.value.to_lowercase());
        Target {
            description: name.as_deref().and_then(|name| description(section.instruction, name)),
            name,
            base: section.from.base.value.clone(),
            platform: section.from.platform.as_ref().map(|platform| platform.value.clone()),
            is_default: index + 1 == count,
            span: section.instruction.span,
        }
    });
    Ok(stages.collect())
}
