//! `cooper debug`.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use cooperage::Engine;
use cooperage::llb::graph::Graph;
use cooperage::llb::pb::Definition;

use super::{build, input, print, request};
use crate::args::{Build, LlbFormat};
use crate::interrupt::Interrupt;
use crate::table;

pub(super) fn dump_llb(
    engine: &Engine,
    args: &Build,
    format: LlbFormat,
    interrupt: &Interrupt,
) -> Result<()> {
    refuse(&[
        ("--output", !args.output.is_empty()),
        ("--push", args.push),
        ("--iidfile", args.iidfile.is_some()),
        ("--metadata-file", args.metadata_file.is_some()),
    ])?;
    let request = request::request(args)?;
    let display = build::display(args)?;
    let definition = engine.definition(&request, &|event| display.show(event), interrupt.catch());
    display.finish();
    let definition = definition?;
    let graph = || Graph::from_definition(&definition).context("the frontend made an invalid definition");
    match format {
        LlbFormat::Json => print(&format!("{:#}\n", graph()?.to_json())),
        LlbFormat::Dot => print(&graph()?.to_dot()),
        LlbFormat::Pb => {
            std::io::stdout().lock().write_all(&definition.to_bytes())?;
            Ok(())
        }
    }
}

pub(super) fn solve(engine: &Engine, path: &Path, args: &Build, interrupt: &Interrupt) -> Result<()> {
    refuse(&[
        ("--file", args.file.is_some()),
        ("--build-arg", !args.build_arg.is_empty()),
        ("--target", args.target.is_some()),
        ("--label", !args.label.is_empty()),
        ("--no-cache", args.no_cache),
        ("--add-host", !args.add_host.is_empty()),
    ])?;
    let bytes = match path.as_os_str() == "-" {
        true => input::read("standard input", std::io::stdin())?,
        false => {
            let name = path.display().to_string();
            let file = std::fs::File::open(path).with_context(|| format!("reading {name}"))?;
            input::read(&name, file)?
        }
    };
    let definition = Definition::from_bytes(&bytes)
        .with_context(|| format!("{} is not an LLB definition", path.display()))?;
    let request = request::request(args)?;
    build::check(args, &request)?;
    let display = build::display(args)?;
    let result = engine.solve(&definition, &request, &|event| display.show(event), interrupt.catch());
    display.finish();
    build::report(&result?, args, &request, display.is_quiet())
}

/// Refuses options of a build that would do nothing here.
fn refuse(options: &[(&str, bool)]) -> Result<()> {
    match options.iter().find(|(_, given)| *given) {
        Some((name, _)) => anyhow::bail!("{name} does nothing here: leave it out"),
        None => Ok(()),
    }
}

pub(super) fn tiers() -> Result<()> {
    let mut rows = vec![["TIER", "WORKS", "WHY"].map(str::to_owned).to_vec()];
    for report in cooperage::probe_tiers() {
        let (works, why) = match &report.missing {
            None => ("yes", String::new()),
            Some(problem) => ("no", problem.clone()),
        };
        rows.push(vec![report.tier.to_string(), works.to_owned(), why]);
    }
    print(&table::columns(&rows))
}
