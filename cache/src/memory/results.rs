//! Results in memory.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use cooperage_image::Digest;
use cooperage_image::tree::LayerId;
use cooperage_llb::key::Key;
use cooperage_llb::ports::result_index::{Candidate, Difference, KeyLock, StepResult};
use cooperage_llb::ports::{CancelToken, ResultIndex, StoreError};

use super::layers::layer;
use super::{Handle, MemoryStore, Record, State};
use crate::explain::differences;

/// Between two looks at a cancellation.
const POLL: Duration = Duration::from_millis(5);

impl ResultIndex for MemoryStore {
    fn lookup(&self, key: &Digest) -> Result<Option<StepResult>, StoreError> {
        let mut state = self.state();
        let found = state.usable_result(key);
        if let Some(result) = &found {
            self.hold_layers(&mut state, result);
        }
        Ok(found)
    }

    fn record(
        &self,
        op: &Digest,
        step: &str,
        keys: &[Key],
        result: &StepResult,
    ) -> Result<StepResult, StoreError> {
        let mut state = self.state();
        let known: Vec<_> = keys.iter().map(|key| state.usable_result(key.digest())).collect();
        let kept = known.iter().flatten().next().unwrap_or(result).clone();
        for (key, known) in keys.iter().zip(known) {
            state.records.retain(|record| record.key.digest() != key.digest());
            let result = known.unwrap_or_else(|| kept.clone());
            state.records.push(Record { op: *op, step: step.to_owned(), key: key.clone(), result });
        }
        for top in kept.outputs.iter().filter_map(|chain| chain.layers.last()) {
            if let Some(layer) = state.layers.get_mut(top).filter(|layer| layer.step.is_empty()) {
                step.clone_into(&mut layer.step);
            }
        }
        self.hold_layers(&mut state, &kept);
        Ok(kept)
    }

    fn replace(&self, op: &Digest, step: &str, keys: &[Key], result: &StepResult) -> Result<(), StoreError> {
        let mut state = self.state();
        for key in keys {
            state.records.retain(|record| record.key.digest() != key.digest());
            let record = Record { op: *op, step: step.to_owned(), key: key.clone(), result: result.clone() };
            state.records.push(record);
        }
        self.hold_layers(&mut state, result);
        Ok(())
    }

    fn candidates(&self, op: &Digest, limit: usize) -> Result<Vec<Candidate>, StoreError> {
        let mut state = self.state();
        let runs =
            state.records.iter().rev().filter(|record| record.op == *op && state.is_usable(&record.result));
        let found: Vec<_> = runs
            .take(limit)
            .map(|record| Candidate { key: record.key.clone(), result: record.result.clone() })
            .collect();
        for candidate in &found {
            self.hold_layers(&mut state, &candidate.result);
        }
        Ok(found)
    }

    fn remember(&self, what: &Digest, digest: &Digest) -> Result<(), StoreError> {
        self.state().memo.insert(*what, *digest);
        Ok(())
    }

    fn recall(&self, what: &Digest) -> Result<Option<Digest>, StoreError> {
        Ok(self.state().memo.get(what).copied())
    }

    fn lock(&self, key: &Digest, stop: &CancelToken) -> Result<Option<Box<dyn KeyLock>>, StoreError> {
        let mut state = self.state();
        while !stop.is_cancelled() {
            if state.locked_keys.insert(*key) {
                return Ok(Some(Box::new(MemoryKeyLock { key: *key, handle: Arc::clone(&self.handle) })));
            }
            let waited = self.handle.shared.unlocked.wait_timeout(state, POLL);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(None)
    }

    fn explain(&self, step: &str, key: &Key) -> Result<Vec<Difference>, StoreError> {
        let state = self.state();
        let comparable = |record: &&Record| {
            record.step == step && record.key.kind() == key.kind() && record.key.digest() != key.digest()
        };
        let last = state.records.iter().rev().find(comparable);
        Ok(last.map(|last| differences(&last.key, key)).unwrap_or_default())
    }
}

impl MemoryStore {
    fn hold_layers(&self, state: &mut State, result: &StepResult) {
        for id in result.outputs.iter().flat_map(|chain| &chain.layers) {
            self.hold(state, layer(id));
        }
    }
}

impl State {
    fn usable_result(&self, key: &Digest) -> Option<StepResult> {
        let record = self.records.iter().find(|record| record.key.digest() == key)?;
        self.is_usable(&record.result).then(|| record.result.clone())
    }

    fn is_usable(&self, result: &StepResult) -> bool {
        let mut left: Vec<&LayerId> = result.outputs.iter().flat_map(|chain| &chain.layers).collect();
        let mut seen = HashSet::new();
        while let Some(id) = left.pop() {
            let Some(layer) = self.layers.get(id) else { return false };
            let has_blob =
                self.forms.get(id).into_iter().flatten().any(|(_, blob)| {
                    blob.origin.is_some() || self.blobs.contains_key(&blob.descriptor.digest)
                });
            if layer.own_files && layer.directory.is_none() && !has_blob {
                return false;
            }
            if seen.insert(id) {
                left.extend(&layer.needs);
            }
        }
        true
    }
}

struct MemoryKeyLock {
    key: Digest,
    handle: Arc<Handle>,
}

impl KeyLock for MemoryKeyLock {}

impl Drop for MemoryKeyLock {
    fn drop(&mut self) {
        self.handle.shared.lock().locked_keys.remove(&self.key);
        self.handle.shared.unlocked.notify_all();
    }
}
