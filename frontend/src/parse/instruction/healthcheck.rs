//! HEALTHCHECK (dockerfile reference, section 5, and traps 56 and 78).

use super::{Context, command};
use crate::ast::{Command, Healthcheck};
use crate::parse::flags;
use crate::parse::head::Head;
use crate::parse::report::Parse;

pub(super) fn healthcheck(head: &Head<'_>, context: &mut Context<'_>) -> Parse<Healthcheck> {
    let rest = head.rest;
    let end = rest.text().find(char::is_whitespace).unwrap_or(rest.text().len());
    let (form, arguments) = (rest.part(0..end), rest.from(end).trim_start());
    if form.is_empty() {
        return Err(context.needs_argument(head.keyword, "expected CMD or NONE"));
    }
    if form.text().eq_ignore_ascii_case("NONE") {
        if !arguments.is_empty() {
            let message = "HEALTHCHECK NONE takes no arguments";
            let help = "HEALTHCHECK CMD has a command; NONE switches the base's check off".to_owned();
            let span = arguments.span();
            return Err(context.report.error_with_help(message, span, "expected nothing", help));
        }
        return Ok(Healthcheck::None);
    }
    let flags = flags::check(head, flags::HEALTHCHECK, context.report);
    if !form.text().eq_ignore_ascii_case("CMD") {
        let message = format!("unknown type {:?} in HEALTHCHECK (try CMD)", form.text());
        let help = super::usage("HEALTHCHECK");
        return Err(context.report.error_with_help(message, form.span(), "expected CMD or NONE", help));
    }
    let command = command::command(arguments, context)?;
    let is_empty = match &command {
        Command::Exec(words) => words.is_empty(),
        Command::Shell(line) => line.value.is_empty(),
    };
    if is_empty {
        let message = "missing command after HEALTHCHECK CMD";
        let help = super::usage("HEALTHCHECK");
        let label = "expected a command after it";
        return Err(context.report.error_with_help(message, form.span(), label, help));
    }
    Ok(Healthcheck::Cmd { flags: flags?, command })
}
