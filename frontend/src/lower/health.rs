//! HEALTHCHECK (dockerfile reference, section 5).

use cooperage_image::config::Healthcheck as Check;

use super::config_text::{duration, parse_duration, plain_list};
use super::report::{Report, Reported};
use super::stage::Step;
use super::work::Work;
use crate::ast::{Command, Flag, Healthcheck};

/// The shortest time that a check can be told to wait.
const SHORTEST_NS: i64 = 1_000_000;

impl Work<'_, '_> {
    pub(super) fn healthcheck(&mut self, step: &Step<'_>, check: &Healthcheck) -> Result<(), Reported> {
        let before = self.healthcheck.replace(step.span());
        self.warn_of_two(step, before);
        let check = read(check, self.shared.report)?;
        self.state.record(format!("HEALTHCHECK {}", created_by(&check)), false);
        self.state.config.config.healthcheck = Some(check);
        Ok(())
    }
}

/// Reads a check. What is wrong in it is wrong in stages that nobody needs, too.
pub(super) fn read(check: &Healthcheck, report: &mut Report) -> Result<Check, Reported> {
    let (flags, command) = match check {
        Healthcheck::None => return Ok(Check { test: vec!["NONE".to_owned()], ..Check::default() }),
        Healthcheck::Cmd { flags, command } => (flags, command),
    };
    let mut check = Check { test: test(command), ..Check::default() };
    for flag in flags {
        match flag.name.as_str() {
            "interval" => check.interval_ns = time(flag, report)?,
            "timeout" => check.timeout_ns = time(flag, report)?,
            "start-period" => check.start_period_ns = time(flag, report)?,
            "start-interval" => check.start_interval_ns = time(flag, report)?,
            _ => check.retries = retries(flag, report)?,
        }
    }
    Ok(check)
}

fn time(flag: &Flag, report: &mut Report) -> Result<i64, Reported> {
    let (name, text) = (&flag.name, flag.value.as_deref().unwrap_or_default());
    if text.is_empty() {
        return Ok(0);
    }
    match parse_duration(text) {
        None => {
            let message = format!("invalid duration {text:?} for --{name}");
            let help = Some("numbers with units: 300ms, 30s, 1m30s, 1.5h".to_owned());
            Err(report.error_with_help(flag.span, message, "expected a number with a unit", help))
        }
        Some(ns) if ns != 0 && ns < SHORTEST_NS => {
            let message = format!("--{name} of {text} cannot be less than 1ms");
            let help = Some("0 is the engine's default".to_owned());
            Err(report.error_with_help(flag.span, message, "expected 0, or 1ms or more", help))
        }
        Some(ns) => Ok(ns),
    }
}

fn retries(flag: &Flag, report: &mut Report) -> Result<i64, Reported> {
    let text = flag.value.as_deref().unwrap_or_default();
    if text.is_empty() {
        return Ok(0);
    }
    match text.parse::<i32>() {
        Ok(retries) if retries < 0 => {
            let message = format!("--retries cannot be negative ({retries})");
            let help = Some("0 is the engine's default".to_owned());
            Err(report.error_with_help(flag.span, message, "expected 0 or more", help))
        }
        Ok(retries) => Ok(retries.into()),
        Err(_) => {
            let message = format!("invalid number {text:?} for --retries");
            let help = Some("how many failures in a row make the container unhealthy".to_owned());
            Err(report.error_with_help(flag.span, message, "expected a number", help))
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
