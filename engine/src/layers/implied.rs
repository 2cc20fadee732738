//! Directories that layers of other tools imply, in an overlay.

use std::sync::Arc;

use cooperage_image::Hasher;
use cooperage_image::tree::LayerId;
use cooperage_llb::ports::result_index::Chain;

use super::Layers;
use crate::Error;

impl Layers {
    /// `visible`, which is `chain` without layers that change nothing, with layers between that show directories
    /// as they are in the tree. A layer's directory is the same wherever the layer is used, and of a directory
    /// that the layer only implies it has a guess, which an overlay would show. No image has these layers.
    pub(super) async fn with_implied_directories(
        self: &Arc<Self>,
        chain: &Chain,
        visible: Chain,
    ) -> Result<Chain, Error> {
        if visible.layers.iter().all(|id| self.state().explicit.contains(id)) {
            return Ok(visible);
        }
        let mut stack = Chain::default();
        let mut below = Chain::default();
        for id in &chain.layers {
            below.layers.push(id.clone());
            if visible.layers.contains(id) {
                stack.layers.push(id.clone());
                stack.layers.extend(self.implied_layer(&below).await?);
            }
        }
        Ok(stack)
    }

    /// What has to lie on the directory of the topmost layer of `chain`, if anything.
    async fn implied_layer(&self, chain: &Chain) -> Result<Option<LayerId>, Error> {
        let Some(top) = chain.layers.last().filter(|top| !self.state().explicit.contains(top)) else {
            return Ok(None);
        };
        let changes = self.changes(top).await?;
        if !changes.implies_directories() {
            self.state().explicit.insert(top.clone());
            return Ok(None);
        }
        let Some(shown) = changes.implied_in(&self.tree(chain).await?) else { return Ok(None) };
        let mut hasher = Hasher::new();
        hasher.field(b"implied directories");
        for layer in &chain.layers {
            hasher.field(layer.as_str().as_bytes());
        }
        let id = LayerId::of(&hasher.finish());
        self.state().changes.entry(id.clone()).or_insert_with(|| Arc::new(shown));
        Ok(Some(id))
    }
}
