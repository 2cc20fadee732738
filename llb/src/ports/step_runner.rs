//! Running a step in isolation.

use std::path::PathBuf;
use std::time::Duration;

use cooperage_image::tree::{Changes, Tree};

use super::CancelToken;

/// Runs steps. One implementation a tier (or an external runtime); the engine picks one by probing.
pub trait StepRunner: Send + Sync {
    /// The tier's name, as it is printed: `root`, `userns`, ...
    fn tier(&self) -> &'static str;

    /// Runs a step to its end; blocks. A command that fails is an answer ([`StepOutcome`]), an error
    /// means that *we* could not run it. On return no process of the step is alive, and nothing is
    /// mounted. When `cancel` is cancelled the step gets TERM, and KILL after a grace of 10 s.
    fn run(&self, step: &Step, log: &dyn StepLog, cancel: &CancelToken) -> Result<StepReport, RunError>;
}

/// Receives what a step prints, in order, as it comes; called from one thread at a time. Never loses a byte.
pub trait StepLog: Send + Sync {
    /// Some bytes, not necessarily whole lines.
    fn write(&self, stream: Stream, bytes: &[u8]);
}

/// Which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// File descriptor 1.
    Stdout,
    /// File descriptor 2.
    Stderr,
}

/// A step, as it is to be run; plain data.
#[derive(Debug, Clone)]
pub struct Step {
    /// Unique in the process; names cgroup and scratch things.
    pub id: String,
    /// Command and arguments; never empty.
    pub args: Vec<String>,
    /// `KEY=value`, order kept.
    pub env: Vec<String>,
    /// Absolute working directory; created (0755, owned by the user) when missing.
    pub cwd: String,
    /// `user[:group]` by name or number, resolved in the root's `/etc/passwd` and `/etc/group`; empty is root.
    pub user: String,
    /// Host name; `buildkitsandbox` when empty.
    pub hostname: String,
    /// The root file system.
    pub root: Layers,
    /// Other mounts; parents come before children.
    pub mounts: Vec<StepMount>,
    /// Network.
    pub network: Network,
    /// `--security=insecure`: all capabilities, no seccomp, nothing masked.
    pub insecure: bool,
    /// Lines for `/etc/hosts`: name, address.
    pub extra_hosts: Vec<(String, String)>,
    /// Resource limits (`--ulimit`): name (`nofile`), soft, hard. What is not named is the caller's own.
    pub ulimits: Vec<(String, u64, u64)>,
    /// Limits of the step's cgroup.
    pub limits: Limits,
    /// Ended with [`StepOutcome::TimedOut`] after this.
    pub timeout: Option<Duration>,
}

/// A stack of layer directories and where what is written to it goes.
#[derive(Debug, Clone)]
pub struct Layers {
    /// Directories ready to be overlay lower directories, lowest first. May be empty (`scratch`).
    pub directories: Vec<PathBuf>,
    /// The same stack as a tree: what the result is compared with.
    pub tree: Tree,
    /// An empty directory on the store's file system that the step owns; `None` mounts read-only and
    /// gives no changes. The runner leaves the layer's directory at `fs/` in it, in the form that
    /// [`LayerStore`](super::LayerStore) asks for (explicit 0/0 whiteouts, nothing opaque, no stubs of mounts).
    pub scratch: Option<PathBuf>,
}

/// A mount of a step.
#[derive(Debug, Clone)]
pub struct StepMount {
    /// Absolute path in the step's root; created when missing and removed after (a stub).
    pub target: String,
    /// What is mounted.
    pub source: MountSource,
    /// Whether writes fail.
    pub read_only: bool,
}

/// Sources of mounts.
#[derive(Debug, Clone)]
pub enum MountSource {
    /// Layers, or a path below them. Written to (if not read-only) in its own scratch.
    Layers {
        /// The stack.
        layers: Layers,
        /// Sub-path, relative; empty is all.
        selector: String,
        /// Whether what was written is wanted as an output; else it is thrown away.
        output: bool,
    },
    /// A directory or file of the machine: a cache mount, a local context.
    Host(PathBuf),
    /// A path below a directory that steps write to. A symbolic link in it leads nowhere outside, also one
    /// that another step makes meanwhile.
    Below {
        /// The directory, on the machine.
        directory: PathBuf,
        /// Relative, never empty.
        selector: String,
    },
    /// A memory file system, of at most so many bytes.
    Tmpfs {
        /// Limit; `None` is the kernel's (half the memory).
        size_bytes: Option<u64>,
    },
    /// A file of these bytes, in memory only.
    Secret {
        /// The contents.
        bytes: SecretBytes,
        /// Permission bits.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
    },
}

/// Contents that must not reach a log.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(pub Vec<u8>);

impl std::fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretBytes(of {})", self.0.len())
    }
}

/// Networks of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// As the caller's: in a CI job the job's own network. What `default` means here.
    #[default]
    Host,
    /// Loopback alone.
    None,
}

/// Limits of a step's cgroup; those that the machine cannot enforce are refused before the step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Memory and swap together.
    pub memory_bytes: Option<u64>,
    /// CPU time per wall time, in thousandths of a CPU.
    pub cpu_millis: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
}

/// How a step ended.
#[derive(Debug, Clone)]
pub struct StepReport {
    /// The end of its first process.
    pub outcome: StepOutcome,
    /// What it changed: the root first (if it has a scratch), then each mount with `output`. Empty unless
    /// the step exited; what a failed step wrote stays in its scratch, in the tier's own form.
    pub changes: Vec<Changes>,
}

/// Ends of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepOutcome {
    /// With this status.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
    /// Killed because the cgroup was out of memory.
    OutOfMemory {
        /// The limit that was met, if one was set.
        limit_bytes: Option<u64>,
    },
    /// Killed after its time was over.
    TimedOut {
        /// The time.
        after: Duration,
    },
    /// Killed because the build was cancelled.
    Cancelled,
}

/// Why a step could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The command does not exist in the root or cannot be executed.
    #[error("{command}: {reason}")]
    Command {
        /// As it was written.
        command: String,
        /// `not found in PATH (...)`, `permission denied`, `exec format error: ...`.
        reason: String,
    },
    /// The user or group is not in the root's files.
    #[error("unable to find user {0} in /etc/passwd of the step's root: use a number or add it first")]
    User(String),
    /// A system call of the set-up.
    #[error("{call} in tier {tier}")]
    System {
        /// The call with its arguments, as the plan prints it.
        call: String,
        /// The tier.
        tier: &'static str,
        /// The errno.
        #[source]
        source: std::io::Error,
    },
    /// Something the step asks for that this tier cannot give.
    #[error("{what} cannot be had in tier {tier}: {why}")]
    Unsupported {
        /// What was asked for.
        what: String,
        /// The tier.
        tier: &'static str,
        /// What is missing.
        why: String,
    },
    /// The step itself is malformed.
    #[error("malformed step: {0}")]
    Malformed(String),
}
