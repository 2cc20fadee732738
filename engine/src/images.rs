//! Images of the local store: listed, inspected, named, pulled, pushed, removed.

use cooperage_image::{Descriptor, Digest, ImageConfig, Index, Manifest, Platform, Reference, media_type};
use cooperage_llb::ports::StoreError;
use cooperage_llb::ports::upkeep::{PruneReport, PruneRequest, UsageRecord};
use serde::Serialize;

use crate::base::MANIFEST_LIMIT_BYTES;
use crate::{Engine, Error};

mod transfer;

/// One line of `cooper images`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageSummary {
    /// Its name.
    pub name: Reference,
    /// Digest of the manifest or index.
    pub digest: Digest,
    /// RFC 3339 time of creation, of the first platform.
    pub created: Option<String>,
    /// Compressed size of layers and configs.
    pub size_bytes: u64,
    /// Platforms.
    pub platforms: Vec<Platform>,
}

/// What `cooper inspect` shows of one platform.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImageDetails {
    /// Its name.
    pub name: Reference,
    /// Digest of the manifest or index that the name points at.
    pub digest: Digest,
    /// Digest of the platform's manifest.
    pub manifest_digest: Digest,
    /// The platform's manifest.
    pub manifest: Manifest,
    /// Its configuration.
    pub config: ImageConfig,
}

/// `error`, with the name of the image that is to be built or pulled again.
fn of(name: &Reference, error: Error) -> Error {
    match error {
        Error::Store(StoreError::Damaged { what, detail }) => {
            StoreError::Damaged { what: format!("{what} of {}", name.familiar()), detail }.into()
        }
        other => other,
    }
}

impl Engine {
    /// All images, by name.
    pub fn images(&self) -> Result<Vec<ImageSummary>, Error> {
        let names = self.ports.names.list()?;
        names
            .into_iter()
            .map(|(name, top)| self.summary(name.clone(), &top).map_err(|e| of(&name, e)))
            .collect()
    }

    /// Every platform of an image.
    pub fn inspect(&self, name: &Reference) -> Result<Vec<ImageDetails>, Error> {
        let top = self.named(name)?;
        let mut details = Vec::new();
        for descriptor in self.manifests(&top)? {
            let manifest: Manifest = self.json(&descriptor.digest, "manifest")?;
            let config = self.json(&manifest.config.digest, "config")?;
            details.push(ImageDetails {
                name: name.clone(),
                digest: top.digest,
                manifest_digest: descriptor.digest,
                manifest,
                config,
            });
        }
        Ok(details)
    }

    /// Gives an image another name.
    pub fn tag(&self, source: &Reference, target: &Reference) -> Result<(), Error> {
        let top = self.named(source)?;
        // Held from here on: a collection that was before has taken it, one that comes leaves it.
        if self.ports.blobs.size_bytes(&top.digest)?.is_none() {
            return Err(Error::Environment(format!(
                "{} is named in the store, but its manifest {} is gone: build or pull it again",
                source.familiar(),
                top.digest
            )));
        }
        Ok(self.ports.names.set(target, &top)?)
    }

    /// Takes a name away; what nothing names any more goes with the next prune.
    pub fn remove(&self, name: &Reference) -> Result<(), Error> {
        match self.ports.names.remove(name)? {
            true => Ok(()),
            false => Err(self.no_such_image(name)),
        }
    }

    /// What the store holds.
    pub fn usage(&self) -> Result<Vec<UsageRecord>, Error> {
        Ok(self.ports.upkeep.usage()?)
    }

    /// Removes what nothing uses.
    pub fn prune(&self, what: &PruneRequest) -> Result<PruneReport, Error> {
        Ok(self.ports.upkeep.prune(what)?)
    }

    fn summary(&self, name: Reference, top: &Descriptor) -> Result<ImageSummary, Error> {
        let mut summary =
            ImageSummary { name, digest: top.digest, created: None, size_bytes: 0, platforms: Vec::new() };
        for descriptor in self.manifests(top)? {
            let manifest: Manifest = self.json(&descriptor.digest, "manifest")?;
            let config: ImageConfig = self.json(&manifest.config.digest, "config")?;
            let layers: u64 = manifest.layers.iter().map(|layer| layer.size_bytes).sum();
            summary.size_bytes += layers + manifest.config.size_bytes;
            summary.platforms.push(Platform::new(
                &config.os,
                &config.architecture,
                config.variant.as_deref(),
            ));
            summary.created = summary.created.or(config.created);
        }
        Ok(summary)
    }

    /// The manifests below a name: one, or those of an index that are in the store.
    fn manifests(&self, top: &Descriptor) -> Result<Vec<Descriptor>, Error> {
        if !media_type::is_index(&top.media_type) {
            return Ok(vec![top.clone()]);
        }
        let index: Index = self.json(&top.digest, "index")?;
        let mut here = Vec::new();
        for descriptor in index.manifests {
            if self.ports.blobs.size_bytes(&descriptor.digest)?.is_some() {
                here.push(descriptor);
            }
        }
        Ok(here)
    }

    fn bytes(&self, digest: &Digest, what: &str) -> Result<Vec<u8>, Error> {
        let bytes = self.ports.blobs.read(digest, MANIFEST_LIMIT_BYTES)?;
        let missing = || StoreError::Damaged {
            what: format!("{what} {digest}"),
            detail: "it is missing; pull or build the image again".to_owned(),
        };
        Ok(bytes.ok_or_else(missing)?)
    }

    fn json<T: serde::de::DeserializeOwned>(&self, digest: &Digest, what: &str) -> Result<T, Error> {
        serde_json::from_slice(&self.bytes(digest, what)?).map_err(|e| {
            StoreError::Damaged { what: format!("{what} {digest}"), detail: e.to_string() }.into()
        })
    }

    fn named(&self, name: &Reference) -> Result<Descriptor, Error> {
        self.ports.names.resolve(name)?.ok_or_else(|| self.no_such_image(name))
    }

    fn no_such_image(&self, name: &Reference) -> Error {
        let names = self.ports.names.list().unwrap_or_default();
        let near = names.iter().find(|(other, _)| other.repository() == name.repository());
        let hint = near.map(|(other, _)| format!("; there is {}", other.familiar())).unwrap_or_default();
        Error::Usage(format!("no image named {} in the local store{hint}", name.familiar()))
    }
}
