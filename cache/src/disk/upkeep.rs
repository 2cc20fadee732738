//! Disk usage and collection.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;

use cooperage_image::Digest;
use cooperage_llb::ports::upkeep::{PruneReport, PruneRequest, UsageRecord};
use cooperage_llb::ports::{StoreError, Upkeep};
use rusqlite::Transaction;

use super::DiskStore;
use super::cache_mounts::{self, Instance};
use super::failure::failed;
use super::image_names::forget;
use super::index::Fault;
use super::layers::layer_of;
use super::lease::Held;
use super::leftovers::{self, Leftover};
use super::locking::{self, Share};
use super::record_row;
use super::removal;
use super::root::{Root, sweep};
use crate::collect::{Object, ObjectId, sort_usage};

/// Remembered digests beyond this many, oldest first, are forgotten by a collection.
const MEMO_LIMIT: u32 = 500_000;

impl Upkeep for DiskStore {
    fn usage(&self) -> Result<Vec<UsageRecord>, StoreError> {
        let root = &self.root;
        root.flush_uses()?;
        let mut inventory = root.inventory(&root.held_by_anyone()?)?;
        inventory.objects.extend(root.mounts(|_, _| {})?);
        let mut records = inventory.usage();
        records.extend(leftovers::dead_corners(root)?.into_iter().map(|leftover| leftover.record));
        sort_usage(&mut records);
        Ok(records)
    }

    fn prune(&self, what: &PruneRequest) -> Result<PruneReport, StoreError> {
        let root = &self.root;
        root.flush_uses()?;
        let (mut removed, mut discarded): (Vec<UsageRecord>, Vec<PathBuf>) = {
            let _entry = locking::wait(&root.layout.entry_lock(), Share::Exclusive)?;
            let dead = leftovers::dead_corners(root)?;
            (dead.into_iter().map(|leftover| leftover.record).collect(), sweep(&root.layout, &root.session)?)
        };
        let mut free = FreeMounts::new();
        // Measured before, since it may take long and everybody waits for a collection.
        let mounts = root.mounts(|mount, lock| drop(free.insert(mount.name.clone(), (mount, lock))))?;
        {
            let _alone = locking::wait(&root.layout.collect_lock(), Share::Exclusive)?;
            let held = root.held_by_anyone()?;
            let mut inventory = root.inventory(&held)?;
            inventory.objects.extend(mounts);
            let victims = inventory.choose(what);
            root.change_names(|index| forget(index, &victims.images))?;
            root.delete_rows(&victims.objects, &held)?;
            for id in &victims.objects {
                discarded.extend(root.discard(id, &free)?);
                removed.push(inventory.objects[id].usage_record(id, false));
            }
            for Leftover { path, record } in leftovers::orphans(root, &root.inventory(&held)?, &held)? {
                discarded.extend(root.session.discard(&path)?);
                removed.push(record);
            }
        }
        // One that cannot be removed does not keep the others.
        let remove = |path: &PathBuf| removal::remove_tree(path).map_err(failed("remove", path));
        let results: Vec<_> = discarded.iter().map(remove).collect();
        results.into_iter().collect::<Result<(), _>>()?;
        let freed_bytes = removed.iter().fold(0, |sum: u64, record| sum.saturating_add(record.size_bytes));
        Ok(PruneReport { removed, freed_bytes })
    }
}

/// Cache mounts that nobody uses, locked so that nobody comes to.
type FreeMounts = BTreeMap<String, (Instance, File)>;

impl Root {
    /// The cache mounts. Those that are free are given to `each_free` with their lock, so that nobody comes
    /// to use one until the lock is dropped.
    fn mounts(
        &self,
        mut each_free: impl FnMut(Instance, File),
    ) -> Result<Vec<(ObjectId, Object)>, StoreError> {
        let mut found = Vec::new();
        for mount in cache_mounts::instances(self)? {
            let lock = locking::try_removable(&mount.lock_path, Share::Exclusive)?;
            let id = ObjectId::Mount(mount.name.clone());
            let path = mount.path.clone();
            let mut object = Object {
                used_ms: mount.used_ms,
                held: lock.is_none(),
                description: format!("cache mount {}", mount.id),
                ..Object::default()
            };
            if let Some(lock) = lock {
                each_free(mount, lock);
            }
            object.size_bytes = removal::disk_usage(&path).map_err(failed("measure", &path))?;
            found.push((id, object));
        }
        Ok(found)
    }

    /// Takes the file of an object that no row leads to any more out of sight.
    fn discard(&self, id: &ObjectId, free: &FreeMounts) -> Result<Option<PathBuf>, StoreError> {
        match id {
            ObjectId::Layer(digest) => {
                self.session.discard(&self.layout.layer(&layer_of(*digest.as_bytes())))
            }
            ObjectId::Blob(digest) => self.session.discard(&self.layout.blob(digest)),
            ObjectId::Mount(name) => {
                let Some((mount, lock)) = free.get(name) else { return Ok(None) };
                let discarded = self.session.discard(&mount.path)?;
                let lock = lock.try_clone().map_err(failed("remove the lock", &mount.lock_path))?;
                locking::remove(&mount.lock_path, lock)?;
                Ok(discarded)
            }
        }
    }

    /// Deletes the rows of `victims`, and of all that led to layers which are not there.
    fn delete_rows(&self, victims: &[ObjectId], held: &BTreeSet<Held>) -> Result<(), StoreError> {
        self.index.write("delete what is collected", |transaction| {
            for id in victims {
                match id {
                    ObjectId::Blob(digest) => {
                        transaction.execute("DELETE FROM blob WHERE digest = ?1", [digest.as_bytes()])?;
                    }
                    ObjectId::Layer(digest) => {
                        for table in ["layer WHERE id", "need WHERE layer", "form WHERE layer"] {
                            transaction.execute(&format!("DELETE FROM {table} = ?1"), [digest.as_bytes()])?;
                        }
                    }
                    ObjectId::Mount(_) => {}
                }
            }
            delete_dangling(transaction, held)?;
            transaction
                .execute("DELETE FROM memo WHERE seq <= (SELECT max(seq) FROM memo) - ?1", [MEMO_LIMIT])?;
            Ok(())
        })
    }
}

/// Deletes records that lead to layers which are not there, and blobs' origins that no layer has.
fn delete_dangling(transaction: &Transaction<'_>, held: &BTreeSet<Held>) -> Result<(), Fault> {
    let ids = |sql: &str| -> Result<BTreeSet<[u8; 32]>, Fault> {
        let mut statement = transaction.prepare(sql)?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    };
    let layers = ids("SELECT id FROM layer")?;
    for id in ids("SELECT DISTINCT layer FROM form")? {
        if !layers.contains(&id) && !held.contains(&Held::Layer(Digest::from_bytes(id))) {
            transaction.execute("DELETE FROM form WHERE layer = ?1", [id])?;
        }
    }
    let mut statement = transaction.prepare("SELECT seq, result FROM record")?;
    let mut rows = statement.query([])?;
    let mut dangling: Vec<i64> = Vec::new();
    while let Some(row) = rows.next()? {
        let layers_are_there = record_row::layers(&row.get::<_, Vec<u8>>(1)?)
            .is_some_and(|needed| needed.iter().all(|id| layers.contains(id)));
        if !layers_are_there {
            dangling.push(row.get(0)?);
        }
    }
    for seq in dangling {
        transaction.execute("DELETE FROM record WHERE seq = ?1", [seq])?;
    }
    Ok(())
}
