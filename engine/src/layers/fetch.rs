//! Bringing a base's blob into the blob store.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cooperage_image::Digest;
use cooperage_llb::ports::layer_store::LayerBlob;

use super::Layers;
use crate::Error;

impl Layers {
    /// Says that `digest` can be read from an OCI layout's file.
    pub(crate) fn add_layout_blob(&self, digest: Digest, path: PathBuf) {
        self.state().layouts.insert(digest, path);
    }

    /// Makes sure that the blob store has `blob`: from a layout, or from the registry it comes from.
    pub(crate) async fn fetch(&self, blob: &LayerBlob) -> Result<(), Error> {
        let digest = blob.descriptor.digest;
        let cell = Arc::clone(self.state().fetches.entry(digest).or_default());
        cell.get_or_try_init(|| self.fetch_once(blob)).await.copied()
    }

    async fn fetch_once(&self, blob: &LayerBlob) -> Result<(), Error> {
        let digest = blob.descriptor.digest;
        if self.blobs.size_bytes(&digest)?.is_some() {
            return Ok(());
        }
        let layout = self.state().layouts.get(&digest).cloned();
        if let Some(path) = layout {
            return self.import(&digest, &path);
        }
        let Some(origin) = &blob.origin else {
            return Err(Error::Environment(format!(
                "layer {digest} is neither in the store nor in a known registry: run `cooper prune` and build again"
            )));
        };
        let writer = self.blobs.writer()?;
        self.registry.pull_blob(origin, &blob.descriptor, writer, &|_| ()).await?;
        self.pulled_blobs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn import(&self, digest: &Digest, path: &std::path::Path) -> Result<(), Error> {
        let file = std::fs::File::open(path).map_err(Error::file("open", path))?;
        let mut file = self.cancellable(file);
        let mut writer = self.blobs.writer()?;
        tokio::task::block_in_place(|| std::io::copy(&mut file, &mut writer))
            .map_err(Error::file("copy", path))?;
        writer.commit(Some(digest))?;
        Ok(())
    }
}
