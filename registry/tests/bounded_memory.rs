//! A large blob goes up and comes down without ever being in memory. In a process of its own, since the peak
//! of resident memory is the process's.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "registry/docker_registry.rs"]
#[expect(dead_code, reason = "only the open registry is needed here")]
mod docker_registry;

use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cooperage_image::{Descriptor, Digest, Hasher};
use cooperage_llb::ports::{BlobReader, BlobWriter, Registry, StoreError};
use cooperage_registry::{Options, RegistryClient};

const BLOB_BYTES: u64 = 300 << 20;
/// Buffers of both directions, connections and the allocator's slack; a tenth of the blob.
const ALLOWED_GROWTH_KIB: u64 = 30 << 10;

/// A blob that is computed while it is read.
struct Computed(u64);

impl Read for Computed {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let left = BLOB_BYTES - self.0;
        let length = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        for (offset, byte) in into[..length].iter_mut().enumerate() {
            let at = self.0 + offset as u64;
            *byte = (at ^ (at >> 8) ^ (at >> 16)) as u8;
        }
        self.0 += length as u64;
        Ok(length)
    }
}

impl Seek for Computed {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        match to {
            SeekFrom::Start(at) => self.0 = at,
            other => panic!("{other:?}"),
        }
        Ok(self.0)
    }
}

/// A store that keeps nothing but the digest.
struct Forgetful(Hasher, u64);

impl Write for Forgetful {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        self.1 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for Forgetful {
    fn commit(self: Box<Self>, expected: Option<&Digest>) -> Result<(Digest, u64), StoreError> {
        let (digest, length) = (self.0.finish(), self.1);
        assert_eq!(expected, Some(&digest));
        Ok((digest, length))
    }
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_of_300_mib_needs_a_tenth_of_that() {
    let registry = docker_registry::DockerRegistry::start();
    let client = RegistryClient::new(Options::default()).unwrap();
    let mut hasher = Hasher::new();
    assert_eq!(std::io::copy(&mut Computed(0), &mut hasher).unwrap(), BLOB_BYTES);
    let blob = Descriptor::new("application/octet-stream", hasher.finish(), BLOB_BYTES);
    let name = format!("{}/large:1", registry.host).parse().unwrap();

    let before = peak_kib();
    let told = Arc::new(AtomicU64::new(0));
    let tell = |bytes| {
        told.fetch_add(bytes, Ordering::Relaxed);
    };
    let open = || Ok(Box::new(Computed(0)) as Box<dyn BlobReader>);
    client.push_blob(&name, &blob, &open, &tell).await.unwrap();
    assert_eq!(told.swap(0, Ordering::Relaxed), BLOB_BYTES);
    client.pull_blob(&name, &blob, Box::new(Forgetful(Hasher::new(), 0)), &tell).await.unwrap();
    assert_eq!(told.load(Ordering::Relaxed), BLOB_BYTES);
    let growth = peak_kib() - before;
    println!("peak grew by {growth} KiB");
    assert!(growth < ALLOWED_GROWTH_KIB, "the peak grew by {growth} KiB");
}
