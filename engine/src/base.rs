//! Base images: from a reference to a manifest, a config and layers that are not fetched yet.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use cooperage_frontend::lower::{ImageLocation, ImageNeed, ResolvedImage};
use cooperage_image::{Descriptor, Digest, ImageConfig, Index, Manifest, Platform, Reference, media_type};
use cooperage_llb::ports::layer_store::LayerBlob;
use cooperage_llb::ports::result_index::Chain;
use cooperage_llb::ports::{BlobStore, ImageNames, Registry};

use crate::Error;
use crate::layers::{Layers, unknown_layer_type};

mod layout;

/// Manifests and configs larger than this are refused (distribution-spec asks registries for 4 MiB).
pub(crate) const MANIFEST_LIMIT_BYTES: u64 = 4 << 20;

/// Finds base images. One instance a build: what was resolved stays so until the end.
pub(crate) struct Bases {
    blobs: Arc<dyn BlobStore>,
    names: Arc<dyn ImageNames>,
    registry: Arc<dyn Registry>,
    layers: Arc<Layers>,
    /// Ask the registry even for names that the local store has.
    pull: bool,
    /// OCI layouts by the name of their context.
    layouts: BTreeMap<String, String>,
    /// Images by pinned digest and platform.
    found: Mutex<HashMap<(Digest, Platform), Arc<Base>>>,
}

/// A base image for one platform.
pub(crate) struct Base {
    /// Its configuration.
    pub(crate) config: ImageConfig,
    /// Its layers, lowest first.
    pub(crate) blobs: Vec<LayerBlob>,
}

/// Where manifests come from.
enum Origin {
    /// The local store, which has it under this name.
    Local(Reference),
    /// A registry; layers can be pulled from the same repository.
    Registry(Reference),
    /// An OCI layout directory.
    Layout(layout::Layout),
}

impl Bases {
    pub(crate) fn new(
        blobs: Arc<dyn BlobStore>,
        names: Arc<dyn ImageNames>,
        registry: Arc<dyn Registry>,
        layers: Arc<Layers>,
        pull: bool,
        layouts: BTreeMap<String, String>,
    ) -> Self {
        Self { blobs, names, registry, layers, pull, layouts, found: Mutex::default() }
    }

    /// Resolves an image that the frontend wants to know.
    pub(crate) async fn resolve(&self, need: &ImageNeed) -> Result<ResolvedImage, Error> {
        let (origin, top, bytes) = match &need.location {
            ImageLocation::Registry(reference) => self.named(reference).await?,
            ImageLocation::OciLayout(name) => {
                let layout = layout::Layout::open(name, self.layouts.get(name))?;
                let (top, bytes) = layout.top()?;
                (Origin::Layout(layout), top, bytes)
            }
        };
        let base = self.load(origin, &top, bytes, &need.platform).await?;
        let config = base.config.clone();
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.insert((top.digest, need.platform.clone()), Arc::new(base));
        Ok(ResolvedImage { digest: top.digest, config })
    }

    /// The image that a source op names: one that [`resolve`](Self::resolve) found, or (a definition made by
    /// somebody else) one that is resolved now.
    pub(crate) async fn get(&self, location: ImageLocation, platform: &Platform) -> Result<Arc<Base>, Error> {
        let pinned = match &location {
            ImageLocation::Registry(reference) => reference.digest().copied(),
            ImageLocation::OciLayout(_) => None,
        };
        let known = |digest: Digest| {
            let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            found.get(&(digest, platform.clone())).cloned()
        };
        if let Some(base) = pinned.and_then(known) {
            return Ok(base);
        }
        let resolved = self.resolve(&ImageNeed { location, platform: platform.clone() }).await?;
        known(resolved.digest)
            .ok_or_else(|| Error::Internal("a resolved image was not remembered".to_owned()))
    }

    /// The chain of a base's layers; nothing is fetched.
    pub(crate) fn chain(&self, base: &Base) -> Result<Chain, Error> {
        let layers = base.blobs.iter().map(|blob| self.layers.add_base(blob)).collect::<Result<_, _>>()?;
        Ok(Chain { layers })
    }

    /// A name of the local store unless `--pull`, else what the registry says.
    async fn named(&self, reference: &Reference) -> Result<(Origin, Descriptor, Vec<u8>), Error> {
        if let Some(digest) = reference.digest()
            && let Some(bytes) = self.blobs.read(digest, MANIFEST_LIMIT_BYTES)?
        {
            let top = Descriptor::of(sniff(&bytes), &bytes);
            return Ok((Origin::Registry(reference.clone()), top, bytes));
        }
        if !self.pull
            && let Some(top) = self.names.resolve(reference)?
        {
            let bytes = self.blobs.read(&top.digest, MANIFEST_LIMIT_BYTES)?.ok_or_else(|| {
                Error::Environment(format!(
                    "the manifest of {reference} is missing in the store: pull or build it again"
                ))
            })?;
            return Ok((Origin::Local(reference.clone()), top, bytes));
        }
        let (top, bytes) = self.registry.manifest(reference).await?;
        self.blobs.put(&bytes)?;
        Ok((Origin::Registry(reference.clone()), top, bytes))
    }

