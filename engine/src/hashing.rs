//! Digests of file contents: on all cores, once, and remembered between builds.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use cooperage_image::layer::ContentReader;
use cooperage_image::tree::{Content, Dir, File, Fingerprint, Node, Tree};
use cooperage_image::{Digest, Hasher};
use cooperage_llb::ports::StatCache;
use cooperage_llb::ports::stat_cache::StatEntries;
use rayon::prelude::*;

use crate::Error;
use crate::layers::{Contents, Layers};

/// Bytes read at a time.
const CHUNK_BYTES: usize = 128 << 10;

/// Hashes the contents of `files` that have no digest yet.
pub(crate) async fn hash_files(layers: &Arc<Layers>, files: Vec<Arc<File>>) -> Result<(), Error> {
    let missing: Vec<_> = files.into_iter().filter(|file| file.digest.get().is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    layers.prepare_files(&missing).await?;
    let contents = Contents::new(Arc::clone(layers));
    let hash = move || missing.par_iter().try_for_each(|file| hash_file(file, &contents));
    tokio::task::spawn_blocking(hash).await.map_err(|e| Error::Internal(e.to_string()))?
}

fn hash_file(file: &File, contents: &Contents) -> Result<(), Error> {
    let digest = digest_of(file, contents).map_err(|e| Error::disk("reading a file", &e))?;
    // Another thread may have been first; it found the same.
    file.digest.get_or_init(|| digest);
    Ok(())
}

fn digest_of(file: &File, contents: &Contents) -> std::io::Result<Digest> {
    let mut reader = contents.open(file)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; CHUNK_BYTES.min(file.size_bytes as usize + 1)];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// The digests known for local directories: read when a directory is walked, written when the build is over.
pub(crate) struct StatDigests {
    cache: Arc<dyn StatCache>,
    walked: Mutex<HashMap<PathBuf, WalkedTrees>>,
}

/// What was walked of one directory.
struct WalkedTrees {
    /// Before any of the files was hashed.
    looked_from: SystemTime,
    trees: Vec<Tree>,
}

impl StatDigests {
    pub(crate) fn new(cache: Arc<dyn StatCache>) -> Self {
        Self { cache, walked: Mutex::default() }
    }

    /// Fills in the digests of files that were not touched since they were hashed.
    pub(crate) fn recall(&self, root: &Path, tree: &Tree) -> Result<(), Error> {
        let known = self.cache.load(root)?;
        if !known.is_empty() {
            for_each_local(tree.root(), root, &mut |path, seen, file| {
                if let Some((fingerprint, digest)) = known.get(path)
                    && *fingerprint == seen
                {
                    file.digest.get_or_init(|| *digest);
                }
            });
        }
        let mut walked = self.walked.lock().unwrap_or_else(PoisonError::into_inner);
        let first = || WalkedTrees { looked_from: SystemTime::now(), trees: Vec::new() };
        walked.entry(root.to_owned()).or_insert_with(first).trees.push(tree.clone());
        Ok(())
    }

    /// Remembers what was hashed in this build.
    pub(crate) fn save(&self) -> Result<(), Error> {
        let walked = std::mem::take(&mut *self.walked.lock().unwrap_or_else(PoisonError::into_inner));
        for (root, WalkedTrees { looked_from, trees }) in walked {
            let mut entries = StatEntries::new();
            for tree in &trees {
                for_each_local(tree.root(), &root, &mut |path, seen, file| {
                    if let Some(digest) = file.digest.get() {
                        entries.insert(path.to_vec(), (seen, *digest));
                    }
                });
            }
            if self.cache.load(&root)? != entries {
                self.cache.save(&root, &entries, looked_from)?;
            }
        }
        Ok(())
    }
}

/// Calls `visit` with the path relative to `root`, the fingerprint and the file, for every local file.
fn for_each_local(directory: &Dir, root: &Path, visit: &mut dyn FnMut(&[u8], Fingerprint, &File)) {
    use std::os::unix::ffi::OsStrExt;
    for node in directory.entries.values() {
        match node {
            Node::Dir(directory) => for_each_local(directory, root, visit),
            Node::File(file) => {
                if let Content::Local { path, seen } = &file.content
                    && let Ok(relative) = path.strip_prefix(root)
                {
                    visit(relative.as_os_str().as_bytes(), *seen, file);
                }
            }
            Node::Symlink(_) | Node::Special(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use cooperage_image::tree::walk::{WalkOptions, walk};
    use cooperage_llb::ports::StoreError;

    use super::*;

    /// Remembers with what moment it was told to save.
    #[derive(Default)]
    struct Recorder(Mutex<Vec<SystemTime>>);

    impl StatCache for Recorder {
        fn load(&self, _: &Path) -> Result<StatEntries, StoreError> {
            Ok(StatEntries::new())
        }

        fn save(&self, _: &Path, _: &StatEntries, looked_from: SystemTime) -> Result<(), StoreError> {
            self.0.lock().unwrap().push(looked_from);
            Ok(())
        }
    }

    #[test]
    fn digests_count_from_before_the_files_were_read() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("file"), "text").unwrap();
        let root = directory.path().canonicalize().unwrap();
        let tree = walk(&root, &WalkOptions::default()).unwrap();
        let recorder = Arc::new(Recorder::default());
        let stats = StatDigests::new(Arc::clone(&recorder) as Arc<dyn StatCache>);
        stats.recall(&root, &tree).unwrap();
        let read_from = SystemTime::now();
        let Node::File(file) = &tree.root().entries[&b"file"[..]] else { panic!() };
        file.digest.set(Digest::of(b"text")).unwrap();
        stats.recall(&root, &tree).unwrap();
        stats.save().unwrap();
        let told = recorder.0.lock().unwrap().clone();
        assert!(told.len() == 1 && told[0] <= read_from, "{told:?} {read_from:?}");
    }
}
