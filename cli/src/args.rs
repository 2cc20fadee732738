//! Arguments (docs/cli.md).

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use cooperage::image::{Platform, Reference};
use cooperage::{Entitlement, Tier};

use crate::call::{Call, CallValue};

/// Builds OCI images from Dockerfiles, without a daemon.
#[derive(Debug, Parser)]
#[command(name = "cooper", version, disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Args {
    /// Where images, layers and cache are kept [env: COOPER_ROOT] [default: /var/lib/cooper, or ~/.local/share/cooper]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Registry to reach over plain HTTP, as loopback is anyway; may be repeated
    #[arg(long, global = true, value_name = "HOST[:PORT]")]
    pub(crate) insecure_registry: Vec<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build an image from a Dockerfile
    Build(Box<Build>),
    /// List the images of the local store
    Images(Images),
    /// Show an image's manifest and config as JSON
    Inspect {
        /// Image
        image: Reference,
    },
    /// Remove names of images; their data goes with the next prune
    Rmi {
        /// Images
        #[arg(required = true)]
        images: Vec<Reference>,
    },
    /// Remove what no image and no running build needs
    Prune(Prune),
    /// Show what the store holds
    Du {
        /// One line an object
        #[arg(short, long)]
        verbose: bool,
    },
    /// Copy an image from its registry to the local store
    Pull {
        /// Image
        image: Reference,
        /// Which of a multi-platform image [default: the machine's]
        #[arg(long)]
        platform: Option<Platform>,
    },
    /// Copy an image from the local store to its registry
    Push {
        /// Image
        image: Reference,
    },
    /// Give an image another name
    Tag {
        /// Name it has
        source: Reference,
        /// Name it gets
        target: Reference,
    },
    /// Look inside
    #[command(subcommand)]
    Debug(Debug),
}

/// `cooper build`
#[derive(Debug, ClapArgs)]
pub(crate) struct Build {
    /// What to build from: a directory, a git repository, a tar (file or URL), the URL of a Dockerfile, or - for a tar or a Dockerfile on standard input
    #[arg(value_name = "CONTEXT")]
    pub(crate) context: PathBuf,
    /// Dockerfile, - for standard input [default: CONTEXT/Dockerfile]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Name for the image; may be repeated
    #[arg(short, long, value_name = "NAME[:TAG]")]
    pub(crate) tag: Vec<Reference>,
    /// Value of an ARG, from the environment without =; may be repeated
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) build_arg: Vec<String>,
    /// Stage to build [default: the last]
    #[arg(long, value_name = "STAGE")]
    pub(crate) target: Option<String>,
    /// Platform to build for, several with commas [env: DOCKER_DEFAULT_PLATFORM] [default: the machine's]
    #[arg(long, value_name = "OS/ARCH", value_delimiter = ',')]
    pub(crate) platform: Vec<Platform>,
    /// Further context: a directory, a tar, a git repository, a URL, oci-layout://DIR[:TAG] or docker-image://NAME; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) build_context: Vec<String>,
    /// Label of the image; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) label: Vec<String>,
    /// What to write: type=image|registry|oci|docker|tar|local|cacheonly,...; may be repeated [default: type=image]
    #[arg(short, long, value_name = "SPEC")]
    pub(crate) output: Vec<String>,
    /// Push to the registries of the names: short for --output type=registry
    #[arg(long)]
    pub(crate) push: bool,
    /// Run every step again
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Ask the registries for base images that are in the local store
    #[arg(long)]
    pub(crate) pull: bool,
    /// Network of RUN steps
    #[arg(long, value_enum, value_name = "MODE", default_value = "default")]
    pub(crate) network: Network,
    /// Line for /etc/hosts in RUN steps; may be repeated
    #[arg(long, value_name = "NAME:IP")]
    pub(crate) add_host: Vec<String>,
    /// Look for what is better written otherwise, build nothing: short for --call=check
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", overrides_with = "call")]
    pub(crate) check: Option<bool>,
    /// Ask about the Dockerfile instead of building it: check, outline, targets or subrequests.describe, with ,format=json
    #[arg(long, value_name = "QUESTION", overrides_with = "check")]
    pub(crate) call: Option<CallValue>,
    /// Limit of RUN steps, for example nofile=1024:2048; may be repeated
    #[arg(long, value_name = "NAME=SOFT[:HARD]")]
    pub(crate) ulimit: Vec<String>,
    /// Size of /dev/shm in RUN steps [default: 64m]
    #[arg(long, value_name = "BYTES")]
    pub(crate) shm_size: Option<String>,
    /// Secret for RUN --mount=type=secret: id=ID[,src=FILE|,env=VARIABLE]; may be repeated
    #[arg(long, value_name = "SPEC")]
    pub(crate) secret: Vec<String>,
    /// Agent for RUN --mount=type=ssh: default or ID[=SOCKET]; may be repeated
    #[arg(long, value_name = "SPEC")]
    pub(crate) ssh: Vec<String>,
    /// Allow what RUN steps must not do otherwise: network.host or security.insecure; may be repeated
    #[arg(long, value_name = "ENTITLEMENT", value_delimiter = ',')]
    pub(crate) allow: Vec<Entitlement>,
    /// How progress is shown [env: BUILDKIT_PROGRESS]
    #[arg(long, value_enum, value_name = "MODE")]
    pub(crate) progress: Option<Progress>,
    /// Print nothing but the image's ID
    #[arg(short, long, conflicts_with = "progress")]
    pub(crate) quiet: bool,
    /// Write the image's ID (digest of its config) to FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) iidfile: Option<PathBuf>,
    /// Write what was built to FILE, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) metadata_file: Option<PathBuf>,
    /// How RUN steps are isolated: root or userns [default: the best that works here]
    #[arg(long, value_name = "TIER")]
    pub(crate) isolation: Option<Tier>,
    /// RUN steps at a time [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_parallelism: Option<u32>,
}

