//! Which fingerprints tell a file from a later version of itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cooperage_image::tree::{Fingerprint, Timestamp};

/// Whether a file that had `seen` can be told from one that was changed after.
///
/// Git's racy rule, strictly: what counts is the moment from which on the file may have been looked at, not
/// the later one at which the digest is saved. A change after that moment gives the file a later ctime than
/// one that is a whole tick of the file system's clock before it.
pub(crate) fn is_settled(seen: &Fingerprint, looked_from: SystemTime) -> bool {
    let whole_seconds = seen.mtime.nanos == 0 && seen.ctime.nanos == 0;
    // A kernel's coarse clock ticks every 10 ms at least; FAT's every 2 s.
    let tick = if whole_seconds { Duration::from_secs(2) } else { Duration::from_millis(20) };
    let limit = looked_from.checked_sub(tick).unwrap_or(UNIX_EPOCH);
    let limit = limit.duration_since(UNIX_EPOCH).unwrap_or_default();
    let limit =
        Timestamp { secs: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX), nanos: limit.subsec_nanos() };
    seen.mtime < limit && seen.ctime < limit
}
