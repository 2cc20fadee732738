//! ONBUILD (dockerfile reference, section 5).

use super::{Context, Keyword};
use crate::ast::{Heredoc, Instruction, OnBuild, Span};
use crate::parse::head::Head;
use crate::parse::joined::Slice;
use crate::parse::json_array::{Json, json_array};
use crate::parse::report::{Parse, Report};

pub(super) fn on_build(head: &Head<'_>, heredocs: Vec<Heredoc>, context: &mut Context<'_>) -> Parse<OnBuild> {
    if head.rest.is_empty() {
        return Err(context.needs_argument(head.keyword, "expected an instruction"));
    }
    let trigger = Head::read(head.rest, context.escape, context.report)?;
    check_trigger(trigger.keyword, context.report)?;
    let text = text(head.tail, &heredocs);
    let span = Span { end: context.end, ..head.rest.span() };
    let mark = context.report.mark();
    let kind = match super::parse(&trigger, heredocs, context) {
        Ok(kind) => kind,
        Err(reported) if is_malformed(&trigger) => return Err(reported),
        Err(_) => {
            context.report.soften(mark, "a build on this image will fail here: ");
            return Ok(OnBuild { text, instruction: None });
        }
    };
    let instruction = Instruction {
        span,
        keyword: trigger.keyword.spanned(),
        original: head.rest.text().to_owned(),
        doc_comments: Vec::new(),
        comments_apart: false,
        kind,
    };
    Ok(OnBuild { text, instruction: Some(Box::new(instruction)) })
}

/// Whether a wrong trigger cannot be stored either: BuildKit cuts its words already where it is defined, and
/// looks at them where it is triggered.
fn is_malformed(trigger: &Head<'_>) -> bool {
    match Keyword::read(trigger.keyword.text()) {
        Some(Keyword::Env | Keyword::Label) => trigger.flags.is_empty() && !trigger.rest.is_empty(),
        _ => matches!(json_array(trigger.rest.text(), usize::MAX), Json::NotOnlyStrings(_)),
    }
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
    let help = "any other instruction may follow ONBUILD".to_owned();
    Err(report.error_with_help(message, keyword.span(), "cannot be a trigger", help))
}
