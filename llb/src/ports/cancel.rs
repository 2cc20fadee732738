//! Cancellation of a build.

use std::sync::{Arc, Mutex};

/// Tells running work to stop. Clones share one state; cancelling is final.
#[derive(Clone, Default)]
pub struct CancelToken(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    cancelled: bool,
    next: u64,
    callbacks: Vec<(u64, Box<dyn FnOnce() + Send>)>,
}

/// Keeps a callback registered; dropping it takes the callback back.
#[must_use = "dropping the guard takes the callback back"]
pub struct OnCancel {
    token: CancelToken,
    id: u64,
}

impl CancelToken {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels. The callbacks run on this thread, once.
    pub fn cancel(&self) {
        let callbacks = {
            let mut state = self.state();
            state.cancelled = true;
            std::mem::take(&mut state.callbacks)
        };
        for (_, callback) in callbacks {
            callback();
        }
    }

    /// Whether [`cancel`](Self::cancel) was called.
    pub fn is_cancelled(&self) -> bool {
        self.state().cancelled
    }

    /// Runs `callback` when the token is cancelled; at once if it is already. It must not block.
    pub fn on_cancel(&self, callback: impl FnOnce() + Send + 'static) -> OnCancel {
        let mut state = self.state();
        let id = state.next;
        state.next += 1;
        if state.cancelled {
            drop(state);
            callback();
        } else {
            state.callbacks.push((id, Box::new(callback)));
        }
        OnCancel { token: self.clone(), id }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // A callback never runs under the lock, so a poisoned state is still whole.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for OnCancel {
    fn drop(&mut self) {
        self.token.state().callbacks.retain(|(id, _)| *id != self.id);
    }
}

impl std::fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CancelToken(cancelled: {})", self.is_cancelled())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn callbacks_run_once_and_can_be_taken_back() {
        let token = CancelToken::new();
        let count = Arc::new(AtomicU32::new(0));
        let add = |n: u32| {
            let count = Arc::clone(&count);
            move || {
                count.fetch_add(n, Ordering::Relaxed);
            }
        };
        let kept = token.on_cancel(add(1));
        drop(token.on_cancel(add(10)));
        token.cancel();
        token.cancel();
        let _late = token.on_cancel(add(100));
        drop(kept);
        assert_eq!(count.load(Ordering::Relaxed), 101);
        assert!(token.is_cancelled());
    }
}
