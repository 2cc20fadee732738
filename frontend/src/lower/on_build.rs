//! ONBUILD: triggers that a base leaves for the stages built on it (dockerfile reference, section 5).

use super::report::{Report, Reported, Trigger};
use super::stage::Stage;
use crate::ast::{Instruction, Kind};
use crate::diagnostic::Severity;
use crate::parse::parse_trigger;

/// The triggers that a stage leaves for another one of the same file.
pub(super) fn of_stage(stage: &Stage<'_>) -> Vec<String> {
    let triggers = stage.steps.iter().filter_map(|step| match &step.instruction.kind {
        Kind::OnBuild(on_build) => Some(on_build.text.clone()),
        _ => None,
    });
    triggers.collect()
}

/// The instruction of a trigger. What is wrong with it is said at the FROM.
pub(super) fn parse(trigger: &Trigger, escape: char, report: &mut Report) -> Result<Instruction, Reported> {
    let mut parsed = parse_trigger(&trigger.text, escape);
    report.set_trigger(Some(trigger.clone()));
    let mut outcome = Ok(());
    for diagnostic in parsed.diagnostics {
        if diagnostic.severity == Severity::Error {
            let error = format!("the base's trigger is wrong: {}", diagnostic.message);
            outcome = Err(report.error_with_help(trigger.from, error, diagnostic.label, diagnostic.help));
        }
    }
    let instruction = match (outcome, parsed.dockerfile.instructions.pop()) {
        (Ok(()), Some(instruction)) => Ok(instruction),
        (Err(reported), _) => Err(reported),
        (Ok(()), None) => {
            let help = Some("an image without it builds; the base is to be mended".to_owned());
            Err(report.error_with_help(trigger.from, "the base's trigger is empty", "leaves it", help))
        }
    };
    report.set_trigger(None);
    instruction
}
