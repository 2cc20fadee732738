//! After the outputs: bytes that only the context has are written to the store, so that what was
//! recorded can be had in the next build.

use std::sync::Arc;

use cooperage_llb::ports::result_index::StepResult;

use crate::Error;
use crate::layers::Layers;

/// Gives a directory to each layer of `results` whose bytes are nowhere in the store yet: that of a
/// COPY in a stage that no RUN looked at and no output contains.
pub(crate) async fn settle(layers: &Arc<Layers>, results: &[StepResult]) -> Result<(), Error> {
    for result in results {
        for chain in &result.outputs {
            for id in &chain.layers {
                if layers.is_unsettled(id)? {
                    layers.directory(id).await?;
                }
            }
        }
    }
    Ok(())
}
