//! ENV, LABEL and ARG: shell-like words, with quotes and escapes left in them for the expansion.

use super::Context;
use crate::ast::{Arg, Pair, Pairs, Spanned};
use crate::parse::head::Head;
use crate::parse::joined::Slice;
use crate::parse::report::{Parse, Reported};
use crate::parse::words::{is_plain_blank, shell_words};

fn words<'s>(rest: Slice<'s>, context: &mut Context<'_>) -> Parse<Vec<Slice<'s>>> {
    let words = shell_words(rest.text(), context.escape, context.report.nodes_left());
    context.report.grow(words.len(), rest.span())?;
    Ok(words.into_iter().map(|word| rest.part(word)).collect())
}

/// ENV and LABEL. The first word decides: without `=` it is the old form.
pub(super) fn pairs(head: &Head<'_>, context: &mut Context<'_>) -> Parse<Pairs> {
    let words = words(head.rest, context)?;
    let Some(first) = words.first() else {
        return Err(context.needs_argument(head.keyword, "expected name=value"));
    };
    if !first.text().contains('=') {
        return legacy(head, context).map(|pair| Pairs { pairs: vec![pair], legacy: true });
    }
    let mut pairs = Vec::new();
    let mut wrong = None;
    for word in words {
        match pair(head.keyword, word, context) {
            Ok(pair) => pairs.push(pair),
            Err(reported) => wrong = Some(reported),
        }
    }
    wrong.map_or(Ok(Pairs { pairs, legacy: false }), Err)
}

fn pair(keyword: Slice<'_>, word: Slice<'_>, context: &mut Context<'_>) -> Parse<Pair> {
    let Some(equals) = word.text().find('=') else {
        let message = format!("syntax error - can't find = in {:?}", word.text());
        let help = "must be of the form name=value; a value with blanks needs quotes".to_owned();
        return Err(context.report.error_with_help(message, word.span(), "expected name=value", help));
    };
    if equals == 0 {
        return Err(blank_name(keyword, word, context));
    }
    Ok(Pair { key: word.part(0..equals).spanned(), value: word.from(equals + 1).spanned() })
}

fn blank_name(keyword: Slice<'_>, word: Slice<'_>, context: &mut Context<'_>) -> Reported {
    let message = format!("{} names can not be blank", keyword.text().to_ascii_uppercase());
    let help = super::usage(keyword.text());
    context.report.error_with_help(message, word.span(), "expected a name before =", help)
}

/// `KEY rest of line`
fn legacy(head: &Head<'_>, context: &mut Context<'_>) -> Parse<Pair> {
    let text = head.rest.text();
    let Some(end) = text.find(is_plain_blank) else {
        let keyword = head.keyword.text().to_ascii_uppercase();
        let message = format!("{keyword} must have two arguments");
        let help = format!("write {keyword} {text}=VALUE");
        return Err(context.report.error_with_help(message, head.rest.span(), "expected name=value", help));
    };
    let value = head.rest.from(end);
    let blanks = value.text().len() - value.text().trim_start_matches(is_plain_blank).len();
    Ok(Pair { key: head.rest.part(0..end).spanned(), value: value.from(blanks).spanned() })
}

/// ARG, which takes no flags and ignores those it gets (trap 78).
pub(super) fn arg(head: &Head<'_>, context: &mut Context<'_>) -> Parse<Vec<Spanned<Arg>>> {
    let words = words(head.rest, context)?;
    if words.is_empty() {
        return Err(context.needs_argument(head.keyword, "expected name or name=default"));
    }
    let mut args = Vec::with_capacity(words.len());
    let mut wrong = None;
    for word in words {
        let (name, default) = match word.text().split_once('=') {
            Some((name, default)) => (name, Some(default.to_owned())),
            None => (word.text(), None),
        };
        if name.is_empty() {
            wrong = Some(blank_name(head.keyword, word, context));
            continue;
        }
        args.push(Spanned { value: Arg { name: name.to_owned(), default }, span: word.span() });
    }
    wrong.map_or(Ok(args), Err)
}
