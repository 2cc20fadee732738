//! The build graph and the ports between the rooms.
//!
//! [`pb`] is BuildKit's LLB on the wire, [`graph`] the same as a checked DAG, [`key`] the two kinds
//! of cache key, and [`ports`] the traits through which frontend, solver, executor, cache and
//! registry meet without knowing each other.

#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]

pub mod definition;
pub mod graph;
pub mod key;
pub mod path;
pub mod pb;
pub mod ports;
