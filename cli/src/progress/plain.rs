//! `--progress=plain`: one line after the other, as BuildKit numbers and prefixes them (cli.md, section 5).

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cooperage::{Event, StepEnd, StepId, Warning};

use super::Display;
use super::lines::Lines;
use super::warnings;

/// Writes lines to `out`.
pub(super) struct Plain<W>(Mutex<State<W>>);

struct State<W> {
    out: W,
    names: Vec<String>,
    /// Numbers by first print.
    shown: HashMap<Item, Shown>,
    /// For the end.
    warnings: Vec<Warning>,
    /// What the last line was about.
    current: Option<Item>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Item {
    Step(StepId),
    Task(u32),
}

struct Shown {
    number: usize,
    started: Instant,
    lines: Lines,
}

impl<W: Write> Plain<W> {
    pub(super) fn new(out: W) -> Self {
        let state =
            State { out, names: Vec::new(), shown: HashMap::new(), warnings: Vec::new(), current: None };
        Self(Mutex::new(state))
    }
}

impl<W: Write + Send> Display for Plain<W> {
    fn show(&self, event: Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).show(event);
    }

    fn finish(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let warnings = warnings::text(&state.warnings);
        state.write(&warnings);
        drop(state.out.flush());
    }
}

impl<W: Write> State<W> {
    fn show(&mut self, event: Event) {
        match event {
            Event::Planned { steps } => self.names = steps,
            Event::Started { step } => {
                let name = self.names.get(step.0 as usize).cloned().unwrap_or_default();
                self.begin(Item::Step(step), &name);
            }
            Event::Missed { step, because } => self.line(Item::Step(step), &format!("not cached: {because}")),
            Event::Log { step, stream, bytes } => {
                let Some(shown) = self.shown.get_mut(&Item::Step(step)) else { return };
                let seconds = shown.started.elapsed().as_secs_f64();
                for line in shown.lines.push(stream, &bytes) {
                    self.line(Item::Step(step), &format!("{seconds:.3} {line}"));
                }
            }
            Event::Ended { step, end, took } => self.end(Item::Step(step), &end, took),
            Event::TaskStarted { task, name } => self.begin(Item::Task(task), &name),
            Event::TaskProgress { .. } => {}
            Event::TaskEnded { task, error, took } => {
                let end = error.map_or(StepEnd::Ran, StepEnd::Failed);
                self.end(Item::Task(task), &end, took);
            }
            Event::Warning(warning) => self.warnings.push(*warning),
        }
    }

    fn begin(&mut self, item: Item, name: &str) {
        let number = self.shown.len() + 1;
        self.shown.insert(item, Shown { number, started: Instant::now(), lines: Lines::default() });
        self.line(item, name);
    }

    fn end(&mut self, item: Item, end: &StepEnd, took: Duration) {
        if let Some(shown) = self.shown.get_mut(&item) {
            let seconds = shown.started.elapsed().as_secs_f64();
            for rest in shown.lines.finish() {
                self.line(item, &format!("{seconds:.3} {rest}"));
            }
        }
        let text = match end {
            StepEnd::Cached => "CACHED".to_owned(),
            StepEnd::Ran => format!("DONE {:.1}s", took.as_secs_f64()),
            StepEnd::Failed(message) => format!("ERROR: {message}"),
            StepEnd::Cancelled => "CANCELED".to_owned(),
        };
        self.line(item, &text);
    }

    /// One line about `item`; a blank line where the subject changes.
    fn line(&mut self, item: Item, text: &str) {
        let number = self.shown.get(&item).map_or(0, |shown| shown.number);
        if self.current.is_some_and(|current| current != item) {
            self.write("\n");
        }
        self.current = Some(item);
        self.write(&format!("#{number} {text}\n"));
    }

    fn write(&mut self, text: &str) {
        // Where standard error is closed, nobody listens, and the build goes on.
        drop(self.out.write_all(text.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cooperage::llb::ports::step_runner::Stream;

    #[test]
    fn a_build_reads_like_this() {
        let plain = Plain::new(Vec::new());
        let log =
            |bytes: &[u8]| Event::Log { step: StepId(1), stream: Stream::Stdout, bytes: bytes.to_vec() };
        plain.show(Event::Planned { steps: vec!["FROM a".into(), "RUN b".into()] });
        plain.show(Event::Started { step: StepId(0) });
        plain.show(Event::Ended { step: StepId(0), end: StepEnd::Cached, took: Duration::ZERO });
        plain.show(Event::Started { step: StepId(1) });
        plain.show(log(b"half "));
        plain.show(log(b"whole\nrest"));
        plain.show(Event::Ended {
            step: StepId(1),
            end: StepEnd::Failed("exit code: 1".into()),
            took: Duration::ZERO,
        });
        let bytes = plain.0.into_inner().unwrap().out;
        let text = String::from_utf8(bytes).unwrap();
        let timeless: Vec<String> = text.lines().map(|line| line.replace("0.000 ", "T ")).collect();
        assert_eq!(
            timeless,
            [
                "#1 FROM a",
                "#1 CACHED",
                "",
                "#2 RUN b",
                "#2 T half whole",
                "#2 T rest",
                "#2 ERROR: exit code: 1"
            ]
        );
    }
}
