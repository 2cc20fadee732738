//! Lowering a stage: its base, then one instruction after the other.

use cooperage_llb::definition::{Builder, Edge, Metadata};

use super::contexts::Contexts;
use super::origin::Origin;
use super::outline::Found;
use super::places::Places;
use super::plan::Plan;
use super::report::{Report, Reported};
use super::stage::{Stage, Step};
use super::state::StageState;
use super::step_name::StepNumbers;
use super::{arguments, base, lint};
use crate::ast::{Kind, Span, Spanned};
use crate::diagnostic::did_you_mean;
use crate::expand::{ExpandError, expand_word};
use crate::lint::{Finding, Rule};

/// What all stages share.
pub(super) struct Shared<'a> {
    pub(super) graph: Builder,
    pub(super) contexts: Contexts,
    pub(super) places: Places,
    pub(super) ignored: lint::Ignored,
    pub(super) found: Found,
    /// Index of the Dockerfile among the graph's source files.
    pub(super) source_index: i32,
    /// By index; stages that come later, or are not needed, are absent.
    pub(super) finished: Vec<Option<StageState>>,
    pub(super) report: &'a mut Report,
}

/// A stage that is being lowered.
pub(super) struct Work<'w, 'a> {
    pub(super) plan: &'w Plan<'a>,
    pub(super) shared: &'w mut Shared<'a>,
    pub(super) stage: &'w Stage<'a>,
    pub(super) state: StageState,
    pub(super) numbers: StepNumbers,
    /// The instruction that is being lowered.
    pub(super) here: Span,
    /// The last CMD, ENTRYPOINT and HEALTHCHECK of this stage.
    pub(super) cmd: Option<Span>,
    pub(super) entrypoint: Option<Span>,
    pub(super) healthcheck: Option<Span>,
}

/// Lowers `stage`. Its state is in [`Shared::finished`] afterwards, as far as its instructions are right.
pub(super) fn stage<'a>(plan: &Plan<'a>, stage: &Stage<'a>, shared: &mut Shared<'a>) {
    let (mut state, numbers) = base::of_stage(plan, stage, shared);
    if stage.replaced {
        // Nothing is dispatched: the context is the stage as it is.
        state.config.config.on_build.clear();
    } else {
        state.begin();
    }
    let size = state.bytes();
    if shared.report.spend(size, stage.instruction.span).is_err() {
        return;
    }
    let here = stage.instruction.span;
    let mut work =
        Work { plan, shared, stage, state, numbers, here, cmd: None, entrypoint: None, healthcheck: None };
    for step in &stage.steps {
        if work.shared.report.is_full() {
            break;
        }
        work.here = step.span();
        work.shared.report.set_trigger(step.trigger.clone());
        // What is wrong was reported; the next instruction may be right.
        let _: Result<(), Reported> = work.instruction(step);
    }
    work.shared.report.set_trigger(None);
    let state = work.state;
    shared.finished[stage.index] = Some(state);
}

impl Work<'_, '_> {
    fn instruction(&mut self, step: &Step<'_>) -> Result<(), Reported> {
        match &step.instruction.kind {
            Kind::Run(run) => self.run(step, run),
            Kind::Copy(transfer) => self.copy(step, transfer),
            Kind::Add(transfer) => self.add(step, transfer),
            Kind::Workdir(path) => self.workdir(step, path),
            Kind::Arg(args) => self.arg(step, args),
            Kind::Env(pairs) => self.env(step, pairs),
            Kind::Label(pairs) => self.label(step, pairs),
            Kind::User(user) => self.user(user),
            Kind::Expose(ports) => self.expose(ports),
            Kind::Volume(paths) => self.volume(paths),
            Kind::Cmd(command) => self.cmd(step, command),
            Kind::Entrypoint(command) => self.entrypoint(step, command),
            Kind::StopSignal(signal) => self.stop_signal(signal),
            Kind::Healthcheck(check) => self.healthcheck(step, check),
            Kind::Shell(words) => self.shell(words),
            Kind::OnBuild(on_build) => self.on_build(on_build),
            Kind::Maintainer(name) => self.maintainer(name),
            // A FROM begins a stage, and the parser allows none in a trigger.
            Kind::From(_) => {
                Err(self.shared.report.error(step.instruction.span, "FROM inside a stage", "misplaced"))
            }
        }
    }

    /// Expands `text` to one word with the variables of the stage.
    pub(super) fn expand(&mut self, text: &Spanned<String>) -> Result<String, Reported> {
        self.expand_at(&text.value, text.span)
    }

    /// The same for a text that is at, or a part of, `span`.
    pub(super) fn expand_at(&mut self, text: &str, span: Span) -> Result<String, Reported> {
        let expanded = expand_word(text, self.plan.escape, &self.state.environment)
            .map_err(|error| self.cannot_expand(&error, span))?;
        self.warn_unset(&expanded.unset, span);
        self.shared.report.spend(expanded.cost(), span)?;
        Ok(expanded.value)
    }

    pub(super) fn cannot_expand(&mut self, error: &ExpandError, span: Span) -> Reported {
        self.shared.report.cannot_expand(span, error, "in this word")
    }

    /// Warns of variables that are used and neither ARG nor ENV names.
    pub(super) fn warn_unset(&mut self, unset: &[String], span: Span) {
        for name in unset {
            if !self.shared.report.wants(Rule::UndefinedVar) {
                return;
            }
            let declared = self.state.args.is_declared(name);
            if declared || arguments::NEVER_IN_ENVIRONMENT.contains(&name.as_str()) {
                continue;
            }
            let meant = did_you_mean(name, self.state.environment.names());
            self.shared.report.finding(span, Finding::undefined_var(name, meant));
        }
    }

    /// The metadata of an op that `step` stands for.
    pub(super) fn metadata(&self, step: &Step<'_>, name: String) -> Metadata {
        Metadata {
            name: Some(name),
            locations: vec![self.shared.places.location(self.shared.source_index, step.span())],
            ..Metadata::default()
        }
    }

    /// The tree of a source, of which `path` is used. `None` as the source is the build context.
    ///
    /// `verb` is what cannot be done to a stage that comes later: `copy`, `mount`.
    pub(super) fn source_tree(
        &mut self,
        source: Option<&Origin>,
        path: &str,
        verb: &str,
        span: Span,
    ) -> Result<Option<Edge>, Reported> {
        let shared = &mut *self.shared;
        match source {
            None => Ok(Some(shared.contexts.main(path, self.plan.inputs, &mut shared.graph))),
            Some(Origin::Scratch) => Ok(None),
            Some(Origin::Stage(index)) => match &shared.finished[*index] {
                Some(state) => {
                    if let Some(key) = &state.directory {
                        shared.contexts.named(key, path, &mut shared.graph);
                    }
                    Ok(state.tree)
                }
                None => {
                    let (later, here) = (self.plan.stages[*index].display(), self.stage.display());
                    let message = format!(
                        "cannot {verb} from stage {later:?}, it needs to be defined before current stage {here:?}"
                    );
                    let help = Some(format!("move the stage {later} before {here}"));
                    Err(shared.report.error_with_help(span, message, "a later stage", help))
                }
            },
            Some(origin @ (Origin::Context(_) | Origin::Image(_))) => {
                Ok(base::of_source(self.plan, origin, path, self.here, shared))
            }
        }
    }

    /// Marks what the stage's own tree reads before a step works on it: all of the directory it began
    /// with, since a step may look at anything.
    pub(super) fn use_own_tree(&mut self) {
        if let Some(key) = &self.state.directory {
            self.shared.contexts.named(key, "/", &mut self.shared.graph);
        }
    }
}
