//! Early cut-off across a RUN: an earlier run of the same op whose key differs in nothing but which
//! results its inputs are, and whose inputs had the same contents, has the same result.

use cooperage_image::Digest;
use cooperage_llb::key::DifferingInput;
use cooperage_llb::ports::result_index::{Chain, StepResult};
use cooperage_solver::{Input, Keys};

use super::perform::Performer;
use crate::ops::OpFailure;

/// Earlier runs that are compared with.
const CANDIDATES_MAX: usize = 4;

impl Performer {
    /// The result of such a run.
    pub(super) async fn matching(
        &self,
        op: &Digest,
        inputs: &[Input],
        keys: &Keys,
    ) -> Result<Option<StepResult>, OpFailure> {
        for candidate in self.workshop.ports.results.candidates(op, CANDIDATES_MAX)? {
            if let Some(differing) = keys.first().differing_inputs(&candidate.key)
                && self.same_contents_of_all(&differing, inputs).await?
            {
                return Ok(Some(candidate.result));
            }
        }
        Ok(None)
    }

    async fn same_contents_of_all(
        &self,
        differing: &[DifferingInput],
        inputs: &[Input],
    ) -> Result<bool, OpFailure> {
        for one in differing {
            let earlier = self.workshop.ports.results.lookup(&one.earlier.result.0)?;
            let earlier = earlier.as_ref().and_then(|result| result.outputs.get(one.earlier.output as usize));
            let (Some(earlier), Some(ours)) = (earlier, inputs.get(one.index as usize)) else {
                return Ok(false);
            };
            if !self.same_contents(earlier, &ours.chain).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether two chains of the same base do the same on it.
    async fn same_contents(&self, a: &Chain, b: &Chain) -> Result<bool, OpFailure> {
        if a.layers.len() != b.layers.len() {
            return Ok(false);
        }
        let differing = a.layers.iter().zip(&b.layers).filter(|(a, b)| a != b);
        for (a, b) in differing {
            if self.workshop.layer_digest(a).await? != self.workshop.layer_digest(b).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
