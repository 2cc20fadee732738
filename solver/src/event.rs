//! What the solver is told.

use cooperage_llb::graph::VertexId;
use cooperage_llb::key::{Component, ResultId};
use cooperage_llb::ports::result_index::{Chain, StepResult};

/// What happened. Every effect that asks for something is answered by exactly one event of its vertex:
/// the one named at the effect, or [`Event::Failed`] or [`Event::Stopped`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The first event of every build.
    Start,
    /// The build is not wanted any more. Without effect when it is already ending.
    Cancel,
    /// A source was resolved (answers `Source`).
    Sourced {
        /// The source.
        vertex: VertexId,
        /// What it is: one chain.
        output: Chain,
        /// What keys of dependants name it by: a digest of what it is pinned to. `None` if it has no
        /// identity that a later build could meet again (a local directory): then only contents count.
        identity: Option<ResultId>,
    },
    /// The index was asked (answers `Lookup`). A result that cannot be used is a miss.
    Looked {
        /// Who asked.
        vertex: VertexId,
        /// What was found.
        hit: Option<StepResult>,
    },
    /// Contents were digested (answers `Digest`).
    Digested {
        /// Whose inputs.
        vertex: VertexId,
        /// In an order that depends on what was asked alone. The names enter the key: they say which input
        /// and which path *below what was asked for*, so that the same files elsewhere have the same key.
        digests: Vec<Component>,
    },
    /// Earlier runs were compared (answers `MatchContent`).
    Matched {
        /// Whose inputs.
        vertex: VertexId,
        /// The result of a run whose inputs had the same contents.
        hit: Option<StepResult>,
    },
    /// A step was done (answers `Run`).
    Ran {
        /// Which.
        vertex: VertexId,
        /// What it made, by output index.
        outputs: Vec<Chain>,
    },
    /// A step turned out to be done already: another process recorded one of its keys while this one
    /// waited for that key's lock (answers `Run`).
    Adopted {
        /// Which.
        vertex: VertexId,
        /// The other's result.
        result: StepResult,
    },
    /// A result is in the index (answers `Record`).
    Recorded {
        /// Whose.
        vertex: VertexId,
        /// What the keys lead to now; another process's result if that one was first.
        result: StepResult,
    },
    /// What was asked for could not be done, or the step itself failed. The caller keeps the reason, by vertex.
    Failed {
        /// Whose effect.
        vertex: VertexId,
    },
    /// What was asked for was stopped before it was done, because of [`Effect::Cancel`](crate::Effect::Cancel).
    Stopped {
        /// Whose effect.
        vertex: VertexId,
    },
}

/// Kinds of answers that a vertex waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// [`Event::Sourced`]
    Source,
    /// [`Event::Looked`]
    Lookup,
    /// [`Event::Digested`]
    Digest,
    /// [`Event::Matched`]
    Match,
    /// [`Event::Ran`] or [`Event::Adopted`]
    Run,
    /// [`Event::Recorded`]
    Record,
}

/// An event that cannot be, by what was asked. The state is as it was before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unexpected {
    /// The build was already started or has already ended.
    #[error("start of a build that was started")]
    Start,
    /// A vertex of another graph.
    #[error("{0} is not in the graph")]
    NoVertex(VertexId),
    /// An answer to something that was not asked for.
    #[error("{vertex} got an answer ({got:?}) while it waited for {awaited:?}")]
    Answer {
        /// Who got it.
        vertex: VertexId,
        /// What it answers; `None` for a failure or a stop.
        got: Option<Answer>,
        /// What was asked; `None` if nothing.
        awaited: Option<Answer>,
    },
    /// A result with another number of chains than the op has outputs.
    #[error("{vertex} got {got} outputs, it has {expected}")]
    Outputs {
        /// Whose result.
        vertex: VertexId,
        /// How many came.
        got: usize,
        /// How many the op has.
        expected: u32,
    },
}
