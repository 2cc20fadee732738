//! Rules about the file as it is written (dockerfile reference, section 11). Rules about what an
//! instruction means are where it is lowered.

use std::collections::BTreeSet;

use cooperage_image::{Platform, Reference};

use super::environment::Environment;
use super::report::Report;
use super::stage::{Section, Sections};
use crate::ast::{self, Span, Spanned};
use crate::expand::{Variables, expand_word};

/// Rules that need no values.
pub(super) fn file(sections: &Sections<'_>, report: &mut Report) {
    stage_names(&sections.stages, report);
    casing(&sections.stages, report);
}

fn stage_names(stages: &[Section<'_>], report: &mut Report) {
    let mut seen = BTreeSet::new();
    for Section { instruction, from, .. } in stages {
        let Some(name) = &from.name else { continue };
        let lower = name.value.to_lowercase();
        if lower != name.value {
            let message = format!("stage name '{}' should be lowercase", name.value);
            report.warning("StageNameCasing", name.span, message, format!("write {lower}"));
        }
        if ["scratch", "context"].contains(&lower.as_str()) {
            let message = format!("stage name should not be the reserved word {lower:?}");
            report.warning("ReservedStageName", name.span, message, "means something else");
        }
        if let Some(keyword) = &from.as_keyword
            && letter_case(&keyword.value) != letter_case(&instruction.keyword.value)
        {
            let (from, used) = (&instruction.keyword.value, &keyword.value);
            let message = format!("'{used}' and '{from}' keywords' casing do not match");
            report.warning("FromAsCasing", keyword.span, message, format!("cased unlike {from}"));
        }
        if !seen.insert(lower.clone()) {
            let message = format!("duplicate stage name {lower:?}, stage names should be unique");
            report.warning("DuplicateStageName", name.span, message, "used before");
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Lower,
    Upper,
    Mixed,
}

fn letter_case(word: &str) -> Case {
    match word {
        _ if word == word.to_lowercase() => Case::Lower,
        _ if word == word.to_uppercase() => Case::Upper,
        _ => Case::Mixed,
    }
}

/// Keywords are cased as most of the file's are.
fn casing(stages: &[Section<'_>], report: &mut Report) {
    let keywords: Vec<&Spanned<String>> = stages
        .iter()
        .flat_map(|section| std::iter::once(section.instruction).chain(section.body.iter().copied()))
        .map(|instruction| &instruction.keyword)
        .collect();
    let count = |case| keywords.iter().filter(|keyword| letter_case(&keyword.value) == case).count();
    let (wanted, name) = match count(Case::Lower) > count(Case::Upper) {
        true => (Case::Lower, "lowercase"),
        false => (Case::Upper, "uppercase"),
    };
    for keyword in keywords {
        if letter_case(&keyword.value) != wanted {
            let message =
                format!("command '{}' should match the case of the command majority ({name})", keyword.value);
            report.warning("ConsistentInstructionCasing", keyword.span, message, format!("most are {name}"));
        }
    }
}

/// `FROM --platform` that says what goes without saying, or that ties the file to one platform.
pub(super) fn from_platform(
    word: &Spanned<String>,
    text: &str,
    platform: &Platform,
    used: &BTreeSet<String>,
    from: &ast::From,
    globals: &Environment,
    report: &mut Report,
) {
    let only_target = used.len() == 1 && used.contains("TARGETPLATFORM");
    if only_target && globals.get("TARGETPLATFORM") == Some(text) {
        let message = format!("setting platform to predefined {} in FROM is redundant", word.value);
        report.warning("RedundantTargetPlatform", word.span, message, "this is the default");
    }
    let name = from.name.as_ref().map(|name| name.value.to_lowercase()).unwrap_or_default();
    let named_after_it = name.contains(&platform.os) || name.contains(&platform.architecture);
    if !word.value.contains('$') && !named_after_it {
        let message = format!("FROM --platform flag should not use constant value {text:?}");
        report.warning("FromPlatformFlagConstDisallowed", word.span, message, "a constant");
    }
}

/// A base whose default names no image.
pub(super) fn default_base(
    base: &Spanned<String>,
    defaults: &Environment,
    escape: char,
    report: &mut Report,
) {
    let Ok(expanded) = expand_word(&base.value, escape, defaults) else { return };
    if expanded.value.parse::<Reference>().is_err() {
        let message =
            format!("default value for ARG {} results in empty or invalid base image name", base.value);
        report.warning("InvalidDefaultArgInFrom", base.span, message, "without --build-arg no image");
    }
}

/// A key of ARG or ENV that sounds like a secret: one of its words, between underscores, is.
pub(super) fn secret_key(instruction: &str, key: &str, span: Span, report: &mut Report) {
    const SECRET: [&str; 10] = [
        "apikey",
        "auth",
        "credential",
        "credentials",
        "key",
        "password",
        "pword",
        "passwd",
        "secret",
        "token",
    ];
    const HARMLESS: [&str; 3] = ["public", "file", "version"];
    let lower = key.to_ascii_lowercase();
    let has = |words: &[&str]| lower.split('_').any(|word| words.contains(&word));
    if has(&SECRET) && !has(&HARMLESS) {
        let message =
            format!("do not use ARG or ENV instructions for sensitive data ({instruction} {key:?})");
        report.warning("SecretsUsedInArgOrEnv", span, message, "kept in the image's history or config");
    }
}
