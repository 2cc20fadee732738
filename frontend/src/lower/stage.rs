//! The stages of a file as written: base, platform, instructions (dockerfile reference, section 3).

use std::borrow::Cow;
use std::collections::BTreeSet;

use cooperage_image::Platform;

use super::environment::{Environment, Recorded};
use super::origin::{Origin, context_key};
use super::report::{Report, Reported, Trigger};
use super::sources::StageNames;
use super::{Inputs, lint};
use crate::ast::{self, Instruction, Kind, Span, Spanned};
use crate::diagnostic::did_you_mean;
use crate::expand::expand_word;
use crate::lint::{Finding, Rule};

/// A stage.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    pub(super) index: usize,
    /// The FROM line.
    pub(super) instruction: &'a Instruction,
    /// In lower case.
    pub(super) name: Option<String>,
    /// The base word after expansion.
    pub(super) base: String,
    pub(super) origin: Origin,
    /// Of `--platform`.
    pub(super) platform: Option<Platform>,
    /// Whether a named context stands in for the whole stage.
    pub(super) replaced: bool,
    pub(super) steps: Vec<Step<'a>>,
}

/// An instruction of a stage.
#[derive(Debug)]
pub(super) struct Step<'a> {
    pub(super) instruction: Cow<'a, Instruction>,
    /// Whether the base's ONBUILD brought it.
    pub(super) trigger: Option<Trigger>,
    /// What it copies from (COPY: one or none) or mounts (RUN: one for each mount). `None` is the default.
    pub(super) sources: Vec<Option<Origin>>,
}

impl Step<'_> {
    /// The place of its op.
    pub(super) fn span(&self) -> Span {
        self.trigger.as_ref().map_or(self.instruction.span, |trigger| trigger.from)
    }
}

impl<'a> Stage<'a> {
    /// As it is called in messages.
    pub(super) fn display(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("stage-{}", self.index))
    }

    /// The stages that it copies or mounts from, with the places where.
    pub(super) fn reads(&self) -> Vec<(usize, Span)> {
        let of_step = |step: &Step<'_>| {
            let span = step.span();
            let stages = step.sources.iter().filter_map(|source| match source {
                Some(Origin::Stage(read)) => Some(*read),
                _ => None,
            });
            stages.map(|read| (read, span)).collect::<Vec<_>>()
        };
        self.steps.iter().flat_map(of_step).collect()
    }

    /// A stage whose FROM is wrong.
    pub(super) fn unknown(index: usize, instruction: &'a Instruction, from: &ast::From) -> Self {
        Self {
            index,
            instruction,
            name: from.name.as_ref().map(|name| name.value.to_lowercase()),
            base: String::new(),
            origin: Origin::Scratch,
            platform: None,
            replaced: false,
            steps: Vec::new(),
        }
    }

    /// Reads the FROM of stage number `index`. `earlier` are the stages before it.
    pub(super) fn read(
        index: usize,
        instruction: &'a Instruction,
        from: &ast::From,
        earlier: &StageNames,
        scope: &FromScope<'_>,
        report: &mut Report,
    ) -> Result<Self, Reported> {
        let platform = match &from.platform {
            Some(platform) if !platform.value.is_empty() => Some(scope.platform(platform, from, report)?),
            // `--platform=` says nothing.
            _ => None,
        };
        let name = from.name.as_ref().map(|name| name.value.to_lowercase());
        let base = scope.base(&from.base, report)?;
        let wanted = platform.as_ref().unwrap_or(&scope.inputs.platform);
        let context = name.as_deref().and_then(|name| context_key(name, wanted, scope.inputs));
        let replaced = context.is_some();
        let origin = match context {
            Some(key) => Origin::Context(key),
            None => scope.origin(&base, from, wanted, earlier, report)?,
        };
        Ok(Self { index, instruction, name, base, origin, platform, replaced, steps: Vec::new() })
    }
}

/// What a FROM line can see.
pub(super) struct FromScope<'a> {
    pub(super) inputs: &'a Inputs,
    pub(super) globals: &'a Environment,
    /// Arguments declared before the first FROM, with a value or not.
    pub(super) declared: &'a BTreeSet<String>,
    pub(super) escape: char,
}

