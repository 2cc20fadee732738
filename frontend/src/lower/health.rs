//! HEALTHCHECK (dockerfile reference, section 5).

use cooperage_image::config::Healthcheck as Check;

use super::config_text::{duration, parse_duration, plain_list};
use super::report::Reported;
use super::stage::Step;
use super::work::Work;
use crate::ast::{Command, Flag, Healthcheck};

/// The shortest time that a check can be told to wait.
const SHORTEST_NS: i64 = 1_000_000;

impl Work<'_, '_> {
    pub(super) fn healthcheck(&mut self, step: &Step<'_>, check: &Healthcheck) -> Result<(), Reported> {
        let before = self.healthcheck.replace(step.span());
        self.warn_of_two(step, before);
        let check = match check {
            Healthcheck::None => Check { test: vec!["NONE".to_owned()], ..Check::default() },
            Healthcheck::Cmd { flags, command } => self.check(flags, command)?,
        };
        self.state.record(format!("HEALTHCHECK {}", created_by(&check)), false);
        self.state.config.config.healthcheck = Some(check);
        Ok(())
    }

    fn check(&mut self, flags: &[Flag], command: &Command) -> Result<Check, Reported> {
        let mut check = Check { test: test(command), ..Check::default() };
        for flag in flags {
            match flag.name.as_str() {
                "interval" => check.interval_ns = self.time(flag)?,
                "timeout" => check.timeout_ns = self.time(flag)?,
                "start-period" => check.start_period_ns = self.time(flag)?,
                "start-interval" => check.start_interval_ns = self.time(flag)?,
                _ => check.retries = self.retries(flag)?,
            }
        }
        Ok(check)
    }

    fn time(&mut self, flag: &Flag) -> Result<i64, Reported> {
        let (name, text) = (&flag.name, flag.value.as_deref().unwrap_or_default());
        if text.is_empty() {
            return Ok(0);
        }
        let report = &mut self.shared.report;
        match parse_duration(text) {
            None => {
                let message = format!("invalid duration {text:?} for --{name}");
                Err(report.error(flag.span, message, "expected a number with a unit, such as 30s or 1m30s"))
            }
            Some(ns) if ns != 0 && ns < SHORTEST_NS => {
                let message = format!("--{name} of {text} cannot be less than 1ms");
                Err(report.error(flag.span, message, "expected 0, or 1ms or more"))
            }
            Some(ns) => Ok(ns),
        }
    }

    fn retries(&mut self, flag: &Flag) -> Result<i64, Reported> {
        let text = flag.value.as_deref().unwrap_or_default();
        if text.is_empty() {
            return Ok(0);
        }
        let report = &mut self.shared.report;
        match text.parse::<i32>() {
            Ok(retries) if retries < 0 => {
                let message = format!("--retries cannot be negative ({retries})");
                Err(report.error(flag.span, message, "expected 0 or more"))
            }
            Ok(retries) => Ok(retries.into()),
            Err(_) => {
                let message = format!("invalid number {text:?} for --retries");
                Err(report.error(flag.span, message, "expected a number"))
            }
        }
    }
}

fn test(command: &Command) -> Vec<String> {
    match command {
        Command::Exec(words) => std::iter::once("CMD".to_owned()).chain(words.iter().cloned()).collect(),
        Command::Shell(line) => vec!["CMD-SHELL".to_owned(), line.value.clone()],
    }
}

/// As Go's `%+v` shows it.
fn created_by(check: &Check) -> String {
    format!(
        "{{Test:{} Interval:{} Timeout:{} StartPeriod:{} StartInterval:{} Retries:{}}}",
        plain_list(&check.test),
        duration(check.interval_ns),
        duration(check.timeout_ns),
        duration(check.start_period_ns),
        duration(check.start_interval_ns),
        check.retries
    )
}
