//! The solver's driver: performs its effects and feeds the answers back.
//!
//! The solver decides, this room does. Every effect is a task; what it finds goes through one channel to
//! the one place that steps the state.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use cooperage_image::{Digest, Hasher};
use cooperage_llb::graph::{Graph, VertexId};
use cooperage_llb::ports::CancelToken;
use cooperage_llb::ports::result_index::{Chain, StepResult};
use cooperage_solver::{Effect, Event as Answer, Options, Outcome, State, step};
use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::Error;
use crate::event::EventSink;
use crate::ops::{OpFailure, Workshop};
use crate::report::StepSummary;

mod excerpt;
mod log;
mod matching;
mod perform;
mod progress;
mod reason;

use progress::Progress;

/// Messages between the steps and the driver, each at most one read of a step's output (64 KiB): a step that
/// prints faster than the user's terminal takes it waits, as it would for a pipe.
const MESSAGES_IN_FLIGHT: usize = 64;

/// What a solve found.
pub(crate) struct Solution {
    /// The result.
    pub(crate) chain: Chain,
    /// Every step.
    pub(crate) steps: Vec<StepSummary>,
    /// Results that were put into the index, or found there.
    pub(crate) recorded: Vec<StepResult>,
}

/// Solves `graph`. Blocks until all that was started has ended.
pub(crate) async fn solve(
    graph: &Graph,
    workshop: &Arc<Workshop>,
    max_parallel: Option<usize>,
    events: EventSink<'_>,
    cancel: &CancelToken,
) -> Result<Solution, Error> {
    if graph.result().is_none() {
        return Ok(Solution { chain: Chain::default(), steps: Vec::new(), recorded: Vec::new() });
    }
    let (sender, receiver) = channel(MESSAGES_IN_FLIGHT);
    let cancelled = Arc::new(Notify::new());
    let notify = Arc::clone(&cancelled);
    let _guard = cancel.on_cancel(move || notify.notify_one());
    let driver = Driver {
        graph: Arc::new(graph.clone()),
        workshop: Arc::clone(workshop),
        sender,
        cancelled,
        failures: Arc::default(),
        tokens: HashMap::new(),
        recorded: Vec::new(),
        progress: Progress::new(graph, events),
    };
    let max_parallel = max_parallel.and_then(|n| u32::try_from(n).ok()).and_then(NonZeroU32::new);
    driver.run(State::new(graph, Options { max_parallel, nonce: nonce() }), receiver).await
}

/// What tasks send to the driver.
enum Message {
    /// An answer to the solver.
    Answer(Answer),
    /// Something for the user.
    Tell(VertexId, Tell),
}

enum Tell {
    Log(cooperage_llb::ports::step_runner::Stream, Vec<u8>),
    Missed(String),
}

/// Why vertices failed; the solver knows only that they did.
type Failures = Arc<Mutex<HashMap<VertexId, OpFailure>>>;

struct Driver<'a> {
    graph: Arc<Graph>,
    workshop: Arc<Workshop>,
    sender: Sender<Message>,
    cancelled: Arc<Notify>,
    failures: Failures,
    tokens: HashMap<VertexId, CancelToken>,
    recorded: Vec<StepResult>,
    progress: Progress<'a>,
}

