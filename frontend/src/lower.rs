//! From Dockerfile to LLB: what goes in and what comes out.
//!
//! [`lower`] reads the file (`plan`: stages, what each reads, which of them the target needs), says which
//! images it must know, and lowers the needed stages one after the other (`work`), each instruction in a
//! file of its own.

mod arguments;
mod base;
mod config_text;
mod contexts;
mod copy;
mod csv;
mod device;
mod environment;
mod epoch;
mod expose;
mod health;
mod lint;
mod mount_spec;
mod mounts;
mod on_build;
mod origin;
mod outline;
mod places;
mod plan;
mod report;
mod result;
mod run;
mod script;
mod settings;
mod slash_path;
mod sources;
mod stage;
mod state;
mod step_name;
mod stop_signal;
mod targets;
mod unresolved;
mod work;
mod workdir;

use std::borrow::Cow;
use std::collections::BTreeMap;

use cooperage_image::{Digest, ImageConfig, Platform, Reference};
use cooperage_llb::definition::Builder;
use cooperage_llb::pb;

use self::contexts::Contexts;
use self::outline::Found;
use self::places::Places;
use self::plan::{Extent, Plan, Read};
use self::report::{Report, Reported};
pub use self::unresolved::unresolved;
use self::work::Shared;
use crate::ast::Dockerfile;
use crate::diagnostic::{Diagnostic, Severity};
use crate::lint::select;
use crate::parse::parse;
use crate::remote::GitRef;

pub use self::outline::{Outline, OutlineArg, OutlineMount};
pub use self::targets::{Target, targets};

/// The text of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// How it is called in messages: the path as the user gave it.
    pub name: String,
    /// The bytes, as they were read.
    pub text: Vec<u8>,
}

impl Source {
    /// The text that places are places in: as it was read, unless it is not UTF-8 ([`parse`]).
    pub fn shown(&self) -> Cow<'_, [u8]> {
        match String::from_utf8_lossy(&self.text) {
            Cow::Borrowed(_) => Cow::Borrowed(&self.text),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        }
    }
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
    /// The build context.
    pub context: MainContext,
    /// `--build-context`, by name.
    pub contexts: BTreeMap<String, NamedContext>,
    /// Patterns of the main context's ignore file, if it is a directory.
    pub ignore: Vec<String>,
    /// Base images that were fetched so far.
    pub images: BTreeMap<ImageNeed, ResolvedImage>,
    /// `--network`
    pub network: Network,
    /// `--add-host`: name, address.
    pub extra_hosts: Vec<(String, String)>,
    /// `--ulimit`: name, soft, hard.
    pub ulimits: Vec<(String, i64, i64)>,
    /// `--shm-size`, in bytes.
    pub shm_size_bytes: Option<i64>,
    /// `--no-cache`: mark RUN, COPY and ADD to be done again.
    pub no_cache: bool,
    /// `SOURCE_DATE_EPOCH`, seconds since 1970, if no build argument and no ARG sets it.
    pub epoch: Option<i64>,
    /// Times that were found so far, in seconds since 1970; `None` for a source that has none.
    pub times: BTreeMap<TimeNeed, Option<i64>>,
}

impl Inputs {
    /// A build on a machine of `platform` for that platform, of a local directory, of which nobody asked for
    /// anything.
    pub fn new(platform: Platform) -> Self {
        Self {
            build_args: BTreeMap::new(),
            target: None,
            build_platform: platform.clone(),
            platform,
            platform_is_explicit: false,
            labels: BTreeMap::new(),
            context: MainContext::default(),
            contexts: BTreeMap::new(),
            ignore: Vec::new(),
            images: BTreeMap::new(),
            network: Network::default(),
            extra_hosts: Vec::new(),
            ulimits: Vec::new(),
            shm_size_bytes: None,
            no_cache: false,
            epoch: None,
            times: BTreeMap::new(),
        }
    }
}

/// The build context.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum MainContext {
    /// A directory of the machine; becomes `local://context`.
    #[default]
    Local,
    /// A repository.
    Git {
        /// As it was given.
        text: String,
        /// What it means.
        repository: GitRef,
    },
    /// A file on a server.
    Url {
        /// Where.
        url: String,
        /// Whether it is an archive, which is unpacked; else it is the only file, `context`.
        archive: bool,
    },
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
    /// A repository.
    Git {
        /// As it was given.
        text: String,
        /// What it means.
        repository: GitRef,
    },
    /// `http://` or `https://`: a file, which is called `context` and is not unpacked.
    Url(String),
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

/// A source whose time has to be known, since `SOURCE_DATE_EPOCH` names it: of a repository that of the
/// commit; of a file on a server that of `Last-Modified`, else that of the newest regular file in it, if it is
/// an archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeNeed {
    /// Of the source op.
    pub identifier: String,
    /// Of the source op.
    pub attrs: BTreeMap<String, String>,
}

