//! Instructions that only change variables or the image's config (dockerfile reference, sections 4
//! and 5).

use cooperage_image::config::Empty;

use super::arguments::NEVER_IN_ENVIRONMENT;
use super::config_text::{plain_list, quoted_list};
use super::lint;
use super::report::Reported;
use super::stage::Step;
use super::work::Work;
use crate::ast::{Arg, Command, OnBuild, Pairs, Span, Spanned};
use crate::expand::Variables;
use crate::lint::Finding;

impl Work<'_, '_> {
    pub(super) fn arg(&mut self, step: &Step<'_>, args: &[Spanned<Arg>]) -> Result<(), Reported> {
        let mut shown = Vec::new();
        for declared @ Spanned { value: arg, span } in args {
            lint::secret_key("ARG", &arg.name, *span, self.shared.report);
            let value = self.arg_value(arg, *span)?;
            let given = self.plan.inputs.build_args.contains_key(&arg.name);
            self.shared.found.arg(self.stage.index, step, declared, value.as_deref(), given);
            if let Some(value) = &value
                && !NEVER_IN_ENVIRONMENT.contains(&arg.name.as_str())
            {
                self.state.environment.set(&arg.name, value);
            }
            shown.push(match &value {
                Some(value) => format!("{}={value}", arg.name),
                None => arg.name.clone(),
            });
            self.state.args.declare(&arg.name, value);
        }
        self.state.record(format!("ARG {}", shown.join(" ")), false);
        Ok(())
    }

    /// `--build-arg`, else this default, else what an ARG before the first FROM gave.
    fn arg_value(&mut self, arg: &Arg, span: Span) -> Result<Option<String>, Reported> {
        if let Some(given) = self.plan.build_args.get(&arg.name) {
            return Ok(Some(given.clone()));
        }
        match &arg.default {
            Some(default) => self.expand_at(default, span).map(Some),
            None => Ok(self.plan.globals.get(&arg.name).map(str::to_owned)),
        }
    }

    pub(super) fn env(&mut self, step: &Step<'_>, pairs: &Pairs) -> Result<(), Reported> {
        let pairs = self.pairs(step, "ENV", pairs)?;
        for (name, value) in &pairs {
            self.state.environment.set(name, value);
            self.state.set_image_variable(name, value);
        }
        self.state.record(format!("ENV {}", pairs_text(&pairs)), false);
        Ok(())
    }

    pub(super) fn label(&mut self, step: &Step<'_>, pairs: &Pairs) -> Result<(), Reported> {
        let pairs = self.pairs(step, "LABEL", pairs)?;
        self.state.record(format!("LABEL {}", pairs_text(&pairs)), false);
        self.state.config.config.labels.extend(pairs);
        Ok(())
    }

    /// Keys and values, all expanded with what was set before the instruction.
    fn pairs(
        &mut self,
        step: &Step<'_>,
        keyword: &str,
        pairs: &Pairs,
    ) -> Result<Vec<(String, String)>, Reported> {
        if pairs.legacy {
            let finding = Finding::legacy_key_value_format(&step.instruction.keyword.value);
            self.shared.report.finding(step.instruction.span, finding);
        }
        let mut expanded = Vec::new();
        for pair in &pairs.pairs {
            let (name, value) = (self.expand(&pair.key)?, self.expand(&pair.value)?);
            if keyword == "ENV" {
                lint::secret_key(keyword, &name, pair.key.span, self.shared.report);
            }
            expanded.push((name, value));
        }
        Ok(expanded)
    }

    pub(super) fn user(&mut self, user: &Spanned<String>) -> Result<(), Reported> {
        let user = self.expand(user)?;
        self.state.record(format!("USER {user}"), false);
        self.state.config.config.user = user;
        Ok(())
    }

    pub(super) fn volume(&mut self, paths: &[Spanned<String>]) -> Result<(), Reported> {
        let mut expanded = Vec::new();
        for path in paths {
            let volume = self.expand(path)?;
            if volume.is_empty() {
                let message = "VOLUME specified can not be an empty string";
                let help = Some("give the variable a value, or leave the path out".to_owned());
                let report = &mut *self.shared.report;
                return Err(report.error_with_help(path.span, message, "expands to nothing", help));
            }
            expanded.push(volume);
        }
        self.state.record(format!("VOLUME {}", plain_list(&expanded)), false);
        let volumes = expanded.into_iter().map(|volume| (volume, Empty {}));
        self.state.config.config.volumes.extend(volumes);
        Ok(())
    }

    pub(super) fn cmd(&mut self, step: &Step<'_>, command: &Command) -> Result<(), Reported> {
        let before = self.cmd.replace(step.span());
        self.warn_of_two(step, before);
        let args = self.command(step, command);
        self.state.record(format!("CMD {}", quoted_list(&args)), false);
        let config = &mut self.state.config.config;
        config.cmd = Some(args);
        config.args_escaped = true;
        Ok(())
    }

    pub(super) fn entrypoint(&mut self, step: &Step<'_>, command: &Command) -> Result<(), Reported> {
        let before = self.entrypoint.replace(step.span());
        self.warn_of_two(step, before);
        let args = self.command(step, command);
        self.state.record(format!("ENTRYPOINT {}", quoted_list(&args)), false);
        let config = &mut self.state.config.config;
        config.entrypoint = (!args.is_empty()).then_some(args);
        // A CMD of the base is for the base's ENTRYPOINT (trap 7).
        if self.cmd.is_none() {
            config.cmd = None;
        }
        Ok(())
    }

    fn command(&mut self, step: &Step<'_>, command: &Command) -> Vec<String> {
        match command {
            Command::Exec(words) => words.clone(),
            Command::Shell(line) => {
                if self.state.config.config.shell.as_ref().is_none_or(Vec::is_empty) {
                    let finding = Finding::json_args_recommended(&step.instruction.keyword.value);
                    self.shared.report.finding(step.instruction.span, finding);
                }
                self.state.in_shell(&line.value)
            }
        }
    }

    /// The last one counts; the one before is what is wrong.
    pub(super) fn warn_of_two(&mut self, step: &Step<'_>, before: Option<Span>) {
        if let Some(before) = before {
            let keyword = &step.instruction.keyword.value;
            self.shared.report.finding(before, Finding::multiple_instructions(keyword));
        }
    }

    pub(super) fn shell(&mut self, words: &[String]) -> Result<(), Reported> {
        self.state.record(format!("SHELL {}", plain_list(words)), false);
        self.state.config.config.shell = Some(words.to_vec());
        Ok(())
    }

    pub(super) fn on_build(&mut self, on_build: &OnBuild) -> Result<(), Reported> {
        self.state.config.config.on_build.push(on_build.text.clone());
        Ok(())
    }

    pub(super) fn maintainer(&mut self, name: &Spanned<String>) -> Result<(), Reported> {
        self.state.record(format!("MAINTAINER {}", name.value), false);
        self.state.config.author = Some(name.value.clone());
        Ok(())
    }
}

fn pairs_text(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join(" ")
}
