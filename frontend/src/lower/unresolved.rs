//! What is said of an image that could not be found: where it is named, and what might have been meant.

use super::plan::{Extent, Plan, Read};
use super::report::Report;
use super::stage::Step;
use super::{ImageNeed, Inputs, Source};
use crate::ast::{Kind, Span};
use crate::diagnostic::{Diagnostic, Severity, did_you_mean};
use crate::parse::parse;

/// An error at the place that names the image of `need`, which [`lower`](super::lower) asked for with the same
/// source and inputs. `reason` is why it could not be had. `None` if nothing there names it.
pub fn unresolved(source: &Source, inputs: &Inputs, need: &ImageNeed, reason: &str) -> Option<Diagnostic> {
    let parsed = parse(&source.text);
    let mut report = Report::default();
    // Whatever was asked: an outline needs fewer stages, a check all.
    let plan = Plan::read(&parsed.dockerfile, inputs, Extent::AllStages, &mut report);
    let Ok(Read::Plan(mut plan)) = plan else { return None };
    plan.fire_triggers(&mut report).ok()?;
    let (whole, span, word) = place(&plan, inputs, need)?;
    let names = plan.stages.iter().filter_map(|stage| stage.name.as_deref());
    let meant = did_you_mean(&word.to_lowercase(), names);
    Some(Diagnostic {
        severity: Severity::Error,
        rule: None,
        message: reason.to_owned(),
        span,
        whole,
        label: "needed here".to_owned(),
        help: meant.map(|name| format!("did you mean the stage {name}?")),
    })
}

/// The first instruction that names it, the place in it, and the word there.
fn place(plan: &Plan<'_>, inputs: &Inputs, need: &ImageNeed) -> Option<(Span, Span, String)> {
    for index in &plan.reachable {
        let stage = &plan.stages[*index];
        if stage.origin.need(plan.platform(stage), inputs).as_ref() == Some(need) {
            let Kind::From(from) = &stage.instruction.kind else { continue };
            return Some((stage.instruction.span, from.base.span, stage.base.clone()));
        }
        for step in &stage.steps {
            let is_it = |source: &Option<super::origin::Origin>| {
                source.as_ref().and_then(|source| source.need(&inputs.platform, inputs)).as_ref()
                    == Some(need)
            };
            if let Some(index) = step.sources.iter().position(is_it) {
                let (span, word) = named_in(step, index);
                return Some((step.span(), span, word));
            }
        }
    }
    None
}

/// The flag that names source number `index` of a step.
fn named_in(step: &Step<'_>, index: usize) -> (Span, String) {
    let (flags, name) = match &step.instruction.kind {
        Kind::Copy(transfer) => (&transfer.flags, "from"),
        Kind::Run(run) => (&run.flags, "mount"),
        _ => return (step.span(), String::new()),
    };
    let Some(flag) = flags.iter().filter(|flag| flag.name == name).nth(index) else {
        return (step.span(), String::new());
    };
    let value = flag.value.clone().unwrap_or_default();
    let word = match name {
        "mount" => super::mount_spec::from_of(&value).ok().flatten().unwrap_or_default(),
        _ => value,
    };
    let span = if step.trigger.is_some() { step.span() } else { flag.span };
    (span, word)
}
