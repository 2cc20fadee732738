//! Giving up when the build is cancelled.

use std::io::{self, Read};
use std::sync::Arc;

use cooperage_llb::ports::CancelToken;
use tokio::sync::Notify;

use crate::Error;

/// Gives `work` up when `cancel` is cancelled: for what leaves nothing half-done behind when it is dropped.
pub(crate) async fn until<T, E: From<Error>>(
    cancel: &CancelToken,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let cancelled = Arc::new(Notify::new());
    let notify = Arc::clone(&cancelled);
    let _guard = cancel.on_cancel(move || notify.notify_one());
    tokio::select! {
        biased;
        () = cancelled.notified() => Err(Error::Cancelled.into()),
        done = work => done,
    }
}

/// A reader that fails once the build is cancelled: whoever reads a large layer on a thread of its own
/// would not notice otherwise.
pub(crate) struct Cancellable<R> {
    reader: R,
    cancel: CancelToken,
}

impl<R> Cancellable<R> {
    pub(crate) fn new(reader: R, cancel: CancelToken) -> Self {
        Self { reader, cancel }
    }
}

impl<R: Read> Read for Cancellable<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other(Error::Cancelled));
        }
        self.reader.read(buffer)
    }
}

/// Whether `error` is, or was caused by, a [`Cancellable`] that was cancelled.
pub(crate) fn is_cancelled(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(Error::Cancelled) = error.downcast_ref::<Error>() {
        return true;
    }
    // An `io::Error` hides the one that it wraps from `source`.
    let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    inside.is_some_and(|inside| is_cancelled(inside)) || error.source().is_some_and(is_cancelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_waits_for_ever_ends_when_cancelled() {
        let cancel = CancelToken::new();
        let work = async {
            cancel.cancel();
            std::future::pending::<Result<(), Error>>().await
        };
        assert!(matches!(until(&cancel, work).await, Err(Error::Cancelled)));
        let never = async { panic!("a cancelled build starts nothing") };
        assert!(matches!(until::<(), Error>(&cancel, never).await, Err(Error::Cancelled)));
    }

    #[test]
    fn a_reader_stops_in_the_middle_and_its_error_is_known_through_others() {
        let cancel = CancelToken::new();
        let mut reader = Cancellable::new(io::repeat(1), cancel.clone());
        let mut buffer = [0; 8];
        assert_eq!(reader.read(&mut buffer).unwrap(), 8);
        cancel.cancel();
        let error = reader.read(&mut buffer).unwrap_err();
        assert!(is_cancelled(&error));
        let wrapped = Error::File { action: "read", path: "x".into(), source: error };
        assert!(is_cancelled(&wrapped));
        assert!(!is_cancelled(&io::Error::other("another")));
        assert!(matches!(Error::disk("reading", &wrapped), Error::Cancelled));
    }
}
