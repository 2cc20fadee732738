//! ONBUILD (dockerfile reference, section 5).

use super::{Context, Keyword};
use crate::ast::{Heredoc, Instruction, OnBuild, Span};
use crate::parse::head::Head;
use crate::parse::joined::Slice;
use crate::parse::report::{Parse, Report};

pub(super) fn on_build(head: &Head<'_>, heredocs: Vec<Heredoc>, context: &mut Context<'_>) -> Parse<OnBuild> {
    if head.rest.is_empty() {
        return Err(context.needs_argument(head.keyword, "expected an instruction"));
    }
    let trigger = Head::read(head.rest, context.escape, context.report)?;
    check_trigger(trigger.keyword, context.report)?;
    let text = text(head.tail, &heredocs);
    let span = Span { end: context.end, ..head.rest.span() };
    let instruction = Instruction {
        span,
        keyword: trigger.keyword.spanned(),
        original: head.rest.text().to_owned(),
        doc_comments: Vec::new(),
        kind: super::parse(&trigger, heredocs, context)?,
    };
    Ok(OnBuild { text, instruction: Box::new(instruction) })
}

/// What the image config keeps: the line from the trigger's keyword on, blanks at its end included, then
/// each body with its terminator, which stands there without the tabs that `<<-` allows before it.
fn text(tail: Slice<'_>, heredocs: &[Heredoc]) -> String {
    let mut text = tail.text().trim_start_matches(|c: char| c.is_ascii_whitespace()).to_owned();
    for heredoc in heredocs {
        text.push('\n');
        text.push_str(&heredoc.body);
        text.push_str(&heredoc.name);
    }
    text
}

/// Some instructions cannot be triggered.
pub(in crate::parse) fn check_trigger(keyword: Slice<'_>, report: &mut Report) -> Parse<()> {
    let message = match Keyword::read(keyword.text()) {
        Some(Keyword::OnBuild) => "chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed".to_owned(),
        Some(forbidden @ (Keyword::From | Keyword::Maintainer)) => {
            format!("{} isn't allowed as an ONBUILD trigger", forbidden.name())
        }
        _ => return Ok(()),
    };
    Err(report.error(message, keyword.span(), "cannot be a trigger"))
}
