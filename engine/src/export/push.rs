//! Pushing an image: blobs that are missing, then configs and manifests, the top one last.

use std::collections::HashSet;
use std::sync::Arc;

use cooperage_image::{Descriptor, Reference};
use cooperage_llb::ports::StoreError;
use cooperage_llb::ports::layer_store::LayerBlob;
use futures_util::future::try_join_all;

use super::{Exporter, Image};
use crate::Error;
use crate::build::Tasks;
use crate::engine::Ports;
use crate::layers::Layers;

impl Exporter<'_> {
    pub(super) async fn push(&self, name: &Reference, image: &Image) -> Result<(), Error> {
        let pusher = Pusher { ports: self.ports, layers: &self.layers, tasks: self.tasks, name };
        for part in &image.parts {
            pusher.blobs(&part.layers, &part.config).await?;
        }
        for part in &image.parts {
            if part.descriptor.digest != image.top.digest {
                pusher.manifest_of_index(&part.descriptor, &part.manifest).await?;
            }
        }
        self.ports.registry.push_manifest(name, &image.top.media_type, &image.bytes).await?;
        Ok(())
    }
}

/// Brings parts of images to the registry of one name.
pub(crate) struct Pusher<'a> {
    pub(crate) ports: &'a Ports,
    pub(crate) layers: &'a Arc<Layers>,
    pub(crate) tasks: &'a Tasks<'a>,
    pub(crate) name: &'a Reference,
}

impl Pusher<'_> {
    /// Layers side by side, each once, then the config.
    pub(crate) async fn blobs(&self, layers: &[LayerBlob], config: &Descriptor) -> Result<(), Error> {
        let mut seen = HashSet::new();
        let layers = layers.iter().filter(|layer| seen.insert(layer.descriptor.digest));
        try_join_all(layers.map(|layer| self.layer(layer))).await?;
        if self.ports.registry.has_blob(self.name, &config.digest).await? {
            return Ok(());
        }
        self.upload(config).await
    }

    /// A manifest that an index names, by its digest.
    pub(crate) async fn manifest_of_index(&self, part: &Descriptor, bytes: &[u8]) -> Result<(), Error> {
        let pinned = self.name.with_digest(part.digest);
        self.ports.registry.push_manifest(&pinned, &part.media_type, bytes).await?;
        Ok(())
    }

    /// A layer that the registry lacks: mounted from the repository it came from, or fetched and uploaded.
    async fn layer(&self, layer: &LayerBlob) -> Result<(), Error> {
        let (registry, name) = (&self.ports.registry, self.name);
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
        self.upload(&layer.descriptor).await
    }

    async fn upload(&self, blob: &Descriptor) -> Result<(), Error> {
        let progress = self.tasks.progress(&blob.digest.to_string(), blob.size_bytes);
        let open = || {
            self.ports.blobs.open(&blob.digest)?.ok_or_else(|| StoreError::Damaged {
                what: format!("blob {}", blob.digest),
                detail: "it is not there: pull or build the image again".to_owned(),
            })
        };
        self.ports.registry.push_blob(self.name, blob, &open, &progress).await?;
        Ok(())
    }
}
