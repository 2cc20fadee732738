//! `SOURCE_DATE_EPOCH`: seconds, or what has a time (dockerfile reference, section 4).

use std::collections::BTreeMap;

use cooperage_llb::definition::Source;

use super::environment::Environment;
use super::origin::context_key;
use super::report::{Report, Reported};
use super::stage::{Section, Sections};
use super::{Inputs, MainContext, NamedContext, TimeNeed, contexts};
use crate::ast::{Arg, Kind, Span, Spanned, Transfer};
use crate::diagnostic::did_you_mean;
use crate::expand::{Variables, expand_word};
use crate::remote::{self, Remote};

pub(super) const NAME: &str = "SOURCE_DATE_EPOCH";

/// What the argument says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Epoch {
    /// Seconds since 1970; `None` is off.
    Known(Option<i64>),
    /// The time of this source has to be known first.
    Needs(TimeNeed),
}

/// Reads the argument: `--build-arg`, else the default of an ARG before the first FROM, else what the caller
/// of the frontend set.
pub(super) fn read(
    inputs: &Inputs,
    sections: &Sections<'_>,
    globals: &Environment,
    escape: char,
    report: &mut Report,
) -> Result<Epoch, Reported> {
    let default = globals.get(NAME).filter(|value| !value.is_empty());
    let Some(text) = inputs.build_args.get(NAME).map(String::as_str).or(default) else {
        return Ok(Epoch::Known(inputs.epoch));
    };
    if text.is_empty() {
        return Ok(Epoch::Known(None));
    }
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(Epoch::Known(Some(seconds)));
    }
    let Some(source) = source(text, inputs, sections, globals, escape, report)? else {
        return Ok(Epoch::Known(None));
    };
    let need = TimeNeed { identifier: source.identifier, attrs: source.attrs };
    Ok(match inputs.times.get(&need) {
        Some(time) => Epoch::Known(*time),
        None => Epoch::Needs(need),
    })
}

/// The build arguments with the time in seconds, as ARG sees it; without it if it is off.
pub(super) fn build_args(inputs: &Inputs, epoch: Option<i64>) -> BTreeMap<String, String> {
    let mut args = inputs.build_args.clone();
    if args.contains_key(NAME) {
        match epoch {
            Some(seconds) => args.insert(NAME.to_owned(), seconds.to_string()),
            None => args.remove(NAME),
        };
    }
    args
}

/// The same for the arguments before the first FROM.
pub(super) fn set_global(globals: &mut Environment, epoch: Option<i64>) {
    if globals.get(NAME).is_none() {
        return;
    }
    match epoch {
        Some(seconds) => globals.set(NAME, &seconds.to_string()),
        None => globals.remove(NAME),
    }
}

/// The source that `text` names; `None` if it is one that has no time.
fn source(
    text: &str,
    inputs: &Inputs,
    sections: &Sections<'_>,
    globals: &Environment,
    escape: char,
    report: &mut Report,
) -> Result<Option<Source>, Reported> {
    if text == "context" {
        return Ok(match &inputs.context {
            MainContext::Local => None,
            remote => contexts::main_source(remote, inputs),
        });
    }
    if let Some(key) = context_key(text, &inputs.platform, inputs) {
        return Ok(match inputs.contexts.get(&key) {
            Some(NamedContext::Git { repository, .. }) => Some(repository.source()),
            Some(NamedContext::Url(url)) => Some(remote::http_source(url, contexts::FILE_NAME, None)),
            _ => None,
        });
    }
    let named = |section: &&Section<'_>| {
        section.from.name.as_ref().is_some_and(|name| name.value.eq_ignore_ascii_case(text))
    };
    match sections.stages.iter().find(named) {
        Some(section) => {
            let mut variables = globals.clone();
            variables.remove(NAME);
            StageSource { inputs, variables, escape, report }.read(section).map(Some)
        }
        None => Err(unknown(text, inputs, sections, report)),
    }
}

fn unknown(text: &str, inputs: &Inputs, sections: &Sections<'_>, report: &mut Report) -> Reported {
    let span = match inputs.build_args.contains_key(NAME) {
        true => Span::default(),
        false => declared(sections),
    };
    let names: Vec<String> = sections
        .stages
        .iter()
        .filter_map(|section| Some(section.from.name.as_ref()?.value.to_lowercase()))
        .collect();
    let help = match did_you_mean(&text.to_lowercase(), names.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean the stage {meant}?"),
        None => "seconds since 1970, `context`, a named context, or a stage with one remote ADD".to_owned(),
    };
    let message = format!("invalid {NAME}: {text}");
    report.error_with_help(span, message, "no number, context or stage", Some(help))
}

