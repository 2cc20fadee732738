//! What the tests hold against the client: options without pauses, a blob in memory, a store that watches.

use std::io::{Cursor, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cooperage_image::{Descriptor, Digest, Reference};
use cooperage_llb::ports::{BlobReader, BlobWriter, StoreError};
use cooperage_registry::{Options, RegistryClient, RetryPolicy, Timeouts};

/// Three attempts with hardly a pause.
pub(crate) fn options() -> Options {
    Options {
        retry: RetryPolicy {
            attempts: 3,
            first_delay: Duration::from_millis(1),
            max_delay: Duration::from_millis(5),
            max_retry_after: Duration::from_secs(2),
        },
        timeouts: Timeouts { idle: Duration::from_secs(5), ..Timeouts::default() },
        ..Options::default()
    }
}

pub(crate) fn client() -> RegistryClient {
    RegistryClient::new(options()).unwrap()
}

pub(crate) fn image(host: &str, rest: &str) -> Reference {
    format!("{host}/{rest}").parse().unwrap()
}

/// Some bytes and their descriptor.
pub(crate) fn blob(length: usize) -> (Descriptor, Vec<u8>) {
    let bytes: Vec<u8> = (0..length).map(|at| (at * 7 % 251) as u8).collect();
    (Descriptor::of("application/octet-stream", &bytes), bytes)
}

/// Readers of `bytes`.
pub(crate) fn open(bytes: &[u8]) -> impl Fn() -> Result<Box<dyn BlobReader>, StoreError> + Sync + use<> {
    let bytes = bytes.to_vec();
    move || Ok(Box::new(Cursor::new(bytes.clone())))
}

/// Sums what a transfer tells.
#[derive(Default)]
pub(crate) struct Told(AtomicU64);

impl Told {
    pub(crate) fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::SeqCst);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// What became of a writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Open,
    Dropped,
    Committed(Vec<u8>),
}

/// A blob that is being written to memory.
pub(crate) struct Writer {
    bytes: Vec<u8>,
    room: usize,
    fate: Arc<Mutex<Fate>>,
}

impl Writer {
    /// A writer with `room` bytes of space, and where to see what becomes of it.
    pub(crate) fn with_room(room: usize) -> (Box<Self>, Arc<Mutex<Fate>>) {
        let fate = Arc::new(Mutex::new(Fate::Open));
        (Box::new(Self { bytes: Vec::new(), room, fate: Arc::clone(&fate) }), fate)
    }

    pub(crate) fn new() -> (Box<Self>, Arc<Mutex<Fate>>) {
        Self::with_room(usize::MAX)
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.room {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        // Less than asked for, as a disk may.
        let length = bytes.len().min(1000);
        self.bytes.extend_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for Writer {
    fn commit(mut self: Box<Self>, expected: Option<&Digest>) -> Result<(Digest, u64), StoreError> {
        let bytes = std::mem::take(&mut self.bytes);
        let digest = Digest::of(&bytes);
        match expected {
            Some(expected) if *expected != digest => {
                Err(StoreError::Mismatch { expected: expected.to_string(), actual: digest.to_string() })
            }
            _ => {
                let length = bytes.len() as u64;
                *self.fate.lock().unwrap() = Fate::Committed(bytes);
                Ok((digest, length))
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut fate = self.fate.lock().unwrap();
        if *fate == Fate::Open {
            *fate = Fate::Dropped;
        }
    }
}
