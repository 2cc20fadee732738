//! Merge, diff and passthrough ops: chains joined, cut and passed on.

use cooperage_image::tree::Changes;
use cooperage_llb::pb;
use cooperage_llb::ports::result_index::Chain;

use super::{OpFailure, Workshop};

/// Later inputs over earlier ones. Nothing is computed: layers stack.
pub(super) fn merge(op: &pb::MergeOp, inputs: &[Chain]) -> Chain {
    let layers =
        op.inputs.iter().filter_map(|one| input(inputs, one.input)).flat_map(|chain| chain.layers.clone());
    Chain { layers: layers.collect() }
}

/// Waits for all inputs and passes some of them on.
pub(super) fn passthrough(op: &pb::PassthroughOp, inputs: &[Chain]) -> Vec<Chain> {
    op.outputs.iter().map(|index| input(inputs, *index).cloned().unwrap_or_default()).collect()
}

impl Workshop {
    /// What `upper` has beyond `lower`: its own layers when it was built on `lower`, else one layer
    /// that is computed.
    pub(super) async fn diff(&self, op: &pb::DiffOp, inputs: &[Chain]) -> Result<Chain, OpFailure> {
        let side = |side: &Option<pb::DiffInput>| {
            side.as_ref().and_then(|one| input(inputs, one.input)).cloned().unwrap_or_default()
        };
        let (lower, upper) = (side(&op.lower), side(&op.upper));
        if let Some(rest) = upper.layers.strip_prefix(lower.layers.as_slice()) {
            return Ok(Chain { layers: rest.to_vec() });
        }
        let (below, above) = (self.layers.tree(&lower).await?, self.layers.tree(&upper).await?);
        let changes = Changes::between(&below, &above);
        Ok(Chain { layers: vec![self.layers.add(changes)] })
    }
}

/// The input of this index; -1 is scratch.
fn input(inputs: &[Chain], index: i64) -> Option<&Chain> {
    usize::try_from(index).ok().and_then(|index| inputs.get(index))
}
