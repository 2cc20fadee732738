//! Why a key missed.

use std::collections::BTreeMap;

use cooperage_image::Digest;
use cooperage_llb::key::Key;
use cooperage_llb::ports::result_index::Difference;

/// What `now` has that `before` had not, in the order of `now`'s components, then what is gone.
pub(crate) fn differences(before: &Key, now: &Key) -> Vec<Difference> {
    let digests = |key: &Key| -> BTreeMap<String, Digest> {
        key.components().iter().map(|part| (part.name.clone(), part.digest)).collect()
    };
    let (old, new) = (digests(before), digests(now));
    let mut found = Vec::new();
    for part in now.components() {
        match old.get(&part.name) {
            Some(digest) if *digest == part.digest => {}
            Some(_) => found.push(Difference::Changed(part.name.clone())),
            None => found.push(Difference::Added(part.name.clone())),
        }
    }
    for part in before.components() {
        if !new.contains_key(&part.name) {
            found.push(Difference::Removed(part.name.clone()));
        }
    }
    found
}
