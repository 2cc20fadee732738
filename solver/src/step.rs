//! The transitions.

mod ask;
mod end;

use cooperage_llb::graph::VertexId;
use cooperage_llb::key::{Component, Key, ResultId};
use cooperage_llb::ports::result_index::{Chain, StepResult};

use crate::admit::{Admitted, admit};
use crate::effect::{Effect, How, Outcome};
use crate::event::{Event, Unexpected};
use crate::keys::Keys;
use crate::spec::Kind;
use crate::state::{Phase, Progress, State};

/// Takes `event` in, and says what is to be done now. An event that cannot be is refused, and changes nothing.
pub fn step(state: &mut State, event: Event) -> Result<Vec<Effect>, Unexpected> {
    let admitted = admit(state, event)?;
    let mut turn = Turn { state, effects: Vec::new(), ready: Vec::new() };
    turn.take(admitted);
    turn.work_off();
    turn.settle();
    Ok(turn.effects)
}

/// One call of [`step`].
struct Turn<'a> {
    state: &'a mut State,
    effects: Vec<Effect>,
    /// Vertices whose last input is done.
    ready: Vec<VertexId>,
}

impl Turn<'_> {
    fn take(&mut self, event: Admitted) {
        match event {
            Admitted::Start => self.start(),
            Admitted::Cancel => self.stop(Outcome::Cancelled),
            Admitted::Sourced { vertex, output, identity } => self.sourced(vertex, output, identity),
            Admitted::Looked { vertex, keys, hit } => self.looked(vertex, keys, hit),
            Admitted::Digested { vertex, definition, digests } => self.digested(vertex, definition, digests),
            Admitted::Matched { vertex, keys, hit } => self.matched(vertex, keys, hit),
            Admitted::Ran { vertex, keys, outputs } => self.ran(vertex, &keys, outputs),
            Admitted::Adopted { vertex, keys, result } => self.adopted(vertex, &keys, result),
            Admitted::Recorded { vertex, how, result } => {
                self.finish_vertex(vertex, Progress::done(how, result), how);
            }
            Admitted::Failed { vertex } => self.failed(vertex),
            Admitted::Stopped { vertex } => self.stopped(vertex),
        }
    }

    fn start(&mut self) {
        self.state.phase = Phase::Working;
        for id in (0..).map(VertexId).take(self.state.specs.len()) {
            if *self.state.at(id) == (Progress::Waiting { missing: 0 }) {
                self.ready.push(id);
            }
        }
    }

    /// Starts what became ready, and what becomes ready by that, in order of the graph. A list instead of
    /// recursion, since chains of shared vertices may be as long as the graph.
    fn work_off(&mut self) {
        while !self.ready.is_empty() {
            let mut ready = std::mem::take(&mut self.ready);
            ready.sort_unstable();
            for vertex in ready {
                self.begin(vertex);
            }
        }
    }

    /// All inputs are done.
    fn begin(&mut self, vertex: VertexId) {
        let spec = self.state.spec(vertex);
        if spec.kind == Kind::Source {
            return self.ask_source(vertex);
        }
        let definition = self.definition_key(vertex);
        match (definition, spec.ignore_cache) {
            (Some(definition), false) => self.probe(vertex, Keys::Definition(definition)),
            (Some(definition), true) => self.renew(vertex, definition),
            (None, _) => self.ask_digest(vertex, None),
        }
    }

    /// Looks the first key up, unless another vertex works on it.
    fn probe(&mut self, vertex: VertexId, keys: Keys) {
        let leader = *self.state.claims.entry(*keys.first().digest()).or_insert(vertex);
        if leader == vertex { self.ask_lookup(vertex, keys) } else { self.follow(vertex, leader, keys) }
    }

    /// Does the step although there may be a result under `ignored`; once in a build.
    fn renew(&mut self, vertex: VertexId, ignored: Key) {
        let leader = *self.state.claims.entry(*ignored.digest()).or_insert(vertex);
        let keys = Keys::Fresh { fresh: self.fresh_key(vertex), ignored };
        if leader != vertex && self.state.spec(leader).ignore_cache {
            self.follow(vertex, leader, keys);
        } else {
            self.enqueue(vertex, keys);
        }
    }

    fn follow(&mut self, vertex: VertexId, leader: VertexId, keys: Keys) {
        match done(self.state.at(leader)) {
            Some(result) => self.found(vertex, How::Shared, keys.aliases(), result),
            None => {
                self.state.followers.entry(leader).or_default().push(vertex);
                self.state.set(vertex, Progress::Following { leader, keys });
            }
        }
    }

    fn sourced(&mut self, vertex: VertexId, output: Chain, result: Option<ResultId>) {
        self.finish_vertex(
            vertex,
            Progress::Done { result, outputs: vec![output], how: How::Resolved },
            How::Resolved,
        );
    }

    fn looked(&mut self, vertex: VertexId, keys: Keys, hit: Option<StepResult>) {
        let how = match &keys {
            Keys::Definition(_) => How::CachedByDefinition,
            Keys::Content(_) | Keys::Both { .. } | Keys::Fresh { .. } => How::CachedByContent,
        };
        match (hit, keys) {
            (Some(result), keys) => self.found(vertex, how, keys.aliases(), result),
            (None, _) if self.is_stopping() => self.state.set(vertex, Progress::Abandoned),
            (None, Keys::Definition(definition)) if self.state.spec(vertex).reads_contents() => {
                self.ask_digest(vertex, Some(definition));
            }
            (None, keys) => self.missed(vertex, keys),
        }
    }

    fn digested(&mut self, vertex: VertexId, definition: Option<Key>, digests: Vec<Component>) {
        if self.is_stopping() {
            return self.state.set(vertex, Progress::Abandoned);
        }
        let content = self.content_key(vertex, digests);
        match (definition, self.state.spec(vertex).ignore_cache) {
            (Some(definition), _) => self.probe(vertex, Keys::Both { content, definition }),
            (None, false) => self.probe(vertex, Keys::Content(content)),
            (None, true) => self.renew(vertex, content),
        }
    }

    /// No key led to a result.
    fn missed(&mut self, vertex: VertexId, keys: Keys) {
        if self.state.spec(vertex).kind == Kind::Exec && self.has_identified_whole(vertex) {
            self.ask_match(vertex, keys);
        } else {
            self.enqueue(vertex, keys);
        }
    }

    fn matched(&mut self, vertex: VertexId, keys: Keys, hit: Option<StepResult>) {
        match hit {
            Some(result) => self.found(vertex, How::Matched, keys.to_record(), result),
            None if self.is_stopping() => self.state.set(vertex, Progress::Abandoned),
            None => self.enqueue(vertex, keys),
        }
    }

    /// Runs it now, or when there is room.
    fn enqueue(&mut self, vertex: VertexId, keys: Keys) {
        if self.state.spec(vertex).kind == Kind::Exec && !self.has_room() {
            self.state.queue.insert(vertex);
            self.state.set(vertex, Progress::Queued { keys });
        } else {
            self.ask_run(vertex, keys);
        }
    }

    fn ran(&mut self, vertex: VertexId, keys: &Keys, outputs: Vec<Chain>) {
        let result = StepResult { id: keys.identity(), outputs };
        self.ask_record(vertex, How::Ran, keys.to_record(), keys.to_replace(), result);
        self.leave_room(vertex);
    }

    fn adopted(&mut self, vertex: VertexId, keys: &Keys, result: StepResult) {
        self.found(vertex, How::Adopted, keys.to_record(), result);
        self.leave_room(vertex);
    }

    /// A result that somebody else made. Keys that do not lead to it yet are recorded first.
    fn found(&mut self, vertex: VertexId, how: How, aliases: Vec<Key>, result: StepResult) {
        if aliases.is_empty() || self.is_stopping() {
            self.finish_vertex(vertex, Progress::done(how, result), how);
        } else {
            self.ask_record(vertex, how, aliases, Vec::new(), result);
        }
    }

    fn finish_vertex(&mut self, vertex: VertexId, progress: Progress, how: How) {
        self.state.set(vertex, progress);
        self.effects.push(Effect::Done { vertex, how });
        if self.is_stopping() {
            return;
        }
        for follower in self.state.followers.remove(&vertex).unwrap_or_default() {
            let Progress::Following { keys, .. } = self.state.at(follower).clone() else { continue };
            if let Some(result) = done(self.state.at(vertex)) {
                self.found(follower, How::Shared, keys.aliases(), result);
            }
        }
        for dependant in self.state.spec(vertex).dependants.clone() {
            let Progress::Waiting { missing } = *self.state.at(dependant) else { continue };
            self.state.set(dependant, Progress::Waiting { missing: missing - 1 });
            if missing == 1 {
                self.ready.push(dependant);
            }
        }
    }
}

/// The result of a vertex that is done and has an identity.
fn done(progress: &Progress) -> Option<StepResult> {
    match progress {
        Progress::Done { result: Some(id), outputs, .. } => {
            Some(StepResult { id: *id, outputs: outputs.clone() })
        }
        Progress::Done { result: None, .. }
        | Progress::Waiting { .. }
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
