//! `cooper build --check` and `--call`: the answer goes to standard output.

use anyhow::Result;
use cooperage::{CheckReport, Engine, Subrequest, subrequests};
use serde_json::Value;

use super::{build, print, request};
use crate::args::Build;
use crate::call::{Call, Question};
use crate::exit::Found;
use crate::interrupt::Interrupt;

/// Asks, instead of building.
pub(super) fn run(engine: &Engine, args: &Build, call: Call, interrupt: &Interrupt) -> Result<()> {
    let request = request::request(args)?;
    let display = build::display(args)?;
    let token = interrupt.catch();
    let show = |event| display.show(event);
    match call.question {
        Question::Describe => {
            let all = subrequests();
            answer(call, || Subrequest::list_to_json(all), || Subrequest::list_to_text(all))
        }
        Question::Targets => {
            let targets = engine.targets(&request)?;
            answer(call, || targets.to_json(), || targets.to_text())
        }
        Question::Outline => {
            let outline = engine.outline(&request, &show, token);
            display.finish();
            let outline = outline?;
            answer(call, || outline.to_json(), || outline.to_text())
        }
        Question::Check => {
            let report = engine.check(&request, &show, token);
            display.finish();
            check(report?, call)
        }
    }
}

fn answer(call: Call, json: impl FnOnce() -> Value, text: impl FnOnce() -> String) -> Result<()> {
    match call.json {
        true => print(&format!("{:#}\n", json())),
        false => print(&text()),
    }
}

fn check(report: CheckReport, call: Call) -> Result<()> {
    answer(call, || report.to_json(), || text(&report))?;
    match report.error {
        Some(error) => Err(error.cause.into()),
        None if report.warnings.is_empty() || call.ignore_status => Ok(()),
        None => Err(Found.into()),
    }
}

fn text(report: &CheckReport) -> String {
    let count = report.warnings.len();
    match (count, &report.error) {
        (0, None) => "Check complete, no warnings found.\n".to_owned(),
        (0, Some(_)) => String::new(),
        (1, _) => format!("Check complete, 1 warning has been found!\n{}", report.to_text()),
        (count, _) => format!("Check complete, {count} warnings have been found!\n{}", report.to_text()),
    }
}
