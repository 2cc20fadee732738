//! Where a build is.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use cooperage_image::Digest;
use cooperage_llb::graph::{Edge, Graph, VertexId};
use cooperage_llb::key::{InputIdentity, Key, ResultId};
use cooperage_llb::ports::result_index::{Chain, StepResult};

use crate::effect::{How, Input, Outcome};
use crate::event::Answer;
use crate::keys::Keys;
use crate::spec::Spec;

/// What a build is told beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The most exec ops that run at a time; `None` is no limit.
    pub max_parallel: Option<NonZeroU32>,
    /// Random, new for each build: makes the keys of vertices whose cache is ignored.
    pub nonce: Digest,
}

/// A build under way. Comparable, so that replays can be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub(crate) phase: Phase,
    pub(crate) result: Option<Edge>,
    pub(crate) options: Options,
    pub(crate) specs: Vec<Spec>,
    pub(crate) progress: Vec<Progress>,
    /// Who works on a key, or has worked on it.
    pub(crate) claims: BTreeMap<Digest, VertexId>,
    /// Who waits for whom.
    pub(crate) followers: BTreeMap<VertexId, Vec<VertexId>>,
    /// Exec ops that may run when another one ends.
    pub(crate) queue: BTreeSet<VertexId>,
    /// Exec ops that run.
    pub(crate) execs_running: u32,
    /// Vertices with an effect that was not answered.
    pub(crate) in_flight: u32,
}

/// Where the build as a whole is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    New,
    Working,
    /// Nothing is started any more; ends when all that is under way has answered.
    Stopping(Outcome),
    Finished,
}

/// Where a vertex is. Each state knows exactly what is known then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// For so many other vertices.
    Waiting {
        /// How many.
        missing: u32,
    },
    /// The source is being resolved.
    Sourcing,
    /// The first of the keys is being looked up.
    Probing {
        /// All that are known.
        keys: Keys,
    },
    /// Another vertex works on the first of the keys.
    Following {
        /// Which vertex.
        leader: VertexId,
        /// All that are known.
        keys: Keys,
    },
    /// What is read is being digested.
    Digesting {
        /// The key by definition, if there is one.
        definition: Option<Key>,
    },
    /// Earlier runs are being compared.
    Matching {
        /// All keys.
        keys: Keys,
    },
    /// It has to run, when there is room.
    Queued {
        /// All keys.
        keys: Keys,
    },
    /// It is being done.
    Running {
        /// All keys.
        keys: Keys,
    },
    /// Its result is being recorded.
    Recording {
        /// Where the result came from.
        how: How,
    },
    /// It is done.
    Done {
        /// Its identity; `None` for what has none.
        result: Option<ResultId>,
        /// By output index.
        outputs: Vec<Chain>,
        /// By what.
        how: How,
    },
    /// It, or something it needs, failed.
    Failed {
        /// What failed first.
        origin: VertexId,
    },
    /// The build ended before it was done.
    Abandoned,
}

/// How many vertices came to their results by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Sources resolved.
    pub resolved: u32,
    /// Not done, because the index or another process had the result.
    pub cached: u32,
    /// Not done, because another vertex of the build did the same.
    pub shared: u32,
    /// Done.
    pub ran: u32,
    /// Failed by themselves.
    pub failed: u32,
}

impl State {
    /// A build of `graph` that was not started yet: nothing is asked for before [`Event::Start`](crate::Event::Start).
    pub fn new(graph: &Graph, options: Options) -> Self {
        let specs: Vec<_> = graph.vertices().map(|vertex| Spec::of(graph, vertex)).collect();
        let progress =
            specs.iter().map(|spec| Progress::Waiting { missing: spec.distinct_inputs() }).collect();
        Self {
            phase: Phase::New,
            result: graph.result(),
            options,
            specs,
            progress,
            claims: BTreeMap::new(),
            followers: BTreeMap::new(),
            queue: BTreeSet::new(),
            execs_running: 0,
            in_flight: 0,
        }
    }

