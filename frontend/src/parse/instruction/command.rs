//! RUN, CMD, ENTRYPOINT: a line for the shell, or a JSON array.

use super::Context;
use crate::ast::{Command, Heredoc, Run, Span};
use crate::parse::flags;
use crate::parse::head::Head;
use crate::parse::joined::Slice;
use crate::parse::json_array::{Json, json_array};
use crate::parse::report::{Parse, Report, Reported};

pub(super) fn run(head: &Head<'_>, heredocs: Vec<Heredoc>, context: &mut Context<'_>) -> Parse<Run> {
    let flags = flags::check(head, flags::RUN, context.report);
    let command = command(head.rest, context)?;
    Ok(Run { flags: flags?, command, heredocs })
}

/// JSON or shell form. A broken array is a shell line (trap 6); no words at all are an empty one.
pub(super) fn command(rest: Slice<'_>, context: &mut Context<'_>) -> Parse<Command> {
    match json_array(rest.text(), context.report.nodes_left()) {
        Json::Strings(words) => {
            context.report.grow(words.len(), rest.span())?;
            Ok(Command::Exec(words.into_iter().map(|(word, _)| word).collect()))
        }
        Json::Text => Ok(Command::Shell(rest.spanned())),
        Json::NotOnlyStrings(range) => Err(not_only_strings(rest.part(range).span(), context.report)),
        Json::TooMany => Err(too_many(rest, context.report)),
    }
}

pub(super) fn not_only_strings(span: Span, report: &mut Report) -> Reported {
    let message = "when using JSON array syntax, arrays must be comprised of strings only";
    report.error_with_help(message, span, "expected a string", "put it in double quotes".to_owned())
}

pub(super) fn too_many(rest: Slice<'_>, report: &mut Report) -> Reported {
    let more = report.nodes_left().saturating_add(1);
    match report.grow(more, rest.span()) {
        Err(reported) => reported,
        Ok(()) => Reported,
    }
}
