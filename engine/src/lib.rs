//! Cooperage, the library: builds OCI images from Dockerfiles and LLB.
//!
//! ```no_run
//! use cooperage::{BuildRequest, Engine, EngineOptions};
//!
//! let engine = Engine::open(EngineOptions::default())?;
//! let request = BuildRequest::new("path/to/context").tag("app:latest")?;
//! let report = engine.build(&request, &|event| println!("{event:?}"))?;
//! println!("{:?}", report.image.map(|image| image.digest));
//! # Ok::<(), cooperage::Error>(())
//! ```
//!
//! The engine wires the rooms together: it alone names drivers, reads the context, performs the
//! solver's effects and writes what comes out. It owns its runtime; calls block.

#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]

mod base;
mod build;
mod cancel;
mod context;
mod csv;
mod engine;
mod entitlement;
mod error;
mod event;
mod excerpt;
mod export;
mod hashing;
mod images;
mod layers;
mod ops;
mod output;
mod report;
mod request;
mod secrets;
mod side_by_side;
mod solve;
mod subrequests;
mod warning;
mod whole_file;

pub use cooperage_executor::{Tier, TierReport, probe as probe_tiers};
pub use cooperage_frontend::ast::Span;
pub use cooperage_frontend::lint::Rule;
pub use cooperage_frontend::lower::{Network, Outline, OutlineArg, OutlineMount, Target};
pub use cooperage_image as image;
pub use cooperage_llb as llb;
pub use cooperage_llb::ports::CancelToken;
pub use cooperage_llb::ports::upkeep::{PruneReport, PruneRequest, UsageKind, UsageRecord};

pub use engine::{Engine, EngineOptions};
pub use error::{Error, Kind, StepFailure};
pub use event::{Event, EventSink, StepEnd, StepId};
pub use images::{ImageDetails, ImageSummary};
pub use output::{Output, OutputError};
pub use report::{BuildReport, BuiltImage, StepSummary};
pub use request::{
    BuildRequest, ContextSpec, DockerfileSpec, Entitlement, NetworkSpec, RequestError, SecretSource,
    parse_bytes, parse_ssh, parse_ulimit,
};
pub use subrequests::{CheckError, CheckReport, OutlineReport, Subrequest, TargetsReport, subrequests};
pub use warning::Warning;
pub use whole_file::write_whole;
