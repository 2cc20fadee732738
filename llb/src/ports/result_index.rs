//! Results by key: the build cache.

use cooperage_image::Digest;
use cooperage_image::tree::LayerId;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::key::{Key, ResultId};

/// What a step made: one chain of layers an output.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepResult {
    /// Its identity, which the keys of dependants name.
    pub id: ResultId,
    /// By output index.
    pub outputs: Vec<Chain>,
}

/// A stack of layers, lowest first; empty is `scratch`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Chain {
    /// The layers.
    pub layers: Vec<LayerId>,
}

/// The index from keys to results, shared by all processes of a root.
pub trait ResultIndex: Send + Sync {
    /// The result recorded under `key`, if all its layers can still be had (their changes are in the
    /// store, and each has a directory, a blob in the store, or a blob with an origin). Counts as a use
    /// for collection; the layers are leased to this process until [`ResultIndex`] is dropped.
    fn lookup(&self, key: &Digest) -> Result<Option<StepResult>, StoreError>;

    /// Records `result` under `keys` (the first is the one its identity came from), with the key's
    /// components and the name of the step, for [`explain`](Self::explain). One transaction. A key
    /// that already leads to a usable result keeps it, and that result is returned: who comes second
    /// adopts the first one's.
    fn record(
        &self,
        op: &Digest,
        step: &str,
        keys: &[Key],
        result: &StepResult,
    ) -> Result<StepResult, StoreError>;

    /// Makes `keys` lead to `result`, whatever they led to (`--no-cache`: the next usual build is to find the
    /// new result).
    fn replace(&self, op: &Digest, step: &str, keys: &[Key], result: &StepResult) -> Result<(), StoreError>;

    /// Inputs' results of the newest recorded runs of `op`, newest first, at most `limit`: candidates
    /// for a match by content.
    fn candidates(&self, op: &Digest, limit: usize) -> Result<Vec<Candidate>, StoreError>;

    /// Remembers a digest that was dear to compute, by any name (for example content digests of
    /// a result's paths, which never change).
    fn remember(&self, what: &Digest, digest: &Digest) -> Result<(), StoreError>;

    /// A digest put by [`remember`](Self::remember).
    fn recall(&self, what: &Digest) -> Result<Option<Digest>, StoreError>;

    /// Locks `key` against other processes until the guard is dropped: who waits then finds the
    /// result by [`lookup`](Self::lookup) instead of working twice. `None` if `stop` was cancelled first.
    fn lock(&self, key: &Digest, stop: &super::CancelToken) -> Result<Option<Box<dyn KeyLock>>, StoreError>;

    /// Components of the last key recorded for a step of this name with other components: what a miss
    /// of `key` is explained with.
    fn explain(&self, step: &str, key: &Key) -> Result<Vec<Difference>, StoreError>;
}

/// A run that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What it was recorded under.
    pub key: Key,
    /// What it made.
    pub result: StepResult,
}

/// Held while a key is worked on.
pub trait KeyLock: Send {}

/// One component that differs from the last build's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// It has another digest.
    Changed(String),
    /// It is new.
    Added(String),
    /// It is gone.
    Removed(String),
}
