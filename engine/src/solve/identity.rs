//! Which results a recorded run had as inputs: remembered, so that a later run can be compared by content.

use cooperage_image::{Digest, Hasher};
use cooperage_llb::key::{Key, ResultId};
use cooperage_solver::Input;

use super::perform::Performer;
use crate::ops::OpFailure;

impl Performer {
    /// Remembers the inputs of what was recorded under `key`.
    pub(super) fn remember_inputs(&self, inputs: &[Input], key: &Key) -> Result<(), OpFailure> {
        for (index, input) in inputs.iter().enumerate() {
            if let Some(result) = input.result {
                self.workshop.ports.results.remember(&name(key, index, input.output), &result.0)?;
            }
        }
        Ok(())
    }

    /// The result that was input `index` of what was recorded under `key`.
    pub(super) fn recall_input(
        &self,
        key: &Key,
        index: usize,
        output: u32,
    ) -> Result<Option<ResultId>, OpFailure> {
        let found = self.workshop.ports.results.recall(&name(key, index, output))?;
        Ok(found.map(ResultId))
    }
}

fn name(key: &Key, index: usize, output: u32) -> Digest {
    let mut hasher = Hasher::new();
    hasher.field(b"input of");
    hasher.field(key.digest().as_bytes());
    hasher.field(&(index as u64).to_le_bytes());
    hasher.field(&output.to_le_bytes());
    hasher.finish()
}
