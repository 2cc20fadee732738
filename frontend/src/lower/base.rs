//! The tree and the config that a stage begins with (dockerfile reference, section 3).

use cooperage_image::{ImageConfig, Platform};
use cooperage_llb::definition::{Edge, Metadata, source};

use super::origin::Origin;
use super::plan::Plan;
use super::stage::Stage;
use super::state::{StageState, bare_config, empty_config, has_layers, inherited_config};
use super::step_name::StepNumbers;
use super::work::Shared;
use super::{ImageLocation, NamedContext, ResolvedImage, contexts};
use crate::ast::Span;
use crate::lint::Finding;

/// The state before the first instruction, and the numbers of the steps.
pub(super) fn of_stage(
    plan: &Plan<'_>,
    stage: &Stage<'_>,
    shared: &mut Shared<'_>,
) -> (StageState, StepNumbers) {
    let only_stage = plan.is_alone(stage);
    let numbers = |with_base| StepNumbers::new(stage, only_stage, with_base);
    match &stage.origin {
        Origin::Scratch => (scratch(&plan.inputs.platform), numbers(false)),
        Origin::Stage(index) => {
            let state = shared.finished[*index].clone();
            (state.expect("a base comes before the stages on it, and is needed by them"), numbers(false))
        }
        Origin::Context(key) => (of_context(plan, stage, key, shared), numbers(false)),
        Origin::Image(_) => {
            let image = image(plan, &stage.origin, stage.platform.as_ref());
            let mut numbers = numbers(has_layers(&image.resolved.config));
            let tree = has_layers(&image.resolved.config).then(|| {
                let prefix = numbers.next(false);
                let metadata = Metadata {
                    name: Some(format!("{prefix}FROM {}", image.reference)),
                    command: Some(stage.instruction.original.clone()),
                    locations: vec![shared.places.location(shared.source_index, stage.instruction.span)],
                    ..Metadata::default()
                };
                let source = source::image(&image.reference, Some(image.platform.clone()));
                shared.graph.source(source, metadata)
            });
            warn_of_platform(stage, &image, shared);
            let config = inherited_config(&image.resolved.config);
            (StageState::new(tree, image.platform, config), numbers)
        }
    }
}

fn scratch(platform: &Platform) -> StageState {
    StageState::new(None, platform.clone(), empty_config(platform))
}

fn of_context(plan: &Plan<'_>, stage: &Stage<'_>, key: &str, shared: &mut Shared<'_>) -> StageState {
    let platform = plan.platform(stage).clone();
    let context = plan.inputs.contexts.get(key);
    let (tree, directory) = match context {
        Some(NamedContext::Local { .. }) => {
            (Some(shared.contexts.unused(key, &mut shared.graph)), Some(key.to_owned()))
        }
        _ => (context.and_then(|context| contexts::fetched(key, context, &mut shared.graph)), None),
    };
    if tree.is_some() {
        let config = if stage.replaced { bare_config(&platform) } else { empty_config(&platform) };
        let mut state = StageState::new(tree, platform, config);
        state.directory = directory;
        state.record(format!("FROM {key}"), true);
        return state;
    }
    let Some(image) = context_image(plan, key, stage.platform.as_ref()) else {
        let config = if stage.replaced { bare_config(&platform) } else { empty_config(&platform) };
        return StageState::new(None, platform, config);
    };
    let config = inherited_config(&image.resolved.config);
    let tree = image_tree(plan, key, &image, shared);
    // Where the context stands in for the whole stage, its image's platform is the stage's.
    let platform = if stage.replaced { platform_of(&image.resolved.config, platform) } else { platform };
    StageState::new(tree, platform, config)
}

