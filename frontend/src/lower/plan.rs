//! What has to be lowered: the stages, what each of them reads, and which of them the target needs.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::environment::Environment;
use super::epoch::{self, Epoch};
use super::origin::Origin;
use super::report::{Report, Reported, Trigger};
use super::sources::{SourceScope, StageNames};
use super::stage::{FromScope, Section, Sections, Stage, Step};
use super::{ImageNeed, Inputs, TimeNeed, arguments, health, lint, on_build, run};
use crate::ast::{Arg, Dockerfile, Instruction, Kind, Spanned};
use crate::diagnostic::did_you_mean;
use crate::lint::Rule;

/// The stages of a file and how they depend on each other.
pub(super) struct Plan<'a> {
    pub(super) inputs: &'a Inputs,
    pub(super) escape: char,
    /// Automatic arguments and those before the first FROM.
    pub(super) globals: Environment,
    pub(super) stages: Vec<Stage<'a>>,
    pub(super) target: usize,
    extent: Extent,
    /// Before the first FROM.
    pub(super) before: Vec<&'a Instruction>,
    /// `--build-arg`, `SOURCE_DATE_EPOCH` in seconds.
    pub(super) build_args: BTreeMap<String, String>,
    /// `SOURCE_DATE_EPOCH`
    pub(super) epoch: Option<i64>,
    names: StageNames,
    /// The stages that the target needs, once they were looked for.
    pub(super) reachable: BTreeSet<usize>,
}

/// A file that was read.
pub(super) enum Read<'a> {
    Plan(Box<Plan<'a>>),
    /// Something has to be known first.
    NeedsTime(TimeNeed),
}

