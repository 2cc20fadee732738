//! Results by key.

use std::collections::HashSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use cooperage_image::Digest;
use cooperage_image::tree::LayerId;
use cooperage_llb::key::Key;
use cooperage_llb::ports::result_index::{Candidate, Difference, KeyLock, StepResult};
use cooperage_llb::ports::{CancelToken, ResultIndex, StoreError};
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::index::Fault;
use super::lease::{Finding, Held};
use super::locking::{self, Share};
use super::record_row::{self, kind_number};
use super::root::{Root, now_ms};
use super::{DiskStore, forms, layers};
use crate::changes_codec::layer_digest;
use crate::explain::differences;

impl ResultIndex for DiskStore {
    fn lookup(&self, key: &Digest) -> Result<Option<StepResult>, StoreError> {
        let root = &self.root;
        let find = || root.index.read("look up a key", |index| recorded(index, key));
        let Some(result) = find()? else { return Ok(None) };
        // Between the two the record may have been collected, and its layers made again by others.
        if !root.hold_usable(&result)? || find()?.as_ref() != Some(&result) {
            return Ok(None);
        }
        root.used_keys.lock().unwrap_or_else(PoisonError::into_inner).insert(*key);
        Ok(Some(result))
    }

    fn record(
        &self,
        op: &Digest,
        step: &str,
        keys: &[Key],
        result: &StepResult,
    ) -> Result<StepResult, StoreError> {
        let root = &self.root;
        let finding = root.finding()?;
        let kept = root.index.write("record a result", |transaction| {
            let mut known = Vec::new();
            for key in keys {
                let recorded = recorded(transaction, key.digest())?;
                known.push(match recorded {
                    Some(result) if root.usable_layers(transaction, &result)?.is_some() => Some(result),
                    _ => None,
                });
            }
            let kept = known.iter().flatten().next().unwrap_or(result).clone();
            for (key, known) in keys.iter().zip(&known) {
                insert(transaction, op, step, key, known.as_ref().unwrap_or(&kept))?;
            }
            describe(transaction, step, &kept)?;
            Ok(kept)
        })?;
        hold_all(&finding, layers_of(&kept))?;
        Ok(kept)
    }

    fn replace(&self, op: &Digest, step: &str, keys: &[Key], result: &StepResult) -> Result<(), StoreError> {
        let finding = self.root.finding()?;
        self.root.index.write("replace a result", |transaction| {
            for key in keys {
                insert(transaction, op, step, key, result)?;
            }
            Ok(())
        })?;
        hold_all(&finding, layers_of(result))
    }

    fn candidates(&self, op: &Digest, limit: usize) -> Result<Vec<Candidate>, StoreError> {
        let rows = self.root.index.read("list the runs of a step", |index| {
            let mut statement = index
                .prepare("SELECT kind, components, result FROM record WHERE op = ?1 ORDER BY seq DESC")?;
            let mut rows = statement.query([op.as_bytes()])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()?
                && found.len() < limit
            {
                let (kind, components, result) =
                    (row.get(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?);
                let key = record_row::key(kind, &components);
                if let (Some(key), Some(result)) = (key, record_row::result(&result))
                    && self.root.usable_layers(index, &result)?.is_some()
                {
                    found.push(Candidate { key, result });
                }
            }
            Ok(found)
        })?;
        let mut held = Vec::with_capacity(rows.len());
        for candidate in rows {
            // Between the two a collection may have come.
            if self.root.hold_usable(&candidate.result)? {
                held.push(candidate);
            }
        }
        Ok(held)
    }

    fn remember(&self, what: &Digest, digest: &Digest) -> Result<(), StoreError> {
        if self.recall(what)?.as_ref() == Some(digest) {
            return Ok(());
        }
        self.root.index.write("remember a digest", |transaction| {
            transaction.execute(
                "INSERT OR REPLACE INTO memo (what, digest) VALUES (?1, ?2)",
                (what.as_bytes(), digest.as_bytes()),
            )?;
            Ok(())
        })
    }

    fn recall(&self, what: &Digest) -> Result<Option<Digest>, StoreError> {
        self.root.index.read("recall a digest", |index| {
            let mut statement = index.prepare("SELECT digest FROM memo WHERE what = ?1")?;
            let found = statement.query_row([what.as_bytes()], |row| row.get(0)).optional()?;
            Ok(found.map(Digest::from_bytes))
        })
    }

    fn lock(&self, key: &Digest, stop: &CancelToken) -> Result<Option<Box<dyn KeyLock>>, StoreError> {
        let path = self.root.layout.key_locks().join(key.hex());
        let held = locking::wait_removable(&path, Share::Exclusive, stop)?;
        let guard = |file| Box::new(DiskKeyLock { path, file: Some(file), _root: Arc::clone(&self.root) });
        Ok(held.map(guard).map(|guard| guard as Box<dyn KeyLock>))
    }

    fn explain(&self, step: &str, key: &Key) -> Result<Vec<Difference>, StoreError> {
        let last = self.root.index.read("look for the last key of a step", |index| {
            let mut statement = index.prepare(
                "SELECT components FROM record WHERE step = ?1 AND kind = ?2 AND key != ?3
                 ORDER BY used DESC, seq DESC LIMIT 1",
            )?;
            let parameters = (step, kind_number(key.kind()), key.digest().as_bytes());
            Ok(statement.query_row(parameters, |row| row.get::<_, Vec<u8>>(0)).optional()?)
        })?;
        let last = last.and_then(|components| record_row::key(kind_number(key.kind()), &components));
        Ok(last.map(|last| differences(&last, key)).unwrap_or_default())
    }
}

impl Root {
    /// Holds all layers of `result`; `false` if one cannot be had any more. Layers that are held already
    /// were found usable then, and stay so.
    fn hold_usable(&self, result: &StepResult) -> Result<bool, StoreError> {
        let held = |id: &&LayerId| self.usable.holds(id);
        if layers_of(result).all(|id| held(&id)) {
            return Ok(true);
        }
        if self.hold_found(result)? {
            return Ok(true);
        }
        // After a power failure a blob may only have to be read once to be believed again.
        Ok(self.settle_blobs(result)? && self.hold_found(result)?)
    }

