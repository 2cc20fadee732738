//! FromAsCasing, ConsistentInstructionCasing.

use crate::ast::{Instruction, Kind, Spanned};
use crate::lint::Finding;
use crate::lower::report::Report;
use crate::lower::stage::Section;

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

/// A FROM of mixed case is the other rule's business.
pub(super) fn from_as(instruction: &Instruction, report: &mut Report) {
    let keyword = &instruction.keyword.value;
    if let Kind::From(from) = &instruction.kind
        && let Some(as_keyword) = &from.as_keyword
        && letter_case(keyword) != Case::Mixed
        && letter_case(keyword) != letter_case(&as_keyword.value)
    {
        report.finding(as_keyword.span, Finding::from_as_casing(keyword, &as_keyword.value));
    }
}

/// Keywords are cased as most of the file's are, upper case if neither is in the majority. ARG before the
/// first FROM does not count.
pub(super) fn consistent(stages: &[Section<'_>], report: &mut Report) {
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
    for keyword in keywords.into_iter().filter(|keyword| letter_case(&keyword.value) != wanted) {
        report.finding(keyword.span, Finding::consistent_instruction_casing(&keyword.value, name));
    }
}
