//! Ends: of vertices that fail, and of the build.

use cooperage_llb::graph::VertexId;

use super::Turn;
use crate::effect::{Effect, Outcome};
use crate::state::{Phase, Progress};

impl Turn<'_> {
    pub(super) fn is_stopping(&self) -> bool {
        match self.state.phase {
            Phase::Stopping(_) | Phase::Finished => true,
            Phase::New | Phase::Working => false,
        }
    }

    /// What was asked for did not succeed. The first failure of a build ends it: it cannot succeed any more.
    pub(super) fn failed(&mut self, vertex: VertexId) {
        self.give_up_room(vertex);
        self.state.set(vertex, Progress::Failed { origin: vertex });
        self.fail_dependants(vertex);
        self.stop(Outcome::Failed { vertex });
    }

    /// Somebody stopped it. When that was not us, the build cannot go on without it.
    pub(super) fn stopped(&mut self, vertex: VertexId) {
        self.give_up_room(vertex);
        self.state.set(vertex, Progress::Abandoned);
        self.stop(Outcome::Cancelled);
    }

    fn give_up_room(&mut self, vertex: VertexId) {
        if let Progress::Running { .. } = self.state.at(vertex) {
            // Nothing of the queue may start any more, so the place is not offered to it.
            self.state.queue.clear();
            self.leave_room(vertex);
        }
    }

    /// Everything that waits for `origin`, directly or not, cannot be done.
    fn fail_dependants(&mut self, origin: VertexId) {
        let mut open = vec![origin];
        while let Some(vertex) = open.pop() {
            let followers = self.state.followers.remove(&vertex).unwrap_or_default();
            let dependants = self.state.spec(vertex).dependants.clone();
            for other in followers.into_iter().chain(dependants) {
                if let Progress::Waiting { .. } | Progress::Following { .. } = self.state.at(other) {
                    self.state.set(other, Progress::Failed { origin });
                    open.push(other);
                }
            }
        }
    }

    /// Starts nothing any more, and asks all that is under way to stop. The first reason stands.
    pub(super) fn stop(&mut self, outcome: Outcome) {
        match self.state.phase {
            Phase::New | Phase::Working => self.state.phase = Phase::Stopping(outcome),
            Phase::Stopping(_) | Phase::Finished => return,
        }
        self.ready.clear();
        self.state.queue.clear();
        self.state.followers.clear();
        for vertex in (0..).map(VertexId).take(self.state.specs.len()) {
            match self.state.at(vertex) {
                Progress::Waiting { .. } | Progress::Following { .. } | Progress::Queued { .. } => {
                    self.state.set(vertex, Progress::Abandoned);
                }
                Progress::Sourcing
                | Progress::Probing { .. }
                | Progress::Digesting { .. }
                | Progress::Matching { .. }
                | Progress::Running { .. } => self.effects.push(Effect::Cancel { vertex }),
                Progress::Recording { .. }
                | Progress::Done { .. }
                | Progress::Failed { .. }
                | Progress::Abandoned => {}
            }
        }
    }

    /// Ends the build if it is time.
    pub(super) fn settle(&mut self) {
        let outcome = match &self.state.phase {
            Phase::Stopping(outcome) if self.state.in_flight == 0 => outcome.clone(),
            Phase::Working => match self.done() {
                Some(outcome) => outcome,
                None => return,
            },
            Phase::New | Phase::Stopping(_) | Phase::Finished => return,
        };
        self.state.phase = Phase::Finished;
        self.effects.push(Effect::Finish(outcome));
    }

    /// Everything in the graph is needed for the result, so when the result is there nothing is under way.
    fn done(&self) -> Option<Outcome> {
        let Some(edge) = self.state.result else { return Some(Outcome::Done(Default::default())) };
        self.state.output(edge).map(|result| Outcome::Done(result.chain))
    }
}