impl FromScope<'_> {
    fn origin(
        &self,
        base: &str,
        from: &ast::From,
        platform: &Platform,
        earlier: &StageNames,
        report: &mut Report,
    ) -> Result<Origin, Reported> {
        if let Some(stage) = earlier.exact(base) {
            return Ok(Origin::Stage(stage));
        }
        Origin::of_word(base, platform, self.inputs).map_err(|message| {
            let help =
                did_you_mean(base, earlier.names()).map(|name| format!("did you mean the stage {name}?"));
            report.error_with_help(from.base.span, message, "expected an image or an earlier stage", help)
        })
    }

    fn base(&self, word: &Spanned<String>, report: &mut Report) -> Result<String, Reported> {
        let base = self.expand(word, &Recorded::new(self.globals), report)?;
        if base.is_empty() {
            let message = format!("base name ({}) should not be blank", word.value);
            let help = self.meant(&word.value).unwrap_or_else(|| {
                "give the ARG before FROM a default, or a value with --build-arg".to_owned()
            });
            return Err(report.error_with_help(word.span, message, "expands to nothing", Some(help)));
        }
        Ok(base)
    }

    fn platform(
        &self,
        word: &Spanned<String>,
        from: &ast::From,
        report: &mut Report,
    ) -> Result<Platform, Reported> {
        let recorded = Recorded::new(self.globals);
        let text = self.expand(word, &recorded, report)?;
        let used = recorded.used();
        if text.is_empty() {
            let message = format!("empty platform value from expression {}", word.value);
            let help = self.meant(&word.value);
            return Err(report.error_with_help(word.span, message, "expands to nothing", help));
        }
        let platform: Platform = text.parse().map_err(|error| {
            let message = format!("failed to parse platform {}: {error}", word.value);
            report.error_with_help(word.span, message, "expected os/arch[/variant]", self.meant(&word.value))
        })?;
        lint::from_platform(word, &text, &platform, &used, from, self.globals, report);
        Ok(platform)
    }

    fn expand(
        &self,
        word: &Spanned<String>,
        variables: &Recorded<'_>,
        report: &mut Report,
    ) -> Result<String, Reported> {
        match expand_word(&word.value, self.escape, variables) {
            Ok(expanded) => {
                report.spend(expanded.cost(), word.span)?;
                for name in expanded.unset.iter().filter(|name| !self.declared.contains(*name)) {
                    if !report.wants(Rule::UndefinedArgInFrom) {
                        break;
                    }
                    report.finding(word.span, Finding::undefined_arg_in_from(name, self.nearest(name)));
                }
                Ok(expanded.value)
            }
            Err(error) => Err(report.cannot_expand(word.span, &error, "in this word")),
        }
    }

    fn nearest(&self, name: &str) -> Option<&str> {
        did_you_mean(name, self.declared.iter().map(String::as_str).chain(self.globals.names()))
    }

    /// A hint for a word whose variables are not set.
    fn meant(&self, word: &str) -> Option<String> {
        let unset = expand_word(word, self.escape, self.globals).ok()?.unset;
        unset.iter().find_map(|name| self.nearest(name)).map(|name| format!("did you mean ${name}?"))
    }
}

/// The instructions of a file, cut at each FROM.
#[derive(Debug, Default)]
pub(super) struct Sections<'a> {
    /// Before the first FROM.
    pub(super) before: Vec<&'a Instruction>,
    pub(super) stages: Vec<Section<'a>>,
}

/// A FROM and what follows it.
#[derive(Debug)]
pub(super) struct Section<'a> {
    pub(super) instruction: &'a Instruction,
    pub(super) from: &'a ast::From,
    pub(super) body: Vec<&'a Instruction>,
}

impl<'a> Sections<'a> {
    pub(super) fn of(instructions: &'a [Instruction]) -> Self {
        let mut sections = Self::default();
        for instruction in instructions {
            match (&instruction.kind, sections.stages.last_mut()) {
                (Kind::From(from), _) => {
                    sections.stages.push(Section { instruction, from, body: Vec::new() });
                }
                (_, Some(section)) => section.body.push(instruction),
                (_, None) => sections.before.push(instruction),
            }
        }
        sections
    }
}
