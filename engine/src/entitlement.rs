//! What steps may do only if the build was allowed to (llb.md, section 11).

use std::collections::BTreeSet;

use cooperage_llb::graph::{Graph, VertexId};
use cooperage_llb::pb::{self, op::Op};

use crate::ops::OpFailure;
use crate::request::Entitlement;

/// The first step that needs what is not in `allowed`, and the error of it.
pub(crate) fn missing(graph: &Graph, allowed: &BTreeSet<Entitlement>) -> Option<(VertexId, OpFailure)> {
    graph.vertices().zip(0..).find_map(|(vertex, number)| {
        let Some(Op::Exec(exec)) = &vertex.op.op else { return None };
        let needed = needed_by(exec).into_iter().find(|needed| !allowed.contains(needed))?;
        let name = needed.name();
        let failure = OpFailure::Step {
            message: format!("{name} is not allowed"),
            help: Some(format!("if you trust this build, allow it with --allow {name}")),
            kind: crate::Kind::Usage,
        };
        Some((VertexId(number), failure))
    })
}

fn needed_by(exec: &pb::ExecOp) -> Vec<Entitlement> {
    let host = exec.network == pb::NetMode::Host as i32;
    let insecure = exec.security == pb::SecurityMode::Insecure as i32;
    let needed = [(host, Entitlement::NetworkHost), (insecure, Entitlement::SecurityInsecure)];
    needed.into_iter().filter_map(|(is_needed, what)| is_needed.then_some(what)).collect()
}
