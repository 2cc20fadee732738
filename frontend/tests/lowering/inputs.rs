//! `inputs.json` of a fixture.

use std::collections::BTreeMap;
use std::path::Path;

use cooperage_frontend::lower::{
    ImageLocation, ImageNeed, Inputs, MainContext, NamedContext, Network, ResolvedImage, TimeNeed,
};
use cooperage_frontend::remote::GitRef;
use cooperage_image::{Digest, ImageConfig, Platform};
use serde::Deserialize;

/// All members are optional. An image that is not among `images` has one layer and the config of
/// busybox; one that is `null` is never answered.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Json {
    build_args: BTreeMap<String, String>,
    target: Option<String>,
    platform: Option<String>,
    build_platform: Option<String>,
    labels: BTreeMap<String, String>,
    contexts: BTreeMap<String, String>,
    /// By name of the context.
    context_ignore: BTreeMap<String, Vec<String>>,
    ignore: Vec<String>,
    images: BTreeMap<String, Option<ImageConfig>>,
    network: Option<String>,
    extra_hosts: Vec<(String, String)>,
    ulimits: Vec<(String, i64, i64)>,
    shm_size_bytes: Option<i64>,
    no_cache: bool,
    epoch: Option<i64>,
    /// The build context, if it is no directory: a repository, or a URL; `archive+URL` is unpacked.
    context: Option<String>,
    /// What every source whose time is asked for says.
    last_modified: Option<i64>,
}

pub(crate) struct Case {
    pub(crate) inputs: Inputs,
    images: BTreeMap<String, Option<ImageConfig>>,
    /// What all images that are not listed are for, whatever was asked for.
    pub(crate) image_platform: Option<Platform>,
    last_modified: Option<i64>,
}

impl Case {
    pub(crate) fn read(path: &Path) -> Self {
        let json: Json = match std::fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).unwrap(),
            Err(_) => Json::default(),
        };
        let platform = |text: &Option<String>| text.as_deref().unwrap_or("linux/amd64").parse().unwrap();
        let context = |(name, value): (String, String)| {
            let ignore = json.context_ignore.get(&name).cloned().unwrap_or_default();
            (name, context(&value, ignore))
        };
        let inputs = Inputs {
            build_args: json.build_args,
            target: json.target,
            platform: platform(&json.platform),
            platform_is_explicit: json.platform.is_some(),
            build_platform: platform(&json.build_platform),
            labels: json.labels,
            context: json.context.as_deref().map(main_context).unwrap_or_default(),
            contexts: json.contexts.into_iter().map(context).collect(),
            ignore: json.ignore,
            images: BTreeMap::new(),
            network: match json.network.as_deref() {
                None => Network::Default,
                Some("host") => Network::Host,
                Some("none") => Network::None,
                Some(other) => panic!("network {other}"),
            },
            extra_hosts: json.extra_hosts,
            ulimits: json.ulimits,
            shm_size_bytes: json.shm_size_bytes,
            no_cache: json.no_cache,
            epoch: json.epoch,
            times: BTreeMap::new(),
        };
        let last_modified = json.last_modified;
        Self { inputs, images: json.images, image_platform: None, last_modified }
    }

    /// Answers a need of a time.
    pub(crate) fn answer_time(&mut self, need: &TimeNeed) {
        self.inputs.times.insert(need.clone(), self.last_modified);
    }

    /// Answers `needs`; `false` if one of them has no answer.
    pub(crate) fn answer(&mut self, needs: &[ImageNeed]) -> bool {
        for need in needs {
            let name = name(&need.location);
            let config = match self.images.get(&name) {
                Some(None) => return false,
                Some(Some(config)) => config.clone(),
                None => busybox(self.image_platform.as_ref().unwrap_or(&need.platform)),
            };
            let digest = Digest::of(name.as_bytes());
            self.inputs.images.insert(need.clone(), ResolvedImage { digest, config });
        }
        true
    }
}

fn main_context(value: &str) -> MainContext {
    if let Some(Ok(repository)) = GitRef::parse(value) {
        return MainContext::Git { text: value.to_owned(), repository };
    }
    match value.strip_prefix("archive+") {
        Some(url) => MainContext::Url { url: url.to_owned(), archive: true },
        None => MainContext::Url { url: value.to_owned(), archive: false },
    }
}

fn context(value: &str, ignore: Vec<String>) -> NamedContext {
    if let Some(Ok(repository)) = GitRef::parse(value) {
        return NamedContext::Git { text: value.to_owned(), repository };
    }
    match value.split_once("://") {
        Some(("http" | "https", _)) => NamedContext::Url(value.to_owned()),
        Some(("docker-image", "scratch")) => NamedContext::Image(None),
        Some(("docker-image", reference)) => NamedContext::Image(Some(reference.parse().unwrap())),
        Some(("oci-layout", rest)) => NamedContext::OciLayout(rest.to_owned()),
        _ => NamedContext::Local { ignore },
    }
}

/// Under which an image is found in `images`.
fn name(location: &ImageLocation) -> String {
    match location {
        ImageLocation::Registry(reference) => reference.familiar(),
        ImageLocation::OciLayout(context) => format!("oci-layout://{context}"),
    }
}

fn busybox(platform: &Platform) -> ImageConfig {
    let mut config: ImageConfig = serde_json::from_str(
        r#"{"created":"2024-01-02T03:04:05Z","config":{"Env":["PATH=/bin"],"Cmd":["sh"]},
        "rootfs":{"type":"layers","diff_ids":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]},
        "history":[{"created":"2024-01-02T03:04:05Z","created_by":"base"}]}"#,
    )
    .unwrap();
    config.os.clone_from(&platform.os);
    config.architecture.clone_from(&platform.architecture);
    config.variant.clone_from(&platform.variant);
    config
}
