//! The file that a download is written to, on a thread of its own, since writing blocks.

use std::io::{self, Write};

use bytes::Bytes;
use cooperage_image::{Digest, Hasher};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Pieces between the network and the disk. A piece is what one read of a connection gave.
const PIECES_IN_FLIGHT: usize = 8;

/// Writes and hashes what it is given. Dropped before its end it stops, and what it wrote stays as it is.
pub(super) struct FileSink {
    pieces: Option<mpsc::Sender<Bytes>>,
    thread: Option<JoinHandle<io::Result<Digest>>>,
}

impl FileSink {
    pub(super) fn start(mut into: Box<dyn Write + Send>) -> Self {
        let (pieces, mut given) = mpsc::channel::<Bytes>(PIECES_IN_FLIGHT);
        let thread = tokio::task::spawn_blocking(move || {
            let mut hasher = Hasher::new();
            while let Some(piece) = given.blocking_recv() {
                into.write_all(&piece)?;
                hasher.update(&piece);
            }
            into.flush()?;
            Ok(hasher.finish())
        });
        Self { pieces: Some(pieces), thread: Some(thread) }
    }

    pub(super) async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        if let Some(pieces) = &self.pieces
            && pieces.send(piece).await.is_ok()
        {
            return Ok(());
        }
        // Only an error ends the thread before its orders end.
        self.end().await.and_then(|_| Err(stopped()))
    }

    /// Waits until all is written; the digest of it.
    pub(super) async fn finish(mut self) -> io::Result<Digest> {
        self.end().await
    }

    async fn end(&mut self) -> io::Result<Digest> {
        self.pieces = None;
        let thread = self.thread.take().ok_or_else(stopped)?;
        thread.await.map_err(|_| stopped())?
    }
}

fn stopped() -> io::Error {
    io::Error::other("the thread that writes the file was stopped")
}
