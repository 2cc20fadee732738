//! The unsafe part: an interpreter of plans, and the clone that it runs in.
//!
//! Two processes are made for a step. The *keeper* is process 1 of an outer PID namespace: it does
//! nothing but wait for the step and for us, and the kernel kills everything in its namespace when it
//! ends, however that comes. The *step* is process 1 of a PID namespace inside, so a command sees
//! itself as it would in a container, sees no process of ours, and takes what it left behind with it.
//!
//! Neither allocates: all that they need is made before the clone. The plan's calls are made in order,
//! and the first that fails is written to a pipe as its number and errno.

#![expect(unsafe_code, reason = "system calls; the only module of the project that may")]

pub(crate) mod clone;
mod guardian;
mod interpreter;
mod keeper;
mod program;
mod report;
pub(crate) mod wrappers;

pub(crate) use clone::{Child, Namespaces, spawn};
pub(crate) use guardian::guard;
pub(crate) use report::{Detail, Report};
