//! Which findings count.

use super::Rule;
use super::options::Options;
use crate::ast::{Dockerfile, Instruction, Kind, Span};
use crate::diagnostic::{Diagnostic, Severity};

/// Leaves out what the file's `# check=`, or `given` in its place, and the comments above single instructions
/// leave out, and says of each which instruction it is about. With `error=true` what is left is an error.
pub(crate) fn select(
    mut diagnostics: Vec<Diagnostic>,
    dockerfile: &Dockerfile,
    given: Option<&str>,
) -> Vec<Diagnostic> {
    let instructions = &dockerfile.instructions;
    for diagnostic in &mut diagnostics {
        diagnostic.whole = whole(diagnostic, instructions);
    }
    let directive = dockerfile.directives.check.as_ref();
    let (text, span) = match (given, directive) {
        (Some(given), _) => (given, Span::default()),
        (None, Some(check)) => (check.value.as_str(), check.span),
        (None, None) => ("", Span::default()),
    };
    let options = match Options::parse(text) {
        Ok(options) => options,
        Err(message) => {
            let label = "expected skip=RULE,... or error=true, separated by ;";
            diagnostics.push(error(message, span, label));
            Options::default()
        }
    };
    diagnostics.retain(|diagnostic| {
        diagnostic.rule.is_none_or(|rule| counts(rule, diagnostic.span, instructions, &options))
    });
    let mut rules: Vec<&str> = diagnostics.iter().filter_map(|it| it.rule).map(Rule::name).collect();
    rules.sort_unstable();
    rules.dedup();
    if options.error && !rules.is_empty() {
        let message = format!("lint violation found for rules: {}", rules.join(", "));
        let label = match given {
            Some(_) => "the build argument BUILDKIT_DOCKERFILE_CHECK asks for an error",
            None => "asks for an error",
        };
        diagnostics.push(error(message, span, label));
    }
    diagnostics.sort_by_key(|diagnostic| (diagnostic.span, diagnostic.severity));
    diagnostics
}

fn error(message: String, span: Span, label: &str) -> Diagnostic {
    let label = label.to_owned();
    Diagnostic { severity: Severity::Error, rule: None, message, span, whole: span, label, help: None }
}

/// Number of the instruction that `at` is in.
fn index_of(at: usize, instructions: &[Instruction]) -> Option<usize> {
    let index = instructions.partition_point(|instruction| instruction.span.start <= at).checked_sub(1)?;
    (at < instructions[index].span.end).then_some(index)
}

/// The instruction that a diagnostic is about. An empty line is found better by its own place.
fn whole(diagnostic: &Diagnostic, instructions: &[Instruction]) -> Span {
    match index_of(diagnostic.span.start, instructions) {
        Some(index) if diagnostic.rule != Some(Rule::NoEmptyContinuation) => instructions[index].span,
        _ => diagnostic.span,
    }
}

fn counts(rule: Rule, span: Span, instructions: &[Instruction], options: &Options) -> bool {
    let Some(index) = index_of(span.start, instructions) else { return options.allows(rule) };
    let allowed_at = |instruction: &Instruction| match Options::of_comments(&instruction.doc_comments) {
        Some(here) => here.and(options).allows(rule),
        None => options.allows(rule),
    };
    // Of two instructions of which one has no effect, either can say that this is on purpose.
    let winner = (rule == Rule::MultipleInstructionsDisallowed)
        .then(|| next_alike(&instructions[index], &instructions[index + 1..]))
        .flatten();
    std::iter::once(&instructions[index]).chain(winner).all(allowed_at)
}

/// The next instruction of the same kind in the same stage.
fn next_alike<'a>(instruction: &Instruction, after: &'a [Instruction]) -> Option<&'a Instruction> {
    let kind = std::mem::discriminant(&instruction.kind);
    let stage = after.iter().take_while(|instruction| !matches!(instruction.kind, Kind::From(_)));
    stage.into_iter().find(|instruction| std::mem::discriminant(&instruction.kind) == kind)
}
