//! Random graphs: what is loaded is what was defined.

use std::collections::BTreeMap;

use cooperage_llb::graph::Graph;
use cooperage_llb::pb::{self, op::Op};
use proptest::prelude::*;
use prost::Message;

use crate::definitions::{Definition, merge, source};

/// By node: the earlier nodes it needs, as numbers taken modulo its place.
fn any_shape() -> impl Strategy<Value = Vec<Vec<u8>>> {
    proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..4), 1..30)
}

fn definition(shape: &[Vec<u8>]) -> (pb::Definition, Vec<String>) {
    let mut all = Definition::default();
    let mut names: Vec<String> = Vec::new();
    for (place, needs) in shape.iter().enumerate() {
        let name = if place == 0 || needs.is_empty() {
            all.add(&[], source(&format!("local://{place}")))
        } else {
            let inputs: Vec<_> = needs.iter().map(|&at| &names[usize::from(at) % place]).collect();
            let mut order: Vec<i64> = (0..inputs.len() as i64).collect();
            order.push(-1);
            // A name of its own, or equal ops would be one.
            let id = place.to_string();
            let pass = Op::Passthrough(pb::PassthroughOp { id, outputs: order[..inputs.len()].to_vec() });
            if place % 2 == 0 { all.add(&inputs, pass) } else { all.add(&inputs, diff(place, &order)) }
        };
        names.push(name);
    }
    (all.finish(names.last().unwrap()), names)
}

fn diff(place: usize, order: &[i64]) -> Op {
    let mut inputs = order.to_vec();
    inputs.extend(std::iter::repeat_n(-1, place));
    merge(&inputs)
}

proptest! {
    #[test]
    fn loading_keeps_every_op_that_is_needed(shape in any_shape(), turn in any::<usize>()) {
        let (mut definition, names) = definition(&shape);
        let graph = Graph::from_definition(&definition).unwrap();

        let last = definition.def.pop().unwrap();
        let count = definition.def.len();
        let bytes: BTreeMap<_, _> = names.iter().zip(definition.def.clone()).collect();
        for vertex in graph.vertices() {
            prop_assert_eq!(&vertex.op.encode_to_vec(), &bytes[&vertex.digest.to_string()]);
            for (edge, input) in vertex.inputs.iter().zip(&vertex.op.inputs) {
                prop_assert!(edge.vertex < vertex.id, "inputs come first");
                prop_assert_eq!(graph.vertex(edge.vertex).digest.to_string(), &*input.digest);
                prop_assert!(graph.dependants(edge.vertex).contains(&vertex.id));
            }
            let is_result = graph.result().unwrap().vertex == vertex.id;
            prop_assert!(is_result || !graph.dependants(vertex.id).is_empty(), "nobody needs {}", vertex.id);
        }
        prop_assert_eq!(graph.vertex(graph.result().unwrap().vertex).digest.to_string(), &**names.last().unwrap());

        definition.def.rotate_left(turn % count);
        definition.def.push(last);
        let turned = Graph::from_definition(&definition).unwrap();
        prop_assert!(graph.vertices().eq(turned.vertices()), "the order of the list does not matter");
    }
}