impl<'a> Plan<'a> {
    pub(super) fn read(
        dockerfile: &'a Dockerfile,
        inputs: &'a Inputs,
        extent: Extent,
        report: &mut Report,
    ) -> Result<Read<'a>, Reported> {
        let sections = Sections::of(&dockerfile.instructions);
        lint::stages(&sections, report);
        let escape = dockerfile.directives.escape_char();
        let args = global_args(&sections);
        let mut globals = globals(inputs, &sections, &args, escape, report)?;
        let epoch = match epoch::read(inputs, &sections, &globals, escape, report)? {
            Epoch::Known(epoch) => epoch,
            Epoch::Needs(need) => return Ok(Read::NeedsTime(need)),
        };
        epoch::set_global(&mut globals, epoch);
        let build_args = epoch::build_args(inputs, epoch);
        let (stages, names) = stages(&sections, inputs, &globals, &args, escape, report)?;
        let target = target(&stages, &names, inputs, report)?;
        let Sections { before, stages: bodies } = sections;
        let mut plan = Self {
            inputs,
            escape,
            globals,
            stages,
            target,
            extent,
            before,
            build_args,
            epoch,
            names,
            reachable: BTreeSet::new(),
        };
        plan.read_steps(bodies, report)?;
        plan.check_cycles(report)?;
        Ok(Read::Plan(Box::new(plan)))
    }

    fn read_steps(&mut self, sections: Vec<Section<'a>>, report: &mut Report) -> Result<(), Reported> {
        let mut outcome = Ok(());
        for (index, section) in sections.into_iter().enumerate() {
            // A stage that a named context stands in for has no instructions.
            if self.stages[index].replaced {
                continue;
            }
            for instruction in section.body {
                if report.is_full() {
                    return Err(Reported);
                }
                match self.step(Cow::Borrowed(instruction), None, report) {
                    Ok(step) => self.stages[index].steps.push(step),
                    Err(reported) => outcome = Err(reported),
                }
            }
        }
        outcome
    }

    fn step(
        &self,
        instruction: Cow<'a, Instruction>,
        trigger: Option<Trigger>,
        report: &mut Report,
    ) -> Result<Step<'a>, Reported> {
        let scope = SourceScope { stages: &self.names, inputs: self.inputs, escape: self.escape };
        report.set_trigger(trigger.clone());
        let sources = scope.of(&instruction, report);
        let values = match &instruction.kind {
            Kind::Run(run) => run::settings(run, report).map(drop),
            Kind::Healthcheck(check) => health::read(check, report).map(drop),
            _ => Ok(()),
        };
        report.set_trigger(None);
        values?;
        Ok(Step { instruction, trigger, sources: sources? })
    }

    /// A stage may not copy from itself, not even by way of others.
    fn check_cycles(&self, report: &mut Report) -> Result<(), Reported> {
        let mut marks = vec![Mark::New; self.stages.len()];
        for start in 0..self.stages.len() {
            if marks[start] != Mark::New {
                continue;
            }
            // The stages on the way from `start`, with what each has still to be looked at. Not recursive:
            // a file can have more stages than the stack has room.
            marks[start] = Mark::OnPath;
            let mut path = vec![(start, self.stages[start].reads().into_iter())];
            while let Some((stage, reads)) = path.last_mut() {
                let Some((read, span)) = reads.next() else {
                    marks[*stage] = Mark::Done;
                    path.pop();
                    continue;
                };
                match marks[read] {
                    Mark::New => {
                        marks[read] = Mark::OnPath;
                        path.push((read, self.stages[read].reads().into_iter()));
                    }
                    Mark::Done => {}
                    Mark::OnPath => {
                        let stage = self.stages[read].display();
                        let message = format!("circular dependency detected on stage: {stage}");
                        let help = "what both stages need goes into a third one, before them".to_owned();
                        return Err(report.error_with_help(span, message, "closes the circle", Some(help)));
                    }
                }
            }
        }
        Ok(())
    }

    /// Finds the stages that are looked at (those that the target needs, itself included, or all), and puts the
    /// triggers of each one's base before its instructions, as far as the bases are known. A trigger may need
    /// further stages, and those have bases of their own.
    pub(super) fn fire_triggers(&mut self, report: &mut Report) -> Result<(), Reported> {
        let mut open: Vec<usize> = match self.extent {
            Extent::AllStages => (0..self.stages.len()).collect(),
            Extent::Target => vec![self.target],
        };
        self.reachable.extend(&open);
        while let Some(index) = open.pop() {
            self.fire_triggers_of(index, report)?;
            let stage = &self.stages[index];
            let sources = stage.steps.iter().flat_map(|step| step.sources.iter().flatten());
            for read in std::iter::once(&stage.origin).chain(sources) {
                if let Origin::Stage(read) = read
                    && self.reachable.insert(*read)
                {
                    open.push(*read);
                }
            }
        }
        Ok(())
    }

    fn fire_triggers_of(&mut self, index: usize, report: &mut Report) -> Result<(), Reported> {
        let Some(triggers) = self.triggers_of_base(index) else { return Ok(()) };
        let mut steps = Vec::new();
        for text in triggers {
            let from = self.stages[index].instruction.span;
            report.spend(text.len() + 64, from)?;
            let trigger = Trigger { from, text };
            let instruction = on_build::parse(&trigger, self.escape, report)?;
            steps.push(self.step(Cow::Owned(instruction), Some(trigger), report)?);
        }
        steps.append(&mut self.stages[index].steps);
        self.stages[index].steps = steps;
        Ok(())
    }

    /// Whether `stage` is the only one of the file, and nothing else is read: its name is not shown then.
    pub(super) fn is_alone(&self, stage: &Stage<'_>) -> bool {
        let own = stage.steps.iter().filter(|step| step.trigger.is_none());
        self.stages.len() == 1 && own.flat_map(|step| &step.sources).next().is_none()
    }

    /// `None` if there are none, or if the base's config is not known yet.
    fn triggers_of_base(&self, index: usize) -> Option<Vec<String>> {
        let stage = &self.stages[index];
        if stage.replaced {
            return None;
        }
        match &stage.origin {
            Origin::Stage(base) => Some(on_build::of_stage(&self.stages[*base])),
            origin => match origin.need(self.platform(stage), self.inputs) {
                Some(need) => Some(self.inputs.images.get(&need)?.config.config.on_build.clone()),
                None => None,
            },
        }
    }

    /// The platform for which the base of `stage` is wanted, if it is an image.
    pub(super) fn platform<'s>(&'s self, stage: &'s Stage<'_>) -> &'s cooperage_image::Platform {
        stage.platform.as_ref().unwrap_or(&self.inputs.platform)
    }

    /// The images whose configs are not known yet, sorted.
    pub(super) fn needs(&self) -> Vec<ImageNeed> {
        let mut needs = BTreeSet::new();
        for index in &self.reachable {
            let stage = &self.stages[*index];
            needs.extend(stage.origin.need(self.platform(stage), self.inputs));
            for source in stage.steps.iter().flat_map(|step| step.sources.iter().flatten()) {
                needs.extend(source.need(&self.inputs.platform, self.inputs));
            }
        }
        needs.retain(|need| !self.inputs.images.contains_key(need));
        needs.into_iter().collect()
    }
}

