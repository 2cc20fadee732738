//! What a build tells while it runs.

use std::time::Duration;

use cooperage_llb::ports::step_runner::Stream;

use crate::warning::Warning;

/// Number of a step within one build, in the order of the graph, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId(pub u32);

/// Something that happened. Events of one step come in order; steps interleave.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The graph is known: this many steps, with their names by number.
    Planned {
        /// Names as progress shows them.
        steps: Vec<String>,
    },
    /// A step began to be worked on.
    Started {
        /// Which.
        step: StepId,
    },
    /// Why the cache had no result for a step that is about to run.
    Missed {
        /// Which.
        step: StepId,
        /// `src/main.rs changed`, `first build of this step`, ...
        because: String,
    },
    /// A step printed something.
    Log {
        /// Which.
        step: StepId,
        /// Where.
        stream: Stream,
        /// The bytes, as they came.
        bytes: Vec<u8>,
    },
    /// A step ended.
    Ended {
        /// Which.
        step: StepId,
        /// How.
        end: StepEnd,
        /// Since it started.
        took: Duration,
    },
    /// Work outside the graph began: resolving bases, exporting, pushing.
    TaskStarted {
        /// Number of the task.
        task: u32,
        /// What it is.
        name: String,
    },
    /// Bytes moved in a task.
    TaskProgress {
        /// Number of the task.
        task: u32,
        /// What is moved: a digest, a file.
        item: String,
        /// So far.
        done_bytes: u64,
        /// In all, when known.
        total_bytes: Option<u64>,
    },
    /// A task ended.
    TaskEnded {
        /// Number of the task.
        task: u32,
        /// What went wrong, if it did.
        error: Option<String>,
        /// Since it started.
        took: Duration,
    },
    /// Lint found something in the Dockerfile; told once, also where several platforms are built.
    Warning(Box<Warning>),
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepEnd {
    /// Its result was in the cache; nothing ran.
    Cached,
    /// It ran.
    Ran,
    /// It failed.
    Failed(String),
    /// It was stopped because the build could not succeed any more, or was cancelled.
    Cancelled,
}

/// Receives events, from several threads; must not block for long.
pub type EventSink<'a> = &'a (dyn Fn(Event) + Send + Sync);
