//! The solver: which step of a graph to look up, to digest, to run, and when.
//!
//! A synchronous reducer: [`step`] takes a [`State`] and an [`Event`] and answers with [`Effect`]s, which
//! the caller performs, in any order and side by side, feeding back what came of each. There is no clock,
//! thread, file, socket, log or lock in this crate, so a build is a list of events, which can be saved,
//! shrunk and replayed. The scheme of keys and the invariants are in docs/solver.md.

#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]

mod admit;
mod effect;
mod event;
mod keys;
mod spec;
mod state;
mod step;

pub use effect::{Digesting, Effect, How, Input, Outcome};
pub use event::{Answer, Event, Unexpected};
pub use keys::Keys;
pub use state::{Counts, Options, Progress, State};
pub use step::step;
