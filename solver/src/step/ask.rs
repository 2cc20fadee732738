//! Asking: every effect, with the state that waits for its answer.

use cooperage_llb::graph::VertexId;
use cooperage_llb::key::{Component, Key, Read, Slot};
use cooperage_llb::ports::result_index::StepResult;

use super::Turn;
use crate::effect::{Digesting, Effect, How, Input};
use crate::keys::Keys;
use crate::spec::Kind;
use crate::state::Progress;

impl Turn<'_> {
    pub(super) fn ask_source(&mut self, vertex: VertexId) {
        self.state.set(vertex, Progress::Sourcing);
        self.effects.push(Effect::Source { vertex });
    }

    pub(super) fn ask_lookup(&mut self, vertex: VertexId, keys: Keys) {
        self.effects.push(Effect::Lookup { vertex, key: keys.first().clone() });
        self.state.set(vertex, Progress::Probing { keys });
    }

    pub(super) fn ask_digest(&mut self, vertex: VertexId, definition: Option<Key>) {
        let inputs = self.to_digest(vertex);
        self.state.set(vertex, Progress::Digesting { definition });
        self.effects.push(Effect::Digest { vertex, inputs });
    }

    pub(super) fn ask_match(&mut self, vertex: VertexId, keys: Keys) {
        let (op, inputs) = (self.state.spec(vertex).op, self.state.inputs(vertex));
        self.state.set(vertex, Progress::Matching { keys: keys.clone() });
        self.effects.push(Effect::MatchContent { vertex, op, inputs, keys });
    }

    pub(super) fn ask_run(&mut self, vertex: VertexId, keys: Keys) {
        if self.state.spec(vertex).kind == Kind::Exec {
            self.state.execs_running += 1;
        }
        let inputs = self.state.inputs(vertex);
        self.state.set(vertex, Progress::Running { keys: keys.clone() });
        self.effects.push(Effect::Run { vertex, inputs, keys });
    }

    pub(super) fn ask_record(
        &mut self,
        vertex: VertexId,
        how: How,
        keys: Vec<Key>,
        replace: Vec<Key>,
        result: StepResult,
    ) {
        let op = self.state.spec(vertex).op;
        self.state.set(vertex, Progress::Recording { how });
        self.effects.push(Effect::Record { vertex, op, keys, replace, result });
    }

    pub(super) fn has_room(&self) -> bool {
        self.state.options.max_parallel.is_none_or(|limit| self.state.execs_running < limit.get())
    }

    /// An exec op does not run any more: the next one of the queue may.
    pub(super) fn leave_room(&mut self, vertex: VertexId) {
        if self.state.spec(vertex).kind != Kind::Exec {
            return;
        }
        self.state.execs_running -= 1;
        while self.has_room() {
            let Some(next) = self.state.queue.pop_first() else { return };
            if let Progress::Queued { keys } = self.state.at(next).clone() {
                self.ask_run(next, keys);
            }
        }
    }

    /// The key by definition; `None` if an input has no identity.
    pub(super) fn definition_key(&self, vertex: VertexId) -> Option<Key> {
        let spec = self.state.spec(vertex);
        let inputs = self.state.inputs(vertex);
        let identities: Option<Vec<_>> = inputs.iter().map(Input::identity).collect();
        Some(Key::by_definition(spec.op, &spec.slots, &identities?))
    }

    pub(super) fn content_key(&self, vertex: VertexId, digests: Vec<Component>) -> Key {
        let spec = self.state.spec(vertex);
        let inputs = self.state.inputs(vertex);
        let wholes = spec.slots.iter().zip(&inputs).map(|(slot, input)| match slot {
            Slot::Whole => input.identity(),
            Slot::Paths(_) => None,
        });
        Key::by_content(spec.op, &wholes.collect::<Vec<_>>(), digests)
    }

    pub(super) fn fresh_key(&self, vertex: VertexId) -> Key {
        let spec = self.state.spec(vertex);
        Key::fresh(spec.op, spec.digest, self.state.options.nonce)
    }

    /// What is read of the inputs; of those that count as wholes and have no identity, all.
    fn to_digest(&self, vertex: VertexId) -> Vec<Digesting> {
        let slots = &self.state.spec(vertex).slots;
        let inputs = (0..).zip(slots.iter().zip(self.state.inputs(vertex)));
        let inputs = inputs.filter_map(|(index, (slot, input))| match (slot, input.result) {
            (Slot::Paths(reads), _) => Some(Digesting { index, input, reads: reads.clone() }),
            (Slot::Whole, None) => {
                Some(Digesting { index, input, reads: vec![Read::Subtree("/".to_owned())] })
            }
            (Slot::Whole, Some(_)) => None,
        });
        inputs.collect()
    }

    /// Whether there is an input whose identity is in the keys though its contents might be those of an earlier
    /// run's: else the content key said all there is to say.
    pub(super) fn has_identified_whole(&self, vertex: VertexId) -> bool {
        let slots = self.state.spec(vertex).slots.iter();
        slots.zip(self.state.inputs(vertex)).any(|(slot, input)| match slot {
            Slot::Whole => input.result.is_some(),
            Slot::Paths(_) => false,
        })
    }
}
