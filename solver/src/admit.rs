//! Which events can be, in which state.

use cooperage_llb::graph::VertexId;
use cooperage_llb::key::{Component, Key, ResultId};
use cooperage_llb::ports::result_index::{Chain, StepResult};

use crate::effect::How;
use crate::event::{Answer, Event, Unexpected};
use crate::keys::Keys;
use crate::state::{Phase, Progress, State};

/// An event together with what its vertex knew when it asked.
pub(crate) enum Admitted {
    Start,
    Cancel,
    Sourced { vertex: VertexId, output: Chain, identity: Option<ResultId> },
    Looked { vertex: VertexId, keys: Keys, hit: Option<StepResult> },
    Digested { vertex: VertexId, definition: Option<Key>, digests: Vec<Component> },
    Matched { vertex: VertexId, keys: Keys, hit: Option<StepResult> },
    Ran { vertex: VertexId, keys: Keys, outputs: Vec<Chain> },
    Adopted { vertex: VertexId, keys: Keys, result: StepResult },
    Recorded { vertex: VertexId, how: How, result: StepResult },
    Failed { vertex: VertexId },
    Stopped { vertex: VertexId },
}

/// Lets `event` through if it answers what was asked, with the right number of outputs.
pub(crate) fn admit(state: &State, event: Event) -> Result<Admitted, Unexpected> {
    let gate = Gate { state };
    match event {
        Event::Start if state.phase == Phase::New => Ok(Admitted::Start),
        Event::Start => Err(Unexpected::Start),
        Event::Cancel => Ok(Admitted::Cancel),
        Event::Sourced { vertex, output, identity } => match gate.progress(vertex)? {
            Progress::Sourcing => Ok(Admitted::Sourced { vertex, output, identity }),
            other => Err(unasked(vertex, Answer::Source, other)),
        },
        Event::Looked { vertex, hit } => match gate.progress(vertex)? {
            Progress::Probing { keys } => {
                gate.chains(vertex, hit.as_ref().map(|hit| &hit.outputs))?;
                Ok(Admitted::Looked { vertex, keys: keys.clone(), hit })
            }
            other => Err(unasked(vertex, Answer::Lookup, other)),
        },
        Event::Digested { vertex, digests } => match gate.progress(vertex)? {
            Progress::Digesting { definition } => {
                Ok(Admitted::Digested { vertex, definition: definition.clone(), digests })
            }
            other => Err(unasked(vertex, Answer::Digest, other)),
        },
        Event::Matched { vertex, hit } => match gate.progress(vertex)? {
            Progress::Matching { keys } => {
                gate.chains(vertex, hit.as_ref().map(|hit| &hit.outputs))?;
                Ok(Admitted::Matched { vertex, keys: keys.clone(), hit })
            }
            other => Err(unasked(vertex, Answer::Match, other)),
        },
        Event::Ran { vertex, outputs } => {
            let keys = gate.running(vertex, &outputs)?;
            Ok(Admitted::Ran { vertex, keys, outputs })
        }
        Event::Adopted { vertex, result } => {
            let keys = gate.running(vertex, &result.outputs)?;
            Ok(Admitted::Adopted { vertex, keys, result })
        }
        Event::Recorded { vertex, result } => match gate.progress(vertex)? {
            Progress::Recording { how } => {
                gate.chains(vertex, Some(&result.outputs))?;
                Ok(Admitted::Recorded { vertex, how: *how, result })
            }
            other => Err(unasked(vertex, Answer::Record, other)),
        },
        Event::Failed { vertex } => gate.asked(vertex).map(|()| Admitted::Failed { vertex }),
        Event::Stopped { vertex } => gate.asked(vertex).map(|()| Admitted::Stopped { vertex }),
    }
}

fn unasked(vertex: VertexId, got: Answer, progress: &Progress) -> Unexpected {
    Unexpected::Answer { vertex, got: Some(got), awaited: progress.awaits() }
}

struct Gate<'a> {
    state: &'a State,
}

impl Gate<'_> {
    fn progress(&self, vertex: VertexId) -> Result<&Progress, Unexpected> {
        self.state.progress(vertex).ok_or(Unexpected::NoVertex(vertex))
    }

    fn running(&self, vertex: VertexId, outputs: &Vec<Chain>) -> Result<Keys, Unexpected> {
        match self.progress(vertex)? {
            Progress::Running { keys } => {
                self.chains(vertex, Some(outputs))?;
                Ok(keys.clone())
            }
            other => Err(unasked(vertex, Answer::Run, other)),
        }
    }

    fn asked(&self, vertex: VertexId) -> Result<(), Unexpected> {
        match self.progress(vertex)?.awaits() {
            Some(_) => Ok(()),
            None => Err(Unexpected::Answer { vertex, got: None, awaited: None }),
        }
    }

    fn chains(&self, vertex: VertexId, outputs: Option<&Vec<Chain>>) -> Result<(), Unexpected> {
        let expected = self.state.spec(vertex).outputs;
        match outputs.map(Vec::len) {
            Some(got) if got != expected as usize => Err(Unexpected::Outputs { vertex, got, expected }),
            Some(_) | None => Ok(()),
        }
    }
}
