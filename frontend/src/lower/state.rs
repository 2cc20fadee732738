//! What a stage is after some of its instructions.

use cooperage_image::config::RunConfig;
use cooperage_image::{History, ImageConfig, Platform};
use cooperage_llb::definition::Edge;

use super::environment::{Environment, key_value};
use super::slash_path;
use crate::expand::Variables;

/// Where programs are looked for when an image does not say.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A stage in the making. A stage that is built on it starts as its copy.
#[derive(Debug, Clone)]
pub(super) struct StageState {
    /// `None` is an empty tree.
    pub(super) tree: Option<Edge>,
    pub(super) platform: Platform,
    pub(super) config: ImageConfig,
    /// Of build steps: the image's variables and the build arguments.
    pub(super) environment: Environment,
    /// Names that ARG declared, with the value it gave, in order.
    pub(super) args: Vec<(String, Option<String>)>,
    /// Whether a WORKDIR came before, in this stage or one it is built on.
    pub(super) workdir_set: bool,
    /// The named context whose directory the stage began with.
    pub(super) directory: Option<String>,
}

impl StageState {
    pub(super) fn new(tree: Option<Edge>, platform: Platform, config: ImageConfig) -> Self {
        Self {
            tree,
            platform,
            config,
            environment: Environment::default(),
            args: Vec::new(),
            workdir_set: false,
            directory: None,
        }
    }

    /// Readies a base for instructions: its config's variables are set (again), over arguments of the
    /// stages before, and the working directory is made absolute.
    pub(super) fn begin(&mut self) {
        let run = &mut self.config.config;
        let has_path = run.env.iter().any(|variable| key_value(variable).0 == "PATH");
        if !has_path && self.platform.os != "windows" {
            run.env.push(format!("PATH={DEFAULT_PATH}"));
        }
        for variable in &run.env {
            let (name, value) = key_value(variable);
            self.environment.set(name, value);
        }
        if !run.working_dir.is_empty() {
            run.working_dir = slash_path::absolute("/", &run.working_dir);
        }
        run.on_build.clear();
    }

    /// The working directory.
    pub(super) fn cwd(&self) -> &str {
        match self.config.config.working_dir.as_str() {
            "" => "/",
            directory => directory,
        }
    }

    /// Sets a variable of the image: in its place if it is known.
    pub(super) fn set_image_variable(&mut self, name: &str, value: &str) {
        let env = &mut self.config.config.env;
        let variable = format!("{name}={value}");
        match env.iter_mut().find(|known| key_value(known).0 == name) {
            Some(known) => *known = variable,
            None => env.push(variable),
        }
    }

    /// `words` as the shell of the stage is given them.
    pub(super) fn in_shell(&self, line: &str) -> Vec<String> {
        let default =
            if self.config.os == "windows" { ["cmd", "/S", "/C"].as_slice() } else { &["/bin/sh", "-c"] };
        let mut args = match &self.config.config.shell {
            Some(shell) if !shell.is_empty() => shell.clone(),
            _ => default.iter().map(|word| (*word).to_owned()).collect(),
        };
        args.push(line.to_owned());
        args
    }

    /// Adds a history entry; `layer` if the step made one.
    pub(super) fn record(&mut self, created_by: String, layer: bool) {
        self.config.history.push(History {
            created_by: Some(created_by),
            comment: Some("buildkit.dockerfile.v0".to_owned()),
            empty_layer: !layer,
            ..History::default()
        });
    }

    /// `|2 A=1 B=2 `: the arguments before the command of a RUN in the history.
    pub(super) fn args_in_history(&self) -> String {
        let mut shown: Vec<(&str, &str)> = Vec::new();
        for (name, declared) in &self.args {
            let value = self.environment.get(name).or(declared.as_deref()).unwrap_or_default();
            match shown.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => *known = value,
                None => shown.push((name, value)),
            }
        }
        if shown.is_empty() {
            return String::new();
        }
        let pairs: String = shown.iter().map(|(name, value)| format!("{name}={value} ")).collect();
        format!("|{} {pairs}", shown.len())
    }
}

/// The config of `FROM scratch`.
pub(super) fn empty_config(platform: &Platform) -> ImageConfig {
    ImageConfig {
        architecture: platform.architecture.clone(),
        os: platform.os.clone(),
        variant: platform.variant.clone(),
        os_version: platform.os_version.clone(),
        os_features: platform.os_features.clone(),
        config: RunConfig { working_dir: "/".to_owned(), ..RunConfig::default() },
        ..ImageConfig::default()
    }
}

/// Members that tell how a base itself was made, which is not so for what is built on it.
const OF_THE_BASE: [&str; 8] = [
    "container",
    "container_config",
    "docker_version",
    "id",
    "parent",
    "throwaway",
    "moby.buildkit.cache.v0",
    "moby.buildkit.buildinfo.v1",
];
/// The same, of the container that Docker's first builder committed.
const OF_ITS_CONTAINER: [&str; 11] = [
    "Hostname",
    "Domainname",
    "AttachStdin",
    "AttachStdout",
    "AttachStderr",
    "Tty",
    "OpenStdin",
    "StdinOnce",
    "Image",
    "MacAddress",
    "NetworkDisabled",
];

/// The config of an image as the start of a new one (trap 60).
pub(super) fn inherited_config(base: &ImageConfig) -> ImageConfig {
    let mut config = base.clone();
    config.created = None;
    config.other.retain(|name, _| !OF_THE_BASE.contains(&name.as_str()));
    config.config.other.retain(|name, _| !OF_ITS_CONTAINER.contains(&name.as_str()));
    config
}

/// Whether an image has nothing in it.
pub(super) fn has_layers(config: &ImageConfig) -> bool {
    !config.rootfs.diff_ids.is_empty() || config.history.iter().any(|entry| !entry.empty_layer)
}
