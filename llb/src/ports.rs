//! Ports: the traits between the rooms. Drivers implement them, `engine` alone picks drivers.
//!
//! Blocking ports are called on blocking threads; [`registry`] and [`downloads`] are asynchronous, since transfers wait.

pub mod blob_store;
pub mod cache_mounts;
pub mod cancel;
pub mod downloads;
pub mod host_commands;
pub mod image_names;
pub mod layer_store;
pub mod registry;
pub mod result_index;
pub mod stat_cache;
pub mod step_runner;
pub mod upkeep;

pub use blob_store::{BlobReader, BlobStore, BlobWriter};
pub use cache_mounts::{CacheMount, CacheMounts, Sharing};
pub use cancel::CancelToken;
pub use downloads::Downloads;
pub use host_commands::HostCommands;
pub use image_names::ImageNames;
pub use layer_store::{LayerStore, Workspace};
pub use registry::{BoxFuture, Registry};
pub use result_index::ResultIndex;
pub use stat_cache::StatCache;
pub use step_runner::{StepLog, StepRunner};
pub use upkeep::Upkeep;

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A system call on a path of the store.
    #[error("{action} {path}")]
    Io {
        /// What was being done: `write`, `rename`, ...
        action: &'static str,
        /// To what.
        path: std::path::PathBuf,
        /// The errno.
        #[source]
        source: std::io::Error,
    },
    /// The file system is full or over quota.
    #[error("no space left for {path}: free some, run `cooper prune`, or choose another --root")]
    Full {
        /// What was being written.
        path: std::path::PathBuf,
    },
    /// The store cannot be written.
    #[error("the store {root} cannot be written: choose another with --root or COOPER_ROOT")]
    ReadOnly {
        /// The store.
        root: std::path::PathBuf,
        /// The errno.
        #[source]
        source: std::io::Error,
    },
    /// Bytes that are not what their name says.
    #[error("{what} in the store is damaged: {detail}")]
    Damaged {
        /// Which object.
        what: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The store was made by a newer cooper.
    #[error(
        "the store {root} has format {found}, this cooper knows {known}: use a newer cooper or another --root"
    )]
    Newer {
        /// The store.
        root: std::path::PathBuf,
        /// Its version.
        found: u32,
        /// The newest version this program reads.
        known: u32,
    },
    /// Bytes whose digest or length is not the expected one.
    #[error("expected {expected}, got {actual}")]
    Mismatch {
        /// What was announced.
        expected: String,
        /// What came.
        actual: String,
    },
    /// The index database.
    #[error("{action} in the store's index {path}")]
    Index {
        /// What was being done.
        action: &'static str,
        /// The database.
        path: std::path::PathBuf,
        /// What it said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
