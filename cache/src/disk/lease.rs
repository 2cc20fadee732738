//! What this process holds, so that no other removes it.
//!
//! A thing is held from the moment it was found or put until the root is closed. Each is one record in the
//! corner's lease file (docs/formats/root.md), appended under the shared collection lock in the same
//! critical section in which the thing was found; who removes things holds that lock exclusively and reads
//! the lease files of all the living. So there is no moment between finding and holding. What is held
//! already is found without any lock, and the database is not written: times of last use go there once,
//! when the root is closed.

use std::collections::HashSet;
use std::fs::File;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cooperage_image::Digest;
use cooperage_llb::ports::StoreError;

use super::layout::Layout;
use super::locking::{self, Share};
use super::session::Session;

/// A thing that can be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Held {
    /// A blob.
    Blob(Digest),
    /// A layer in all its forms, with the layers whose contents it needs.
    Layer(Digest),
}

/// Length of one record of a lease file: a letter and 32 bytes.
const RECORD_BYTES: usize = 33;

/// What this opening of the root holds.
#[derive(Default)]
pub(crate) struct Leases {
    held: Mutex<HashSet<Held>>,
}

/// Proof that nothing is being removed; things found while it lives may be held.
pub(crate) struct Finding<'a> {
    leases: &'a Leases,
    session: &'a Session,
    _lock: File,
}

impl Leases {
    /// Waits for a running collection to end and keeps the next from beginning.
    pub(crate) fn finding<'a>(
        &'a self,
        layout: &Layout,
        session: &'a Session,
    ) -> Result<Finding<'a>, StoreError> {
        let lock = locking::wait(&layout.collect_lock(), Share::Shared)?;
        Ok(Finding { leases: self, session, _lock: lock })
    }

    pub(crate) fn holds(&self, thing: Held) -> bool {
        self.lock().contains(&thing)
    }

    /// Everything held now.
    pub(crate) fn all(&self) -> Vec<Held> {
        self.lock().iter().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Held>> {
        // A set is whole after a panic elsewhere.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Finding<'_> {
    /// Holds `thing` until the root is closed.
    pub(crate) fn hold(&self, thing: Held) -> Result<(), StoreError> {
        if !self.leases.holds(thing) {
            self.session.hold(&encode(thing))?;
            self.leases.lock().insert(thing);
        }
        Ok(())
    }
}

fn encode(thing: Held) -> [u8; RECORD_BYTES] {
    let (letter, digest) = match thing {
        Held::Blob(digest) => (b'b', digest),
        Held::Layer(digest) => (b'l', digest),
    };
    let mut record = [letter; RECORD_BYTES];
    record[1..].copy_from_slice(digest.as_bytes());
    record
}

/// The records of a lease file. A torn one at the end is of a process that died while it wrote, and
/// never came to use the thing.
pub(crate) fn decode(bytes: &[u8]) -> Vec<Held> {
    let (records, _) = bytes.as_chunks::<RECORD_BYTES>();
    let thing = |record: &[u8; RECORD_BYTES]| {
        let digest = Digest::from_bytes(*record.last_chunk::<32>().expect("a record has 33 bytes"));
        match record[0] {
            b'b' => Some(Held::Blob(digest)),
            b'l' => Some(Held::Layer(digest)),
            _ => None,
        }
    };
    records.iter().filter_map(thing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_record_is_not_read() {
        let things = [Held::Blob(Digest::of(b"a")), Held::Layer(Digest::of(b"b"))];
        let bytes = things.map(encode).concat();
        assert_eq!(decode(&bytes), things);
        assert_eq!(decode(&bytes[..RECORD_BYTES + 7]), things[..1]);
        assert_eq!(decode(&[]), []);
    }
}