    async fn load(
        &self,
        mut origin: Origin,
        top: &Descriptor,
        bytes: Vec<u8>,
        platform: &Platform,
    ) -> Result<Base, Error> {
        let (digest, bytes) = if media_type::is_index(&top.media_type) || is_index(&bytes) {
            let index: Index = parse(&bytes, "index", &top.digest)?;
            let chosen = index.select(platform).ok_or_else(|| no_platform(&origin, &index, platform))?;
            if let Origin::Local(name) = &origin
                && self.blobs.size_bytes(&chosen.digest)?.is_none()
            {
                // It was pulled for another platform.
                origin = Origin::Registry(name.with_digest(top.digest));
            }
            (chosen.digest, self.object(&origin, chosen, Kind::Manifest).await?)
        } else {
            (top.digest, bytes)
        };
        let manifest: Manifest = parse(&bytes, "manifest", &digest)?;
        let config_bytes = self.object(&origin, &manifest.config, Kind::Blob).await?;
        let config: ImageConfig = parse(&config_bytes, "config", &manifest.config.digest)?;
        if config.rootfs.diff_ids.len() != manifest.layers.len() {
            return Err(Error::Environment(format!(
                "image {digest} is damaged: its config lists {} layers, its manifest {}",
                config.rootfs.diff_ids.len(),
                manifest.layers.len()
            )));
        }
        let blobs = manifest
            .layers
            .into_iter()
            .zip(&config.rootfs.diff_ids)
            .map(|(descriptor, diff_id)| self.layer(&origin, descriptor, *diff_id))
            .collect::<Result<_, _>>()?;
        Ok(Base { config, blobs })
    }

    fn layer(
        &self,
        origin: &Origin,
        descriptor: Descriptor,
        diff_id: cooperage_image::DiffId,
    ) -> Result<LayerBlob, Error> {
        let compression = media_type::layer_compression(&descriptor.media_type)
            .ok_or_else(|| unknown_layer_type(&descriptor))?;
        let plain = media_type::layer(media_type::Family::Oci, compression);
        if let Origin::Layout(layout) = origin {
            self.layers.add_layout_blob(descriptor.digest, layout.blob_path(&descriptor.digest));
        }
        let origin = match origin {
            Origin::Registry(reference) => Some(reference.clone()),
            Origin::Local(_) | Origin::Layout(_) => None,
        };
        Ok(LayerBlob {
            descriptor: Descriptor::new(plain, descriptor.digest, descriptor.size_bytes),
            diff_id,
            origin,
        })
    }

    /// The bytes of a manifest or config, from the store if they are there.
    async fn object(&self, origin: &Origin, descriptor: &Descriptor, kind: Kind) -> Result<Vec<u8>, Error> {
        let digest = &descriptor.digest;
        if let Some(bytes) = self.blobs.read(digest, MANIFEST_LIMIT_BYTES)? {
            return Ok(bytes);
        }
        match (origin, kind) {
            (Origin::Local(name), _) => Err(Error::Environment(format!(
                "{digest} of {} is missing in the store: pull or build the image again",
                name.familiar()
            ))),
            (Origin::Layout(layout), _) => {
                let bytes = layout.read(descriptor)?;
                self.blobs.put(&bytes)?;
                Ok(bytes)
            }
            (Origin::Registry(reference), Kind::Manifest) => {
                let (_, bytes) = self.registry.manifest(&reference.with_digest(*digest)).await?;
                self.blobs.put(&bytes)?;
                Ok(bytes)
            }
            (Origin::Registry(reference), Kind::Blob) => {
                if descriptor.size_bytes > MANIFEST_LIMIT_BYTES {
                    return Err(Error::Environment(format!("config {digest} is larger than 4 MiB")));
                }
                let writer = self.blobs.writer()?;
                self.registry.pull_blob(reference, descriptor, writer, &|_| ()).await?;
                self.blobs
                    .read(digest, MANIFEST_LIMIT_BYTES)?
                    .ok_or_else(|| Error::Internal(format!("config {digest} was pulled but is not there")))
            }
        }
    }
}

enum Kind {
    Manifest,
    Blob,
}

/// Manifests without a media type of their own are told apart by their members.
fn is_index(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(bytes).is_ok_and(|value| value.get("manifests").is_some())
}

fn sniff(bytes: &[u8]) -> &'static str {
    if is_index(bytes) { media_type::OCI_INDEX } else { media_type::OCI_MANIFEST }
}

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8], what: &str, digest: &Digest) -> Result<T, Error> {
    serde_json::from_slice(bytes)
        .map_err(|e| Error::Environment(format!("the {what} {digest} is malformed: {e}")))
}

fn no_platform(origin: &Origin, index: &Index, platform: &Platform) -> Error {
    let offered: Vec<String> =
        index.manifests.iter().filter_map(|d| d.platform.as_ref()).map(Platform::to_string).collect();
    let name = match origin {
        Origin::Registry(reference) => reference.familiar(),
        Origin::Local(name) => format!("{} in the local store", name.familiar()),
        Origin::Layout(layout) => layout.to_string(),
    };
    Error::Environment(format!("{name} has no image for {platform}: it has {}", offered.join(", ")))
}
