//! FROM (dockerfile reference, section 3, first row).

use super::Context;
use crate::ast::{From, Spanned};
use crate::parse::flags;
use crate::parse::head::Head;
use crate::parse::joined::Slice;
use crate::parse::report::{Parse, Report};

pub(super) fn from(head: &Head<'_>, context: &mut Context<'_>) -> Parse<From> {
    let flags = flags::check(head, flags::FROM, context.report);
    let words = context.plain_words(head.rest)?;
    let (base, naming) = match words[..] {
        [base] => (base, None),
        [base, keyword, name] if keyword.text().eq_ignore_ascii_case("as") => (base, Some((keyword, name))),
        _ => {
            let (span, label) = match words.get(1) {
                Some(second) => (head.rest.from(second.start_in(head.rest)).span(), "expected AS and a name"),
                None => (head.keyword.span(), "expected an image or a stage"),
            };
            let message = "FROM requires either one or three arguments";
            let help = "FROM [--platform=PLATFORM] IMAGE [AS NAME]".to_owned();
            return Err(context.report.error_with_help(message, span, label, help));
        }
    };
    if let Some((_, name)) = naming {
        check_name(name, context.report)?;
    }
    let platform = flags?.into_iter().find(|flag| flag.name == "platform");
    Ok(From {
        platform: platform.map(|flag| Spanned { value: flag.value.unwrap_or_default(), span: flag.span }),
        base: base.spanned(),
        as_keyword: naming.map(|(keyword, _)| keyword.spanned()),
        name: naming.map(|(_, name)| name.spanned()),
    })
}

/// `^[a-z][a-z0-9-_.]*$`, once in lower case.
fn check_name(name: Slice<'_>, report: &mut Report) -> Parse<()> {
    let lower = name.text().to_lowercase();
    let valid = lower.starts_with(|c: char| c.is_ascii_lowercase())
        && lower.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_' | '.'));
    if valid {
        return Ok(());
    }
    let message = format!("invalid name for build stage: {:?}", name.text());
    let help = "a name starts with a letter and goes on with letters, digits, `-`, `_` and `.`".to_owned();
    Err(report.error_with_help(message, name.span(), "expected a name", help))
}
