//! Work outside the graph that is worth a line of progress.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use crate::Error;
use crate::event::{Event, EventSink};

/// Tells of tasks.
pub(crate) struct Tasks<'a> {
    events: EventSink<'a>,
    next: AtomicU32,
}

impl<'a> Tasks<'a> {
    pub(crate) fn new(events: EventSink<'a>) -> Self {
        Self { events, next: AtomicU32::new(0) }
    }

    /// Runs `work` as a task of this name.
    pub(crate) async fn run<T>(
        &self,
        name: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let task = self.next.fetch_add(1, Ordering::Relaxed);
        (self.events)(Event::TaskStarted { task, name: name.to_owned() });
        let started = Instant::now();
        let result = work.await;
        let error = result.as_ref().err().map(Error::to_string);
        (self.events)(Event::TaskEnded { task, error, took: started.elapsed() });
        result
    }

    /// A counter of bytes of `item` for the task that was started last.
    pub(crate) fn progress(&self, item: &str, total_bytes: u64) -> impl Fn(u64) + Sync + use<'_> {
        let task = self.next.load(Ordering::Relaxed).saturating_sub(1);
        let (item, done) = (item.to_owned(), AtomicU64::new(0));
        let events = self.events;
        move |more| {
            let done_bytes = done.fetch_add(more, Ordering::Relaxed) + more;
            events(Event::TaskProgress {
                task,
                item: item.clone(),
                done_bytes,
                total_bytes: Some(total_bytes),
            });
        }
    }
}
