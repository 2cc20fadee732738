//! Errors at the top: what happened, where, and whose turn it is.

use std::path::PathBuf;

use cooperage_llb::ports::StoreError;
use cooperage_llb::ports::registry::RegistryError;
use cooperage_llb::ports::step_runner::RunError;

use crate::cancel::is_cancelled;

/// Why a call of the engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request itself cannot be carried out as it is.
    #[error("{0}")]
    Usage(String),
    /// The Dockerfile has errors; the text is the rendered list of them, with excerpts.
    #[error("{rendered}")]
    Dockerfile {
        /// All diagnostics, errors and warnings, as a person reads them.
        rendered: String,
    },
    /// An image that the Dockerfile names cannot be had.
    #[error("{rendered}")]
    Base {
        /// What is wrong, with the excerpt that names it, as a person reads it.
        rendered: String,
        /// Whose turn it is.
        kind: Kind,
    },
    /// A definition that is not valid LLB.
    #[error("invalid LLB definition: {0}")]
    Definition(String),
    /// A step did not succeed.
    #[error(transparent)]
    Step(Box<StepFailure>),
    /// A file of the machine: context, Dockerfile, output.
    #[error("{action} {path}: {source}")]
    File {
        /// What was being done: `read`, `write`, ...
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// The errno.
        source: std::io::Error,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A registry.
    #[error(transparent)]
    Registry(Box<RegistryError>),
    /// A step could not be run at all.
    #[error(transparent)]
    Executor(#[from] RunError),
    /// The machine lacks what was asked for.
    #[error("{0}")]
    Environment(String),
    /// The build was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// An invariant of ours is broken; please report it.
    #[error("internal error: {0}; this is a bug of cooper, please report it")]
    Internal(String),
}

/// A step that failed.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StepFailure {
    /// Name, as progress shows it: `[build 2/3] RUN make`.
    pub step: String,
    /// What went wrong, with the command and its status.
    pub message: String,
    /// The place in the Dockerfile, as an excerpt; empty when unknown.
    pub excerpt: String,
    /// The last lines that the step printed.
    pub log_tail: String,
    /// What to do next.
    pub help: Option<String>,
    /// Whose fault it is.
    pub kind: Kind,
}

/// Whose turn it is: decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The build failed: a step's own failure.
    Build,
    /// Wrong usage or a wrong Dockerfile.
    Usage,
    /// The machine, the disk, a registry.
    Environment,
    /// Cancelled from outside.
    Cancelled,
    /// A bug of ours.
    Internal,
}

impl Kind {
    /// The exit code of `cooper` (docs/exit-codes.md). Cancelled by a signal is 128 + its number, which
    /// the command line knows; 130 (interrupt) otherwise.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Build => 1,
            Self::Usage => 2,
            Self::Environment => 3,
            Self::Internal => 70,
            Self::Cancelled => 130,
        }
    }
}

impl From<RegistryError> for Error {
    fn from(error: RegistryError) -> Self {
        Self::Registry(Box::new(error))
    }
}

impl Error {
    /// Whose turn it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Usage(_) | Self::Dockerfile { .. } | Self::Definition(_) => Kind::Usage,
            Self::Step(failure) => failure.kind,
            Self::Base { kind, .. } => *kind,
            Self::Executor(error) => run_error_kind(error),
            Self::File { .. } | Self::Store(_) | Self::Registry(_) | Self::Environment(_) => {
                Kind::Environment
            }
            Self::Cancelled => Kind::Cancelled,
            Self::Internal(_) => Kind::Internal,
        }
    }

    /// Something on the machine's disk that did not succeed, with all its causes. A full disk is told apart, and a
    /// build that was cancelled.
    pub(crate) fn disk(doing: impl Into<String>, error: &(dyn std::error::Error + 'static)) -> Self {
        let doing = doing.into();
        match () {
            () if is_cancelled(error) => Self::Cancelled,
            () if is_full(error) => StoreError::Full { path: doing.into() }.into(),
            () => Self::Environment(format!("{doing}: {}", causes(error))),
        }
    }

    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

/// A wrong command or user is the build's own fault; a system call that fails is the machine's.
pub(crate) fn run_error_kind(error: &RunError) -> Kind {
    match error {
        RunError::Command { .. } | RunError::User(_) => Kind::Build,
        RunError::System { .. } | RunError::Unsupported { .. } => Kind::Environment,
        RunError::Malformed(_) => Kind::Usage,
    }
}

/// An error and what caused it, in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", causes(cause)),
        None => error.to_string(),
    }
}

fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    let here = error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|e| matches!(e.kind(), StorageFull | QuotaExceeded));
    here || error.source().is_some_and(is_full)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes are in the manual: a change breaks scripts.
    #[test]
    fn exit_codes() {
        let codes = [Kind::Build, Kind::Usage, Kind::Environment, Kind::Internal, Kind::Cancelled];
        assert_eq!(codes.map(Kind::exit_code), [1, 2, 3, 70, 130]);
    }
}
