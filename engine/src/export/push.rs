//! Pushing an image: blobs that are missing, then configs and manifests, the top one last.

use cooperage_image::{Descriptor, Reference};
use cooperage_llb::ports::StoreError;
use cooperage_llb::ports::layer_store::LayerBlob;
use futures_util::future::try_join_all;

use super::{Exporter, Image};
use crate::Error;
use crate::engine::Ports;

impl Exporter<'_> {
    pub(super) async fn push(&self, name: &Reference, image: &Image) -> Result<(), Error> {
        for part in &image.parts {
            let layers = part.layers.iter().map(|layer| self.push_layer(name, layer));
            try_join_all(layers).await?;
            self.blob(name, &part.config).await?;
        }
        for part in &image.parts {
            if part.descriptor.digest != image.top.digest {
                let pinned = name.with_digest(part.descriptor.digest);
                self.ports
                    .registry
                    .push_manifest(&pinned, &part.descriptor.media_type, &part.manifest)
                    .await?;
            }
        }
        self.ports.registry.push_manifest(name, &image.top.media_type, &image.bytes).await?;
        Ok(())
    }

    async fn push_layer(&self, name: &Reference, layer: &LayerBlob) -> Result<(), Error> {
        let registry = &self.ports.registry;
        let digest = &layer.descriptor.digest;
        if registry.has_blob(name, digest).await? {
            return Ok(());
        }
        if let Some(origin) = &layer.origin
            && origin.host() == name.host()
            && origin.repository() != name.repository()
            && registry.mount_blob(name, digest, origin.repository()).await?
        {
            return Ok(());
        }
        self.layers.fetch(layer).await?;
        self.blob(name, &layer.descriptor).await
    }

    async fn blob(&self, name: &Reference, blob: &Descriptor) -> Result<(), Error> {
        let progress = self.tasks.progress(&blob.digest.to_string(), blob.size_bytes);
        push_blob(self.ports, name, blob, &progress).await
    }
}

/// Pushes a blob of the store, unless the registry has it.
pub(crate) async fn push_blob(
    ports: &Ports,
    name: &Reference,
    blob: &Descriptor,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(), Error> {
    if ports.registry.has_blob(name, &blob.digest).await? {
        return Ok(());
    }
    let open = || {
        ports.blobs.open(&blob.digest)?.ok_or_else(|| StoreError::Damaged {
            what: format!("blob {}", blob.digest),
            detail: "it is not there: pull or build the image again".to_owned(),
        })
    };
    ports.registry.push_blob(name, blob, &open, progress).await?;
    Ok(())
}
