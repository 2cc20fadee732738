//! `cooper pull` and `cooper push`: whole images between the local store and a registry.

use cooperage_image::{Descriptor, Index, Manifest, Platform, Reference, media_type};
use cooperage_llb::ports::CancelToken;
use futures_util::future::try_join_all;

use crate::build::Tasks;
use crate::cancel::until;
use crate::event::EventSink;
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
        let blobs = manifest.layers.iter().chain([&manifest.config]);
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

    /// Pushes the image `name` to its registry, every platform that is in the store.
    pub fn push(
        &self,
        name: &Reference,
        events: EventSink<'_>,
        cancel: &CancelToken,
    ) -> Result<Descriptor, Error> {
        let top = self.named(name)?;
        let tasks = Tasks::new(events);
        let work = until(cancel, self.push_all(name, &top, &tasks));
        self.runtime.block_on(tasks.run(&format!("pushing {}", name.familiar()), work))?;
        Ok(top)
    }

    async fn push_all(&self, name: &Reference, top: &Descriptor, tasks: &Tasks<'_>) -> Result<(), Error> {
        for descriptor in self.manifests(top)? {
            let manifest: Manifest = self.json(&descriptor.digest, "manifest")?;
            let blobs = manifest.layers.iter().chain([&manifest.config]);
            try_join_all(blobs.map(|blob| self.push_blob(name, blob, tasks))).await?;
            if descriptor.digest != top.digest {
                self.push_manifest(&name.with_digest(descriptor.digest), &descriptor).await?;
            }
        }
        self.push_manifest(name, top).await
    }

    async fn push_manifest(&self, name: &Reference, descriptor: &Descriptor) -> Result<(), Error> {
        let bytes = self.ports.blobs.read(&descriptor.digest, crate::base::MANIFEST_LIMIT_BYTES)?;
        let bytes = bytes
            .ok_or_else(|| Error::Environment(format!("{} is missing in the store", descriptor.digest)))?;
        self.ports.registry.push_manifest(name, &descriptor.media_type, &bytes).await?;
        Ok(())
    }

    async fn push_blob(&self, name: &Reference, blob: &Descriptor, tasks: &Tasks<'_>) -> Result<(), Error> {
        crate::export::push_blob(
            &self.ports,
            name,
            blob,
            &tasks.progress(&blob.digest.to_string(), blob.size_bytes),
        )
        .await
    }
}

fn malformed<T: serde::de::DeserializeOwned>(bytes: &[u8], what: &str, name: &Reference) -> Result<T, Error> {
    serde_json::from_slice(bytes)
        .map_err(|e| Error::Environment(format!("the {what} of {} is malformed: {e}", name.familiar())))
}
