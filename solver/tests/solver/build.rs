//! One build of the model, in an order that is given, with all that has to hold checked at every event.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroU32;

use cooperage_image::Digest;
use cooperage_llb::graph::{Graph, VertexId};
use cooperage_llb::pb::op::Op;
use cooperage_solver::{Effect, Event, How, Input, Options, Outcome, Progress, State, Unexpected, step};

use crate::tree::value;
use crate::world::{Leaves, Store};

/// Something that goes wrong, after so many answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// The next answer is a failure.
    Fail(usize),
    /// The user gives up.
    Cancel(usize),
}

/// How a build is to go.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Plan {
    /// Which of the effects under way is answered next; taken modulo their number, and 0 after the end.
    pub(crate) order: Vec<u8>,
    pub(crate) fault: Option<Fault>,
    pub(crate) max_parallel: Option<u32>,
    /// Whether what is cancelled stops, or succeeds all the same.
    pub(crate) stops: bool,
}

/// As it is written in Rust, so that a failing case can be pasted into a test.
impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { order, fault, max_parallel, stops } = self;
        write!(
            f,
            "Plan {{ order: vec!{order:?}, fault: {fault:?}, max_parallel: {max_parallel:?}, stops: {stops} }}"
        )
    }
}

/// What was seen.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) outcome: Outcome,
    pub(crate) state: State,
    pub(crate) how: BTreeMap<VertexId, How>,
    pub(crate) ran: Vec<VertexId>,
    pub(crate) recorded: BTreeSet<VertexId>,
    /// Replays the build.
    pub(crate) events: Vec<Event>,
}

pub(crate) fn options(max_parallel: Option<u32>, nonce: u8) -> Options {
    Options { max_parallel: max_parallel.and_then(NonZeroU32::new), nonce: value(&[&[nonce]]) }
}

pub(crate) fn build(graph: &Graph, leaves: &Leaves, store: &mut Store, plan: &Plan) -> Seen {
    let state = State::new(graph, options(plan.max_parallel, 7));
    let mut build = Build {
        graph,
        plan,
        pending: Vec::new(),
        cancelled: BTreeSet::new(),
        stopping: false,
        running: BTreeMap::new(),
        identities: BTreeSet::new(),
        outcome: None,
        seen: (BTreeMap::new(), Vec::new(), BTreeSet::new(), Vec::new()),
        state,
    };
    build.tell(Event::Start);
    let mut answers = 0;
    while build.outcome.is_none() {
        if plan.fault == Some(Fault::Cancel(answers)) {
            build.tell(Event::Cancel);
            if build.outcome.is_some() {
                break;
            }
        }
        assert!(!build.pending.is_empty(), "nothing is under way and the build is not finished");
        let pick = usize::from(plan.order.get(answers).copied().unwrap_or(0)) % build.pending.len();
        let effect = build.pending.remove(pick);
        let event = build.answer(&effect, store, leaves, plan.fault == Some(Fault::Fail(answers)));
        build.refuses_nonsense();
        build.tell(event);
        answers += 1;
    }
    assert_eq!(build.pending, [], "under way after the end");
    let (how, ran, recorded, events) = build.seen;
    Seen { outcome: build.outcome.unwrap(), state: build.state, how, ran, recorded, events }
}

struct Build<'a> {
    graph: &'a Graph,
    plan: &'a Plan,
    state: State,
    pending: Vec<Effect>,
    cancelled: BTreeSet<VertexId>,
    /// From the event on that ended the build.
    stopping: bool,
    /// Steps that were started, with their inputs.
    running: BTreeMap<VertexId, Vec<Input>>,
    identities: BTreeSet<Digest>,
    outcome: Option<Outcome>,
    seen: (BTreeMap<VertexId, How>, Vec<VertexId>, BTreeSet<VertexId>, Vec<Event>),
}

