//! The error of a failed step, with its place in the Dockerfile.

use cooperage_llb::graph::{Graph, VertexId};
use cooperage_llb::pb;

use crate::Error;
use crate::error::{Kind, StepFailure, causes};
use crate::ops::OpFailure;

pub(super) fn error(graph: &Graph, vertex: VertexId, failure: OpFailure, log_tail: String) -> Error {
    let (message, help, kind) = match failure {
        OpFailure::Step { message, help, kind } => (message, help, kind),
        OpFailure::Cancelled => return Error::Cancelled,
        OpFailure::Error(error @ (Error::Internal(_) | Error::Definition(_))) => return error,
        OpFailure::Error(error) => {
            let kind = error.kind();
            (causes(&error), None, kind)
        }
    };
    let found = graph.vertex(vertex);
    let excerpt = found.locations.first().and_then(|location| excerpt(graph, location)).unwrap_or_default();
    let kind = if kind == Kind::Cancelled { Kind::Build } else { kind };
    Error::Step(Box::new(StepFailure { step: found.name(), message, excerpt, log_tail, help, kind }))
}

/// The lines around a place, those of the place marked.
fn excerpt(graph: &Graph, location: &pb::Location) -> Option<String> {
    let source = usize::try_from(location.source_index).ok().and_then(|index| graph.sources().get(index))?;
    let line = |position: &Option<pb::Position>| {
        position.as_ref().and_then(|position| usize::try_from(position.line).ok()).filter(|line| *line > 0)
    };
    let first = location.ranges.iter().filter_map(|range| line(&range.start)).min()?;
    let last = location.ranges.iter().filter_map(|range| line(&range.end)).max().unwrap_or(first).max(first);
    crate::excerpt::excerpt(&source.filename, &source.data, first..=last)
}
