//! `cooper pull` and `cooper push`: whole images between the local store and a registry.

use std::collections::HashSet;

use cooperage_image::tree::LayerId;
use cooperage_image::{Descriptor, DiffId, ImageConfig, Index, Manifest, Platform, Reference, media_type};
use cooperage_llb::ports::CancelToken;
use cooperage_llb::ports::layer_store::LayerBlob;
use futures_util::future::try_join_all;

use crate::build::Tasks;
use crate::cancel::until;
use crate::event::EventSink;
use crate::export::Pusher;
use crate::{Engine, Error};

impl Engine {
    /// Pulls an image for `platform` (the machine's when absent) and names it. Of an index only that
    /// platform's manifest and layers are fetched.
    pub fn pull(
        &self,
        name: &Reference,
        platform: Option<&Platform>,
        events: EventSink<'_>,
        cancel: &CancelToken,
    ) -> Result<Descriptor, Error> {
        let tasks = Tasks::new(events);
        let host = Platform::host();
        let work = self.pull_all(name, platform.unwrap_or(&host), &tasks);
        self.runtime.block_on(tasks.run(&format!("pulling {}", name.familiar()), until(cancel, work)))
    }

    async fn pull_all(
        &self,
        name: &Reference,
        platform: &Platform,
        tasks: &Tasks<'_>,
    ) -> Result<Descriptor, Error> {
        let (top, bytes) = self.ports.registry.manifest(name).await?;
        self.ports.blobs.put(&bytes)?;
        let bytes = if media_type::is_index(&top.media_type) {
            let index: Index = malformed(&bytes, "index", name)?;
            let chosen = index.select(platform).ok_or_else(|| {
                Error::Environment(format!("{} has no image for {platform}", name.familiar()))
            })?;
            let (_, bytes) = self.ports.registry.manifest(&name.with_digest(chosen.digest)).await?;
            self.ports.blobs.put(&bytes)?;
            bytes
        } else {
            bytes
        };
        let manifest: Manifest = malformed(&bytes, "manifest", name)?;
        let mut seen = HashSet::new();
        let blobs = manifest.layers.iter().chain([&manifest.config]).filter(|blob| seen.insert(blob.digest));
        try_join_all(blobs.map(|blob| self.pull_blob(name, blob, tasks))).await?;
        self.ports.names.set(name, &top)?;
        Ok(top)
    }

    async fn pull_blob(&self, name: &Reference, blob: &Descriptor, tasks: &Tasks<'_>) -> Result<(), Error> {
        if self.ports.blobs.size_bytes(&blob.digest)?.is_some() {
            return Ok(());
        }
        let writer = self.ports.blobs.writer()?;
        let progress = tasks.progress(&blob.digest.to_string(), blob.size_bytes);
        self.ports.registry.pull_blob(name, blob, writer, &progress).await?;
        Ok(())
    }

    /// Pushes the image `name` to its registry, and gives what its name stands for there. Of an index whose
    /// platforms are not all in the store, those that are make an index of their own; one alone goes without.
    pub fn push(
        &self,
        name: &Reference,
        events: EventSink<'_>,
        cancel: &CancelToken,
    ) -> Result<Descriptor, Error> {
        let top = self.named(name)?;
        let parts = self.manifests(&top)?;
        let (pushed, bytes) = self.of_what_is_here(&top, &parts)?;
        let tasks = Tasks::new(events);
        let work = until(cancel, self.push_all(name, &parts, &pushed, &bytes, &tasks, cancel));
        let mut title = format!("pushing {}", name.familiar());
        if pushed.digest != top.digest {
            title.push_str(" without the platforms that were not pulled");
        }
        self.runtime.block_on(tasks.run(&title, work))?;
        Ok(pushed)
    }

    /// `top`, or what stands for those of its parts that are in the store.
    fn of_what_is_here(
        &self,
        top: &Descriptor,
        parts: &[Descriptor],
    ) -> Result<(Descriptor, Vec<u8>), Error> {
        let whole = (top.clone(), self.bytes(&top.digest, "manifest")?);
        if !media_type::is_index(&top.media_type) {
            return Ok(whole);
        }
        let mut index: Index = self.json(&top.digest, "index")?;
        match parts {
            parts if parts.len() == index.manifests.len() => Ok(whole),
            [one] => Ok((one.clone(), self.bytes(&one.digest, "manifest")?)),
            _ => {
                index.manifests = parts.to_vec();
                let bytes = index.to_bytes();
                Ok((Descriptor::of(&top.media_type, &bytes), bytes))
            }
        }
    }

    async fn push_all(
        &self,
        name: &Reference,
        parts: &[Descriptor],
        pushed: &Descriptor,
        bytes: &[u8],
        tasks: &Tasks<'_>,
        cancel: &CancelToken,
    ) -> Result<(), Error> {
        let layers = self.ports.layers(cancel);
        let pusher = Pusher { ports: &self.ports, layers: &layers, tasks, name };
        for part in parts {
            let manifest: Manifest = self.json(&part.digest, "manifest")?;
            pusher.blobs(&self.layer_blobs(&manifest)?, &manifest.config).await?;
            if part.digest != pushed.digest {
                pusher.manifest_of_index(part, &self.bytes(&part.digest, "manifest")?).await?;
            }
        }
        self.ports.registry.push_manifest(name, &pushed.media_type, bytes).await?;
        Ok(())
    }

    /// The layers of an image. Those of a base that no build had to see are still where they came from.
    fn layer_blobs(&self, manifest: &Manifest) -> Result<Vec<LayerBlob>, Error> {
        // What is no image, but has the form of one, has no base either.
        let config = self.json::<ImageConfig>(&manifest.config.digest, "config");
        let diff_ids = config.map(|config| config.rootfs.diff_ids).unwrap_or_default();
        let mut blobs = Vec::with_capacity(manifest.layers.len());
        for (index, descriptor) in manifest.layers.iter().enumerate() {
            let diff_id = diff_ids.get(index).copied().unwrap_or(DiffId(descriptor.digest));
            let known = self.ports.layers.blobs(&LayerId::of(&diff_id.0))?;
            let known = known.into_iter().find(|(_, blob)| blob.descriptor.digest == descriptor.digest);
            let origin = known.and_then(|(_, blob)| blob.origin);
            blobs.push(LayerBlob { descriptor: descriptor.clone(), diff_id, origin });
        }
        Ok(blobs)
    }
}

fn malformed<T: serde::de::DeserializeOwned>(bytes: &[u8], what: &str, name: &Reference) -> Result<T, Error> {
    serde_json::from_slice(bytes)
        .map_err(|e| Error::Environment(format!("the {what} of {} is malformed: {e}", name.familiar())))
}
