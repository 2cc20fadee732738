//! What the solver asks for.

use cooperage_image::Digest;
use cooperage_llb::graph::VertexId;
use cooperage_llb::key::{Key, Read, ResultId};
use cooperage_llb::ports::result_index::{Chain, StepResult};

use crate::keys::Keys;

/// What is to be done. Effects are complete: performing one needs the graph, and nothing of the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Resolve a source op. Answer: [`Sourced`](crate::Event::Sourced).
    Source {
        /// The source.
        vertex: VertexId,
    },
    /// Look `key` up in the index. Answer: [`Looked`](crate::Event::Looked).
    Lookup {
        /// Who asks.
        vertex: VertexId,
        /// The key.
        key: Key,
    },
    /// Digest contents. Answer: [`Digested`](crate::Event::Digested).
    Digest {
        /// Who asks.
        vertex: VertexId,
        /// What to digest, by input.
        inputs: Vec<Digesting>,
    },
    /// Look for an earlier run of the same exec op whose inputs had other identities and the same contents
    /// (early cut-off across a RUN): a candidate from which the first key differs in inputs alone
    /// ([`Key::differing_inputs`]), each with the contents that ours has. Answer:
    /// [`Matched`](crate::Event::Matched).
    MatchContent {
        /// Who asks.
        vertex: VertexId,
        /// The op's digest: what the candidates were recorded for.
        op: Digest,
        /// All inputs, by input index.
        inputs: Vec<Input>,
        /// The keys that missed.
        keys: Keys,
    },
    /// Do a step. Answer: [`Ran`](crate::Event::Ran) or [`Adopted`](crate::Event::Adopted).
    Run {
        /// Which.
        vertex: VertexId,
        /// All inputs, by input index.
        inputs: Vec<Input>,
        /// What its result will be recorded under: what to lock, and to explain the miss with.
        keys: Keys,
    },
    /// Put a result into the index. Answer: [`Recorded`](crate::Event::Recorded).
    Record {
        /// Whose.
        vertex: VertexId,
        /// The op's digest, by which it is found as a candidate.
        op: Digest,
        /// What to record it under. The result's identity comes from the first unless it was found.
        keys: Vec<Key>,
        /// Keys whose older result, if there is one, is to give way to this one: the keys the step would have
        /// had if its cache were not ignored. An index that cannot replace leaves them out.
        replace: Vec<Key>,
        /// What to record.
        result: StepResult,
    },
    /// Stop what was asked for this vertex, if it can be stopped; it is to be answered all the same. A
    /// `Record` under way is not stopped.
    Cancel {
        /// Which.
        vertex: VertexId,
    },
    /// A vertex is done. For progress and logs; not answered.
    Done {
        /// Which.
        vertex: VertexId,
        /// By what.
        how: How,
    },
    /// The end; comes once and last. Not answered.
    Finish(Outcome),
}

/// What is to be digested of one input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digesting {
    /// Index of the input.
    pub index: u32,
    /// The input.
    pub input: Input,
    /// What is read of it, in the order of the op.
    pub reads: Vec<Read>,
}

/// An input of a step, as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Input {
    /// The identity of the result; `None` for what has none (a local directory).
    pub result: Option<ResultId>,
    /// Which output of it.
    pub output: u32,
    /// That output.
    pub chain: Chain,
}

/// How a vertex came to its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum How {
    /// It is a source.
    Resolved,
    /// Found in the index by its definition key.
    CachedByDefinition,
    /// Found in the index by its content key.
    CachedByContent,
    /// Found by comparing with the inputs of earlier runs.
    Matched,
    /// Another process made it meanwhile.
    Adopted,
    /// Taken from a vertex of the same build with the same key.
    Shared,
    /// It was done.
    Ran,
}

/// How a build ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// With this result.
    Done(Chain),
    /// The first vertex that failed.
    Failed {
        /// Which.
        vertex: VertexId,
    },
    /// By [`Event::Cancel`](crate::Event::Cancel).
    Cancelled,
}
