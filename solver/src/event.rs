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

impl Event {
    /// Whose answer it is, and to what (`None`: to whatever was asked); nothing for events of the whole build.
    pub(crate) fn answers(&self) -> Option<(VertexId, Option<Answer>)> {
        match self {
            Self::Start | Self::Cancel => None,
            Self::Sourced { vertex, .. } => Some((*vertex, Some(Answer::Source))),
            Self::Looked { vertex, .. } => Some((*vertex, Some(Answer::Lookup))),
            Self::Digested { vertex, .. } => Some((*vertex, Some(Answer::Digest))),
            Self::Matched { vertex, .. } => Some((*vertex, Some(Answer::Match))),
            Self::Ran { vertex, .. } | Self::Adopted { vertex, .. } => Some((*vertex, Some(Answer::Run))),
            Self::Recorded { vertex, .. } => Some((*vertex, Some(Answer::Record))),
            Self::Failed { vertex } | Self::Stopped { vertex } => Some((*vertex, None)),
        }
    }

    /// The number of chains it brings, if it brings a result.
    pub(crate) fn chains(&self) -> Option<usize> {
        match self {
            Self::Looked { hit, .. } | Self::Matched { hit, .. } => hit.as_ref().map(|hit| hit.outputs.len()),
            Self::Ran { outputs, .. } => Some(outputs.len()),
            Self::Adopted { result, .. } | Self::Recorded { result, .. } => Some(result.outputs.len()),
            Self::Start
            | Self::Cancel
            | Self::Sourced { .. }
            | Self::Digested { .. }
            | Self::Failed { .. }
            | Self::Stopped { .. } => None,
        }
    }
}
