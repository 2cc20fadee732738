//! A file lowered for each of its stages, on base images that are made up.

use std::collections::BTreeMap;

use cooperage_frontend::ast::{Dockerfile, Kind};
use cooperage_frontend::diagnostic::Severity;
use cooperage_frontend::lower::{ImageNeed, Inputs, Outcome, ResolvedImage, Source, lower};
use cooperage_frontend::parse::parse;
use cooperage_image::{Digest, ImageConfig, Platform};

/// What became of a target.
pub(crate) enum Verdict {
    Built,
    /// It needs values for the arguments before the first FROM.
    BuiltWithArguments,
    /// The first message.
    Refused(String),
}

/// The default target, and each stage by its name.
pub(crate) fn lower_all(text: &str) -> Vec<(Option<String>, Verdict)> {
    let dockerfile = parse(text.as_bytes()).dockerfile;
    let names = dockerfile.instructions.iter().filter_map(|it| match &it.kind {
        Kind::From(from) => from.name.as_ref().map(|name| Some(name.value.clone())),
        _ => None,
    });
    let arguments = unset_arguments(&dockerfile);
    let targets: Vec<Option<String>> = std::iter::once(None).chain(names).collect();
    let verdict = |target: Option<String>| (target.clone(), verdict(text, target, &arguments));
    targets.into_iter().map(verdict).collect()
}

/// Global arguments without a value, each with one.
fn unset_arguments(dockerfile: &Dockerfile) -> BTreeMap<String, String> {
    let globals = dockerfile.instructions.iter().map_while(|it| match &it.kind {
        Kind::Arg(args) => Some(args),
        _ => None,
    });
    let unset = globals.flatten().filter(|arg| arg.value.default.as_ref().is_none_or(String::is_empty));
    unset.map(|arg| (arg.value.name.clone(), "made-up".to_owned())).collect()
}

fn verdict(text: &str, target: Option<String>, arguments: &BTreeMap<String, String>) -> Verdict {
    match attempt(text.as_bytes(), target.clone(), BTreeMap::new()) {
        Ok(()) => Verdict::Built,
        Err(message) if arguments.is_empty() => Verdict::Refused(message),
        Err(_) => match attempt(text.as_bytes(), target, arguments.clone()) {
            Ok(()) => Verdict::BuiltWithArguments,
            Err(message) => Verdict::Refused(message),
        },
    }
}

/// Lowers one target; the first message if it is refused.
pub(crate) fn attempt(
    text: &[u8],
    target: Option<String>,
    build_args: BTreeMap<String, String>,
) -> Result<(), String> {
    let source = Source { name: "Dockerfile".to_owned(), text: text.to_vec() };
    let mut inputs = inputs(target, build_args);
    loop {
        let lowered = lower(&source, &inputs);
        match lowered.outcome {
            Outcome::Needs(needs) => inputs.images.extend(needs.into_iter().map(made_up)),
            Outcome::NeedsTime(need) => _ = inputs.times.insert(need, Some(0)),
            Outcome::Ready(_) => return Ok(()),
            Outcome::Failed => {
                let error = lowered.diagnostics.iter().find(|it| it.severity == Severity::Error);
                return Err(error.map(|error| error.message.clone()).unwrap_or_default());
            }
        }
    }
}

fn made_up(need: ImageNeed) -> (ImageNeed, ResolvedImage) {
    let layer = Digest::of(b"a layer");
    let mut config: ImageConfig = serde_json::from_value(serde_json::json!({
        "os": need.platform.os,
        "architecture": need.platform.architecture,
        "config": { "Env": ["PATH=/bin"], "Cmd": ["sh"] },
        "rootfs": { "type": "layers", "diff_ids": [layer.to_string()] },
        "history": [{ "created_by": "base" }],
    }))
    .expect("it is a config");
    config.variant.clone_from(&need.platform.variant);
    let digest = Digest::of(format!("{need:?}").as_bytes());
    (need, ResolvedImage { digest, config })
}

fn inputs(target: Option<String>, build_args: BTreeMap<String, String>) -> Inputs {
    Inputs { build_args, target, ..Inputs::new(Platform::new("linux", "amd64", None)) }
}
