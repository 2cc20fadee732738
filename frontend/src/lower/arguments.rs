//! Build arguments: the automatic ones, those before the first FROM, and those that nobody declares
//! (dockerfile reference, section 4).

use std::collections::BTreeMap;

use cooperage_image::Platform;
use cooperage_llb::pb;

use super::Inputs;
use super::environment::Environment;
use super::report::{Report, Reported};
use crate::ast::{Arg, Spanned};
use crate::expand::expand_word;

/// Arguments that steer the frontend and never enter an environment.
pub(super) const NEVER_IN_ENVIRONMENT: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

/// The automatic arguments: visible in FROM, and imported by `ARG NAME` in a stage. `--build-arg` wins.
pub(super) fn automatic(inputs: &Inputs, target_stage: Option<&str>) -> Environment {
    let (build, target) = (&inputs.build_platform, &inputs.platform);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let values = [
        ("BUILDPLATFORM", build.to_string()),
        ("BUILDOS", build.os.clone()),
        ("BUILDOSVERSION", text(&build.os_version)),
        ("BUILDARCH", build.architecture.clone()),
        ("BUILDVARIANT", text(&build.variant)),
        ("TARGETPLATFORM", with_version(target)),
        ("TARGETOS", target.os.clone()),
        ("TARGETOSVERSION", text(&target.os_version)),
        ("TARGETARCH", target.architecture.clone()),
        ("TARGETVARIANT", text(&target.variant)),
        ("TARGETSTAGE", target_stage.unwrap_or("default").to_owned()),
    ];
    let mut environment = Environment::default();
    for (name, value) in values {
        environment.set(name, inputs.build_args.get(name).unwrap_or(&value));
    }
    environment
}

/// `os(version)/architecture`, as containerd writes a platform in full.
fn with_version(platform: &Platform) -> String {
    let short = platform.to_string();
    match (&platform.os_version, short.split_once('/')) {
        (Some(version), Some((os, rest))) => format!("{os}({version})/{rest}"),
        _ => short,
    }
}

/// Adds the arguments before the first FROM to `globals`. A default may use those before it.
pub(super) fn declare(
    globals: &mut Environment,
    args: &[Spanned<Arg>],
    build_args: &BTreeMap<String, String>,
    escape: char,
    report: &mut Report,
) -> Result<(), Reported> {
    let mut outcome = Ok(());
    for Spanned { value: arg, span } in args {
        if let Some(given) = build_args.get(&arg.name) {
            globals.set(&arg.name, given);
        } else if let Some(default) = &arg.default {
            match expand_word(default, escape, globals) {
                Ok(expanded) => {
                    report.spend(expanded.cost(), *span)?;
                    globals.set(&arg.name, &expanded.value);
                }
                Err(error) => {
                    outcome = Err(report.cannot_expand(*span, &error, "in the default of this argument"));
                }
            }
        }
    }
    outcome
}

/// The proxies of `--build-arg`, in any case of letters; `None` if there is none.
pub(super) fn proxies(build_args: &BTreeMap<String, String>) -> Option<pb::ProxyEnv> {
    let mut proxies = pb::ProxyEnv::default();
    let mut any = false;
    for (name, value) in build_args {
        let field = match name.to_ascii_lowercase().as_str() {
            "http_proxy" => &mut proxies.http_proxy,
            "https_proxy" => &mut proxies.https_proxy,
            "ftp_proxy" => &mut proxies.ftp_proxy,
            "no_proxy" => &mut proxies.no_proxy,
            "all_proxy" => &mut proxies.all_proxy,
            _ => continue,
        };
        field.clone_from(value);
        any = true;
    }
    any.then_some(proxies)
}
