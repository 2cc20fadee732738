//! The body of an upload: read on a thread that may block, sent as the network takes it.

use std::io::Read;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use cooperage_image::Descriptor;
use cooperage_llb::ports::{BlobReader, StoreError};
use http_body::{Body, Frame, SizeHint};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

/// Bytes read at once.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces between the disk and the network.
const PIECES_IN_FLIGHT: usize = 8;

/// What the connection took so far.
#[derive(Default)]
pub(crate) struct Sent {
    bytes: AtomicU64,
    moved: Notify,
}

impl Sent {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Waits until more was taken since the last call.
    pub(crate) async fn moved(&self) {
        self.moved.notified().await;
    }
}

/// Why the body ends early; the thread that reads knows more.
#[derive(Debug, thiserror::Error)]
#[error("the blob could not be read")]
pub(crate) struct ReadStopped;

/// A body of exactly the blob's length.
pub(crate) struct UploadBody {
    pieces: mpsc::Receiver<Result<Bytes, ReadStopped>>,
    remaining: u64,
    sent: Arc<Sent>,
}

/// The thread that reads. It ends when the body is dropped.
pub(crate) type Reading = JoinHandle<Result<(), StoreError>>;

/// Starts to read `blob` from `reader`.
pub(crate) fn start(reader: Box<dyn BlobReader>, blob: &Descriptor) -> (UploadBody, Reading, Arc<Sent>) {
    let (given, pieces) = mpsc::channel(PIECES_IN_FLIGHT);
    let sent = Arc::new(Sent::default());
    let body = UploadBody { pieces, remaining: blob.size_bytes, sent: Arc::clone(&sent) };
    let blob = blob.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let read = read_pieces(reader, &blob, &given);
        if read.is_err() {
            // Whoever dropped the body does not care either.
            let _gone = given.blocking_send(Err(ReadStopped));
        }
        read
    });
    (body, reading, sent)
}

fn read_pieces(
    mut reader: Box<dyn BlobReader>,
    blob: &Descriptor,
    given: &mpsc::Sender<Result<Bytes, ReadStopped>>,
) -> Result<(), StoreError> {
    let mut total = 0;
    loop {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        reader.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut piece).map_err(|source| {
            StoreError::Io { action: "read", path: blob.digest.to_string().into(), source }
        })?;
        total += piece.len() as u64;
        if total > blob.size_bytes || (piece.is_empty() && total < blob.size_bytes) {
            let detail = format!("expected {} bytes, found {total} or more", blob.size_bytes);
            return Err(StoreError::Damaged { what: blob.digest.to_string(), detail });
        }
        if piece.is_empty() || given.blocking_send(Ok(piece.into())).is_err() {
            return Ok(());
        }
    }
}

impl Body for UploadBody {
    type Data = Bytes;
    type Error = ReadStopped;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ReadStopped>>> {
        self.pieces.poll_recv(context).map(|piece| {
            piece.map(|piece| {
                let piece = piece?;
                let length = piece.len() as u64;
                self.remaining = self.remaining.saturating_sub(length);
                self.sent.bytes.fetch_add(length, Ordering::Relaxed);
                self.sent.moved.notify_one();
                Ok(Frame::data(piece))
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}
