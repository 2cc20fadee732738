//! Signals: the first asks the build to stop cleanly, the second ends us at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use cooperage::CancelToken;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What interrupted us, and how it reaches the build.
pub(crate) struct Interrupt {
    token: CancelToken,
    signal: Arc<AtomicU8>,
}

impl Interrupt {
    /// Listens from now on, on a thread of its own.
    pub(crate) fn listen() -> Self {
        let interrupt = Self { token: CancelToken::new(), signal: Arc::default() };
        let (token, number) = (interrupt.token.clone(), Arc::clone(&interrupt.signal));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            // Without a runtime signals end us as they always do.
            let Ok(runtime) = runtime else { return };
            runtime.block_on(wait(&token, &number));
        });
        interrupt
    }

    /// Cancelled by the first signal.
    pub(crate) fn token(&self) -> &CancelToken {
        &self.token
    }

    /// The signal that came, if one did.
    pub(crate) fn signal(&self) -> Option<u8> {
        Some(self.signal.load(Ordering::Acquire)).filter(|signal| *signal != 0)
    }
}

async fn wait(token: &CancelToken, number: &AtomicU8) {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else { return };
    let mut first = true;
    loop {
        let came = next(&mut interrupt, &mut terminate, &mut hangup).await;
        if !first {
            std::process::exit(128 + i32::from(came));
        }
        first = false;
        number.store(came, Ordering::Release);
        token.cancel();
    }
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal, hangup: &mut Signal) -> u8 {
    tokio::select! {
        _ = interrupt.recv() => 2,
        _ = terminate.recv() => 15,
        _ = hangup.recv() => 1,
    }
}
