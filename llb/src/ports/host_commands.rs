//! Programs of the machine that cooper runs for itself (git), not for a step.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use super::CancelToken;

/// Runs programs.
pub trait HostCommands: Send + Sync {
    /// Runs a program to its end; blocks. It sees the environment that the command has and nothing of
    /// ours, standard input is empty, the umask is 0022. It and what it started end with us, whatever ends us, and
    /// nothing of it is alive on return. When `cancel` is cancelled it gets TERM, and KILL after a grace.
    fn run(&self, command: &HostCommand, cancel: &CancelToken) -> Result<HostOutput, HostError>;
}

/// What to run. No `Debug`: the environment may hold secrets.
#[derive(Clone, Default)]
pub struct HostCommand {
    /// A name, looked up in our `PATH`.
    pub program: &'static str,
    /// Arguments.
    pub args: Vec<OsString>,
    /// The whole environment, but for `PATH`, which is ours.
    pub env: Vec<(String, OsString)>,
    /// Working directory.
    pub directory: PathBuf,
}

/// What a program did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostOutput {
    /// Whether it exited with 0.
    pub success: bool,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// The end of what it wrote to standard error.
    pub stderr: Vec<u8>,
}

/// Why a program was not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// There is no such program in `PATH`.
    #[error("{0} is not in PATH")]
    NotFound(&'static str),
    /// It was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// It wrote more than anybody wants to read.
    #[error("{program} wrote more than {limit_bytes} bytes")]
    TooMuch {
        /// The program.
        program: &'static str,
        /// The limit.
        limit_bytes: usize,
    },
    /// A system call.
    #[error("running {program}")]
    Io {
        /// The program.
        program: &'static str,
        /// The errno.
        #[source]
        source: io::Error,
    },
}
