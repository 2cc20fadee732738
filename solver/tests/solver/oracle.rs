//! The naive evaluator: in order, no cache; and, from two of its answers, what has to be done again.

use std::collections::BTreeSet;

use cooperage_llb::graph::{Graph, Vertex, VertexId};
use cooperage_llb::key::{Read, Slot, reads};
use cooperage_llb::pb::op::Op;
use cooperage_llb::ports::result_index::Chain;

use crate::tree::{Tree, apply, chain, digest, part};
use crate::world::Leaves;

/// What each vertex makes.
pub(crate) fn evaluate(graph: &Graph, leaves: &Leaves) -> Vec<Tree> {
    let mut made: Vec<Tree> = Vec::new();
    for vertex in graph.vertices() {
        let inputs: Vec<_> = vertex.inputs.iter().map(|edge| made[edge.vertex.0 as usize].clone()).collect();
        made.push(match vertex.body() {
            Op::Source(source) => leaves.tree(&source.identifier),
            body => apply(body, &inputs).remove(0),
        });
    }
    made
}

pub(crate) fn result(graph: &Graph, leaves: &Leaves) -> Chain {
    chain(evaluate(graph, leaves).last().unwrap())
}

/// What has to be done again after the leaves changed: an exec if the contents it sees changed; any other step
/// if what it reads did, or if what it builds upon was done again.
pub(crate) fn done_again(graph: &Graph, before: &Leaves, after: &Leaves) -> BTreeSet<VertexId> {
    let (old, new) = (evaluate(graph, before), evaluate(graph, after));
    let mut again = BTreeSet::new();
    for vertex in graph.vertices() {
        let changed = |(slot, at): (&Slot, usize)| {
            let input = vertex.inputs[at].vertex;
            let (old, new) = (&old[input.0 as usize], &new[input.0 as usize]);
            match slot {
                Slot::Paths(reads) => reads.iter().any(|read: &Read| part(old, read) != part(new, read)),
                Slot::Whole if is_exec(vertex) || is_local(graph.vertex(input)) => digest(old) != digest(new),
                Slot::Whole => again.contains(&input),
            }
        };
        let slots = reads(&vertex.op);
        let redo = match vertex.body() {
            Op::Source(_) => old[vertex.id.0 as usize] != new[vertex.id.0 as usize],
            _ => slots.iter().zip(0..).any(changed),
        };
        if redo {
            again.insert(vertex.id);
        }
    }
    again
}

fn is_exec(vertex: &Vertex) -> bool {
    matches!(vertex.body(), Op::Exec(_))
}

fn is_local(vertex: &Vertex) -> bool {
    matches!(vertex.body(), Op::Source(source) if source.identifier.starts_with("local://"))
}
