//! Registries.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use cooperage_image::{Descriptor, Digest, Reference};

use super::{BlobReader, BlobWriter, StoreError};

/// A boxed future, so that the port can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Images in registries (distribution-spec). Every method retries what is worth retrying, within a
/// bounded number of attempts; an error is the last one.
pub trait Registry: Send + Sync {
    /// Descriptor of what `image` names now, by HEAD where the registry answers it usefully.
    fn resolve<'a>(&'a self, image: &'a Reference) -> BoxFuture<'a, Result<Descriptor, RegistryError>>;

    /// Exact bytes and media type of a manifest or index, verified against `image`'s digest if it has
    /// one. At most 4 MiB.
    fn manifest<'a>(
        &'a self,
        image: &'a Reference,
    ) -> BoxFuture<'a, Result<(Descriptor, Vec<u8>), RegistryError>>;

    /// Streams a blob of `image`'s repository into `into` and commits it there, verified. `progress` is
    /// called with the number of bytes that came since the last call.
    fn pull_blob<'a>(
        &'a self,
        image: &'a Reference,
        blob: &'a Descriptor,
        into: Box<dyn BlobWriter>,
        progress: &'a (dyn Fn(u64) + Sync),
    ) -> BoxFuture<'a, Result<(), RegistryError>>;

    /// Whether `image`'s repository, which is about to be pushed to, has a blob.
    fn has_blob<'a>(
        &'a self,
        image: &'a Reference,
        digest: &'a Digest,
    ) -> BoxFuture<'a, Result<bool, RegistryError>>;

    /// Tries to mount `digest` from repository `from` on the same host; `false` if the registry wants an upload.
    fn mount_blob<'a>(
        &'a self,
        image: &'a Reference,
        digest: &'a Digest,
        from: &'a str,
    ) -> BoxFuture<'a, Result<bool, RegistryError>>;

    /// Uploads a blob in a stream. `open` is called once an attempt.
    fn push_blob<'a>(
        &'a self,
        image: &'a Reference,
        blob: &'a Descriptor,
        open: &'a (dyn Fn() -> Result<Box<dyn BlobReader>, StoreError> + Sync),
        progress: &'a (dyn Fn(u64) + Sync),
    ) -> BoxFuture<'a, Result<(), RegistryError>>;

    /// Puts a manifest or index under `image`'s tag, or its digest if it has no tag.
    fn push_manifest<'a>(
        &'a self,
        image: &'a Reference,
        media_type: &'a str,
        bytes: &'a [u8],
    ) -> BoxFuture<'a, Result<Digest, RegistryError>>;
}

/// Where credentials came from, for messages; never the credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialSource {
    /// None were found.
    Anonymous,
    /// A file, and the key in it.
    File(PathBuf, String),
    /// A credential helper.
    Helper(String),
    /// An environment variable.
    Environment(String),
}

impl std::fmt::Display for CredentialSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Anonymous => f.write_str("no credentials"),
            Self::File(path, key) => write!(f, "credentials of {key} in {}", path.display()),
            Self::Helper(name) => write!(f, "credentials of docker-credential-{name}"),
            Self::Environment(name) => write!(f, "credentials in ${name}"),
        }
    }
}

/// Why a registry did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The repository or the version in it does not exist (or may not be seen).
    #[error("{image} is not in the registry at {address} ({credentials})")]
    NotFound {
        /// What was asked for.
        image: String,
        /// `scheme://host:port`.
        address: String,
        /// What was tried to get in.
        credentials: CredentialSource,
    },
    /// 401 or 403.
    #[error("{address} refused access to {image} ({credentials}): {detail}")]
    Denied {
        /// What was asked for.
        image: String,
        /// `scheme://host:port`.
        address: String,
        /// What was tried to get in.
        credentials: CredentialSource,
        /// The registry's own words.
        detail: String,
    },
    /// No answer, or answers that stayed wrong.
    #[error("{address} could not be reached for {image} ({credentials}, {attempts} attempts): {detail}")]
    Unreachable {
        /// What was asked for.
        image: String,
        /// `scheme://host:port`.
        address: String,
        /// What was used to get in.
        credentials: CredentialSource,
        /// How often it was tried.
        attempts: u32,
        /// The last failure.
        detail: String,
    },
    /// An answer that breaks the protocol, or content that is not what its digest says.
    #[error("{address} sent a wrong answer for {image}: {detail}")]
    Protocol {
        /// What was asked for.
        image: String,
        /// `scheme://host:port`.
        address: String,
        /// What is wrong.
        detail: String,
    },
    /// A credentials or certificates file that cannot be read.
    #[error("{path}: {detail}")]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The local side of a transfer.
    #[error(transparent)]
    Store(#[from] StoreError),
}
