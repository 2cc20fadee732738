//! Questions about a Dockerfile that are answered without building it: BuildKit calls them subrequests
//! (buildkit: frontend/subrequests). Each answer has BuildKit's JSON and its text.

mod check;
mod columns;
mod describe;
mod location;
mod outline;
mod targets;

pub use check::{CheckError, CheckReport};
pub use describe::{Subrequest, subrequests};
pub use outline::OutlineReport;
pub use targets::TargetsReport;