/// Where the last default before the first FROM is.
fn declared(sections: &Sections<'_>) -> Span {
    let args = sections.before.iter().rev().filter_map(|instruction| match &instruction.kind {
        Kind::Arg(args) => Some(args),
        _ => None,
    });
    args.flatten().find(|arg| arg.value.name == NAME).map(|arg| arg.span).unwrap_or_default()
}

fn help() -> Option<String> {
    Some("the stage that it names is FROM scratch, ARGs, and one ADD of what has the time".to_owned())
}

/// A stage that is there for its time alone: `FROM scratch`, ARGs and one ADD of something remote.
struct StageSource<'a> {
    inputs: &'a Inputs,
    variables: Environment,
    escape: char,
    report: &'a mut Report,
}

impl StageSource<'_> {
    fn read(&mut self, section: &Section<'_>) -> Result<Source, Reported> {
        let base = self.expand(&section.from.base.value, section.from.base.span)?;
        if base != "scratch" {
            let message = format!("{NAME} stage must use FROM scratch");
            return Err(self.report.error_with_help(
                section.from.base.span,
                message,
                "expected scratch",
                help(),
            ));
        }
        let mut source = None;
        for instruction in &section.body {
            match &instruction.kind {
                Kind::Arg(args) => self.args(args)?,
                Kind::Add(transfer) if source.is_none() => {
                    source = Some(self.add(transfer, instruction.span)?);
                }
                Kind::Add(_) => return Err(self.not_one(instruction.span)),
                _ => {
                    let message = format!(
                        "{NAME} stage does not meet source-only requirements: unsupported {} instruction",
                        instruction.keyword.value.to_uppercase()
                    );
                    let label = "expected ARG or one ADD";
                    return Err(self.report.error_with_help(instruction.span, message, label, help()));
                }
            }
        }
        source.ok_or_else(|| self.not_one(section.instruction.span))
    }

    fn not_one(&mut self, span: Span) -> Reported {
        let message = format!("{NAME} stage must contain exactly one remote ADD");
        let label = "expected one ADD of a URL or a repository";
        self.report.error_with_help(span, message, label, help())
    }

    fn expand(&mut self, text: &str, span: Span) -> Result<String, Reported> {
        let expanded = expand_word(text, self.escape, &self.variables);
        expanded
            .map(|expanded| expanded.value)
            .map_err(|error| self.report.cannot_expand(span, &error, "in this word"))
    }

    fn args(&mut self, args: &[Spanned<Arg>]) -> Result<(), Reported> {
        for Spanned { value: arg, span } in args {
            if let Some(given) = self.inputs.build_args.get(&arg.name) {
                self.variables.set(&arg.name, given);
            } else if let Some(default) = &arg.default {
                let value = self.expand(default, *span)?;
                self.variables.set(&arg.name, &value);
            }
        }
        Ok(())
    }

    fn add(&mut self, transfer: &Transfer, span: Span) -> Result<Source, Reported> {
        let [crate::ast::Source::Path(path)] = transfer.sources.as_slice() else {
            return Err(self.not_one(span));
        };
        let word = self.expand(&path.value, path.span)?;
        let given = |name| transfer.flags.iter().find(|flag| flag.name == name);
        let checksum = match given("checksum") {
            Some(flag) => Some(self.expand(flag.value.as_deref().unwrap_or_default(), flag.span)?),
            None => None,
        };
        let keep = given("keep-git-dir").is_some_and(|flag| flag.value.as_deref() != Some("false"));
        match Remote::of(&word) {
            Remote::Url => {
                let name = remote::http_file_name(&word);
                Ok(remote::http_source(&word, &name, checksum.as_deref()))
            }
            Remote::Git(Ok(mut git)) => {
                git.keep_git_dir = Some(keep || git.keep_git_dir == Some(true));
                git.checksum = checksum.unwrap_or(git.checksum);
                Ok(git.source())
            }
            Remote::Git(Err(error)) => {
                Err(self.report.error_with_help(path.span, error.to_string(), "in this source", help()))
            }
            Remote::No => {
                let message = format!("{NAME} stage source must be a single HTTP(S) or Git ADD");
                Err(self.report.error_with_help(path.span, message, "a path of the context", help()))
            }
        }
    }
}
