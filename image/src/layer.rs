//! The layer codec: a change set as a tar stream, compressed, and back; and as a directory that an
//! overlay can have as a lower one.
//!
//! The bytes of a blob are a function of the change set, its contents, the compression, the level and
//! the epoch alone: not of the machine, the number of threads, or what was written before.
//!
//! Formats: image-spec layer.md; POSIX.1-2017 `pax`, "pax Interchange Format"; RFC 1952; RFC 8878.

use std::io::Read;

use crate::tree::File;

mod blocks;
mod codec;
mod decode;
mod directory;
mod disk;
mod settle;
pub(crate) mod tar;
mod unpack;
mod write;

pub use directory::{DirectoryError, write_directory};
pub use unpack::{UnpackError, Unpacked, unpack};
pub use write::{WriteError, Written, write_layer};

pub(crate) use decode::{Format, decoder};
pub(crate) use settle::Contents;
pub(crate) use unpack::{Unpacking, read_tar};

/// Opens the contents of files. What it opens is read to its end and must be as long as the file says.
pub trait ContentReader: Sync {
    /// The bytes of `file`, from the first. For local contents, checking that the file is still the one
    /// that was seen (before and after) is the reader's part: a change is an error of `open` or of a read.
    fn open(&self, file: &File) -> std::io::Result<Box<dyn Read + Send>>;
}

/// Who owns what is written to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ownership {
    /// As recorded: owners, modes, devices and capabilities. Needs root.
    Real,
    /// The caller, who can read and remove all of it: files are at least `0600`, directories `0700`, no
    /// set-id bits, devices are empty files, and file capabilities are left out. The truth is in the
    /// metadata. Whiteouts are written where the kernel lets anybody make them (Linux 5.8).
    Caller,
}

#[cfg(test)]
mod tests;
