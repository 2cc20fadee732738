//! A definition as a checked DAG.
//!
//! [`Graph::from_definition`] is where foreign bytes end: what it lets through has a body, and every
//! index, output number and enumeration in it is in range, so that later code can index without looking.

mod check;
mod dot;
mod json;
mod load;
mod name;

use std::fmt;

use cooperage_image::Digest;
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::pb;

pub(crate) use check::owner;
pub use check::{OpError, action_order};

/// The most vertices a definition may have: far beyond any build, and a bound for hostile input.
pub const MAX_VERTICES: usize = 1 << 20;

/// A definition, checked: vertices in topological order, inputs first, and only those that the result needs.
#[derive(Debug, Clone)]
pub struct Graph {
    /// Arrows go from an input to its dependant. A node's index is its vertex's id.
    dag: DiGraph<Vertex, ()>,
    result: Option<Edge>,
    sources: Vec<pb::SourceInfo>,
}

/// Place of a vertex in its graph's order; means nothing in another graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VertexId(pub u32);

/// One output of one vertex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    /// Who makes it.
    pub vertex: VertexId,
    /// Which of the vertex's outputs; less than [`Vertex::outputs`].
    pub output: u32,
}

/// An op with what the definition says about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Vertex {
    /// Its place.
    pub id: VertexId,
    /// Digest of the op's bytes, as they were in the definition.
    pub digest: Digest,
    /// The op; its body is always set.
    pub op: pb::Op,
    /// By input index: what the op's inputs name.
    pub inputs: Vec<Edge>,
    /// Default when the definition has none.
    pub metadata: pb::OpMetadata,
    /// Where the step is written; `source_index` is an index of [`Graph::sources`].
    pub locations: Vec<pb::Location>,
}

/// Why a definition is not a graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Bytes that are no op.
    #[error("op {position} of the definition is malformed: {reason}")]
    Malformed {
        /// Index in `def`.
        position: usize,
        /// What the decoder said.
        reason: String,
    },
    /// The last op has to name the result and nothing else, and there has to be another one.
    #[error("the definition's last op does not name a result: {0}")]
    Terminal(&'static str),
    /// The same bytes twice.
    #[error("{0} is defined twice")]
    Duplicate(Digest),
    /// An input that is not in the definition.
    #[error("input {input} of {vertex} is {digest:?}, which is not in the definition")]
    UnknownInput {
        /// Digest of the op.
        vertex: Digest,
        /// Index in its inputs.
        input: usize,
        /// What it names.
        digest: String,
    },
    /// An input's output that its vertex does not have.
    #[error("input {input} of {vertex} is output {index} of an op that has {outputs}")]
    Index {
        /// Digest of the op.
        vertex: Digest,
        /// Index in its inputs.
        input: usize,
        /// The output it asks for.
        index: i64,
        /// How many there are.
        outputs: u32,
    },
    /// An op that breaks its own rules.
    #[error("{vertex}: {source}")]
    Op {
        /// Digest of the op.
        vertex: Digest,
        /// Which rule.
        #[source]
        source: OpError,
    },
    /// A place in a source that the definition does not have.
    #[error("a location of {vertex} names source {index}, of {sources}")]
    Location {
        /// Digest of the op.
        vertex: Digest,
        /// The index.
        index: i32,
        /// How many sources there are.
        sources: usize,
    },
    /// An op that needs itself.
    #[error("{0} depends on itself")]
    Cycle(Digest),
    /// More than [`MAX_VERTICES`].
    #[error("the definition has {0} ops, more than {MAX_VERTICES}")]
    TooLarge(usize),
}

impl Graph {
    /// Checks `definition` (llb.md §1 and §4). No ops at all is `scratch`, a graph without vertices; ops
    /// that the result does not need are decoded and then left out.
    pub fn from_definition(definition: &pb::Definition) -> Result<Self, GraphError> {
        load::load(definition)
    }

    /// What is to be built; `None` is `scratch`.
    pub fn result(&self) -> Option<Edge> {
        self.result
    }

    /// All vertices, inputs before dependants.
    pub fn vertices(&self) -> impl Iterator<Item = &Vertex> {
        self.dag.node_weights()
    }

    /// How many vertices there are.
    pub fn len(&self) -> usize {
        self.dag.node_count()
    }

    /// Whether it is `scratch`.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The vertex of this graph with the id `id`.
    ///
    /// # Panics
    /// If `id` is another, larger graph's.
    pub fn vertex(&self, id: VertexId) -> &Vertex {
        &self.dag[id.node()]
    }

    /// The vertices that have `id` among their inputs, each once, in order.
    pub fn dependants(&self, id: VertexId) -> Vec<VertexId> {
        let mut found: Vec<_> =
            self.dag.neighbors_directed(id.node(), Direction::Outgoing).map(VertexId::of).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The texts that [`Vertex::locations`] point into.
    pub fn sources(&self) -> &[pb::SourceInfo] {
        &self.sources
    }

    /// For people and scripts: every vertex with its inputs and all fields of its op that are set.
    pub fn to_json(&self) -> serde_json::Value {
        json::graph(self)
    }

    /// For graphviz: arrows go from an input to its dependant.
    pub fn to_dot(&self) -> String {
        dot::graph(self)
    }
}

impl VertexId {
    fn node(self) -> NodeIndex {
        NodeIndex::new(self.0 as usize)
    }

    fn of(node: NodeIndex) -> Self {
        Self(u32::try_from(node.index()).expect("petgraph's indexes are u32"))
    }
}

impl fmt::Display for VertexId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl Vertex {
    /// What people know the step by: `llb.customname`, else a summary of the op in one line.
    pub fn name(&self) -> String {
        match self.metadata.description.get("llb.customname") {
            Some(name) => name.clone(),
            None => name::summary(self.body()),
        }
    }

    /// How many outputs the op has by its own rules; its result has exactly so many chains.
    pub fn outputs(&self) -> u32 {
        check::outputs(self.body())
    }

    /// The op's body.
    pub fn body(&self) -> &pb::op::Op {
        self.op.op.as_ref().expect("Graph::from_definition refuses ops without body")
    }
}
