//! What a build gives back.

use std::time::Duration;

use cooperage_image::{Descriptor, Digest, Reference};

use crate::event::{StepEnd, StepId};
use crate::warning::Warning;

/// The end of a successful build.
#[derive(Debug, Clone)]
pub struct BuildReport {
    /// The image, unless no output is an image (`local`, `tar`, `cacheonly`).
    pub image: Option<BuiltImage>,
    /// Every step of the graph that was asked for.
    pub steps: Vec<StepSummary>,
    /// Blobs that were pulled from registries.
    pub pulled_blobs: u64,
    /// What lint found in the Dockerfile.
    pub warnings: Vec<Warning>,
    /// Total time.
    pub took: Duration,
}

impl BuildReport {
    /// How many steps ran, sources not counted.
    pub fn ran(&self) -> usize {
        self.steps.iter().filter(|step| step.end == StepEnd::Ran && !step.is_source).count()
    }

    /// How many steps were cached, sources not counted.
    pub fn cached(&self) -> usize {
        self.steps.iter().filter(|step| step.end == StepEnd::Cached && !step.is_source).count()
    }
}

/// An image that was built.
#[derive(Debug, Clone)]
pub struct BuiltImage {
    /// Digest of the manifest, or of the index for several platforms.
    pub digest: Digest,
    /// The same, with media type and size.
    pub descriptor: Descriptor,
    /// Digest of the config: Docker's image ID. Of the first platform.
    pub config_digest: Digest,
    /// Names it was given.
    pub names: Vec<Reference>,
    /// Compressed size of all its layers.
    pub layers_bytes: u64,
    /// Number of layers.
    pub layers: usize,
}

/// One step.
#[derive(Debug, Clone)]
pub struct StepSummary {
    /// Its number.
    pub id: StepId,
    /// Its name.
    pub name: String,
    /// How it ended.
    pub end: StepEnd,
    /// How long it took.
    pub took: Duration,
    /// Whether it is a source (base image, context), which has nothing to cache.
    pub is_source: bool,
}
