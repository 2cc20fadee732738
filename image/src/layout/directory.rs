//! A layout as a directory, which other writers may be writing to.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::read::read_index;
use super::{
    DockerImage, IMAGE_NAME, LayoutBlob, LayoutError, OCI_LAYOUT, REF_NAME, blob_path, copy_blob,
    docker_manifest, index_bytes,
};
use crate::{Descriptor, Index};

/// Writes an image into the layout at `dir` (`tar=false`), which is made if it is not there; with `docker`,
/// `manifest.json` besides. Blobs that are there are left alone. What the index says under the same name,
/// or of the same digest without one, is replaced, the rest stays. Every file appears by rename, the index last, under the lock
/// `index.json.lock` (as containerd's and BuildKit's tools take it): safe between processes.
pub fn write_layout<'a>(
    dir: &Path,
    index: &Index,
    docker: &[DockerImage],
    blobs: impl IntoIterator<Item = LayoutBlob<'a>>,
) -> Result<(), LayoutError> {
    let blob_dir = dir.join("blobs/sha256");
    fs::create_dir_all(&blob_dir).map_err(|source| failed(&blob_dir, source))?;
    let lock_path = dir.join("index.json.lock");
    let locked = File::create(&lock_path).and_then(|lock| {
        flock(&lock, FlockOperation::LockExclusive)?;
        Ok(lock)
    });
    let lock = locked.map_err(|source| failed(&lock_path, source))?;
    for blob in blobs {
        let path = dir.join(blob_path(&blob.digest));
        if fs::metadata(&path).is_ok_and(|found| found.len() == blob.size_bytes) {
            continue;
        }
        replace(&path, |file| {
            copy_blob(blob, |bytes| file.write_all(bytes).map_err(|source| failed(&path, source)))
        })?;
    }
    put(&dir.join("oci-layout"), OCI_LAYOUT)?;
    if !docker.is_empty() {
        put(&dir.join("manifest.json"), &docker_manifest(docker))?;
    }
    let index_path = dir.join("index.json");
    let merged = match read_index(&index_path)? {
        Some(present) => merge(present, index),
        None => index.clone(),
    };
    put(&index_path, &index_bytes(&merged))?;
    drop(lock);
    Ok(())
}

/// `new`'s entries after those of `old` that they do not replace.
fn merge(old: Index, new: &Index) -> Index {
    let name =
        |entry: &Descriptor| entry.annotations.get(IMAGE_NAME).or(entry.annotations.get(REF_NAME)).cloned();
    let replaced = |entry: &Descriptor| {
        new.manifests.iter().any(|other| match (name(entry), name(other)) {
            (Some(old), Some(new)) => old == new,
            (None, None) => entry.digest == other.digest,
            _ => false,
        })
    };
    let mut merged = new.clone();
    merged.manifests = old.manifests.into_iter().filter(|entry| !replaced(entry)).collect();
    merged.manifests.extend(new.manifests.iter().cloned());
    merged
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), LayoutError> {
    replace(path, |file| file.write_all(bytes).map_err(|source| failed(path, source)))
}

/// Writes a file beside `path` and renames it; holding the lock, one name for it is enough.
fn replace(path: &Path, write: impl FnOnce(&mut File) -> Result<(), LayoutError>) -> Result<(), LayoutError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary = path.with_file_name(name);
    let mut file = File::create(&temporary).map_err(|source| failed(&temporary, source))?;
    let written =
        write(&mut file).and_then(|()| fs::rename(&temporary, path).map_err(|source| failed(path, source)));
    if written.is_err() {
        // The error that matters is the one we have.
        drop(fs::remove_file(&temporary));
    }
    written
}

fn failed(path: &Path, source: io::Error) -> LayoutError {
    LayoutError::File { doing: "writing", path: path.display().to_string(), source }
}
