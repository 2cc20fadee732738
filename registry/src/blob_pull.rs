//! Downloading a blob (distribution-spec, "Pulling blobs"): in a stream, resumed where it broke off.

use bytes::Bytes;
use cooperage_image::{Descriptor, Digest, Reference};
use cooperage_llb::ports::registry::RegistryError;
use cooperage_llb::ports::{BlobWriter, StoreError};
use reqwest::header::{CONTENT_RANGE, HeaderValue, RANGE};
use reqwest::{Method, Response, StatusCode};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::RegistryClient;
use crate::authorizer::Scopes;
use crate::failure::Failure;
use crate::target::Target;
use crate::transport::Request;

/// Pieces between the network and the disk. A piece is what one read of a connection gave.
const PIECES_IN_FLIGHT: usize = 8;
/// An attempt that got this far on starts the count of attempts anew.
const PROGRESS_BYTES: u64 = 1 << 20;

impl RegistryClient {
    pub(crate) async fn get_blob(
        &self,
        image: &Reference,
        blob: &Descriptor,
        into: Box<dyn BlobWriter>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<(), RegistryError> {
        let (target, mut attempts) = self.begin(image, Some(&blob.digest)).await?;
        let mut download = Download { blob, received: 0, sink: Sink::start(into, blob.digest), progress };
        loop {
            let before = download.received;
            match self.get_some(&target, &mut download).await {
                Ok(()) => break,
                // The connection broke after the last byte.
                Err(Failure::Transient { .. }) if download.is_whole() => break,
                Err(failure) => {
                    if download.received - before >= PROGRESS_BYTES {
                        attempts.progressed();
                    }
                    attempts.again(failure).await?;
                }
            }
        }
        download.sink.commit().await.map_err(|failure| attempts.error(failure))
    }

    /// Downloads what is missing, until it is there or the connection breaks.
    async fn get_some(&self, target: &Target, download: &mut Download<'_>) -> Result<(), Failure> {
        let _place = self.transfer().await;
        let mut request = Request::new(Method::GET, target.url(&format!("blobs/{}", download.blob.digest)));
        let mut expected = vec![StatusCode::OK];
        if download.received > 0 {
            let range = HeaderValue::from_str(&format!("bytes={}-", download.received));
            request.headers.insert(RANGE, range.expect("a number is made of what headers may hold"));
            expected.push(StatusCode::PARTIAL_CONTENT);
        }
        let mut response = self.call(target, &Scopes::pull(target), &request, &expected).await?;
        let mut known = download.begin_body(&response)?;
        while let Some(mut piece) = self.transport.chunk(&mut response).await? {
            // A registry without ranges sends all of it again.
            let skipped = usize::try_from(known).unwrap_or(usize::MAX).min(piece.len());
            known -= skipped as u64;
            download.take(piece.split_off(skipped)).await?;
        }
        download.end_body()
    }
}

/// A blob on its way into the store.
struct Download<'a> {
    blob: &'a Descriptor,
    received: u64,
    sink: Sink,
    progress: &'a (dyn Fn(u64) + Sync),
}

impl Download<'_> {
    /// How many bytes of the body of `response` are known already.
    fn begin_body(&self, response: &Response) -> Result<u64, Failure> {
        let size = self.blob.size_bytes;
        let (known, rest) = match response.status() {
            StatusCode::PARTIAL_CONTENT => {
                let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
                if !range.is_some_and(|range| range.starts_with(&format!("bytes {}-", self.received))) {
                    let asked = self.received;
                    let detail = format!("bytes from {asked} on were asked for, {range:?} came");
                    return Err(Failure::Protocol(detail));
                }
                (0, size - self.received)
            }
            _ => (self.received, size),
        };
        match response.content_length() {
            Some(length) if length != rest => {
                Err(Failure::Protocol(format!("{length} bytes are announced, expected {rest}")))
            }
            _ => Ok(known),
        }
    }

    async fn take(&mut self, piece: Bytes) -> Result<(), Failure> {
        let length = piece.len() as u64;
        let size = self.blob.size_bytes;
        if length > size - self.received {
            return Err(Failure::Protocol(format!("more than the expected {size} bytes came")));
        }
        if length > 0 {
            self.sink.write(piece).await?;
            self.received += length;
            (self.progress)(length);
        }
        Ok(())
    }

    fn is_whole(&self) -> bool {
        self.received > 0 && self.received == self.blob.size_bytes
    }

    fn end_body(&self) -> Result<(), Failure> {
        let (received, size) = (self.received, self.blob.size_bytes);
        if received < size {
            return Err(Failure::transient(format!("the body ended after {received} of {size} bytes")));
        }
        Ok(())
    }
}

/// The writer on a thread of its own, since it blocks. It stops, and drops what it wrote, when its `Sink` is
/// dropped before the commit.
struct Sink {
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<Result<(), StoreError>>>,
}

enum Order {
    Write(Bytes),
    Commit,
}

impl Sink {
    fn start(mut into: Box<dyn BlobWriter>, digest: Digest) -> Self {
        let (orders, mut given) = mpsc::channel(PIECES_IN_FLIGHT);
        let thread = tokio::task::spawn_blocking(move || {
            while let Some(order) = given.blocking_recv() {
                match order {
                    Order::Write(piece) => {
                        into.write_all(&piece).map_err(|source| write_error(&digest, source))?;
                    }
                    Order::Commit => return into.commit(Some(&digest)).map(|_| ()),
                }
            }
            Ok(())
        });
        Self { orders: Some(orders), thread: Some(thread) }
    }

    async fn write(&mut self, piece: Bytes) -> Result<(), Failure> {
        self.order(Order::Write(piece)).await
    }

    async fn commit(mut self) -> Result<(), Failure> {
        self.order(Order::Commit).await?;
        self.end().await
    }

    async fn order(&mut self, order: Order) -> Result<(), Failure> {
        if let Some(orders) = &self.orders
            && orders.send(order).await.is_ok()
        {
            return Ok(());
        }
        // Only an error ends the thread before the commit.
        self.end().await?;
        Err(stopped())
    }

    async fn end(&mut self) -> Result<(), Failure> {
        self.orders = None;
        let Some(thread) = self.thread.take() else { return Err(stopped()) };
        match thread.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(StoreError::Mismatch { expected, actual })) => {
                Err(Failure::Protocol(format!("the content is {actual}, expected {expected}")))
            }
            Ok(Err(error)) => Err(Failure::Store(error)),
            Err(_) => Err(stopped()),
        }
    }
}

fn stopped() -> Failure {
    Failure::Hopeless("the thread that writes the blob was stopped".to_owned())
}

fn write_error(digest: &Digest, source: std::io::Error) -> StoreError {
    let path = digest.to_string().into();
    match source.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full { path },
        _ => StoreError::Io { action: "write", path, source },
    }
}
