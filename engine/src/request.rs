//! What to build: plain data, the same for the command line and for a library user.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::PathBuf;

use cooperage_image::{Platform, Reference};
use serde::{Deserialize, Serialize};

use crate::context;
use crate::output::Output;

mod given;

pub use given::{parse_bytes, parse_ssh, parse_ulimit};

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
    /// `--ulimit`: name (`nofile`), soft, hard; -1 is none.
    #[serde(default)]
    pub ulimits: Vec<(String, i64, i64)>,
    /// `--shm-size`, in bytes.
    #[serde(default)]
    pub shm_size_bytes: Option<i64>,
    /// `--secret`: where each is, by ID. Contents are read when a step or a source asks for them.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretSource>,
    /// `--ssh`: sockets of agents, by ID.
    #[serde(default)]
    pub ssh: BTreeMap<String, PathBuf>,
    /// `--allow`
    #[serde(default)]
    pub allow: BTreeSet<Entitlement>,
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
    /// A local tar, compressed or not.
    Archive(PathBuf),
    /// A git repository, or a tar or a Dockerfile by HTTP(S).
    Remote(String),
    /// Standard input of the process: a tar, compressed or not, or else a Dockerfile without a context.
    Stdin,
    /// None: a Dockerfile alone.
    Empty,
}

impl ContextSpec {
    /// As the command line has it: `-`, a directory, a URL, or a file. What is none of these is a directory that
    /// does not exist.
    pub fn parse(text: &OsStr) -> Self {
        let path = PathBuf::from(text);
        if text == "-" {
            return Self::Stdin;
        }
        if path.is_dir() {
            return Self::Directory(path);
        }
        match text.to_str() {
            Some(url) if context::is_remote(url) => Self::Remote(url.to_owned()),
            _ if path.is_file() => Self::Archive(path),
            _ => Self::Directory(path),
        }
    }
}

/// Where the Dockerfile is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DockerfileSpec {
    /// `Dockerfile` in the context, else `dockerfile`; what a remote context or standard input is.
    #[default]
    Default,
    /// A file of the machine. With a context that is no directory of the machine a relative path is inside
    /// the context.
    Path(PathBuf),
    /// A file on a server.
    Url(String),
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

/// What a build may do only if it was allowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Entitlement {
    /// `RUN --network=host`
    #[serde(rename = "network.host")]
    NetworkHost,
    /// `RUN --security=insecure`
    #[serde(rename = "security.insecure")]
    SecurityInsecure,
}

impl Entitlement {
    /// As `--allow` names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NetworkHost => "network.host",
            Self::SecurityInsecure => "security.insecure",
        }
    }
}

/// Why a value cannot be part of a request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Not the name of an image.
    #[error(transparent)]
    Reference(#[from] cooperage_image::reference::ReferenceError),
    /// An option's value that cannot be understood.
    #[error("{option} {text:?}: {reason}")]
    Option {
        /// The option.
        option: &'static str,
        /// Its value.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl RequestError {
    fn option(option: &'static str, text: &str, reason: String) -> Self {
        Self::Option { option, text: text.to_owned(), reason }
    }
}

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
            ulimits: Vec::new(),
            shm_size_bytes: None,
            secrets: BTreeMap::new(),
            ssh: BTreeMap::new(),
            allow: BTreeSet::new(),
            source_date_epoch: None,
        }
    }

    /// Adds a name for the image.
    pub fn tag(mut self, name: &str) -> Result<Self, RequestError> {
        self.tags.push(name.parse()?);
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
