//! What to build: plain data, the same for the command line and for a library user.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cooperage_image::{Platform, Reference};
use serde::{Deserialize, Serialize};

use crate::output::Output;

/// One build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BuildRequest {
    /// The build context.
    pub context: ContextSpec,
    /// The Dockerfile.
    #[serde(default)]
    pub dockerfile: DockerfileSpec,
    /// `-t`: names for the image.
    #[serde(default)]
    pub tags: Vec<Reference>,
    /// `--build-arg`
    #[serde(default)]
    pub build_args: BTreeMap<String, String>,
    /// `--build-context`: name to value, as on the command line (a path, `oci-layout://`, `docker-image://`).
    #[serde(default)]
    pub contexts: BTreeMap<String, String>,
    /// `--target`
    #[serde(default)]
    pub target: Option<String>,
    /// `--platform`; none is the machine's.
    #[serde(default)]
    pub platforms: Vec<Platform>,
    /// `--label`
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// `--output`. Without one the image goes to the local store.
    #[serde(default)]
    pub outputs: Vec<Output>,
    /// `--no-cache`
    #[serde(default)]
    pub no_cache: bool,
    /// `--pull`: ask the registry for base images that are in the local store.
    #[serde(default)]
    pub pull: bool,
    /// `--network`: `default`, `host` or `none`.
    #[serde(default)]
    pub network: NetworkSpec,
    /// `--add-host`: name, address.
    #[serde(default)]
    pub extra_hosts: Vec<(String, String)>,
    /// `--secret`: where each is, by ID. Contents are read when a step or a source asks for them.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretSource>,
    /// `SOURCE_DATE_EPOCH`, seconds since 1970.
    #[serde(default)]
    pub source_date_epoch: Option<i64>,
}

/// Where the context is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContextSpec {
    /// A local directory.
    Directory(PathBuf),
    /// None: a Dockerfile alone.
    Empty,
}

/// Where the Dockerfile is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DockerfileSpec {
    /// `Dockerfile` in the context, else `dockerfile`.
    #[default]
    Default,
    /// A file of the machine.
    Path(PathBuf),
    /// Its text, and how to call it in messages.
    Text {
        /// For messages.
        name: String,
        /// The bytes, UTF-8.
        text: String,
    },
}

/// `--network`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkSpec {
    /// As the RUN says.
    #[default]
    Default,
    /// The machine's.
    Host,
    /// None.
    None,
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretSource {
    /// A file of the machine.
    File(PathBuf),
    /// An environment variable of the process.
    Env(String),
}

/// Why a value cannot be part of a request.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct RequestError(#[from] cooperage_image::reference::ReferenceError);

impl From<RequestError> for crate::Error {
    fn from(error: RequestError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl BuildRequest {
    /// A build of the directory `context` with its own Dockerfile.
    pub fn new(context: impl Into<PathBuf>) -> Self {
        Self::of(ContextSpec::Directory(context.into()))
    }

    /// A build of a Dockerfile's text, without a context.
    pub fn of_text(text: impl Into<String>) -> Self {
        let dockerfile = DockerfileSpec::Text { name: "Dockerfile".to_owned(), text: text.into() };
        Self { dockerfile, ..Self::of(ContextSpec::Empty) }
    }

    fn of(context: ContextSpec) -> Self {
        Self {
            context,
            dockerfile: DockerfileSpec::Default,
            tags: Vec::new(),
            build_args: BTreeMap::new(),
            contexts: BTreeMap::new(),
            target: None,
            platforms: Vec::new(),
            labels: BTreeMap::new(),
            outputs: Vec::new(),
            no_cache: false,
            pull: false,
            network: NetworkSpec::Default,
            extra_hosts: Vec::new(),
            secrets: BTreeMap::new(),
            source_date_epoch: None,
        }
    }

    /// Adds a name for the image.
    pub fn tag(mut self, name: &str) -> Result<Self, RequestError> {
        self.tags.push(name.parse().map_err(RequestError)?);
        Ok(self)
    }

    /// Sets a build argument.
    pub fn build_arg(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.build_args.insert(name.into(), value.into());
        self
    }

    /// Adds an output.
    pub fn output(mut self, output: Output) -> Self {
        self.outputs.push(output);
        self
    }
}
