//! COPY and ADD, and the two forms in which they and VOLUME have their arguments.

use std::collections::BTreeMap;

use super::{Context, command};
use crate::ast::{Heredoc, Source, Span, Spanned, Transfer};
use crate::parse::MAX_FILE_BYTES;
use crate::parse::flags::{self, Known};
use crate::parse::head::Head;
use crate::parse::heredoc::Opening;
use crate::parse::joined::Slice;
use crate::parse::json_array::{Json, json_array};
use crate::parse::report::Parse;

/// Arguments.
pub(super) struct Arguments<'s> {
    /// Each of them.
    pub(super) values: Vec<Spanned<String>>,
    /// The words, where they are plain: only such a word can open a heredoc.
    words: Option<Vec<Slice<'s>>>,
}

/// A JSON array of strings, or words between plain blanks, in which quotes mean nothing (trap 5).
pub(super) fn arguments<'s>(rest: Slice<'s>, context: &mut Context<'_>) -> Parse<Arguments<'s>> {
    match json_array(rest.text(), context.report.nodes_left()) {
        Json::Strings(strings) => {
            context.report.grow(strings.len(), rest.span())?;
            let place = |(value, range)| Spanned { value, span: rest.part(range).span() };
            Ok(Arguments { values: strings.into_iter().map(place).collect(), words: None })
        }
        Json::Text => {
            let words = context.plain_words(rest)?;
            Ok(Arguments { values: words.iter().map(|word| word.spanned()).collect(), words: Some(words) })
        }
        Json::NotOnlyStrings(range) => {
            Err(command::not_only_strings(rest.part(range).span(), context.report))
        }
        Json::TooMany => Err(command::too_many(rest, context.report)),
    }
}

pub(super) fn transfer(
    head: &Head<'_>,
    known: Known,
    heredocs: Vec<Heredoc>,
    context: &mut Context<'_>,
) -> Parse<Transfer> {
    let flags = flags::check(head, known, context.report);
    let keyword = head.keyword.text().to_ascii_uppercase();
    let Arguments { mut values, words } = arguments(head.rest, context)?;
    let dest = match values.pop() {
        Some(dest) if !values.is_empty() => dest,
        given => {
            let message = format!(
                "{keyword} requires at least two arguments, but {} provided; destination could not be determined",
                if given.is_some() { "only one was" } else { "none was" }
            );
            let span = given.map_or(head.keyword.span(), |given| given.span);
            let help = super::usage(&keyword);
            let label = "expected a source and a destination";
            return Err(context.report.error_with_help(message, span, label, help));
        }
    };
    let mut openings: Vec<Option<Opening>> = match words {
        Some(words) => words.into_iter().map(Opening::read).collect(),
        None => Vec::new(),
    };
    if openings.pop().flatten().is_some() {
        let message = format!("{keyword} cannot accept a heredoc as a destination");
        let help = "the destination comes last, behind the heredocs: COPY <<EOF /path".to_owned();
        return Err(context.report.error_with_help(message, dest.span, "expected a path", help));
    }
    openings.resize_with(values.len(), || None);
    // Of several heredocs of one name, the last one's body is used for all (trap 66).
    let bodies: BTreeMap<&str, &Heredoc> =
        heredocs.iter().map(|heredoc| (heredoc.name.as_str(), heredoc)).collect();
    check_bodies(&openings, &bodies, head, context)?;
    let source = |(opening, value): (Option<Opening>, _)| match opening {
        Some(opening) => Source::Heredoc(with_body(opening, &bodies)),
        None => Source::Path(value),
    };
    let sources = openings.into_iter().zip(values).map(source).collect();
    Ok(Transfer { flags: flags?, sources, dest })
}

/// A body that many words name is there as many times; that may not become more than a file may hold.
fn check_bodies(
    openings: &[Option<Opening>],
    bodies: &BTreeMap<&str, &Heredoc>,
    head: &Head<'_>,
    context: &mut Context<'_>,
) -> Parse<()> {
    let length = |opening: &Opening| bodies.get(opening.name()).map_or(0, |heredoc| heredoc.body.len());
    let total: usize = openings.iter().flatten().map(length).sum();
    if total > MAX_FILE_BYTES {
        let message = "heredocs of one name are too long together";
        let help = "give each a name of its own".to_owned();
        let label = "each has the last one's body";
        return Err(context.report.error_with_help(message, head.rest.span(), label, help));
    }
    Ok(())
}

fn with_body(opening: Opening, bodies: &BTreeMap<&str, &Heredoc>) -> Heredoc {
    match bodies.get(opening.name()) {
        Some(found) => opening.with_body(found.body.clone(), found.body_span),
        None => opening.with_body(String::new(), Span::default()),
    }
}