impl Build<'_> {
    fn tell(&mut self, event: Event) {
        self.seen.3.push(event.clone());
        self.stopping |= matches!(event, Event::Failed { .. } | Event::Stopped { .. } | Event::Cancel);
        for effect in step(&mut self.state, event).expect("the model answers what was asked") {
            assert_eq!(self.outcome, None, "{effect:?} after the end");
            self.note(effect);
        }
        let execs = self.pending.iter().filter(|effect| self.is_exec_run(effect)).count();
        let most = self.plan.max_parallel.map_or(usize::MAX, |most| most as usize);
        assert!(execs <= most, "{execs} at a time");
    }

    fn note(&mut self, effect: Effect) {
        match &effect {
            Effect::Done { vertex, how } => {
                assert_eq!(self.seen.0.insert(*vertex, *how), None, "{vertex} is done twice");
                return;
            }
            Effect::Cancel { vertex } => {
                assert!(self.cancelled.insert(*vertex), "{vertex} is cancelled twice");
                assert!(self.pending.iter().any(|effect| vertex_of(effect) == Some(*vertex)));
                return;
            }
            Effect::Finish(outcome) => {
                self.outcome = Some(outcome.clone());
                return;
            }
            Effect::Run { vertex, inputs, keys } => {
                self.running.insert(*vertex, inputs.clone());
                self.seen.1.push(*vertex);
                assert!(self.identities.insert(*keys.first().digest()), "{vertex} does what was done");
            }
            Effect::Record { vertex, .. } => {
                self.seen.2.insert(*vertex);
            }
            Effect::Source { .. }
            | Effect::Lookup { .. }
            | Effect::Digest { .. }
            | Effect::MatchContent { .. } => {}
        }
        let vertex = vertex_of(&effect);
        assert!(
            !self.stopping || matches!(effect, Effect::Record { .. }),
            "{effect:?} was started after a stop"
        );
        assert!(self.pending.iter().all(|other| vertex_of(other) != vertex), "two effects of one vertex");
        self.pending.push(effect);
    }

    fn answer(&mut self, effect: &Effect, store: &mut Store, leaves: &Leaves, fail: bool) -> Event {
        let vertex = vertex_of(effect).expect("what is under way has a vertex");
        if fail {
            return Event::Failed { vertex };
        }
        if self.plan.stops && self.cancelled.contains(&vertex) && !matches!(effect, Effect::Record { .. }) {
            return Event::Stopped { vertex };
        }
        let event = store.perform(self.graph, leaves, effect).expect("it is under way, so it has an answer");
        if let (Effect::Record { op, keys, .. }, Event::Recorded { result, .. }) = (effect, &event)
            && let Some(inputs) = self.running.get(&vertex)
        {
            store.remember(*op, keys[0].clone(), inputs, result.clone());
        }
        event
    }

    /// Events that cannot be are refused, and leave the state as it was.
    fn refuses_nonsense(&mut self) {
        let before = self.state.clone();
        let foreign = VertexId(u32::MAX);
        assert_eq!(
            step(&mut self.state, Event::Failed { vertex: foreign }),
            Err(Unexpected::NoVertex(foreign))
        );
        assert_eq!(step(&mut self.state, Event::Start), Err(Unexpected::Start));
        for vertex in self.graph.vertices().map(|vertex| vertex.id) {
            let progress = self.state.progress(vertex).unwrap().clone();
            if progress.awaits().is_none() {
                assert!(step(&mut self.state, Event::Stopped { vertex }).is_err());
            }
            if !matches!(progress, Progress::Running { .. }) {
                assert!(step(&mut self.state, Event::Ran { vertex, outputs: Vec::new() }).is_err());
            }
            assert!(matches!(
                step(&mut self.state, Event::Ran { vertex, outputs: vec![Default::default(); 9] }),
                Err(Unexpected::Answer { .. } | Unexpected::Outputs { .. })
            ));
        }
        assert_eq!(self.state, before);
    }

    fn is_exec_run(&self, effect: &Effect) -> bool {
        matches!(effect, Effect::Run { vertex, .. } if matches!(self.graph.vertex(*vertex).body(), Op::Exec(_)))
    }
}

fn vertex_of(effect: &Effect) -> Option<VertexId> {
    match effect {
        Effect::Source { vertex }
        | Effect::Lookup { vertex, .. }
        | Effect::Digest { vertex, .. }
        | Effect::MatchContent { vertex, .. }
        | Effect::Run { vertex, .. }
        | Effect::Record { vertex, .. } => Some(*vertex),
        Effect::Cancel { .. } | Effect::Done { .. } | Effect::Finish(_) => None,
    }
}
