//! What goes when a store is emptied: a decision over plain values.

use std::collections::{BTreeMap, BTreeSet};

use cooperage_image::{Digest, Reference};
use cooperage_llb::ports::upkeep::{PruneRequest, UsageKind, UsageRecord};

pub(crate) mod images;

/// A thing that can be removed by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ObjectId {
    /// A layer with its change set and its directory.
    Layer(Digest),
    /// A blob.
    Blob(Digest),
    /// One directory of a cache mount.
    Mount(String),
}

/// What is known of an [`ObjectId`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) size_bytes: u64,
    /// Milliseconds since 1970.
    pub(crate) used_ms: i64,
    /// Without these it is of no use.
    pub(crate) needs: Vec<ObjectId>,
    /// Whether a living process holds it.
    pub(crate) held: bool,
    /// For people.
    pub(crate) description: String,
}

/// A named image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedImage {
    pub(crate) name: Reference,
    /// What the name points at.
    pub(crate) target: Digest,
    /// Its manifests, configs and layers, as far as they are in the store; the target among them.
    pub(crate) blobs: Vec<Digest>,
}

/// All that a store holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Inventory {
    pub(crate) objects: BTreeMap<ObjectId, Object>,
    pub(crate) images: Vec<NamedImage>,
}

/// What is to be removed, in this order: the names first, then the objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Victims {
    /// Each with what it pointed at when it was chosen.
    pub(crate) images: Vec<(Reference, Digest)>,
    pub(crate) objects: Vec<ObjectId>,
}

impl Object {
    /// The object, as it is listed.
    pub(crate) fn usage_record(&self, id: &ObjectId, in_use: bool) -> UsageRecord {
        let (id, kind) = match id {
            ObjectId::Layer(digest) => (digest.hex(), UsageKind::Layer),
            ObjectId::Blob(digest) => (digest.to_string(), UsageKind::Blob),
            ObjectId::Mount(name) => (name.clone(), UsageKind::CacheMount),
        };
        UsageRecord {
            id,
            kind,
            size_bytes: self.size_bytes,
            last_used: self.used_ms / 1000,
            in_use,
            description: self.description.clone(),
        }
    }
}

/// Sorts a list of usage: largest first.
pub(crate) fn sort_usage(records: &mut [UsageRecord]) {
    records.sort_by(|one, other| (other.size_bytes, &one.id).cmp(&(one.size_bytes, &other.id)));
}

impl Inventory {
    /// Bytes of all objects.
    pub(crate) fn total_bytes(&self) -> u64 {
        self.objects.values().fold(0, |sum, object| sum.saturating_add(object.size_bytes))
    }

    /// Says of blobs that nothing else describes which image they are of.
    pub(crate) fn describe_images(&mut self) {
        for image in &self.images {
            for blob in &image.blobs {
                if let Some(object) = self.objects.get_mut(&ObjectId::Blob(*blob))
                    && object.description.is_empty()
                {
                    object.description = image.name.familiar();
                }
            }
        }
    }

    /// What there is.
    pub(crate) fn usage(&self) -> Vec<UsageRecord> {
        let in_use = self.in_use(self.images.iter());
        let record = |(id, object): (&ObjectId, &Object)| object.usage_record(id, in_use.contains(id));
        self.objects.iter().map(record).collect()
    }

