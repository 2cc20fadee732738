//! The image that the target becomes (dockerfile reference, section 3).

use cooperage_image::{ImageConfig, Platform};

use super::plan::Plan;
use super::state::StageState;
use super::work::Shared;
use super::{Build, Inputs, base};

/// The definition and the config of the target, which has been lowered.
pub(super) fn of(plan: &Plan<'_>, mut shared: Shared<'_>) -> Build {
    let target = shared.finished[plan.target].take().expect("the target is needed, so it was lowered");
    if let Some(key) = &target.directory {
        shared.contexts.named(key, "/", &mut shared.graph);
    }
    let StageState { tree, mut config, .. } = target;
    shared.contexts.finish(plan.inputs, &mut shared.graph);
    let labels = plan.inputs.labels.iter().map(|(name, value)| (name.clone(), value.clone()));
    config.config.labels.extend(labels);
    config.rootfs.diff_ids.clear();
    if plan.inputs.platform_is_explicit {
        stamp(&mut config, plan.inputs);
    }
    let platform = base::platform_of(&config, plan.inputs.platform.clone());
    normalise(&mut config, &platform);
    Build { definition: shared.graph.finish(tree), config, platform, epoch: plan.epoch }
}

/// Whoever asks for a platform gets an image that says so, whatever its base is for (trap 52).
fn stamp(config: &mut ImageConfig, inputs: &Inputs) {
    let target = &inputs.platform;
    let same = (&config.os, &config.architecture) == (&target.os, &target.architecture);
    config.os.clone_from(&target.os);
    config.architecture.clone_from(&target.architecture);
    if target.variant.is_some() || !same {
        config.variant.clone_from(&target.variant);
    }
    if target.os_version.is_some() || !same {
        config.os_version.clone_from(&target.os_version);
    }
    if !target.os_features.is_empty() {
        config.os_features.clone_from(&target.os_features);
    }
}

fn normalise(config: &mut ImageConfig, platform: &Platform) {
    config.os.clone_from(&platform.os);
    config.architecture.clone_from(&platform.architecture);
    config.variant.clone_from(&platform.variant);
}
