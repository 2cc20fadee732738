//! The image configuration (image-spec config.md), with Docker's extras.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::DiffId;

/// An image configuration. Keys that cooper does not know are kept as they are.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ImageConfig {
    /// Author of the image, free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// CPU architecture; required on export.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub architecture: String,
    /// CPU variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Operating system; required on export.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub os: String,
    /// Windows build.
    #[serde(rename = "os.version", default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Features needed of the system.
    #[serde(rename = "os.features", default, skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    /// RFC 3339 time of creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// How a container of the image is run.
    #[serde(default)]
    pub config: RunConfig,
    /// The layers.
    #[serde(default)]
    pub rootfs: RootFs,
    /// One entry a step, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub history: Vec<History>,
    /// Keys not named above, as they were read.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The `config` member: execution parameters.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RunConfig {
    /// `user[:group]`, names or numbers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Keys such as `80/tcp`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_is_default")]
    pub exposed_ports: BTreeMap<String, Empty>,
    /// `KEY=value`, order kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub env: Vec<String>,
    /// What is run; empty is absent when it is written.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub entrypoint: Option<Vec<String>>,
    /// Default arguments; empty is absent when it is written.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub cmd: Option<Vec<String>>,
    /// Docker: Cmd is already one escaped string. Set by BuildKit on every CMD.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub args_escaped: bool,
    /// Mount points.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_is_default")]
    pub volumes: BTreeMap<String, Empty>,
    /// Absolute path; empty means `/`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_is_default")]
    pub labels: BTreeMap<String, String>,
    /// Name or number of the signal that stops a container.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    /// Docker: HEALTHCHECK.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// Docker: triggers of ONBUILD, raw text.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub on_build: Vec<String>,
    /// Docker: SHELL; empty is absent when it is written.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub shell: Option<Vec<String>>,
    /// Keys not named above, as they were read.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// `{}`, the value of set-like members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Empty {}

/// Docker's health check. Durations are nanoseconds; 0 means the engine's default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", ...]` or `["CMD-SHELL", command]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<String>,
    /// Between two checks.
    #[serde(default, rename = "Interval", skip_serializing_if = "is_zero")]
    pub interval_ns: i64,
    /// For one check.
    #[serde(default, rename = "Timeout", skip_serializing_if = "is_zero")]
    pub timeout_ns: i64,
    /// During which failures do not count.
    #[serde(default, rename = "StartPeriod", skip_serializing_if = "is_zero")]
    pub start_period_ns: i64,
    /// Between two checks in the start period.
    #[serde(default, rename = "StartInterval", skip_serializing_if = "is_zero")]
    pub start_interval_ns: i64,
    /// Failures in a row that make a container unhealthy.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: i64,
}

/// Go's `omitempty`: an empty list is as good as none.
fn is_nothing(words: &Option<Vec<String>>) -> bool {
    words.as_ref().is_none_or(Vec::is_empty)
}

fn is_zero(n: &i64) -> bool {
    *n == 0
}

/// The `rootfs` member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Digests of the uncompressed layers, lowest first.
    #[serde(default, deserialize_with = "null_is_default")]
    pub diff_ids: Vec<DiffId>,
}

impl Default for RootFs {
    fn default() -> Self {
        Self { kind: "layers".to_owned(), diff_ids: Vec::new() }
    }
}

/// One step of the image's history.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct History {
    /// RFC 3339 time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The instruction, as [`docker history`](https://docs.docker.com/reference/cli/docker/image/history/) shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Author of the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// `buildkit.dockerfile.v0` for Dockerfile steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether the step made no layer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

impl ImageConfig {
    /// The bytes to store: compact JSON, members sorted by name, as BuildKit writes it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let value = serde_json::to_value(self).expect("a config holds nothing that JSON cannot");
        let Value::Object(members) = value else { unreachable!("a struct serialises to an object") };
        let sorted: BTreeMap<String, Value> = members.into_iter().collect();
        serde_json::to_vec(&sorted).expect("a config holds nothing that JSON cannot")
    }
}

/// Go writes an empty slice or map as `null`.
fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_members_survive_and_names_are_sorted() {
        let text = r#"{"os":"linux","architecture":"amd64","zz":1,"config":{"Env":null,"X":{"b":1,"a":2}},"rootfs":{"type":"layers","diff_ids":null},"moby.buildkit.cache.v0":"e30="}"#;
        let config: ImageConfig = serde_json::from_str(text).unwrap();
        let bytes = String::from_utf8(config.to_bytes()).unwrap();
        assert_eq!(
            bytes,
            r#"{"architecture":"amd64","config":{"X":{"b":1,"a":2}},"moby.buildkit.cache.v0":"e30=","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"zz":1}"#
        );
    }
}
