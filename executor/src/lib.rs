//! Runs a step in isolation.
//!
//! [`runner`] gives the [`StepRunner`](cooperage_llb::ports::step_runner::StepRunner) of a [`Tier`], [`probe`]
//! says which tiers the machine allows. A step is described as an OCI runtime spec; [`plan::plan`] makes of it the
//! list of system calls, as data; a small interpreter makes the calls in a clone of this process. No helper
//! binary is executed, so this works in any host program, whatever threads it has.

#![warn(clippy::unwrap_used)]

pub mod plan;

mod accounts;
mod capability;
mod cgroup;
mod command_error;
mod host_command;
mod id_map;
mod layer_file;
mod limits;
mod network_files;
mod overlay_upper;
mod prepare;
mod probe;
mod runner;
mod scratch;
mod seccomp;
mod spec;
mod sys;
mod tier;
mod tree_path;
mod watch;
mod xattrs;

pub use host_command::HostRunner;
pub use probe::{TierError, TierReport, probe, runner, runner_lacking};
pub use tier::{Tier, UnknownTier};
