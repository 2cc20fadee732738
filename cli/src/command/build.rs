//! `cooper build`.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use cooperage::{BuildReport, BuildRequest, Engine, Error, Output};
use serde_json::{Map, Value, json};

use super::request::request;
use crate::args::{Build, Progress};
use crate::interrupt::Interrupt;
use crate::progress::{self, Display};
use crate::table;

/// Builds and says what came out.
pub(super) fn run(engine: &Engine, args: &Build, interrupt: &Interrupt) -> Result<()> {
    let request = request(args)?;
    check(args, &request)?;
    let display = display(args)?;
    let result = engine.build_until(&request, &|event| display.show(event), interrupt.catch());
    display.finish();
    report(&result?, args, &request, display.is_quiet())
}

/// What can be refused before anything is built.
pub(super) fn check(args: &Build, request: &BuildRequest) -> Result<()> {
    let images = request.outputs.is_empty() || request.outputs.iter().any(Output::is_image);
    if args.iidfile.is_some() && !images {
        anyhow::bail!("--iidfile: no output of this build is an image");
    }
    Ok(())
}

/// The display that was asked for.
pub(super) fn display(args: &Build) -> Result<Box<dyn Display>> {
    let mode = match (args.quiet, args.progress) {
        (true, _) => Progress::Quiet,
        (false, Some(mode)) => mode,
        (false, None) => progress::mode_from_environment()?,
    };
    progress::display(mode)
}

/// The files and the last lines of a build.
pub(super) fn report(report: &BuildReport, args: &Build, request: &BuildRequest, quiet: bool) -> Result<()> {
    if let (Some(path), Some(image)) = (&args.iidfile, &report.image) {
        write_file(path, &image.config_digest.to_string())?;
    }
    if let Some(path) = &args.metadata_file {
        write_file(path, &format!("{:#}\n", metadata(report)))?;
    }
    if quiet {
        // An archive on standard output must stay one.
        let taken = request.outputs.iter().any(|output| output.is_stdout());
        if let Some(image) = &report.image
            && !taken
        {
            super::print(&format!("{}\n", image.config_digest))?;
        }
        return Ok(());
    }
    progress::say(&summary(report));
    Ok(())
}

fn write_file(path: &Path, text: &str) -> Result<(), Error> {
    cooperage::write_whole(path, |out| {
        out.write_all(text.as_bytes()).map_err(|source| Error::File {
            action: "write",
            path: path.to_owned(),
            source,
        })
    })
}

fn summary(report: &BuildReport) -> String {
    let plural = if report.ran() == 1 { "" } else { "s" };
    let steps = format!("{} step{plural} run, {} cached", report.ran(), report.cached());
    let mut text = format!("\nbuilt in {}: {steps}\n", seconds(report.took));
    if let Some(image) = &report.image {
        let names: Vec<String> = image.names.iter().map(|name| name.familiar()).collect();
        let name = if names.is_empty() { "(no name)".to_owned() } else { names.join(", ") };
        text.push_str(&format!("  image   {name}\n"));
        text.push_str(&format!("  digest  {}\n", image.digest));
        text.push_str(&format!(
            "  layers  {}, {} compressed\n",
            image.layers,
            table::size(image.layers_bytes)
        ));
    }
    text
}

fn seconds(took: Duration) -> String {
    format!("{:.1}s", took.as_secs_f64())
}

/// `--metadata-file` under buildx's keys, and our own count of steps.
fn metadata(report: &BuildReport) -> Value {
    let mut members = Map::new();
    if let Some(image) = &report.image {
        members.insert("containerimage.config.digest".to_owned(), json!(image.config_digest.to_string()));
        members.insert("containerimage.descriptor".to_owned(), json!(image.descriptor));
        members.insert("containerimage.digest".to_owned(), json!(image.digest.to_string()));
        if !image.names.is_empty() {
            let names: Vec<String> = image.names.iter().map(ToString::to_string).collect();
            members.insert("image.name".to_owned(), json!(names.join(",")));
        }
    }
    let steps = json!({
        "ran": report.ran(),
        "cached": report.cached(),
        "pulled_blobs": report.pulled_blobs,
    });
    members.insert("cooper.steps".to_owned(), steps);
    Value::Object(members)
}
