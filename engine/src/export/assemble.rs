//! One platform's image: its layers as blobs, its config and its manifest.

use cooperage_image::media_type::{self, Family};
use cooperage_image::tree::{LayerId, Timestamp};
use cooperage_image::{Descriptor, History, ImageConfig, Manifest};
use cooperage_llb::ports::layer_store::{BlobForm, LayerBlob};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Exporter, Solved};
use crate::Error;
use crate::build::now;
use crate::output::ImageForm;
use crate::side_by_side::side_by_side;

/// An image of one platform, all parts in the blob store but the layers of its base.
pub(crate) struct Assembled {
    /// The manifest's descriptor, with its platform.
    pub(crate) descriptor: Descriptor,
    /// The manifest's bytes.
    pub(crate) manifest: Vec<u8>,
    /// The config's descriptor.
    pub(crate) config: Descriptor,
    /// The layers, lowest first.
    pub(crate) layers: Vec<LayerBlob>,
}

impl Exporter<'_> {
    pub(super) async fn assemble(&self, solved: &Solved, form: ImageForm) -> Result<Assembled, Error> {
        let layers = self.layer_blobs(solved, form).await?;
        let mut config = solved.config.clone();
        if config.os.is_empty() || config.architecture.is_empty() {
            config.os.clone_from(&solved.platform.os);
            config.architecture.clone_from(&solved.platform.architecture);
        }
        config.rootfs.diff_ids = layers.iter().map(|layer| layer.diff_id).collect();
        self.complete_history(&mut config, solved)?;
        let family = if form.oci_media_types { Family::Oci } else { Family::Docker };
        let config_bytes = config.to_bytes();
        self.ports.blobs.put(&config_bytes)?;
        let (config_type, manifest_type) = match family {
            Family::Oci => (media_type::OCI_CONFIG, media_type::OCI_MANIFEST),
            Family::Docker => (media_type::DOCKER_CONFIG, media_type::DOCKER_MANIFEST),
        };
        let config = Descriptor::of(config_type, &config_bytes);
        let descriptors = layers.iter().map(|layer| in_family(&layer.descriptor, family)).collect();
        let manifest = Manifest::new(family, config.clone(), descriptors).to_bytes();
        self.ports.blobs.put(&manifest)?;
        let mut descriptor = Descriptor::of(manifest_type, &manifest);
        descriptor.platform = Some(solved.platform.clone());
        Ok(Assembled { descriptor, manifest, config, layers })
    }

    /// All layers as blobs, compressed side by side.
    async fn layer_blobs(&self, solved: &Solved, form: ImageForm) -> Result<Vec<LayerBlob>, Error> {
        let blob_form = BlobForm { compression: form.compression, epoch: self.epoch };
        let writing = solved.chain.layers.iter().map(|id| {
            let (layers, id) = (std::sync::Arc::clone(&self.layers), id.clone());
            async move { layers.blob(&id, blob_form, form.level).await }
        });
        side_by_side(writing).await
    }

    /// Fills in the times that the frontend could not know, and evens the history out with the layers
    /// (image.md, section 2).
    fn complete_history(&self, config: &mut ImageConfig, solved: &Solved) -> Result<(), Error> {
        let layers = &solved.chain.layers;
        let filled = config.history.iter().filter(|entry| !entry.empty_layer).count();
        for entry in
            config.history.iter_mut().filter(|e| !e.empty_layer).take(filled.saturating_sub(layers.len()))
        {
            entry.empty_layer = true;
        }
        for _ in filled..layers.len() {
            config.history.push(History {
                comment: Some("buildkit.exporter.image.v0".to_owned()),
                ..History::default()
            });
        }
        self.date_history(config, layers)?;
        if config.created.is_none() {
            let newest = config.history.last().and_then(|entry| entry.created.clone());
            config.created = Some(newest.unwrap_or_else(|| rfc3339(self.clamp(now()))));
        }
        Ok(())
    }

    /// An entry with a layer has the layer's time; another new one that of the layer before it, or of the
    /// first new one. So a cached build shows the same times again.
    fn date_history(&self, config: &mut ImageConfig, layers: &[LayerId]) -> Result<(), Error> {
        let mut with_layers = layers.iter();
        let mut times = Vec::with_capacity(config.history.len());
        for entry in &config.history {
            let layer = if entry.empty_layer { None } else { with_layers.next() };
            times.push(match (layer, &entry.created) {
                (Some(layer), None) => self.layers.store().created(layer)?,
                _ => None,
            });
        }
        let before = config.history.iter().rev().find_map(|entry| entry.created.clone());
        let first = times.iter().flatten().next().map(|time| rfc3339(self.clamp(*time)));
        let mut last = first.or(before);
        for (entry, time) in config.history.iter_mut().zip(times) {
            if let Some(time) = time {
                last = Some(rfc3339(self.clamp(time)));
            }
            if entry.created.is_none() {
                entry.created = Some(last.get_or_insert_with(|| rfc3339(self.clamp(now()))).clone());
            }
        }
        Ok(())
    }

    /// Not later than `SOURCE_DATE_EPOCH`.
    fn clamp(&self, time: Timestamp) -> Timestamp {
        self.epoch.map_or(time, |epoch| time.min(epoch))
    }
}

pub(super) fn rfc3339(time: Timestamp) -> String {
    let at = OffsetDateTime::from_unix_timestamp(time.secs).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let at = at.replace_nanosecond(time.nanos).unwrap_or(at);
    at.format(&Rfc3339).unwrap_or_else(|_| "1970-01-01T00:00:00Z".to_owned())
}

fn in_family(layer: &Descriptor, family: Family) -> Descriptor {
    let media_type = match media_type::layer_compression(&layer.media_type) {
        Some(compression) => media_type::layer(family, compression).to_owned(),
        None => layer.media_type.clone(),
    };
    Descriptor::new(media_type, layer.digest, layer.size_bytes)
}
