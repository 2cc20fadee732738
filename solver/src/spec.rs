//! What the solver knows of a vertex before the build.

use cooperage_image::Digest;
use cooperage_llb::graph::{Edge, Graph, Vertex, VertexId};
use cooperage_llb::key::{Slot, op_digest, reads};
use cooperage_llb::pb::op::Op;

/// The unchanging part of a vertex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) kind: Kind,
    /// Of the definition; tells vertices apart that do the same.
    pub(crate) digest: Digest,
    /// What the op does.
    pub(crate) op: Digest,
    pub(crate) inputs: Vec<Edge>,
    /// By input.
    pub(crate) slots: Vec<Slot>,
    pub(crate) outputs: u32,
    pub(crate) ignore_cache: bool,
    /// Each once, in order.
    pub(crate) dependants: Vec<VertexId>,
}

/// What matters of an op's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Resolved, never looked up.
    Source,
    /// Counts against the limit of steps at a time, and may be matched by content.
    Exec,
    /// Anything else.
    Other,
}

impl Spec {
    pub(crate) fn of(graph: &Graph, vertex: &Vertex) -> Self {
        let kind = match vertex.body() {
            Op::Source(_) => Kind::Source,
            Op::Exec(_) => Kind::Exec,
            Op::File(_) | Op::Build(_) | Op::Merge(_) | Op::Diff(_) | Op::Passthrough(_) => Kind::Other,
        };
        Self {
            kind,
            digest: vertex.digest,
            op: op_digest(&vertex.op),
            inputs: vertex.inputs.clone(),
            slots: reads(&vertex.op),
            outputs: vertex.outputs(),
            ignore_cache: vertex.metadata.ignore_cache,
            dependants: graph.dependants(vertex.id),
        }
    }

    /// How many vertices it waits for.
    pub(crate) fn distinct_inputs(&self) -> u32 {
        let mut vertices: Vec<_> = self.inputs.iter().map(|edge| edge.vertex).collect();
        vertices.sort_unstable();
        vertices.dedup();
        u32::try_from(vertices.len()).expect("a graph has fewer vertices")
    }

    /// Whether something of the inputs is read by content.
    pub(crate) fn reads_contents(&self) -> bool {
        self.slots.iter().any(|slot| match slot {
            Slot::Paths(_) => true,
            Slot::Whole => false,
        })
    }
}
