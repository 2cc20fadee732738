//! What the user is told of a solve, and what is kept for its report.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use cooperage_llb::graph::{Graph, VertexId};
use cooperage_llb::pb::op::Op;
use cooperage_llb::ports::step_runner::Stream;
use cooperage_solver::How;

use super::log::Tail;
use crate::event::{Event, EventSink, StepEnd, StepId};
use crate::ops::OpFailure;
use crate::report::StepSummary;

pub(super) struct Progress<'a> {
    events: EventSink<'a>,
    steps: Vec<StepState>,
    tails: HashMap<VertexId, Tail>,
}

struct StepState {
    name: String,
    is_source: bool,
    started: Option<Instant>,
    ended: Option<(StepEnd, Duration)>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(graph: &Graph, events: EventSink<'a>) -> Self {
        let steps: Vec<StepState> = graph
            .vertices()
            .map(|vertex| StepState {
                name: vertex.name(),
                is_source: matches!(vertex.body(), Op::Source(_)),
                started: None,
                ended: None,
            })
            .collect();
        events(Event::Planned { steps: steps.iter().map(|step| step.name.clone()).collect() });
        Self { events, steps, tails: HashMap::new() }
    }

    pub(super) fn started(&mut self, vertex: VertexId) {
        let step = &mut self.steps[vertex.0 as usize];
        if step.started.is_none() {
            step.started = Some(Instant::now());
            (self.events)(Event::Started { step: StepId(vertex.0) });
        }
    }

    pub(super) fn log(&mut self, vertex: VertexId, stream: Stream, bytes: Vec<u8>) {
        self.tails.entry(vertex).or_default().push(&bytes);
        (self.events)(Event::Log { step: StepId(vertex.0), stream, bytes });
    }

    pub(super) fn missed(&mut self, vertex: VertexId, because: String) {
        (self.events)(Event::Missed { step: StepId(vertex.0), because });
    }

    pub(super) fn done(&mut self, vertex: VertexId, how: How) {
        let end = match how {
            How::Resolved | How::Ran => StepEnd::Ran,
            How::CachedByDefinition | How::CachedByContent | How::Matched | How::Adopted | How::Shared => {
                StepEnd::Cached
            }
        };
        self.started(vertex);
        self.ended(vertex, end);
    }

    pub(super) fn failed(&mut self, vertex: VertexId, failure: &OpFailure) {
        let message = match failure {
            OpFailure::Step { message, .. } => message.clone(),
            OpFailure::Error(error) => error.to_string(),
            OpFailure::Cancelled => return,
        };
        self.started(vertex);
        self.ended(vertex, StepEnd::Failed(message));
    }

    /// The build is over: what was started and did not end was stopped.
    pub(super) fn abandon(&mut self) {
        for index in 0..self.steps.len() {
            if self.steps[index].started.is_some() && self.steps[index].ended.is_none() {
                self.ended(VertexId(index as u32), StepEnd::Cancelled);
            }
        }
    }

    fn ended(&mut self, vertex: VertexId, end: StepEnd) {
        let step = &mut self.steps[vertex.0 as usize];
        if step.ended.is_some() {
            return;
        }
        let took = step.started.map_or(Duration::ZERO, |started| started.elapsed());
        step.ended = Some((end.clone(), took));
        (self.events)(Event::Ended { step: StepId(vertex.0), end, took });
    }

    /// The last lines that a step printed.
    pub(super) fn log_tail(&self, vertex: VertexId) -> String {
        self.tails.get(&vertex).map(Tail::lines).unwrap_or_default()
    }

    pub(super) fn into_steps(self) -> Vec<StepSummary> {
        let steps = self.steps.into_iter().enumerate().filter_map(|(index, step)| {
            let (end, took) = step.ended?;
            Some(StepSummary {
                id: StepId(index as u32),
                name: step.name,
                end,
                took,
                is_source: step.is_source,
            })
        });
        steps.collect()
    }
}
