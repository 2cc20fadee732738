//! The actions of LLB's FileOp as functions from trees to trees: no byte of a file is read.
//!
//! Paths are resolved inside the tree ([`Tree::resolve`](super::Tree::resolve)). An existing
//! directory that gets or loses an entry keeps its mtime, so that the same inputs give the same layer.

mod archive;
mod copy;
mod keep;
mod make_dir;
mod make_file;
mod mode;
mod near;
mod place;
mod remove;
mod select;
mod symlink;
#[cfg(test)]
mod tests;

pub use archive::add_archive;
pub use copy::{Copy, CopyError, copy};
pub use keep::keep_directories;
pub use make_dir::{MakeDir, MakeDirError, make_dir};
pub use make_file::{MakeFile, MakeFileError, make_file};
pub use mode::{ModeChange, ModeError, SymbolicMode};
pub use near::Near;
pub use place::PlaceError;
pub use remove::{Remove, RemoveError, remove};
pub use select::{SelectError, matches};
pub use symlink::{MakeSymlink, SymlinkError, symlink};

pub(super) use select::{Selected, select};
