//! Change sets that were read lately, in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cooperage_image::tree::{Changes, LayerId};

/// All change sets together keep at most so many entries, of some 300 bytes each.
const LIMIT_ENTRIES: usize = 250_000;

/// Decoded change sets, the least recently used dropped first.
#[derive(Default)]
pub(crate) struct DecodedChanges {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sets: HashMap<LayerId, Kept>,
    entries: usize,
    clock: u64,
}

struct Kept {
    changes: Arc<Changes>,
    entries: usize,
    used: u64,
}

impl DecodedChanges {
    pub(crate) fn get(&self, id: &LayerId) -> Option<Arc<Changes>> {
        let mut state = self.lock();
        state.clock += 1;
        let now = state.clock;
        let kept = state.sets.get_mut(id)?;
        kept.used = now;
        Some(Arc::clone(&kept.changes))
    }

    /// Keeps `changes`; one that is larger than the limit alone is not kept.
    pub(crate) fn put(&self, id: &LayerId, changes: &Arc<Changes>, entries: usize) {
        let mut state = self.lock();
        if entries > LIMIT_ENTRIES || state.sets.contains_key(id) {
            return;
        }
        while state.entries + entries > LIMIT_ENTRIES {
            let oldest = state.sets.iter().min_by_key(|(_, kept)| kept.used).map(|(id, _)| id.clone());
            let Some(gone) = oldest.and_then(|id| state.sets.remove(&id)) else { break };
            state.entries -= gone.entries;
        }
        state.clock += 1;
        state.entries += entries;
        let kept = Kept { changes: Arc::clone(changes), entries, used: state.clock };
        state.sets.insert(id.clone(), kept);
    }

    pub(crate) fn forget(&self, id: &LayerId) {
        let mut state = self.lock();
        if let Some(gone) = state.sets.remove(id) {
            state.entries -= gone.entries;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing between two changes of the state panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
