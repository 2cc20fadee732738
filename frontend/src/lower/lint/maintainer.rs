//! MaintainerDeprecated.

use crate::ast::{Instruction, Kind};
use crate::lint::Finding;
use crate::lower::report::Report;

pub(super) fn deprecated(instruction: &Instruction, report: &mut Report) {
    if matches!(instruction.kind, Kind::Maintainer(_)) {
        report.finding(instruction.span, Finding::maintainer_deprecated());
    }
}
