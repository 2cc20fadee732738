//! How an op ends when it does not succeed.

use cooperage_llb::ports::step_runner::{RunError, StepOutcome};

use crate::Error;
use crate::error::{Kind, causes, run_error_kind};

/// Why an op gave no result.
#[derive(Debug)]
pub(crate) enum OpFailure {
    /// The step itself failed: the build's own fault.
    Step {
        /// What went wrong.
        message: String,
        /// What to do next.
        help: Option<String>,
        /// Whose fault it is.
        kind: Kind,
    },
    /// It was told to stop.
    Cancelled,
    /// Something of ours or of the machine.
    Error(Error),
}

impl OpFailure {
    pub(crate) fn step(message: impl Into<String>, help: Option<String>) -> Self {
        Self::Step { message: message.into(), help, kind: Kind::Build }
    }

    /// The same outside any step.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Step { message, help, kind } => {
                let text = help.map_or(message.clone(), |help| format!("{message}: {help}"));
                match kind {
                    Kind::Usage | Kind::Build => Error::Usage(text),
                    Kind::Environment => Error::Environment(text),
                    Kind::Cancelled => Error::Cancelled,
                    Kind::Internal => Error::Internal(text),
                }
            }
            Self::Cancelled => Error::Cancelled,
            Self::Error(error) => error,
        }
    }

    pub(crate) fn unsupported(what: &str) -> Self {
        let help =
            Some("this version of cooper cannot do it; leave it out or use another frontend".to_owned());
        Self::Step { message: format!("{what} is not supported yet"), help, kind: Kind::Usage }
    }

    /// A command that ended otherwise than it may; `None` if it may.
    pub(super) fn of_outcome(outcome: &StepOutcome, command: &str, valid: &[i32]) -> Option<Self> {
        let failed = |how: String, help: Option<&str>| {
            Some(Self::step(
                format!("process {command:?} did not complete successfully: {how}"),
                help.map(str::to_owned),
            ))
        };
        match outcome {
            StepOutcome::Exited(code) if valid.contains(code) || (valid.is_empty() && *code == 0) => None,
            StepOutcome::Exited(code) => failed(format!("exit code: {code}"), hint(*code)),
            StepOutcome::Signaled(signal) => failed(format!("killed by signal {signal}"), None),
            StepOutcome::OutOfMemory { limit_bytes: Some(limit) } => {
                failed(format!("out of memory at its limit of {limit} bytes"), Some("raise the memory limit"))
            }
            StepOutcome::OutOfMemory { limit_bytes: None } => {
                failed("out of memory".to_owned(), Some("give the machine or the job more memory"))
            }
            StepOutcome::TimedOut { after } => {
                failed(format!("it took longer than {} s", after.as_secs()), None)
            }
            StepOutcome::Cancelled => Some(Self::Cancelled),
        }
    }
}

/// Statuses that have a usual cause.
fn hint(code: i32) -> Option<&'static str> {
    match code {
        126 => Some("126: the command was found but cannot be executed; check its mode and its interpreter"),
        127 => Some(
            "127: the command was not found; check its spelling, PATH, and that an earlier step installs it",
        ),
        137 => Some("137: killed, mostly for want of memory"),
        _ => None,
    }
}

impl From<Error> for OpFailure {
    fn from(error: Error) -> Self {
        match error {
            Error::Cancelled => Self::Cancelled,
            Error::Executor(error) => error.into(),
            other => Self::Error(other),
        }
    }
}

impl From<cooperage_llb::ports::StoreError> for OpFailure {
    fn from(error: cooperage_llb::ports::StoreError) -> Self {
        Self::Error(error.into())
    }
}

impl From<RunError> for OpFailure {
    fn from(error: RunError) -> Self {
        let kind = run_error_kind(&error);
        Self::Step { message: causes(&error), help: None, kind }
    }
}
