//! What an instruction reads besides its own stage: `COPY --from` and the `from` of mounts.

use std::collections::BTreeMap;

use cooperage_image::Platform;

use super::Inputs;
use super::mount_spec;
use super::origin::Origin;
use super::report::{Report, Reported};
use crate::ast::{Flag, Instruction, Kind, Span};
use crate::diagnostic::did_you_mean;
use crate::expand::expand_word;

/// The names of stages: of one name, the last one that was added.
#[derive(Debug, Default)]
pub(super) struct StageNames {
    by_name: BTreeMap<String, usize>,
    count: usize,
}

impl StageNames {
    /// Adds the next stage. `name` is in lower case.
    pub(super) fn add(&mut self, name: Option<&str>) {
        if let Some(name) = name {
            self.by_name.insert(name.to_owned(), self.count);
        }
        self.count += 1;
    }

    /// The stage of exactly this name, as FROM finds it: a base word with capitals names no stage.
    pub(super) fn exact(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The stage of this name in any case, as all but FROM find it.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.exact(&name.to_lowercase())
    }

    /// All names, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

/// What is needed to say what a source means.
pub(super) struct SourceScope<'a> {
    pub(super) stages: &'a StageNames,
    pub(super) inputs: &'a Inputs,
    pub(super) escape: char,
}

impl SourceScope<'_> {
    /// The sources of `instruction`: for COPY one or none, for RUN one for each mount.
    pub(super) fn of(
        &self,
        instruction: &Instruction,
        report: &mut Report,
    ) -> Result<Vec<Option<Origin>>, Reported> {
        match &instruction.kind {
            Kind::Copy(transfer) => {
                // `--from=` says nothing.
                let says = |flag: &&Flag| flag.name == "from" && flag.value.as_deref() != Some("");
                let from = transfer.flags.iter().find(says);
                from.map(|flag| self.copy_from(flag, report).map(Some)).into_iter().collect()
            }
            Kind::Run(run) => {
                let mounts = run.flags.iter().filter(|flag| flag.name == "mount");
                mounts.map(|flag| self.mount_from(flag, report)).collect()
            }
            _ => Ok(Vec::new()),
        }
    }

    fn copy_from(&self, flag: &Flag, report: &mut Report) -> Result<Origin, Reported> {
        let word = flag.value.as_deref().unwrap_or_default();
        let none = super::environment::Environment::default();
        if expand_word(word, self.escape, &none).map_or(true, |expanded| expanded.value != word) {
            return Err(report.error_with_help(
                flag.span,
                "variable expansion is not supported for --from",
                "expected a stage, a named context or an image",
                Some("define a stage with FROM, which may use an ARG from before it".to_owned()),
            ));
        }
        if let Ok(index) = word.parse::<i64>() {
            let count = self.stages.count;
            return match usize::try_from(index).ok().filter(|index| *index < count) {
                Some(index) => Ok(Origin::Stage(index)),
                None => {
                    let message = format!("invalid stage index {index}");
                    let label = format!("expected 0 to {}", count.saturating_sub(1));
                    let help = "stages are counted from 0; an image or a stage can be named instead";
                    Err(report.error_with_help(flag.span, message, label, Some(help.to_owned())))
                }
            };
        }
        self.named(word, flag.span, report)
    }

    fn mount_from(&self, flag: &Flag, report: &mut Report) -> Result<Option<Origin>, Reported> {
        let spec = flag.value.as_deref().unwrap_or_default();
        let from = mount_spec::from_of(spec).map_err(|message| {
            let help = "a value with a comma is quoted whole: \"source=a,b\"";
            let label = "expected a comma-separated list of key=value";
            report.error_with_help(flag.span, message, label, Some(help.to_owned()))
        })?;
        let Some(word) = from else { return Ok(None) };
        if word.find('$').is_some_and(|at| at + 1 != word.len()) {
            return Err(report.error_with_help(
                flag.span,
                "'from' doesn't support variable expansion",
                "expected a stage, a named context or an image",
                Some("define a stage with FROM, which may use an ARG from before it".to_owned()),
            ));
        }
        self.named(&word, flag.span, report).map(Some)
    }

    fn named(&self, word: &str, span: Span, report: &mut Report) -> Result<Origin, Reported> {
        if let Some(stage) = self.stages.find(word) {
            return Ok(Origin::Stage(stage));
        }
        let platform: &Platform = &self.inputs.platform;
        Origin::of_word(word, platform, self.inputs).map_err(|message| {
            let help = match did_you_mean(&word.to_lowercase(), self.stages.names()) {
                Some(name) => format!("did you mean the stage {name}?"),
                None => "an image is named [HOST/]PATH[:TAG][@DIGEST], in lower case".to_owned(),
            };
            let label = "expected a stage, a named context or an image";
            report.error_with_help(span, message, label, Some(help))
        })
    }
}
