//! Giving a layer its blob, for an image to be stored or pushed.

use std::sync::Arc;

use cooperage_image::Descriptor;
use cooperage_image::layer;
use cooperage_image::media_type::{self, Family};
use cooperage_image::tree::LayerId;
use cooperage_llb::ports::layer_store::{BlobForm, LayerBlob};
use cooperage_llb::ports::result_index::Chain;

use super::{Contents, Layers};
use crate::Error;

impl Layers {
    /// The layer as a blob of `form`: one that is known, or written now. A base's layer keeps the form it
    /// came in. The blob of a base need not be in the blob store; see [`fetch`](Self::fetch).
    pub(crate) async fn blob(
        self: &Arc<Self>,
        id: &LayerId,
        form: BlobForm,
        level: Option<u32>,
    ) -> Result<LayerBlob, Error> {
        let cell = Arc::clone(self.state().written.entry((id.clone(), form, level)).or_default());
        cell.get_or_try_init(|| self.find_or_write(id, form, level)).await.cloned()
    }

    async fn find_or_write(
        self: &Arc<Self>,
        id: &LayerId,
        form: BlobForm,
        level: Option<u32>,
    ) -> Result<LayerBlob, Error> {
        for (known, blob) in self.store.blobs(id)? {
            let of_a_base = LayerId::of(&blob.diff_id.0) == *id;
            let usable = of_a_base || (known == form && level.is_none());
            if usable && (blob.origin.is_some() || self.is_at_hand(&blob)?) {
                return Ok(blob);
            }
        }
        let changes = self.changes(id).await?;
        self.prepare(&changes).await?;
        let layers = Arc::clone(self);
        let (id, contents) = (id.clone(), Contents::new(Arc::clone(self)));
        let write = move || -> Result<LayerBlob, Error> {
            let mut writer = layers.blobs.writer()?;
            let written =
                layer::write_layer(&changes, form.compression, level, form.epoch, &contents, &mut writer)
                    .map_err(|e| Error::disk(format!("writing layer {}", &id.as_str()[..12]), &e))?;
            let (digest, size_bytes) = writer.commit(None)?;
            let media_type = media_type::layer(Family::Oci, form.compression);
            let blob = LayerBlob {
                descriptor: Descriptor::new(media_type, digest, size_bytes),
                diff_id: written.diff_id,
                origin: None,
            };
            layers.persist(&Chain { layers: vec![id.clone()] })?;
            // One of another level is for this output alone: remembered, it would give the next build, which asks
            // for none, another digest than an empty store does.
            if level.is_none() {
                layers.store.put_blob(&id, &form, &blob)?;
            }
            Ok(blob)
        };
        let _turn = self.turn().await?;
        tokio::task::spawn_blocking(write).await.map_err(|e| Error::Internal(e.to_string()))?
    }

    fn is_at_hand(&self, blob: &LayerBlob) -> Result<bool, Error> {
        let digest = &blob.descriptor.digest;
        Ok(self.blobs.size_bytes(digest)?.is_some() || self.state().layouts.contains_key(digest))
    }
}