/// The tree of a source that is no stage, named at `span`; of a directory, `path` is used. `None` if it is
/// empty.
pub(super) fn of_source(
    plan: &Plan<'_>,
    origin: &Origin,
    path: &str,
    span: Span,
    shared: &mut Shared<'_>,
) -> Option<Edge> {
    match origin {
        Origin::Scratch => None,
        Origin::Stage(index) => shared.finished[*index].as_ref().and_then(|state| state.tree),
        Origin::Image(_) => {
            let image = image(plan, origin, None);
            let metadata = Metadata {
                name: Some(format!("FROM {}", image.reference)),
                locations: vec![shared.places.location(shared.source_index, span)],
                ..Metadata::default()
            };
            let source = source::image(&image.reference, Some(image.platform.clone()));
            has_layers(&image.resolved.config).then(|| shared.graph.source(source, metadata))
        }
        Origin::Context(key) => match plan.inputs.contexts.get(key) {
            Some(NamedContext::Local { .. }) => Some(shared.contexts.named(key, path, &mut shared.graph)),
            Some(context @ (NamedContext::Git { .. } | NamedContext::Url(_))) => {
                contexts::fetched(key, context, &mut shared.graph)
            }
            _ => {
                let image = context_image(plan, key, None)?;
                image_tree(plan, key, &image, shared)
            }
        },
    }
}

fn image_tree(plan: &Plan<'_>, key: &str, image: &Image<'_>, shared: &mut Shared<'_>) -> Option<Edge> {
    if !has_layers(&image.resolved.config) {
        return None;
    }
    let platform = Some(image.platform.clone());
    Some(match plan.inputs.contexts.get(key) {
        Some(NamedContext::OciLayout(_)) => {
            let source = source::oci_layout(key, &image.resolved.digest, platform);
            shared.graph.source(source, Metadata::named(format!("[context {key}] OCI load from client")))
        }
        _ => {
            let metadata = Metadata::named(format!("[context {key}] {}", image.reference));
            shared.graph.source(source::image(&image.reference, platform), metadata)
        }
    })
}

/// An image that was resolved.
struct Image<'a> {
    /// Pinned; of a layout, the digest alone.
    reference: String,
    /// Which it is used for.
    platform: Platform,
    resolved: &'a ResolvedImage,
}

fn context_image<'a>(plan: &Plan<'a>, key: &str, asked: Option<&Platform>) -> Option<Image<'a>> {
    let origin = Origin::Context(key.to_owned());
    origin.need(asked.unwrap_or(&plan.inputs.platform), plan.inputs)?;
    Some(image(plan, &origin, asked))
}

/// The image of `origin`, for the platform that was asked for at the FROM or for the target's.
fn image<'a>(plan: &Plan<'a>, origin: &Origin, asked: Option<&Platform>) -> Image<'a> {
    let wanted = asked.unwrap_or(&plan.inputs.platform);
    let need = origin.need(wanted, plan.inputs).expect("an image");
    let resolved = plan.inputs.images.get(&need).expect("all needs are met before ops are made");
    let reference = match &need.location {
        ImageLocation::Registry(reference) => reference.with_digest(resolved.digest).to_string(),
        ImageLocation::OciLayout(_) => resolved.digest.to_string(),
    };
    let platform = match asked {
        None if !plan.inputs.platform_is_explicit => detected(&resolved.config, plan),
        _ => wanted.clone(),
    };
    Image { reference, platform, resolved }
}

/// With no platform asked for anywhere, an image for the machine that builds is used as such.
fn detected(config: &ImageConfig, plan: &Plan<'_>) -> Platform {
    let candidates = [&plan.inputs.platform, &plan.inputs.build_platform];
    let same =
        |platform: &&Platform| platform.os == config.os && platform.architecture == config.architecture;
    (*candidates.into_iter().find(same).unwrap_or(&plan.inputs.platform)).clone()
}

/// What a config says its platform is; `otherwise` if it does not.
pub(super) fn platform_of(config: &ImageConfig, otherwise: Platform) -> Platform {
    if config.os.is_empty() || config.architecture.is_empty() {
        return otherwise;
    }
    let mut platform = Platform::new(&config.os, &config.architecture, config.variant.as_deref());
    platform.os_version.clone_from(&config.os_version);
    platform.os_features.clone_from(&config.os_features);
    platform
}

fn warn_of_platform(stage: &Stage<'_>, image: &Image<'_>, shared: &mut Shared<'_>) {
    let actual = platform_of(&image.resolved.config, image.platform.clone());
    let same = (&actual.os, &actual.architecture) == (&image.platform.os, &image.platform.architecture);
    if !same {
        let (actual, expected) = (actual.to_string(), image.platform.to_string());
        let finding = Finding::invalid_base_image_platform(&stage.base, &actual, &expected);
        shared.report.finding(stage.instruction.span, finding);
    }
}