/// How much of the file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// What the target needs.
    Target,
    /// All, needed or not.
    AllStages,
}

/// How far the search for cycles came with a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    OnPath,
    Done,
}

fn global_args<'a>(sections: &Sections<'a>) -> Vec<&'a [Spanned<Arg>]> {
    let args = sections.before.iter().map(|instruction| match &instruction.kind {
        Kind::Arg(args) => args.as_slice(),
        _ => &[],
    });
    args.collect()
}

fn globals(
    inputs: &Inputs,
    sections: &Sections<'_>,
    args: &[&[Spanned<Arg>]],
    escape: char,
    report: &mut Report,
) -> Result<Environment, Reported> {
    let last = sections.stages.last().and_then(|section| section.from.name.as_ref());
    let last = last.map(|name| name.value.to_lowercase());
    let target = inputs.target.as_deref().filter(|target| !target.is_empty()).or(last.as_deref());
    let mut defaults = arguments::automatic(inputs, target);
    let mut globals = defaults.clone();
    for args in args {
        arguments::declare(&mut globals, args, &inputs.build_args, escape, report)?;
    }
    let mut unreported = Report::default();
    for args in args {
        if arguments::declare(&mut defaults, args, &Default::default(), escape, &mut unreported).is_err() {
            return Ok(globals);
        }
    }
    for section in &sections.stages {
        if !report.wants(Rule::InvalidDefaultArgInFrom) {
            break;
        }
        lint::base_default(&section.from.base, &defaults, escape, report);
    }
    Ok(globals)
}

fn stages<'a>(
    sections: &Sections<'a>,
    inputs: &Inputs,
    globals: &Environment,
    args: &[&[Spanned<Arg>]],
    escape: char,
    report: &mut Report,
) -> Result<(Vec<Stage<'a>>, StageNames), Reported> {
    let declared = args.iter().flat_map(|args| args.iter()).map(|arg| arg.value.name.clone()).collect();
    let scope = FromScope { inputs, globals, declared: &declared, escape };
    let mut stages: Vec<Stage<'a>> = Vec::new();
    let mut names = StageNames::default();
    let mut outcome = Ok(());
    for (index, Section { instruction, from, .. }) in sections.stages.iter().enumerate() {
        if report.is_full() {
            return Err(Reported);
        }
        let stage =
            Stage::read(index, instruction, from, &names, &scope, report).unwrap_or_else(|reported| {
                outcome = Err(reported);
                // A place holder, so that indexes and names of later stages are right.
                Stage::unknown(index, instruction, from)
            });
        names.add(stage.name.as_deref());
        stages.push(stage);
    }
    outcome.map(|()| (stages, names))
}

fn target(
    stages: &[Stage<'_>],
    names: &StageNames,
    inputs: &Inputs,
    report: &mut Report,
) -> Result<usize, Reported> {
    let Some(last) = stages.last() else {
        let label = "expected a FROM";
        return Err(report.error(Default::default(), "dockerfile contains no stages to build", label));
    };
    let Some(target) = inputs.target.as_deref().filter(|target| !target.is_empty()) else {
        return Ok(last.index);
    };
    names.find(target).ok_or_else(|| {
        let named: Vec<&str> = stages.iter().filter_map(|stage| stage.name.as_deref()).collect();
        let label = match named.as_slice() {
            [] => "no stage of this file has a name".to_owned(),
            named => format!("the stages are {}", named.join(", ")),
        };
        let meant = did_you_mean(&target.to_lowercase(), named.iter().copied());
        let help = meant.map(|name| format!("did you mean --target {name}?"));
        let message = format!("target stage {target:?} could not be found");
        report.error_with_help(last.instruction.span, message, label, help)
    })
}
