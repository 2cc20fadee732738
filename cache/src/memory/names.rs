//! Names of images and digests of local files, in memory.

use std::path::Path;
use std::time::SystemTime;

use cooperage_image::{Descriptor, Reference};
use cooperage_llb::ports::stat_cache::StatEntries;
use cooperage_llb::ports::{ImageNames, StatCache, StoreError};

use super::MemoryStore;
use crate::racy::is_settled;

impl ImageNames for MemoryStore {
    fn resolve(&self, name: &Reference) -> Result<Option<Descriptor>, StoreError> {
        Ok(self.state().names.get(name).cloned())
    }

    fn set(&self, name: &Reference, target: &Descriptor) -> Result<(), StoreError> {
        self.state().names.insert(name.clone(), target.clone());
        Ok(())
    }

    fn remove(&self, name: &Reference) -> Result<bool, StoreError> {
        Ok(self.state().names.remove(name).is_some())
    }

    fn list(&self) -> Result<Vec<(Reference, Descriptor)>, StoreError> {
        Ok(self.state().names.iter().map(|(name, target)| (name.clone(), target.clone())).collect())
    }
}

impl StatCache for MemoryStore {
    fn load(&self, root: &Path) -> Result<StatEntries, StoreError> {
        Ok(self.state().stats.get(root).cloned().unwrap_or_default())
    }

    fn save(&self, root: &Path, entries: &StatEntries, looked_from: SystemTime) -> Result<(), StoreError> {
        let settled = entries.iter().filter(|(_, (seen, _))| is_settled(seen, looked_from));
        let settled = settled.map(|(path, entry)| (path.clone(), *entry)).collect();
        self.state().stats.insert(root.to_owned(), settled);
        Ok(())
    }
}
