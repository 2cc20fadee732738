//! What a stage is after some of its instructions.

use std::collections::HashMap;

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
    /// What ARG declared.
    pub(super) args: Args,
    /// Whether a WORKDIR came before, in this stage or one it is built on.
    pub(super) workdir_set: bool,
    /// Where each variable is in the config's list.
    image_variables: HashMap<String, usize>,
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
            args: Args::default(),
            workdir_set: false,
            image_variables: HashMap::new(),
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
        for (index, variable) in run.env.iter().enumerate() {
            let (name, value) = key_value(variable);
            self.environment.set(name, value);
            self.image_variables.entry(name.to_owned()).or_insert(index);
        }
        if !run.working_dir.is_empty() && !run.working_dir.starts_with('/') {
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
        let index = *self.image_variables.entry(name.to_owned()).or_insert(env.len());
        match env.get_mut(index) {
            Some(known) => *known = variable,
            None => env.push(variable),
        }
    }

    /// About what a copy of it takes, less what no instruction can make long.
    pub(super) fn bytes(&self) -> usize {
        let history =
            self.config.history.iter().map(|entry| entry.created_by.as_ref().map_or(0, String::len));
        let labels = self.config.config.labels.iter().map(|(name, value)| name.len() + value.len());
        let (entries, labels_count) = (self.config.history.len(), self.config.config.labels.len());
        let lists = (entries + labels_count + self.config.config.exposed_ports.len()) * 64;
        1024 + history.sum::<usize>() + labels.sum::<usize>() + lists + self.environment.bytes() * 2
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
        let shown = self.args.0.iter().map(|(name, declared)| {
            let value = self.environment.get(name).or(declared.as_deref()).unwrap_or_default();
            format!("{name}={value} ")
        });
        let pairs: String = shown.collect();
        if pairs.is_empty() { pairs } else { format!("|{} {pairs}", self.args.0.len()) }
    }
}

/// Names that ARG declared, with the value it gave last, in the order in which they were declared first.
#[derive(Debug, Clone, Default)]
pub(super) struct Args(Vec<(String, Option<String>)>, HashMap<String, usize>);

impl Args {
    pub(super) fn declare(&mut self, name: &str, value: Option<String>) {
        let index = *self.1.entry(name.to_owned()).or_insert(self.0.len());
        match self.0.get_mut(index) {
            Some((_, known)) => *known = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    pub(super) fn is_declared(&self, name: &str) -> bool {
        self.1.contains_key(name)
    }
}

/// The config of `FROM scratch`.
pub(super) fn empty_config(platform: &Platform) -> ImageConfig {
    let config = RunConfig { working_dir: "/".to_owned(), ..RunConfig::default() };
    ImageConfig { config, ..bare_config(platform) }
}

/// The config of a tree that has none.
pub(super) fn bare_config(platform: &Platform) -> ImageConfig {
    ImageConfig {
        architecture: platform.architecture.clone(),
        os: platform.os.clone(),
        variant: platform.variant.clone(),
        os_version: platform.os_version.clone(),
        os_features: platform.os_features.clone(),
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
