//! Rules about the file as it is written (dockerfile reference, section 11), a file each. Rules about what
//! an instruction means look where it is lowered.

mod base_default;
mod case;
mod description;
mod ignored;
mod maintainer;
mod platform;
mod secret;
mod stage_name;

use super::report::Report;
use super::stage::Sections;
use crate::ast::Instruction;

pub(super) use base_default::base_default;
pub(super) use ignored::Ignored;
pub(super) use platform::from_platform;
pub(super) use secret::secret_key;

/// Rules about single instructions, also of a file that is wrong elsewhere.
pub(super) fn instructions(instructions: &[Instruction], report: &mut Report) {
    for instruction in instructions {
        stage_name::casing(instruction, report);
        case::from_as(instruction, report);
        maintainer::deprecated(instruction, report);
        description::of_definition(instruction, report);
    }
}

/// Rules about the stages, which need no values.
pub(super) fn stages(sections: &Sections<'_>, report: &mut Report) {
    stage_name::reserved(&sections.stages, report);
    stage_name::duplicate(&sections.stages, report);
    case::consistent(&sections.stages, report);
}
