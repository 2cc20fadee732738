//! InvalidDefinitionDescription: the comment right above a stage or an argument describes it, and begins
//! with its name.

use crate::ast::{Instruction, Kind};
use crate::lint::{Finding, is_check_comment};
use crate::lower::report::Report;

pub(super) fn of_definition(instruction: &Instruction, report: &mut Report) {
    let names: Vec<String> = match &instruction.kind {
        Kind::From(from) => from.name.iter().map(|name| name.value.to_lowercase()).collect(),
        Kind::Arg(args) => args.iter().map(|arg| arg.value.name.clone()).collect(),
        _ => return,
    };
    if instruction.comments_apart {
        return;
    }
    let mut comments = instruction.doc_comments.iter().rev();
    let Some(comment) = comments.find(|comment| !is_check_comment(comment)) else { return };
    let first = comment.split(' ').next().unwrap_or_default();
    let shown = match names.as_slice() {
        [] => return,
        names if names.iter().any(|name| name == first) => return,
        [name] => name,
        _ => "<arg_key>",
    };
    let keyword = if matches!(instruction.kind, Kind::From(_)) { "FROM" } else { "ARG" };
    report.finding(instruction.span, Finding::definition_description(keyword, shown));
}
