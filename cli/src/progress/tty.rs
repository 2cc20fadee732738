//! `--progress=tty`: finished steps as lines, running ones redrawn below them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cooperage::{Event, StepEnd, StepId, Warning};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Display;
use super::lines::Lines;
use super::warnings;

/// How often running steps are redrawn.
const TICK: Duration = Duration::from_millis(120);

/// Draws with indicatif.
pub(super) struct Tty {
    bars: MultiProgress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    names: Vec<String>,
    running: HashMap<Item, Running>,
    /// For the end.
    warnings: Vec<Warning>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Item {
    Step(StepId),
    Task(u32),
}

struct Running {
    name: String,
    bar: ProgressBar,
    lines: Lines,
}

impl Tty {
    pub(super) fn new() -> Self {
        Self { bars: MultiProgress::new(), state: Mutex::default() }
    }

    fn begin(&self, state: &mut State, item: Item, name: String) {
        let bar = self.bars.add(ProgressBar::new_spinner());
        let style = ProgressStyle::with_template(" {spinner} {prefix} {elapsed:>5} {wide_msg:.dim}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_prefix(name.clone());
        bar.enable_steady_tick(TICK);
        state.running.insert(item, Running { name, bar, lines: Lines::default() });
    }

    fn end(&self, state: &mut State, item: Item, end: &StepEnd, took: Duration) {
        let Some(running) = state.running.remove(&item) else { return };
        running.bar.finish_and_clear();
        let name = &running.name;
        let line = match end {
            StepEnd::Cached => format!(" = {name} CACHED"),
            StepEnd::Ran => format!(" + {name} {:.1}s", took.as_secs_f64()),
            StepEnd::Failed(_) => format!(" ! {name} ERROR"),
            StepEnd::Cancelled => format!(" - {name} CANCELED"),
        };
        self.print(&line);
    }

    fn print(&self, line: &str) {
        // Where the terminal is gone, nobody looks.
        drop(self.bars.println(line));
    }
}

impl Display for Tty {
    fn show(&self, event: Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Planned { steps } => state.names = steps,
            Event::Started { step } => {
                let name = state.names.get(step.0 as usize).cloned().unwrap_or_default();
                self.begin(&mut state, Item::Step(step), name);
            }
            Event::Missed { .. } => {}
            Event::Log { step, stream, bytes } => {
                let Some(running) = state.running.get_mut(&Item::Step(step)) else { return };
                if let Some(last) = running.lines.push(stream, &bytes).pop() {
                    running.bar.set_message(last);
                }
            }
            Event::Ended { step, end, took } => self.end(&mut state, Item::Step(step), &end, took),
            Event::TaskStarted { task, name } => self.begin(&mut state, Item::Task(task), name),
            Event::TaskProgress { task, item, done_bytes, total_bytes } => {
                let Some(running) = state.running.get(&Item::Task(task)) else { return };
                let total =
                    total_bytes.map(|total| format!(" of {}", crate::table::size(total))).unwrap_or_default();
                let short: String = item.chars().take(19).collect();
                running.bar.set_message(format!("{short} {}{total}", crate::table::size(done_bytes)));
            }
            Event::TaskEnded { task, error, took } => {
                let end = error.map_or(StepEnd::Ran, StepEnd::Failed);
                self.end(&mut state, Item::Task(task), &end, took);
            }
            Event::Warning(warning) => state.warnings.push(*warning),
        }
    }

    fn finish(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, running) in state.running.drain() {
            running.bar.finish_and_clear();
        }
        for line in warnings::text(&state.warnings).lines() {
            self.print(line);
        }
    }
}
