//! A graph in graphviz's language.

use std::fmt::Write;

use super::{Graph, Vertex};
use crate::pb::op::Op;

pub(super) fn graph(graph: &Graph) -> String {
    let mut out = String::from("digraph {\n");
    for vertex in graph.vertices() {
        let _infallible =
            writeln!(out, "  {} [label={:?} shape={}];", vertex.id, escaped(&vertex.name()), shape(vertex));
    }
    for vertex in graph.vertices() {
        for (index, edge) in vertex.inputs.iter().enumerate() {
            let output = if edge.output == 0 { String::new() } else { format!(" of {}", edge.output) };
            let _infallible =
                writeln!(out, "  {} -> {} [label=\"{index}{output}\"];", edge.vertex, vertex.id);
        }
    }
    if let Some(result) = graph.result() {
        let _infallible = writeln!(
            out,
            "  result [shape=plaintext];\n  {} -> result [label={}];",
            result.vertex, result.output
        );
    }
    out.push_str("}\n");
    out
}

/// Dot knows `\"` and `\\` of Rust's escapes; control characters were replaced in summaries, but a
/// custom name may hold any.
fn escaped(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn shape(vertex: &Vertex) -> &'static str {
    match vertex.body() {
        Op::Source(_) => "ellipse",
        Op::Exec(_) => "box",
        Op::File(_) => "note",
        Op::Merge(_) | Op::Diff(_) => "invtriangle",
        Op::Build(_) => "box3d",
        Op::Passthrough(_) => "point",
    }
}
