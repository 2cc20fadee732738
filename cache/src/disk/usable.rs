//! Layers that were found usable and are held, so that they stay usable.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use cooperage_image::tree::LayerId;

/// A set that only grows while the root is open.
#[derive(Default)]
pub(crate) struct UsableLayers {
    ids: Mutex<HashSet<LayerId>>,
}

impl UsableLayers {
    pub(crate) fn holds(&self, id: &LayerId) -> bool {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    /// Notes layers that are held.
    pub(crate) fn note(&self, ids: Vec<LayerId>) {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
    }

    /// Takes back one that turned out to be damaged.
    pub(crate) fn forget(&self, id: &LayerId) {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}
