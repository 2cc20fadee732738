//! What the base of a stage, `COPY --from` or a mount's `from` names (dockerfile reference, sections 3
//! and 9).

use cooperage_image::{Platform, Reference};

use super::{ImageLocation, ImageNeed, Inputs, NamedContext};

/// Where a tree comes from, before it is known what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nothing.
    Scratch,
    /// A stage of this file.
    Stage(usize),
    /// A named context, by its key in [`Inputs::contexts`].
    Context(String),
    /// An image of a registry.
    Image(Reference),
}

impl Origin {
    /// What a word that is no stage means.
    pub(super) fn of_word(word: &str, platform: &Platform, inputs: &Inputs) -> Result<Self, String> {
        if word == "scratch" {
            return Ok(Self::Scratch);
        }
        let reference: Reference = word.parse().map_err(|error| format!("{error}"))?;
        Ok(match context_key(word, platform, inputs) {
            Some(key) => Self::Context(key),
            None => Self::Image(reference),
        })
    }

    /// The image whose config has to be known before it can be used on `platform`.
    pub(super) fn need(&self, platform: &Platform, inputs: &Inputs) -> Option<ImageNeed> {
        let location = match self {
            Self::Image(reference) => ImageLocation::Registry(reference.clone()),
            Self::Context(key) => match inputs.contexts.get(key)? {
                NamedContext::Image(reference) => ImageLocation::Registry(reference.clone()?),
                NamedContext::OciLayout(_) => ImageLocation::OciLayout(key.clone()),
                NamedContext::Local { .. } | NamedContext::Git { .. } | NamedContext::Url(_) => return None,
            },
            Self::Scratch | Self::Stage(_) => return None,
        };
        Some(ImageNeed { location, platform: platform.clone() })
    }
}

/// The named context that `word` means: `NAME::PLATFORM` before `NAME`, names compared as image
/// references (`docker.io/library/x:latest` is `x`). `scratch` and `context` cannot be overridden.
pub(super) fn context_key(word: &str, platform: &Platform, inputs: &Inputs) -> Option<String> {
    if ["scratch", "context"].iter().any(|reserved| word.eq_ignore_ascii_case(reserved)) {
        return None;
    }
    let wanted = normalised(word);
    let of_platform = inputs.contexts.keys().find(|key| {
        key.split_once("::").is_some_and(|(name, of)| {
            normalised(name) == wanted && of.parse::<Platform>().is_ok_and(|of| of == *platform)
        })
    });
    let any = || inputs.contexts.keys().find(|key| normalised(key) == wanted);
    of_platform.or_else(any).cloned()
}

fn normalised(name: &str) -> String {
    let familiar = name.parse::<Reference>().map_or_else(|_| name.to_owned(), |name| name.familiar());
    familiar.strip_suffix(":latest").map_or(familiar.clone(), str::to_owned)
}
