//! Blobs, layers, results and names, on disk and in memory.
//!
//! [`DiskStore`] implements the store's ports over one directory that many threads and processes share;
//! [`memory::MemoryStore`] implements the same ports without a disk, and stricter, for tests.
//!
//! What holds for the directory (docs/formats/root.md):
//!
//! * Nothing is visible before it is whole: a temporary name, then a rename, then the row in the
//!   database. A process killed at any byte leaves only leftovers that the next one removes.
//! * Nothing is removed that a living process or a named image uses: see `disk::lease`.
//! * Nothing written before a power failure is believed after it unverified: see `disk::power`.

#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]

mod changes_codec;
mod collect;
mod disk;
mod explain;
pub mod memory;
mod racy;

pub use disk::DiskStore;
