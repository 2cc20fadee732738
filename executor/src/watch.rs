//! From go to the end: what the step prints, how it ends, and ending it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cooperage_llb::ports::CancelToken;
use cooperage_llb::ports::step_runner::{StepLog, Stream};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::Signal;

use crate::sys::{Child, Report};

/// Between TERM and KILL.
const GRACE: Duration = Duration::from_secs(10);
/// How often a step that got TERM is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// One read of a pipe, which holds as much.
const CHUNK_BYTES: usize = 64 * 1024;
/// Length of a report, as `sys` writes it.
const REPORT_BYTES: usize = 16;

/// Why a step was ended by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Cancelled,
    TimedOut(Duration),
}

/// What was seen of a step.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) reports: Vec<Report>,
    pub(crate) ended: Option<Ended>,
}

/// Watches until nothing of the step is left and all that it printed is in `log`.
pub(crate) fn watch(
    child: &mut Child,
    output: [(Stream, OwnedFd); 2],
    timeout: Option<Duration>,
    log: &dyn StepLog,
    cancel: &CancelToken,
) -> io::Result<Seen> {
    let woken = Arc::new(rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let wake = Arc::clone(&woken);
    // The counter cannot overflow by one.
    let _guard = cancel.on_cancel(move || {
        let _ = rustix::io::write(&*wake, &1_u64.to_ne_bytes());
    });
    let mut watch =
        Watch { child, log, seen: Seen::default(), output: output.map(Some), buffer: vec![0; CHUNK_BYTES] };
    let mut ending = Ending::new(timeout);
    loop {
        if watch.round(&woken, ending.wait())? {
            break;
        }
        ending.advance(watch.child, cancel.is_cancelled())?;
    }
    watch.child.wait()?;
    watch.drain()?;
    watch.seen.ended = ending.why();
    Ok(watch.seen)
}

struct Watch<'a> {
    child: &'a mut Child,
    log: &'a dyn StepLog,
    seen: Seen,
    /// Those that have not come to their end.
    output: [Option<(Stream, OwnedFd)>; 2],
    buffer: Vec<u8>,
}

impl Watch<'_> {
    /// Waits for something and takes it; whether the step is over.
    fn round(&mut self, woken: &OwnedFd, wait: Option<Duration>) -> io::Result<bool> {
        let pidfd = self.child.pidfd();
        let mut polled = vec![PollFd::new(&pidfd, PollFlags::IN)];
        polled.extend(self.output.iter().flatten().map(|(_, fd)| PollFd::new(fd, PollFlags::IN)));
        // Once it woke us, being cancelled is known.
        polled.push(PollFd::new(woken, PollFlags::IN));
        let timeout = wait
            .map(|wait| Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) });
        match rustix::event::poll(&mut polled, timeout.as_ref()) {
            Err(Errno::INTR) => return Ok(false),
            other => other?,
        };
        let over = !polled[0].revents().is_empty();
        let woke = polled.last().is_some_and(|fd| !fd.revents().is_empty());
        drop(polled);
        if woke {
            let mut count = [0; 8];
            // It was readable; nobody else reads it.
            let _ = rustix::io::read(woken, &mut count);
        }
        for n in 0..self.output.len() {
            self.take(n, false)?;
        }
        Ok(over)
    }

    /// After the end: all that is still in the pipes. A writer may live on only outside of the step (its
    /// descriptor was passed on), so the end is where they are empty.
    fn drain(&mut self) -> io::Result<()> {
        for n in 0..self.output.len() {
            self.take(n, true)?;
        }
        let mut record = [0; REPORT_BYTES];
        while let Ok(REPORT_BYTES) = rustix::io::read(&self.child.report, &mut record) {
            self.seen.reports.extend(Report::decode(&record));
        }
        Ok(())
    }

    fn take(&mut self, n: usize, all: bool) -> io::Result<()> {
        while let Some((stream, fd)) = &self.output[n] {
            match rustix::io::read(fd, &mut self.buffer[..]) {
                Ok(0) => self.output[n] = None,
                Ok(length) => self.log.write(*stream, &self.buffer[..length]),
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno.into()),
            }
            if !all {
                break; // the other one's turn
            }
        }
        Ok(())
    }
}

/// Reads of it come back at once.
pub(crate) fn nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(fd)?;
    Ok(rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK)?)
}

/// How far the end of a step that we end has come.
struct Ending {
    timeout: Option<(Instant, Duration)>,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Running,
    Asked { why: Ended, kill_at: Instant },
    Killed { why: Ended },
}

impl Ending {
    fn new(timeout: Option<Duration>) -> Self {
        let now = Instant::now();
        let timeout = timeout.and_then(|after| Some((now.checked_add(after)?, after)));
        Self { timeout, state: State::Running }
    }

    /// How long nothing needs to be done.
    fn wait(&self) -> Option<Duration> {
        match self.state {
            State::Running => self.timeout.map(|(at, _)| at.saturating_duration_since(Instant::now())),
            State::Asked { .. } => Some(LOOK),
            State::Killed { .. } => None,
        }
    }

    fn advance(&mut self, child: &Child, cancelled: bool) -> io::Result<()> {
        let now = Instant::now();
        match self.state {
            State::Running => {
                let timed_out =
                    self.timeout.filter(|(at, _)| now >= *at).map(|(_, after)| Ended::TimedOut(after));
                if let Some(why) = cancelled.then_some(Ended::Cancelled).or(timed_out) {
                    child.signal_all(Signal::TERM)?;
                    self.state = State::Asked { why, kill_at: now + GRACE };
                }
            }
            State::Asked { why, kill_at } => {
                if now >= kill_at || only_deaf_init_left(child.pid()) {
                    child.kill()?;
                    self.state = State::Killed { why };
                }
            }
            State::Killed { .. } => {}
        }
        Ok(())
    }

    fn why(&self) -> Option<Ended> {
        match self.state {
            State::Running => None,
            State::Asked { why, .. } | State::Killed { why } => Some(why),
        }
    }
}

/// The first process of a PID namespace does not get a signal that it has no handler for, where any other
/// process would end (pid_namespaces(7)). Whether that is all that a step waits for.
fn only_deaf_init_left(keeper: i32) -> bool {
    let children = |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok();
    let Some(init) = children(keeper).and_then(|text| text.split_whitespace().next()?.parse::<i32>().ok())
    else {
        return false;
    };
    let alone = children(init).is_some_and(|text| text.trim().is_empty());
    alone && !handles_term(&std::fs::read_to_string(format!("/proc/{init}/status")).unwrap_or_default())
}

/// Whether TERM is caught or ignored on purpose (proc(5), SigCgt and SigIgn).
fn handles_term(status: &str) -> bool {
    let mask = |key: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(key))?;
        u64::from_str_radix(value.trim(), 16).ok()
    };
    let bit = 1 << (Signal::TERM.as_raw() - 1);
    // What cannot be read is not judged.
    match (mask("SigCgt:"), mask("SigIgn:")) {
        (Some(caught), Some(ignored)) => (caught | ignored) & bit != 0,
        _ => true,
    }
}

/// A pipe for a stream: our end, which does not block, and the step's.
pub(crate) fn output_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    nonblocking(ours.as_fd())?;
    Ok((ours, theirs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_are_read_from_the_status() {
        assert!(!handles_term("SigIgn:\t0000000000001000\nSigCgt:\t0000000000000002\n"));
        assert!(handles_term("SigIgn:\t0000000000004000\nSigCgt:\t0000000000000000\n"));
        assert!(handles_term("SigIgn:\t0000000000000000\nSigCgt:\t0000000000004000\n"));
        assert!(handles_term(""));
    }
}