    /// Where a vertex is; `None` if the graph does not have it.
    pub fn progress(&self, vertex: VertexId) -> Option<&Progress> {
        self.progress.get(vertex.0 as usize)
    }

    /// Whether [`Effect::Finish`](crate::Effect::Finish) was given.
    pub fn is_finished(&self) -> bool {
        self.phase == Phase::Finished
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (id, progress) in (0..).map(VertexId).zip(&self.progress) {
            match progress {
                Progress::Done { how, .. } => match how {
                    How::Resolved => counts.resolved += 1,
                    How::CachedByDefinition | How::CachedByContent | How::Matched | How::Adopted => {
                        counts.cached += 1;
                    }
                    How::Shared => counts.shared += 1,
                    How::Ran => counts.ran += 1,
                },
                Progress::Failed { origin } => counts.failed += u32::from(*origin == id),
                Progress::Waiting { .. }
                | Progress::Sourcing
                | Progress::Probing { .. }
                | Progress::Following { .. }
                | Progress::Digesting { .. }
                | Progress::Matching { .. }
                | Progress::Queued { .. }
                | Progress::Running { .. }
                | Progress::Recording { .. }
                | Progress::Abandoned => {}
            }
        }
        counts
    }

    pub(crate) fn spec(&self, vertex: VertexId) -> &Spec {
        &self.specs[vertex.0 as usize]
    }

    pub(crate) fn at(&self, vertex: VertexId) -> &Progress {
        &self.progress[vertex.0 as usize]
    }

    pub(crate) fn set(&mut self, vertex: VertexId, progress: Progress) {
        let slot = &mut self.progress[vertex.0 as usize];
        let before = slot.awaits().is_some();
        let after = progress.awaits().is_some();
        *slot = progress;
        self.in_flight = self.in_flight + u32::from(after) - u32::from(before);
    }

    /// What a vertex that is done made; `None` for all others, and for outputs it does not have.
    pub(crate) fn output(&self, edge: Edge) -> Option<Input> {
        match self.at(edge.vertex) {
            Progress::Done { result, outputs, .. } => {
                let chain = outputs.get(edge.output as usize)?.clone();
                Some(Input { result: *result, output: edge.output, chain })
            }
            Progress::Waiting { .. }
            | Progress::Sourcing
            | Progress::Probing { .. }
            | Progress::Following { .. }
            | Progress::Digesting { .. }
            | Progress::Matching { .. }
            | Progress::Queued { .. }
            | Progress::Running { .. }
            | Progress::Recording { .. }
            | Progress::Failed { .. }
            | Progress::Abandoned => None,
        }
    }

    /// The inputs of a vertex that is not waiting any more.
    pub(crate) fn inputs(&self, vertex: VertexId) -> Vec<Input> {
        let edges = self.spec(vertex).inputs.iter();
        edges.map(|edge| self.output(*edge).expect("it waited until all its inputs were done")).collect()
    }
}

impl Progress {
    /// What was asked for and not answered.
    pub fn awaits(&self) -> Option<Answer> {
        match self {
            Self::Sourcing => Some(Answer::Source),
            Self::Probing { .. } => Some(Answer::Lookup),
            Self::Digesting { .. } => Some(Answer::Digest),
            Self::Matching { .. } => Some(Answer::Match),
            Self::Running { .. } => Some(Answer::Run),
            Self::Recording { .. } => Some(Answer::Record),
            Self::Waiting { .. }
            | Self::Following { .. }
            | Self::Queued { .. }
            | Self::Done { .. }
            | Self::Failed { .. }
            | Self::Abandoned => None,
        }
    }

    pub(crate) fn done(how: How, result: StepResult) -> Self {
        Self::Done { result: Some(result.id), outputs: result.outputs, how }
    }
}

impl Input {
    /// What a key names it by.
    pub(crate) fn identity(&self) -> Option<InputIdentity> {
        Some(InputIdentity { result: self.result?, output: self.output })
    }
}
