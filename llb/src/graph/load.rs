//! From a definition's bytes to a graph.

use std::collections::HashMap;

use cooperage_image::Digest;
use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::DfsPostOrder;
use prost::Message;

use super::{Edge, Graph, GraphError, MAX_VERTICES, Vertex, VertexId, check};
use crate::pb;

pub(super) fn load(definition: &pb::Definition) -> Result<Graph, GraphError> {
    let sources = definition.source.as_ref().map(|source| source.infos.clone()).unwrap_or_default();
    let Some((terminal, ops)) = definition.def.split_last() else {
        return Ok(Graph { dag: DiGraph::new(), result: None, sources });
    };
    if ops.len() > MAX_VERTICES {
        return Err(GraphError::TooLarge(ops.len()));
    }
    let ops = decode(ops)?;
    let target = terminal_input(terminal, ops.nodes.len())?;
    let wiring = ops.wire(&target)?;
    let mut dag = DiGraph::with_capacity(wiring.order.len(), 0);
    for &old in &wiring.order {
        let id = VertexId::of(NodeIndex::new(dag.node_count()));
        let (digest, op) = &ops.nodes[old];
        let inputs = wiring.edges(op, digest, &dag)?;
        let vertex = Vertex {
            id,
            digest: *digest,
            op: op.clone(),
            metadata: definition.metadata.get(&digest.to_string()).cloned().unwrap_or_default(),
            locations: locations(definition, digest, sources.len())?,
            inputs,
        };
        let inputs: Vec<_> = vertex.inputs.iter().map(|edge| edge.vertex).collect();
        dag.add_node(vertex);
        for input in inputs {
            dag.add_edge(input.node(), id.node(), ());
        }
    }
    let result = wiring.edge(&target, 0, &Digest::of(terminal), &dag)?;
    Ok(Graph { dag, result: Some(result), sources })
}

/// The ops of a definition, before it is known which are needed.
struct Ops {
    nodes: Vec<(Digest, pb::Op)>,
    by_digest: HashMap<String, usize>,
}

fn decode(bytes: &[Vec<u8>]) -> Result<Ops, GraphError> {
    let mut ops = Ops { nodes: Vec::with_capacity(bytes.len()), by_digest: HashMap::new() };
    for (position, bytes) in bytes.iter().enumerate() {
        let op = decode_op(bytes, position)?;
        let digest = Digest::of(bytes);
        if ops.by_digest.insert(digest.to_string(), position).is_some() {
            return Err(GraphError::Duplicate(digest));
        }
        ops.nodes.push((digest, op));
    }
    Ok(ops)
}

fn decode_op(bytes: &[u8], position: usize) -> Result<pb::Op, GraphError> {
    pb::Op::decode(bytes).map_err(|error| GraphError::Malformed { position, reason: error.to_string() })
}

fn terminal_input(bytes: &[u8], position: usize) -> Result<pb::Input, GraphError> {
    let op = decode_op(bytes, position)?;
    if op.op.is_some() {
        return Err(GraphError::Terminal("it has a body"));
    }
    let Ok([input]) = <[pb::Input; 1]>::try_from(op.inputs) else {
        return Err(GraphError::Terminal("it has to have one input"));
    };
    if position == 0 {
        return Err(GraphError::Terminal("it is the only op"));
    }
    Ok(input)
}

/// What is reachable from the result, and in which order.
struct Wiring<'a> {
    ops: &'a Ops,
    order: Vec<usize>,
    new_ids: HashMap<usize, VertexId>,
}

impl Ops {
    fn position(&self, input: &pb::Input, index: usize, vertex: &Digest) -> Result<usize, GraphError> {
        self.by_digest.get(&input.digest).copied().ok_or_else(|| GraphError::UnknownInput {
            vertex: *vertex,
            input: index,
            digest: input.digest.clone(),
        })
    }

    /// Reaches from the result to all it needs. The order depends on the graph's shape alone, not on the
    /// order in which the definition lists its ops.
    fn wire(&self, target: &pb::Input) -> Result<Wiring<'_>, GraphError> {
        let start = self.position(target, 0, &Digest::of(&[]))?;
        let mut needs = DiGraph::<usize, ()>::new();
        let mut seen = HashMap::from([(start, needs.add_node(start))]);
        let mut open = vec![start];
        while let Some(position) = open.pop() {
            let (digest, op) = &self.nodes[position];
            check::op(op).map_err(|source| GraphError::Op { vertex: *digest, source })?;
            for (index, input) in op.inputs.iter().enumerate() {
                let other = self.position(input, index, digest)?;
                let node = *seen.entry(other).or_insert_with(|| {
                    open.push(other);
                    needs.add_node(other)
                });
                needs.add_edge(seen[&position], node, ());
            }
        }
        toposort(&needs, None).map_err(|cycle| GraphError::Cycle(self.nodes[needs[cycle.node_id()]].0))?;
        let mut order = Vec::with_capacity(needs.node_count());
        // It looks at the newest edge first and stacks what it sees, so a first input comes before a second.
        let mut walk = DfsPostOrder::new(&needs, seen[&start]);
        while let Some(node) = walk.next(&needs) {
            order.push(needs[node]);
        }
        let new_ids =
            order.iter().enumerate().map(|(new, &old)| (old, VertexId::of(NodeIndex::new(new)))).collect();
        Ok(Wiring { ops: self, order, new_ids })
    }
}

impl Wiring<'_> {
    fn edges(
        &self,
        op: &pb::Op,
        digest: &Digest,
        dag: &DiGraph<Vertex, ()>,
    ) -> Result<Vec<Edge>, GraphError> {
        op.inputs.iter().enumerate().map(|(index, input)| self.edge(input, index, digest, dag)).collect()
    }

    fn edge(
        &self,
        input: &pb::Input,
        index: usize,
        digest: &Digest,
        dag: &DiGraph<Vertex, ()>,
    ) -> Result<Edge, GraphError> {
        let vertex = self.new_ids[&self.ops.position(input, index, digest)?];
        let outputs = dag[vertex.node()].outputs();
        match u32::try_from(input.index) {
            Ok(output) if output < outputs => Ok(Edge { vertex, output }),
            Ok(_) | Err(_) => {
                Err(GraphError::Index { vertex: *digest, input: index, index: input.index, outputs })
            }
        }
    }
}

fn locations(
    definition: &pb::Definition,
    digest: &Digest,
    sources: usize,
) -> Result<Vec<pb::Location>, GraphError> {
    let found = definition
        .source
        .as_ref()
        .and_then(|source| source.locations.get(&digest.to_string()))
        .map(|locations| locations.locations.clone())
        .unwrap_or_default();
    for location in &found {
        if usize::try_from(location.source_index).map_or(true, |index| index >= sources) {
            return Err(GraphError::Location { vertex: *digest, index: location.source_index, sources });
        }
    }
    Ok(found)
}
