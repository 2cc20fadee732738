//! Signals: the first asks the command to stop cleanly, the second ends us at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Poll;

use cooperage::CancelToken;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What stops a command: interrupt, terminate, hang-up.
const SIGNALS: [u8; 3] = [2, 15, 1];

/// What interrupted us, and how it reaches the build.
#[derive(Default)]
pub(crate) struct Interrupt {
    token: CancelToken,
    signal: Arc<AtomicU8>,
}

impl Interrupt {
    /// Catches signals from now on, on a thread of its own; the token is cancelled by the first. Until then, and in
    /// commands that have nothing to clean up, they end us as they always do.
    pub(crate) fn catch(&self) -> &CancelToken {
        let (token, number) = (self.token.clone(), Arc::clone(&self.signal));
        // Without a runtime signals end us as they always do.
        if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
            let streams = {
                let _inside = runtime.enter();
                streams()
            };
            std::thread::spawn(move || runtime.block_on(wait(streams, &token, &number)));
        }
        &self.token
    }

    /// The signal that came, if one did.
    pub(crate) fn signal(&self) -> Option<u8> {
        Some(self.signal.load(Ordering::Acquire)).filter(|signal| *signal != 0)
    }
}

/// The signals that are caught. Whoever started us with one ignored (`nohup`, a shell's `&`) wants us to outlive it.
fn streams() -> Vec<(u8, Signal)> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let caught = SIGNALS.into_iter().filter(|number| !is_ignored(&status, *number));
    caught.filter_map(|number| Some((number, signal(SignalKind::from_raw(number.into())).ok()?))).collect()
}

async fn wait(mut streams: Vec<(u8, Signal)>, token: &CancelToken, number: &AtomicU8) {
    let came = next(&mut streams).await;
    number.store(came, Ordering::Release);
    token.cancel();
    let came = next(&mut streams).await;
    std::process::exit(128 + i32::from(came));
}

async fn next(streams: &mut [(u8, Signal)]) -> u8 {
    std::future::poll_fn(|context| {
        let came = streams.iter_mut().find_map(|(number, stream)| match stream.poll_recv(context) {
            Poll::Ready(Some(())) => Some(*number),
            Poll::Ready(None) | Poll::Pending => None,
        });
        came.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// Whether `/proc/self/status` says that a signal is ignored (proc_pid_status(5), `SigIgn`).
fn is_ignored(status: &str, number: u8) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (number - 1)) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals() {
        let status = "Name:\tcooper\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001003\nSigCgt:\t0\n";
        assert_eq!(SIGNALS.map(|number| is_ignored(status, number)), [true, false, true]);
        assert!(!is_ignored("", 1));
    }
}
