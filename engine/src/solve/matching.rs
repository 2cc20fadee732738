//! Early cut-off across a RUN: an earlier run of the same op whose inputs had other identities and the
//! same contents has the same result.

use cooperage_image::Digest;
use cooperage_llb::ports::result_index::{Candidate, Chain, StepResult};
use cooperage_solver::Input;

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
    ) -> Result<Option<StepResult>, OpFailure> {
        for candidate in self.workshop.ports.results.candidates(op, CANDIDATES_MAX)? {
            if self.same_inputs(&candidate, inputs).await? {
                return Ok(Some(candidate.result));
            }
        }
        Ok(None)
    }

    async fn same_inputs(&self, candidate: &Candidate, inputs: &[Input]) -> Result<bool, OpFailure> {
        for (index, input) in inputs.iter().enumerate() {
            let Some(earlier) = self.recall_input(&candidate.key, index, input.output)? else {
                return Ok(false);
            };
            if Some(earlier) == input.result {
                continue;
            }
            let Some(result) = self.workshop.ports.results.lookup(&earlier.0)? else { return Ok(false) };
            let Some(chain) = result.outputs.get(input.output as usize) else { return Ok(false) };
            if !self.same_contents(chain, &input.chain).await? {
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
