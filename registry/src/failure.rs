//! How one attempt failed, and what that becomes when it was the last.

use std::path::PathBuf;
use std::time::Duration;

use cooperage_llb::ports::StoreError;
use cooperage_llb::ports::registry::{CredentialSource, RegistryError};

/// How one attempt failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// 404.
    Missing,
    /// 401 or 403, with the registry's words.
    Denied(String),
    /// Worth another attempt, not before `retry_after` if the registry asked for that.
    Transient { detail: String, retry_after: Option<Duration> },
    /// No answer, and another attempt would get none either.
    Hopeless(String),
    /// An answer that breaks the protocol, or that a repetition would not change.
    Protocol(String),
    /// A file of credentials or certificates is wrong.
    Config { path: PathBuf, detail: String },
    /// The local side of a transfer.
    Store(StoreError),
}

impl Failure {
    /// A failure worth another attempt.
    pub(crate) fn transient(detail: impl Into<String>) -> Self {
        Self::Transient { detail: detail.into(), retry_after: None }
    }
}

/// What an operation is about, for its error.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// The image, or the blob of it.
    pub(crate) image: String,
    /// `scheme://host:port`.
    pub(crate) address: String,
    /// What is used to get in.
    pub(crate) credentials: CredentialSource,
}

impl Subject {
    /// The error of `failure` after `attempts`.
    pub(crate) fn error(self, failure: Failure, attempts: u32) -> RegistryError {
        let Self { image, address, credentials } = self;
        match failure {
            Failure::Missing => RegistryError::NotFound { image, address, credentials },
            Failure::Denied(detail) => RegistryError::Denied { image, address, credentials, detail },
            Failure::Transient { detail, .. } | Failure::Hopeless(detail) => {
                RegistryError::Unreachable { image, address, credentials, attempts, detail }
            }
            Failure::Protocol(detail) => RegistryError::Protocol { image, address, detail },
            Failure::Config { path, detail } => RegistryError::Config { path, detail },
            Failure::Store(error) => RegistryError::Store(error),
        }
    }
}