impl Driver<'_> {
    async fn run(mut self, mut state: State, mut receiver: Receiver<Message>) -> Result<Solution, Error> {
        let mut answer = Answer::Start;
        loop {
            if let Answer::Recorded { result, .. } = &answer {
                self.recorded.push(result.clone());
            }
            let effects = step(&mut state, answer).map_err(|e| Error::Internal(e.to_string()))?;
            for effect in effects {
                if let Some(outcome) = self.perform(effect) {
                    return self.end(outcome);
                }
            }
            answer = self.next(&mut receiver).await?;
        }
    }

    /// The next answer; what there is to tell before it is told.
    async fn next(&mut self, receiver: &mut Receiver<Message>) -> Result<Answer, Error> {
        loop {
            let message = tokio::select! {
                biased;
                // It is notified once.
                () = self.cancelled.notified() => return Ok(Answer::Cancel),
                message = receiver.recv() => message,
            };
            match message {
                Some(Message::Answer(answer)) => return Ok(answer),
                Some(Message::Tell(vertex, Tell::Log(stream, bytes))) => {
                    self.progress.log(vertex, stream, bytes);
                }
                Some(Message::Tell(vertex, Tell::Missed(because))) => self.progress.missed(vertex, because),
                None => return Err(Error::Internal("the solver waits and nothing works".to_owned())),
            }
        }
    }

    /// Starts an effect; the last one ends the build.
    fn perform(&mut self, effect: Effect) -> Option<Outcome> {
        match effect {
            Effect::Finish(outcome) => return Some(outcome),
            Effect::Done { vertex, how } => self.progress.done(vertex, how),
            Effect::Cancel { vertex } => {
                if let Some(token) = self.tokens.get(&vertex) {
                    token.cancel();
                }
            }
            Effect::Source { vertex } | Effect::Run { vertex, .. } => {
                self.progress.started(vertex);
                self.spawn(vertex, effect);
            }
            Effect::Lookup { vertex, .. }
            | Effect::Digest { vertex, .. }
            | Effect::MatchContent { vertex, .. }
            | Effect::Record { vertex, .. } => self.spawn(vertex, effect),
        }
        None
    }

    fn spawn(&mut self, vertex: VertexId, effect: Effect) {
        let token = CancelToken::new();
        self.tokens.insert(vertex, token.clone());
        let performer = perform::Performer {
            graph: Arc::clone(&self.graph),
            workshop: Arc::clone(&self.workshop),
            sender: self.sender.clone(),
            vertex,
            token,
        };
        let failures = Arc::clone(&self.failures);
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let performed = AssertUnwindSafe(performer.perform(effect)).catch_unwind().await;
            // Without an answer the driver would wait for ever.
            let performed = performed.unwrap_or_else(|_| Err(panicked().into()));
            let answer = match performed {
                Ok(answer) => answer,
                Err(OpFailure::Cancelled) => Answer::Stopped { vertex },
                Err(failure) => {
                    failures.lock().unwrap_or_else(PoisonError::into_inner).insert(vertex, failure);
                    Answer::Failed { vertex }
                }
            };
            // The driver is gone only if it failed itself.
            drop(sender.send(Message::Answer(answer)).await);
        });
    }

    fn end(mut self, outcome: Outcome) -> Result<Solution, Error> {
        let mut failures = std::mem::take(&mut *self.failures.lock().unwrap_or_else(PoisonError::into_inner));
        for (vertex, failure) in &failures {
            self.progress.failed(*vertex, failure);
        }
        self.progress.abandon();
        match outcome {
            Outcome::Done(chain) => {
                Ok(Solution { chain, steps: self.progress.into_steps(), recorded: self.recorded })
            }
            Outcome::Cancelled => Err(Error::Cancelled),
            Outcome::Failed { vertex } => {
                let failure = failures
                    .remove(&vertex)
                    .ok_or_else(|| Error::Internal(format!("{vertex} failed without a reason")))?;
                Err(excerpt::error(&self.graph, vertex, failure, self.progress.log_tail(vertex)))
            }
        }
    }
}

fn panicked() -> Error {
    Error::Internal("a step panicked, as said above".to_owned())
}

/// The error of a step that is not even begun.
pub(crate) fn error_of(graph: &Graph, vertex: VertexId, failure: OpFailure) -> Error {
    excerpt::error(graph, vertex, failure, String::new())
}

/// Another one for each build: keys of steps whose cache is ignored.
fn nonce() -> Digest {
    use std::hash::{BuildHasher, Hasher as _};
    let mut hasher = Hasher::new();
    for _ in 0..4 {
        hasher.update(&std::collections::hash_map::RandomState::new().build_hasher().finish().to_le_bytes());
    }
    hasher.finish()
}
