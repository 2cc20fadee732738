//! StageNameCasing, ReservedStageName, DuplicateStageName.

use std::collections::BTreeSet;

use crate::ast::{Instruction, Kind};
use crate::lint::Finding;
use crate::lower::report::Report;
use crate::lower::stage::Section;

pub(super) fn casing(instruction: &Instruction, report: &mut Report) {
    if let Kind::From(from) = &instruction.kind
        && let Some(name) = &from.name
        && name.value != name.value.to_lowercase()
    {
        report.finding(name.span, Finding::stage_name_casing(&name.value));
    }
}

pub(super) fn reserved(stages: &[Section<'_>], report: &mut Report) {
    for name in stages.iter().filter_map(|section| section.from.name.as_ref()) {
        let lower = name.value.to_lowercase();
        if ["scratch", "context"].contains(&lower.as_str()) {
            report.finding(name.span, Finding::reserved_stage_name(&lower));
        }
    }
}

pub(super) fn duplicate(stages: &[Section<'_>], report: &mut Report) {
    let mut seen = BTreeSet::new();
    for name in stages.iter().filter_map(|section| section.from.name.as_ref()) {
        let lower = name.value.to_lowercase();
        if seen.contains(&lower) {
            report.finding(name.span, Finding::duplicate_stage_name(&lower));
        }
        seen.insert(lower);
    }
}