impl Build {
    /// What is asked instead of building, by the last of `--call` and `--check`.
    pub(crate) fn call(&self) -> Option<Call> {
        let call = self.call.map(|value| value.0);
        call.unwrap_or_else(|| self.check.unwrap_or(false).then_some(Call::CHECK))
    }
}

/// `cooper images`
#[derive(Debug, ClapArgs)]
pub(crate) struct Images {
    /// Names alone
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// As JSON
    #[arg(long, conflicts_with = "quiet")]
    pub(crate) json: bool,
}

/// `cooper prune`
#[derive(Debug, ClapArgs)]
pub(crate) struct Prune {
    /// Images too
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Stop when the store is not larger than this (10GB, 500MB)
    #[arg(long, value_name = "BYTES", value_parser = crate::table::parse_size)]
    pub(crate) keep: Option<u64>,
}

/// `cooper debug`
#[derive(Debug, Subcommand)]
pub(crate) enum Debug {
    /// Print the LLB that a Dockerfile is lowered to
    DumpLlb {
        /// json, dot, or pb: the encoded definition
        #[arg(long, value_enum, default_value = "json")]
        format: LlbFormat,
        /// What to lower
        #[command(flatten)]
        build: Box<Build>,
    },
    /// Solve an encoded LLB definition from a file, - for standard input
    Solve {
        /// The file
        #[arg(long, value_name = "FILE")]
        definition: PathBuf,
        /// Contexts and outputs
        #[command(flatten)]
        build: Box<Build>,
    },
    /// Show which tiers of isolation work here, and why others do not
    Tiers,
}

/// Forms of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LlbFormat {
    /// For programs.
    Json,
    /// For Graphviz.
    Dot,
    /// BuildKit's bytes.
    Pb,
}

/// `--network`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Network {
    /// As the RUN says.
    Default,
    /// The machine's.
    Host,
    /// None.
    None,
}

/// `--progress`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// tty on a terminal, else plain.
    Auto,
    /// Line by line.
    Plain,
    /// Redrawn.
    Tty,
    /// Nothing but the image's ID.
    Quiet,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }
}
