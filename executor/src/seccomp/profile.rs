//! Docker's default profile (`docker.json`: github.com/moby/profiles, seccomp/default.json,
//! Apache-2.0), cut to a machine, a kernel and a set of capabilities.

use oci_spec::runtime::LinuxSeccomp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::SeccompError;
use crate::capability;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    default_action: Value,
    default_errno_ret: Value,
    arch_map: Vec<ArchMap>,
    syscalls: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArchMap {
    architecture: String,
    sub_architectures: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(default)]
    includes: Conditions,
    #[serde(default)]
    excludes: Conditions,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Conditions {
    caps: Vec<String>,
    arches: Vec<String>,
    min_kernel: Option<String>,
}

/// What a profile is cut to.
pub(super) struct Target {
    /// As `includes.arches` has it (Go's name), and libseccomp's.
    pub(super) arch: (&'static str, &'static str),
    /// Major, minor.
    pub(super) kernel: (u32, u32),
    /// Bits.
    pub(super) capabilities: u64,
}

/// The profile for this machine and the default capabilities.
pub(crate) fn docker_default() -> Result<LinuxSeccomp, SeccompError> {
    let arch = match std::env::consts::ARCH {
        "x86_64" => ("amd64", "SCMP_ARCH_X86_64"),
        "aarch64" => ("arm64", "SCMP_ARCH_AARCH64"),
        other => return Err(SeccompError::Profile(format!("the calls of {other} are not known"))),
    };
    let kernel = version(rustix::system::uname().release().to_string_lossy().as_ref()).unwrap_or((5, 0));
    resolve(&Target { arch, kernel, capabilities: capability::set(capability::DEFAULT.iter()) })
}

pub(super) fn resolve(target: &Target) -> Result<LinuxSeccomp, SeccompError> {
    let wrong = |e: serde_json::Error| SeccompError::Profile(e.to_string());
    let profile: Profile = serde_json::from_str(include_str!("docker.json")).map_err(wrong)?;
    let mut architectures = vec![target.arch.1.to_owned()];
    for map in profile.arch_map.into_iter().filter(|map| map.architecture == target.arch.1) {
        architectures.extend(map.sub_architectures.unwrap_or_default());
    }
    let mut syscalls = vec![];
    for mut rule in profile.syscalls.into_iter().filter(|rule| applies(rule, target)) {
        rule.rest.remove("comment");
        for arg in rule.rest.get_mut("args").and_then(Value::as_array_mut).into_iter().flatten() {
            // Docker leaves out the second value of a masked comparison when it is 0.
            if arg["op"] == "SCMP_CMP_MASKED_EQ" && arg["valueTwo"].is_null() {
                arg["valueTwo"] = json!(0);
            }
        }
        syscalls.push(Value::Object(rule.rest));
    }
    serde_json::from_value(json!({
        "defaultAction": profile.default_action,
        "defaultErrnoRet": profile.default_errno_ret,
        "architectures": architectures,
        "syscalls": syscalls,
    }))
    .map_err(wrong)
}

fn applies(rule: &Rule, target: &Target) -> bool {
    let held = |name: &String| {
        serde_json::from_value(json!(name))
            .is_ok_and(|one| capability::set([one].iter()) & target.capabilities != 0)
    };
    let here = |name: &String| name == target.arch.0;
    let old = |version_text: &Option<String>| {
        version_text.as_deref().and_then(version).is_some_and(|least| target.kernel < least)
    };
    let (need, bar) = (&rule.includes, &rule.excludes);
    (need.arches.is_empty() || need.arches.iter().any(here))
        && need.caps.iter().all(held)
        && !old(&need.min_kernel)
        && !bar.arches.iter().any(here)
        && !bar.caps.iter().any(held)
        && bar.min_kernel.as_deref().and_then(version).is_none_or(|least| target.kernel < least)
}

/// `6.18.44-x` is (6, 18).
fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
