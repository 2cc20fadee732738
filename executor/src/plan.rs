//! From an OCI spec and what is known of the machine to the system calls, without making any.

use std::ffi::CString;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use oci_spec::runtime::Spec;

use crate::Tier;

mod call;
mod devices;
mod mounts;
mod overlay;
mod process;

pub(crate) use process::search_path;

pub use call::{Attributes, BpfInstruction, Call, Setting, Slot};

/// The calls that run one step, in order.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The tier.
    pub tier: Tier,
    /// Whether the step has a network namespace of its own.
    pub own_network: bool,
    /// What the step's process does.
    pub calls: Vec<Call>,
    /// How many mounts are kept.
    pub slots: usize,
}

/// What a plan depends on besides the spec.
#[derive(Debug, Clone)]
pub struct Facts {
    /// A directory that nothing of the step is below: covered, in the step's own mount namespace, by the
    /// memory file system on which mounts are put together.
    pub stage: PathBuf,
    /// What this machine has and allows.
    pub machine: Machine,
    /// The root.
    pub root: Stack,
    /// Where the spec alone does not say it, what is mounted; one for each mount of the spec.
    pub sources: Vec<Source>,
    /// Mount points that the root does not have, parents first.
    pub stubs: Vec<Stub>,
}

/// What a machine has and allows; found once a runner, by the trial of its tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// Whether overlays take one `lowerdir+` a layer (Linux 6.5).
    pub lowerdir_plus: bool,
    /// Whether `/proc` can be mounted anew. Not in a user namespace of a container with masked paths
    /// (mount_namespaces(7)): then the step gets the container's own, which shows its processes.
    pub fresh_proc: bool,
    /// Whether pivot_root(2) is let through. Docker's filter refuses it even with SYS_ADMIN: then the root
    /// is moved over the old one.
    pub pivot_root: bool,
    /// Whether sethostname(2) is let through. Where it is not, a step has the machine's name.
    pub hostname: bool,
    /// Whether `/sys/fs/cgroup` is version 2.
    pub unified_cgroup: bool,
}

/// Layer directories, as an overlay takes them.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Lowest first.
    pub lower: Vec<PathBuf>,
    /// Holds `fs` (upper directory) and `work`; without it, what is written is lost, and the mount read-only.
    pub scratch: Option<PathBuf>,
}

/// What a mount of the spec shows.
#[derive(Debug, Clone)]
pub enum Source {
    /// What the spec says: a file system, or a path of the machine.
    Spec {
        /// Whether it is a file, else a directory.
        file: bool,
    },
    /// Layers, or a path below them.
    Layers {
        /// The layers.
        stack: Stack,
        /// Relative; empty is all.
        selector: String,
        /// Whether that is a file, else a directory.
        file: bool,
    },
    /// A path below a directory of the machine that steps write to.
    Below {
        /// The directory.
        directory: PathBuf,
        /// Relative.
        selector: String,
        /// Whether it is a file, else a directory.
        file: bool,
    },
    /// A read-only file in memory.
    File {
        /// What is in it.
        bytes: Vec<u8>,
        /// Permission bits.
        mode: u32,
        /// Owner, group.
        owner: (u32, u32),
    },
}

/// A mount point to make, and to remove if it is still empty after the step.
///
/// `/proc`, `/dev` and `/sys` are not removed: a root that lacks them has them after its first RUN, as with
/// BuildKit (executor/stubs.go).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stub {
    /// Path in the root, absolute, without a symbolic link.
    pub path: PathBuf,
    /// A directory, else a file.
    pub directory: bool,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A NUL byte in a path, name or argument.
    #[error("{0:?} has a NUL byte")]
    Nul(String),
    /// The spec lacks something or has something that no tier does.
    #[error("{0}")]
    Spec(String),
    /// More layers than an overlay takes.
    #[error("{0} layers, an overlay takes 500")]
    TooManyLayers(usize),
}

/// The calls that run `spec` in `tier`.
pub fn plan(spec: &Spec, facts: &Facts, tier: Tier) -> Result<Plan, PlanError> {
    let own_network = namespaces(spec).any(|kind| kind == oci_spec::runtime::LinuxNamespaceType::Network);
    let mut draft = Draft { tier, own_network, calls: vec![], slots: 0 };
    let mounts = mounts::prepare(&mut draft, spec, facts)?;
    mounts::enter(&mut draft, facts, mounts)?;
    process::become_command(&mut draft, facts.machine, spec)?;
    Ok(Plan { tier, own_network, calls: draft.calls, slots: draft.slots })
}

/// The shortest plan that shows whether `tier` works: an empty root with `/proc`, and nothing executed.
pub(crate) fn trial(facts: &Facts, tier: Tier) -> Result<Plan, PlanError> {
    let mut draft = Draft { tier, own_network: false, calls: vec![], slots: 0 };
    mounts::trial(&mut draft, facts)?;
    if facts.machine.hostname {
        draft.push(Call::Hostname(c_text("trial")?)); // an engine's filter may refuse this one alone
    }
    draft.push(Call::Execute { candidates: vec![], arguments: vec![], environment: vec![] });
    Ok(Plan { tier, own_network: false, calls: draft.calls, slots: draft.slots })
}

fn namespaces(spec: &Spec) -> impl Iterator<Item = oci_spec::runtime::LinuxNamespaceType> {
    let list = spec.linux().as_ref().and_then(|linux| linux.namespaces().clone());
    list.into_iter().flatten().map(|namespace| namespace.typ())
}

/// A plan being written.
struct Draft {
    tier: Tier,
    own_network: bool,
    calls: Vec<Call>,
    slots: usize,
}

impl Draft {
    fn slot(&mut self) -> Slot {
        self.slots += 1;
        Slot(self.slots - 1)
    }

    fn push(&mut self, call: Call) {
        self.calls.push(call);
    }

    fn make_directory(&mut self, at: &Path) -> Result<(), PlanError> {
        self.push(Call::MakeDirectory { at: c_path(at)?, mode: 0o755, owner: (0, 0) });
        Ok(())
    }
}

fn c_text(text: &str) -> Result<CString, PlanError> {
    CString::new(text).map_err(|_| PlanError::Nul(text.to_owned()))
}

fn c_path(path: &Path) -> Result<CString, PlanError> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| PlanError::Nul(path.display().to_string()))
}

/// The plan as text, a call a line: what golden tests and `RunError::System` show.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = if self.tier == Tier::Userns { "user," } else { "" };
        let network = if self.own_network { ",network" } else { "" };
        writeln!(f, "unshare {user}pid,mount,ipc,uts,cgroup{network}")?;
        self.calls.iter().try_for_each(|call| writeln!(f, "{call}"))
    }
}