/// The answer; unless another question was asked, a build.
#[derive(Debug, Clone, PartialEq)]
pub struct Lowered<T = Box<Build>> {
    /// How far it came.
    pub outcome: Outcome<T>,
    /// Errors and warnings, sorted by position.
    pub diagnostics: Vec<Diagnostic>,
}

/// How far the lowering came.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<T = Box<Build>> {
    /// All is known.
    Ready(T),
    /// These are to be fetched, side by side; then call again with the same inputs and them.
    Needs(Vec<ImageNeed>),
    /// This is to be found out; then call again with the same inputs and it.
    NeedsTime(TimeNeed),
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
    /// What `SOURCE_DATE_EPOCH` came to: seconds since 1970.
    pub epoch: Option<i64>,
}

/// Lowers a Dockerfile. The same arguments give the same bytes.
///
/// Without errors the answer is [`Outcome::Needs`] as long as a needed stage builds on, or copies from, an
/// image that is not in [`Inputs::images`]: all that are known to be missing at once, sorted. A base's
/// ONBUILD triggers can name further ones, so this may happen more than once.
pub fn lower(source: &Source, inputs: &Inputs) -> Lowered {
    let result = |plan: &Plan<'_>, shared: Shared<'_>| Box::new(result::of(plan, shared));
    lowered(source, inputs, Extent::Target, result)
}

/// The definition of the build context alone: what has to be solved to read a Dockerfile in it. Its steps are
/// those of the definition of the Dockerfile.
pub fn context_definition(inputs: &Inputs) -> pb::Definition {
    contexts::alone(inputs)
}

/// What a build of the target can be given. Asks for images as [`lower`] does.
pub fn outline(source: &Source, inputs: &Inputs) -> Lowered<Outline> {
    lowered(source, inputs, Extent::Target, |plan, shared| outline::of(plan, shared.found))
}

/// All that there is to say about a file: without [`Inputs::target`] about all its stages, also those that
/// no other needs. Asks for images as [`lower`] does.
pub fn lint(source: &Source, inputs: &Inputs) -> Lowered<()> {
    let extent = match inputs.target.as_deref() {
        None | Some("") => Extent::AllStages,
        Some(_) => Extent::Target,
    };
    lowered(source, inputs, extent, |_, _| ())
}

fn lowered<T>(
    source: &Source,
    inputs: &Inputs,
    extent: Extent,
    finish: impl FnOnce(&Plan<'_>, Shared<'_>) -> T,
) -> Lowered<T> {
    let parsed = parse(&source.text);
    let mut report = Report::new(parsed.diagnostics);
    let outcome = attempt(source, &parsed.dockerfile, inputs, extent, &mut report, finish);
    let given = inputs.build_args.get("BUILDKIT_DOCKERFILE_CHECK");
    let diagnostics = select(report.finish(), &parsed.dockerfile, given.map(String::as_str));
    let failed = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    let outcome = match outcome {
        Ok(outcome) if !failed => outcome,
        _ => Outcome::Failed,
    };
    Lowered { outcome, diagnostics }
}

fn attempt<T>(
    source: &Source,
    dockerfile: &Dockerfile,
    inputs: &Inputs,
    extent: Extent,
    report: &mut Report,
    finish: impl FnOnce(&Plan<'_>, Shared<'_>) -> T,
) -> Result<Outcome<T>, Reported> {
    lint::instructions(&dockerfile.instructions, report);
    if report.has_errors() {
        return Err(Reported);
    }
    let mut plan = match Plan::read(dockerfile, inputs, extent, report)? {
        Read::Plan(plan) => plan,
        Read::NeedsTime(need) => return Ok(Outcome::NeedsTime(need)),
    };
    plan.fire_triggers(report)?;
    let needs = plan.needs();
    if !needs.is_empty() {
        return Ok(Outcome::Needs(needs));
    }
    let mut graph = Builder::new();
    let source_index = graph.source_file(&source.name, "Dockerfile", &source.shown());
    let mut shared = Shared {
        graph,
        contexts: Contexts::default(),
        places: Places::of(&source.shown()),
        ignored: lint::Ignored::new(&inputs.ignore),
        found: Found::default(),
        source_index,
        finished: vec![None; plan.stages.len()],
        report,
    };
    for index in &plan.reachable {
        work::stage(&plan, &plan.stages[*index], &mut shared);
        if shared.report.is_full() {
            return Err(Reported);
        }
    }
    if shared.report.has_errors() {
        return Err(Reported);
    }
    Ok(Outcome::Ready(finish(&plan, shared)))
}