    /// Objects that must stay: held ones, what `images` name, and all that these need.
    pub(crate) fn in_use<'a>(
        &'a self,
        images: impl Iterator<Item = &'a NamedImage>,
    ) -> BTreeSet<&'a ObjectId> {
        let held = self.objects.iter().filter(|(_, object)| object.held).map(|(id, _)| id);
        let mut left: Vec<&ObjectId> = held.collect();
        for blob in images.flat_map(|image| &image.blobs) {
            left.extend(self.objects.get_key_value(&ObjectId::Blob(*blob)).map(|(id, _)| id));
        }
        let mut kept = BTreeSet::new();
        while let Some(id) = left.pop() {
            if let Some((id, object)) = self.objects.get_key_value(id)
                && kept.insert(id)
            {
                left.extend(&object.needs);
            }
        }
        kept
    }

    /// Decides what `request` removes: what is not in use, least recently used first, down to the cap;
    /// then, if named images may go as well, the least recently used of them, each with what only it needs.
    pub(crate) fn choose(&self, request: &PruneRequest) -> Victims {
        let order = self.order_of_removal();
        let mut images: Vec<&NamedImage> = self.images.iter().collect();
        images.sort_by_key(|image| std::cmp::Reverse((self.last_use(image), &image.name)));
        let mut round = Round {
            inventory: self,
            keep_bytes: request.keep_bytes,
            left_bytes: self.total_bytes(),
            gone: BTreeSet::new(),
        };
        let mut victims = Victims::default();
        round.remove(&order, &images, &mut victims);
        let mut kept = Vec::new();
        while request.all
            && !round.is_enough()
            && let Some(image) = images.pop()
        {
            if self.is_held(image) {
                kept.push(image);
                continue;
            }
            victims.images.push((image.name.clone(), image.target));
            let named: Vec<_> = images.iter().chain(&kept).copied().collect();
            round.remove(&order, &named, &mut victims);
        }
        victims
    }

    /// All objects, least recently used first, where being needed counts as a use. What needs comes before
    /// what it needs.
    fn order_of_removal(&self) -> Vec<&ObjectId> {
        let mut used: BTreeMap<&ObjectId, i64> =
            self.objects.iter().map(|(id, object)| (id, object.used_ms)).collect();
        let mut left: Vec<&ObjectId> = self.objects.keys().collect();
        while let Some(id) = left.pop() {
            let now = used[id];
            for needed in self.objects[id].needs.iter() {
                if let Some((needed, time)) = used.get_key_value(needed)
                    && *time < now
                {
                    let needed = *needed;
                    used.insert(needed, now);
                    left.push(needed);
                }
            }
        }
        let depth = self.depths();
        let mut order: Vec<&ObjectId> = self.objects.keys().collect();
        order.sort_by_key(|id| (used[id], depth[id], *id));
        order
    }

    /// How long the longest chain of needs that leads to each object is.
    fn depths(&self) -> BTreeMap<&ObjectId, usize> {
        let mut depths: BTreeMap<&ObjectId, usize> = self.objects.keys().map(|id| (id, 0)).collect();
        let mut left: Vec<&ObjectId> = self.objects.keys().collect();
        while let Some(id) = left.pop() {
            let next = depths[id] + 1;
            for needed in self.objects[id].needs.iter() {
                // Contents name older contents, so there is no circle; a damaged index may have one.
                if let Some((needed, depth)) = depths.get_key_value(needed)
                    && *depth < next
                    && next <= self.objects.len()
                {
                    let needed = *needed;
                    depths.insert(needed, next);
                    left.push(needed);
                }
            }
        }
        depths
    }

    fn last_use(&self, image: &NamedImage) -> i64 {
        let used = |blob: &Digest| self.objects.get(&ObjectId::Blob(*blob)).map(|object| object.used_ms);
        image.blobs.iter().filter_map(used).max().unwrap_or(0)
    }

    /// Whether a process holds what the name points at: it is about to use the image.
    fn is_held(&self, image: &NamedImage) -> bool {
        self.objects.get(&ObjectId::Blob(image.target)).is_some_and(|object| object.held)
    }
}

/// A choice under way.
struct Round<'a> {
    inventory: &'a Inventory,
    keep_bytes: Option<u64>,
    left_bytes: u64,
    gone: BTreeSet<&'a ObjectId>,
}

impl<'a> Round<'a> {
    fn is_enough(&self) -> bool {
        self.keep_bytes.is_some_and(|keep| self.left_bytes <= keep)
    }

    /// Removes in `order` what is not in use while `images` are named, until it is enough.
    fn remove(&mut self, order: &[&'a ObjectId], images: &[&NamedImage], victims: &mut Victims) {
        let in_use = self.inventory.in_use(images.iter().copied());
        for id in order {
            if self.is_enough() {
                return;
            }
            if !in_use.contains(*id) && self.gone.insert(id) {
                self.left_bytes = self.left_bytes.saturating_sub(self.inventory.objects[*id].size_bytes);
                victims.objects.push((*id).clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