    fn hold_found(&self, result: &StepResult) -> Result<bool, StoreError> {
        let finding = self.finding()?;
        let usable =
            self.index.read("look for a result's layers", |index| self.usable_layers(index, result))?;
        let Some(ids) = usable else { return Ok(false) };
        hold_all(&finding, ids.iter())?;
        self.usable.note(ids);
        Ok(true)
    }

    /// Verifies the blobs of another boot that the result's layers may be had from; whether any is good.
    fn settle_blobs(&self, result: &StepResult) -> Result<bool, StoreError> {
        let mut seen: HashSet<LayerId> = HashSet::new();
        let mut left: Vec<LayerId> = layers_of(result).cloned().collect();
        let mut is_any_good = false;
        while let Some(id) = left.pop() {
            if self.usable.holds(&id) || !seen.insert(id.clone()) {
                continue;
            }
            let blobs =
                self.index.read("list a layer's blobs", |index| forms::unvouched(index, &id, &self.boot))?;
            for digest in blobs {
                is_any_good |= self.blob(&digest)?.is_some();
            }
            left.extend(self.index.read("list a layer's needs", |index| needs_of(index, &id))?);
        }
        Ok(is_any_good)
    }

    /// The layers of `result` with all that they need, if each can be had. A layer can be had if its
    /// change set is there; and it has a directory, a blob here or elsewhere, or nothing of its own; and so
    /// for all layers that contents of it are in.
    fn usable_layers(&self, index: &Connection, result: &StepResult) -> Result<Option<Vec<LayerId>>, Fault> {
        let mut seen: HashSet<LayerId> = HashSet::new();
        let mut left: Vec<LayerId> = layers_of(result).cloned().collect();
        while let Some(id) = left.pop() {
            if self.usable.holds(&id) || !seen.insert(id.clone()) {
                continue;
            }
            let Some(layer) = layers::sound(self, index, &id)? else { return Ok(None) };
            if layer.own_files && !layer.directory && !forms::any_reachable(self, index, &id)? {
                return Ok(None);
            }
            left.extend(needs_of(index, &id)?);
        }
        Ok(Some(seen.into_iter().collect()))
    }
}

/// The layers that contents of the layer `id` are in.
fn needs_of(index: &Connection, id: &LayerId) -> Result<Vec<LayerId>, Fault> {
    let mut statement = index.prepare("SELECT needs FROM need WHERE layer = ?1")?;
    let rows = statement.query_map([layer_digest(id).as_bytes()], |row| row.get(0).map(layers::layer_of))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn layers_of(result: &StepResult) -> impl Iterator<Item = &LayerId> {
    result.outputs.iter().flat_map(|chain| &chain.layers)
}

fn hold_all<'a>(finding: &Finding<'_>, ids: impl Iterator<Item = &'a LayerId>) -> Result<(), StoreError> {
    for id in ids {
        finding.hold(Held::Layer(layer_digest(id)))?;
    }
    Ok(())
}

/// What is recorded under a key, usable or not. A row that cannot be read counts as none: the step runs
/// and records it again.
fn recorded(index: &Connection, key: &Digest) -> Result<Option<StepResult>, Fault> {
    let mut statement = index.prepare("SELECT result FROM record WHERE key = ?1")?;
    let row = statement.query_row([key.as_bytes()], |row| row.get::<_, Vec<u8>>(0)).optional()?;
    Ok(row.and_then(|row| record_row::result(&row)))
}

fn insert(
    transaction: &Transaction<'_>,
    op: &Digest,
    step: &str,
    key: &Key,
    result: &StepResult,
) -> Result<(), Fault> {
    transaction.execute(
        "INSERT OR REPLACE INTO record (key, kind, op, step, components, result, used)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            key.digest().as_bytes(),
            kind_number(key.kind()),
            op.as_bytes(),
            step,
            record_row::encode_components(key),
            record_row::encode_result(result),
            now_ms(),
        ),
    )?;
    Ok(())
}

/// Names the layers that the step added, for people.
fn describe(transaction: &Transaction<'_>, step: &str, result: &StepResult) -> Result<(), Fault> {
    for top in result.outputs.iter().filter_map(|chain| chain.layers.last()) {
        transaction.execute(
            "UPDATE layer SET step = ?2 WHERE id = ?1 AND step = ''",
            (layer_digest(top).as_bytes(), step),
        )?;
    }
    Ok(())
}

/// A key's lock file, removed with the lock so that they do not pile up.
struct DiskKeyLock {
    path: PathBuf,
    file: Option<File>,
    /// The directory of the lock must outlive it.
    _root: Arc<Root>,
}

impl KeyLock for DiskKeyLock {}

impl Drop for DiskKeyLock {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // A file that stays is removed when the next process enters the root.
            let _ = locking::remove(&self.path, file);
        }
    }
}
