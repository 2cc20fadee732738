//! `--check`: what lint finds (buildkit: frontend/subrequests/lint).

use std::ops::RangeInclusive;

use cooperage_frontend::diagnostic::{Diagnostic, Severity, render};
use cooperage_frontend::lower::{Source, lint};
use cooperage_llb::ports::CancelToken;
use serde_json::{Value, json};

use super::location;
use crate::cancel::until;
use crate::event::EventSink;
use crate::warning::{Warning, lines};
use crate::{BuildRequest, Engine, Error};

/// What a check found.
#[derive(Debug)]
pub struct CheckReport {
    /// In the order of the file.
    pub warnings: Vec<Warning>,
    /// Why the file cannot be built, if that was found: it is wrong, a base image cannot be had, or
    /// `# check=error=true` asks for it.
    pub error: Option<CheckError>,
    source: Source,
}

/// Why a file cannot be built.
#[derive(Debug)]
pub struct CheckError {
    /// The first thing that is wrong, in a sentence.
    pub message: String,
    /// The instruction that is wrong, as lines of the Dockerfile, from 1.
    pub lines: Option<RangeInclusive<usize>>,
    /// All that is wrong, as a build would say it.
    pub cause: Error,
}

impl Engine {
    /// Looks for what is better written otherwise: in the target and what it needs, without one in all
    /// stages. Base images are resolved, for the first platform; nothing is built. Blocks.
    ///
    /// # Errors
    /// The Dockerfile cannot be read. One that is wrong is no error, but a report of it.
    pub fn check(
        &self,
        request: &BuildRequest,
        events: EventSink<'_>,
        cancel: &CancelToken,
    ) -> Result<CheckReport, Error> {
        let build = self.prepared(request, events, cancel)?;
        let platform = build.platforms().remove(0);
        let (diagnostics, outcome) = self
            .runtime
            .block_on(until(cancel, async { Ok::<_, Error>(build.ask(&platform, lint).await) }))?;
        if let Err(Error::Cancelled) = outcome {
            return Err(Error::Cancelled);
        }
        let source = build.into_source();
        let error = outcome.err().map(|error| CheckError::of(error, &diagnostics, &source));
        Ok(CheckReport { warnings: Warning::among(&diagnostics, &source), error, source })
    }
}

impl CheckError {
    fn of(cause: Error, diagnostics: &[Diagnostic], source: &Source) -> Self {
        let errors: Vec<Diagnostic> =
            diagnostics.iter().filter(|it| it.severity == Severity::Error).cloned().collect();
        match errors.first() {
            None => Self { message: cause.to_string(), lines: None, cause },
            // Warnings are told by themselves.
            Some(first) => Self {
                message: first.message.clone(),
                lines: Some(lines(first.whole, &source.shown())),
                cause: Error::Dockerfile { rendered: render(&errors, &source.name, &source.shown()) },
            },
        }
    }
}

impl CheckReport {
    /// BuildKit's `LintResults`.
    pub fn to_json(&self) -> Value {
        let warnings: Vec<Value> = self.warnings.iter().map(warning).collect();
        let source = json!({
            "filename": self.source.name,
            "data": location::bytes(&self.source),
            "language": "Dockerfile",
        });
        let mut answer = json!({"warnings": warnings, "sources": [source]});
        if let Some(error) = &self.error {
            let place = error.lines.clone().map_or_else(|| json!({}), location::of_lines);
            answer["buildError"] = json!({"message": error.message, "location": place});
        }
        answer
    }

    /// The warnings with their places, an empty line before each.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for warning in &self.warnings {
            let url = warning.url.as_ref().map(|url| format!(" - {url}")).unwrap_or_default();
            text.push_str(&format!(
                "\nWARNING: {}{url}\n{}\n{}",
                warning.rule, warning.detail, warning.excerpt
            ));
        }
        text
    }
}

fn warning(warning: &Warning) -> Value {
    let mut json = json!({
        "ruleName": warning.rule.name(),
        "description": warning.rule.description(),
        "detail": warning.detail,
        "location": location::of_lines(warning.lines.clone()),
    });
    if let Some(url) = &warning.url {
        json["url"] = json!(url);
    }
    json
}
