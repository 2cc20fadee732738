//! From Dockerfile to LLB: what goes in and what comes out.

use std::collections::BTreeMap;

use cooperage_image::{Digest, ImageConfig, Platform, Reference};
use cooperage_llb::pb;

use crate::diagnostic::Diagnostic;

/// The text of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// How it is called in messages: the path as the user gave it.
    pub name: String,
    /// The bytes, as they were read.
    pub text: Vec<u8>,
}

/// All that a Dockerfile's meaning depends on, besides its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs {
    /// `--build-arg`
    pub build_args: BTreeMap<String, String>,
    /// `--target`
    pub target: Option<String>,
    /// Platform of the result.
    pub platform: Platform,
    /// Whether the platform was asked for (`--platform`); else the result keeps its base's.
    pub platform_is_explicit: bool,
    /// Platform of the machine that builds.
    pub build_platform: Platform,
    /// `--label`
    pub labels: BTreeMap<String, String>,
    /// `--build-context`, by name.
    pub contexts: BTreeMap<String, NamedContext>,
    /// Patterns of the main context's ignore file.
    pub ignore: Vec<String>,
    /// Base images that were fetched so far.
    pub images: BTreeMap<ImageNeed, ResolvedImage>,
    /// `--network`
    pub network: Network,
    /// `--add-host`: name, address.
    pub extra_hosts: Vec<(String, String)>,
    /// `--no-cache`: mark RUN, COPY and ADD to be done again.
    pub no_cache: bool,
    /// `SOURCE_DATE_EPOCH`, seconds since 1970: when WORKDIR makes directories and heredoc files.
    pub epoch: Option<i64>,
}

/// `--network`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// What RUN says, else the sandbox's.
    #[default]
    Default,
    /// The machine's.
    Host,
    /// None.
    None,
}

/// `--build-context NAME=VALUE`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedContext {
    /// A directory; becomes `local://NAME`.
    Local {
        /// Patterns of its own `.dockerignore`.
        ignore: Vec<String>,
    },
    /// `docker-image://REF`; `None` is `docker-image://scratch`.
    Image(Option<Reference>),
    /// `oci-layout://PATH[:TAG][@DIGEST]`, as written after the scheme.
    OciLayout(String),
}

/// An image whose config the lowering has to know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageNeed {
    /// Where it is.
    pub location: ImageLocation,
    /// For which platform.
    pub platform: Platform,
}

/// Where an image is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImageLocation {
    /// A registry or the local store.
    Registry(Reference),
    /// The named context of this name, an OCI layout.
    OciLayout(String),
}

/// What the engine found for an [`ImageNeed`].
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedImage {
    /// Digest to pin: what the reference names now (an index's, if it is one).
    pub digest: Digest,
    /// Its configuration for the platform.
    pub config: ImageConfig,
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Lowered {
    /// How far it came.
    pub outcome: Outcome,
    /// Errors and warnings, sorted by position.
    pub diagnostics: Vec<Diagnostic>,
}

/// How far the lowering came.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// All is known.
    Ready(Box<Build>),
    /// These are to be fetched, side by side; then call again with the same inputs and them.
    Needs(Vec<ImageNeed>),
    /// There is an error among the diagnostics.
    Failed,
}

/// What to build and how the image is to be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Build {
    /// The graph. Names of steps are in the metadata (`llb.customname`, as progress shows them:
    /// `[stage 2/3] RUN make`), places in the Dockerfile in `source`. Empty (`def` without
    /// ops) when the result is `scratch` with nothing on it.
    pub definition: pb::Definition,
    /// The config, without `rootfs.diff_ids`; `created` of new history entries is left unset. A
    /// base's history and the new entries are in order; there is one non-empty entry a layer.
    pub config: ImageConfig,
    /// Platform of the result.
    pub platform: Platform,
}
