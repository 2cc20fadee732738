//! Files that nothing leads to: of killed processes, of interrupted collections, of folders that are gone.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use cooperage_image::Digest;
use cooperage_image::tree::LayerId;
use cooperage_llb::ports::StoreError;
use cooperage_llb::ports::upkeep::{UsageKind, UsageRecord};

use super::failure::{failed, present};
use super::lease::Held;
use super::removal;
use super::root::Root;
use super::session::{self, Corner};
use super::stat_cache;
use crate::changes_codec::layer_digest;
use crate::collect::{Inventory, ObjectId};

/// A file or a tree, and how it is listed.
pub(crate) struct Leftover {
    pub(crate) path: PathBuf,
    pub(crate) record: UsageRecord,
}

/// What dead processes left in `tmp/`.
pub(crate) fn dead_corners(root: &Root) -> Result<Vec<Leftover>, StoreError> {
    let mut found = Vec::new();
    for corner in session::corners(&root.layout, root.session.directory())? {
        if let Corner::Dead(path) = corner {
            found.push(leftover(root, path, "temporary files of a process that is dead")?);
        }
    }
    Ok(found)
}

/// Files of blobs, layers and folders that are not in `known`: what the root has left. Complete only under the exclusive
/// collection lock, since a file is there before its row is.
pub(crate) fn orphans(
    root: &Root,
    known: &Inventory,
    held: &BTreeSet<Held>,
) -> Result<Vec<Leftover>, StoreError> {
    let mut found = Vec::new();
    let named: HashSet<&Digest> = known.images.iter().flat_map(|image| &image.blobs).collect();
    for path in list(&root.layout.blobs())? {
        let digest = format!("sha256:{}", name(&path)).parse::<Digest>().ok();
        let keeps = |digest: &Digest| {
            known.objects.contains_key(&ObjectId::Blob(*digest))
                || held.contains(&Held::Blob(*digest))
                || named.contains(digest)
        };
        if !digest.is_some_and(|digest| keeps(&digest)) {
            found.push(leftover(root, path, "a blob that nothing leads to")?);
        }
    }
    for path in list(&root.layout.layers())? {
        let id = LayerId::from_hex(&name(&path)).map(|id| layer_digest(&id));
        let keeps = |digest: &Digest| {
            known.objects.contains_key(&ObjectId::Layer(*digest)) || held.contains(&Held::Layer(*digest))
        };
        if !id.is_some_and(|digest| keeps(&digest)) {
            found.push(leftover(root, path, "a layer that nothing leads to")?);
        }
    }
    for path in list(&root.layout.stats())? {
        let bytes = present(fs::read(&path)).map_err(failed("read", &path))?.unwrap_or_default();
        if !stat_cache::folder_of(&bytes).is_some_and(|folder| folder.exists()) {
            found.push(leftover(root, path, "digests of files in a folder that is gone")?);
        }
    }
    Ok(found)
}

fn leftover(root: &Root, path: PathBuf, description: &str) -> Result<Leftover, StoreError> {
    let id = path.strip_prefix(root.layout.root()).unwrap_or(&path).to_string_lossy().into_owned();
    let used = fs::symlink_metadata(&path).and_then(|meta| meta.modified()).ok();
    let used = used.and_then(|used| used.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let record = UsageRecord {
        id,
        kind: UsageKind::Leftover,
        size_bytes: removal::disk_usage(&path).map_err(failed("measure", &path))?,
        last_used: i64::try_from(used.as_secs()).unwrap_or(i64::MAX),
        in_use: false,
        description: description.to_owned(),
    };
    Ok(Leftover { path, record })
}

fn list(directory: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = fs::read_dir(directory).map_err(failed("list", directory))?;
    entries.map(|entry| Ok(entry.map_err(failed("list", directory))?.path())).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
