//! The flags that each instruction knows (dockerfile reference, section 1, "Flags", and sections 5 to 7).

use super::head::Head;
use super::report::{Parse, Report, Reported};
use crate::ast::{Flag, Span};
use crate::diagnostic::did_you_mean;

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Nothing, `true` or `false`.
    Bool,
    /// A value, once.
    Value,
    /// A value, each time.
    Values,
}

/// The flags of an instruction.
pub(super) type Known = &'static [(&'static str, Takes)];

pub(super) const NONE: Known = &[];
pub(super) const FROM: Known = &[("platform", Takes::Value)];
pub(super) const RUN: Known = &[
    ("mount", Takes::Values),
    ("network", Takes::Value),
    ("security", Takes::Value),
    ("device", Takes::Values),
];
pub(super) const COPY: Known = &[
    ("from", Takes::Value),
    ("chown", Takes::Value),
    ("chmod", Takes::Value),
    ("link", Takes::Bool),
    ("parents", Takes::Bool),
    ("exclude", Takes::Values),
];
pub(super) const ADD: Known = &[
    ("chown", Takes::Value),
    ("chmod", Takes::Value),
    ("link", Takes::Bool),
    ("exclude", Takes::Values),
    ("keep-git-dir", Takes::Bool),
    ("checksum", Takes::Value),
    ("unpack", Takes::Bool),
];
pub(super) const HEALTHCHECK: Known = &[
    ("interval", Takes::Value),
    ("timeout", Takes::Value),
    ("start-period", Takes::Value),
    ("start-interval", Takes::Value),
    ("retries", Takes::Value),
];

/// Checks all flags of an instruction.
pub(super) fn check(head: &Head<'_>, known: Known, report: &mut Report) -> Parse<Vec<Flag>> {
    let mut flags: Vec<Flag> = Vec::new();
    let mut wrong = None;
    let mut used = [false; 8];
    for (slice, text) in &head.flags {
        match flag(head, known, &mut used, slice.span(), text, report) {
            Ok(flag) => flags.push(flag),
            Err(reported) => wrong = Some(reported),
        }
    }
    wrong.map_or(Ok(flags), Err)
}

fn flag(
    head: &Head<'_>,
    known: Known,
    used: &mut [bool; 8],
    span: Span,
    text: &str,
    report: &mut Report,
) -> Parse<Flag> {
    let (dashed, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    let name = dashed.strip_prefix("--").unwrap_or(dashed);
    let Some(index) = known.iter().position(|(known, _)| *known == name) else {
        return Err(unknown(head, known, name, dashed, span, report));
    };
    let (_, takes) = known[index];
    if std::mem::replace(&mut used[index], true) && takes != Takes::Values {
        let message = format!("duplicate flag specified: {dashed}");
        return Err(report.error_with_help(message, span, "given before", "give it once".to_owned()));
    }
    match (takes, value) {
        (Takes::Bool, Some("")) | (Takes::Value | Takes::Values, None) => {
            let help = format!("write {dashed}={}", if takes == Takes::Bool { "true" } else { "VALUE" });
            return Err(report.error_with_help(
                format!("missing a value on flag: {dashed}"),
                span,
                "expected a value",
                help,
            ));
        }
        (Takes::Bool, Some(value)) if !["true", "false"].contains(&value.to_lowercase().as_str()) => {
            let message = format!("expecting boolean value for flag {dashed}, not: {value}");
            let help = format!("write {dashed}, or {dashed}=false");
            return Err(report.error_with_help(message, span, "expected true or false", help));
        }
        _ => {}
    }
    Ok(Flag { name: name.to_owned(), value: value.map(str::to_owned), span })
}

fn unknown(
    head: &Head<'_>,
    known: Known,
    name: &str,
    dashed: &str,
    span: Span,
    report: &mut Report,
) -> Reported {
    let keyword = head.keyword.text().to_ascii_uppercase();
    let help = match did_you_mean(name, known.iter().map(|(known, _)| *known)) {
        Some(meant) => format!("did you mean --{meant}?"),
        None if known.is_empty() => {
            format!("{keyword} has no flags; an argument that begins with -- goes behind a bare --")
        }
        None => {
            let names: Vec<_> = known.iter().map(|(known, _)| format!("--{known}")).collect();
            format!("{keyword} knows {}", names.join(", "))
        }
    };
    report.error_with_help(format!("unknown flag: {dashed}"), span, &format!("not a flag of {keyword}"), help)
}
