//! A source that is not there: what is near it, and whether the ignore file hides it.
//!
//! A context is walked only where a COPY points, so the tree at hand does not know a missing file's
//! neighbours; the directory does.

use std::sync::PoisonError;

use cooperage_image::tree::edit::{self, Copy};
use cooperage_image::tree::walk::{self, WalkOptions};
use cooperage_llb::ports::result_index::Chain;

use super::{OpFailure, Workshop};
use crate::error::Kind;

impl Workshop {
    /// `failure`, with what the whole directory says of it if the input is one.
    pub(super) fn explained(&self, failure: OpFailure, input: &Chain, what: &Copy) -> OpFailure {
        let OpFailure::Step { message, help: None, kind: Kind::Build } = failure else { return failure };
        let help = self.look_again(input, what);
        OpFailure::Step { message, help, kind: Kind::Build }
    }

    fn look_again(&self, input: &Chain, what: &Copy) -> Option<String> {
        let [layer] = input.layers.as_slice() else { return None };
        let walked = self.walked.lock().unwrap_or_else(PoisonError::into_inner);
        let walked = walked.get(layer)?;
        let whole = WalkOptions { include: Vec::new(), follow: Vec::new(), ..walked.options.clone() };
        let unfiltered = WalkOptions { exclude: Vec::new(), ..whole.clone() };
        let shown = walked.directory.display();
        let tree = walk::walk(&walked.directory, &whole).ok()?;
        let Err(error) = edit::matches(&tree, what) else { return None };
        let everything = walk::walk(&walked.directory, &unfiltered).ok()?;
        if edit::matches(&everything, what).is_ok() {
            return Some(format!("it is in {shown}, but the ignore file leaves it out"));
        }
        Some(format!("in {shown}: {error}"))
    }
}
