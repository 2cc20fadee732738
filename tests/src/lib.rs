//! What the end-to-end tests share: the built binary with a store of its own, base images made on the
//! spot, and real components, started and stopped by the tests themselves.

#![forbid(unsafe_code)]

mod authority;
mod bases;
pub mod conformance;
mod cooper;
mod peers;
mod registry;
mod token_server;

pub use authority::Authority;
pub use bases::{busybox, busybox_context, debian, debian_contexts};
pub use cooper::{Cooper, Outcome, StepLine, binary};
pub use peers::{peer, run};
pub use registry::{Access, Registry};
pub use token_server::{TokenRequest, TokenServer};

use std::path::Path;

/// Writes `files` (path, contents) below `folder`.
pub fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a path in a folder")).expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
    }
}

/// A new folder with `files`.
pub fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(folder.path(), files);
    folder
}
