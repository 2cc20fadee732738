//! What the rules say. The messages are BuildKit's, since tools match on them; label and help are ours.

use super::Rule;

/// What a rule says about one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) rule: Rule,
    pub(crate) message: String,
    /// Words under the place.
    pub(crate) label: String,
    pub(crate) help: Option<String>,
}

impl Finding {
    fn new(rule: Rule, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { rule, message: message.into(), label: label.into(), help: None }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    pub(crate) fn stage_name_casing(name: &str) -> Self {
        let message = format!("Stage name '{name}' should be lowercase");
        Self::new(Rule::StageNameCasing, message, format!("write {}", name.to_lowercase()))
    }

    pub(crate) fn from_as_casing(from: &str, as_keyword: &str) -> Self {
        let message = format!("'{as_keyword}' and '{from}' keywords' casing do not match");
        Self::new(Rule::FromAsCasing, message, format!("cased unlike {from}"))
    }

    pub(crate) fn no_empty_continuation() -> Self {
        Self::new(Rule::NoEmptyContinuation, "Empty continuation line", "nothing on this line")
            .help("remove the line, or make it a comment: in a future release it will be an error")
    }

    pub(crate) fn consistent_instruction_casing(keyword: &str, wanted: &str) -> Self {
        let message = format!("Command '{keyword}' should match the case of the command majority ({wanted})");
        Self::new(Rule::ConsistentInstructionCasing, message, format!("most are {wanted}"))
    }

    pub(crate) fn duplicate_stage_name(name: &str) -> Self {
        let message = format!("Duplicate stage name {name:?}, stage names should be unique");
        Self::new(Rule::DuplicateStageName, message, "used before")
    }

    pub(crate) fn reserved_stage_name(name: &str) -> Self {
        let message = format!("Stage name should not use the same name as reserved stage {name:?}");
        Self::new(Rule::ReservedStageName, message, "means something else")
    }

    pub(crate) fn json_args_recommended(keyword: &str) -> Self {
        let message = format!(
            "JSON arguments recommended for {keyword} to prevent unintended behavior related to OS signals"
        );
        Self::new(Rule::JSONArgsRecommended, message, "run by a shell")
    }

    pub(crate) fn maintainer_deprecated() -> Self {
        let message = "Maintainer instruction is deprecated in favor of using label";
        let label = "use LABEL org.opencontainers.image.authors=";
        Self::new(Rule::MaintainerDeprecated, message, label)
    }

    pub(crate) fn undefined_arg_in_from(name: &str, meant: Option<&str>) -> Self {
        let meant = meant.map(|name| format!(" (did you mean {name}?)")).unwrap_or_default();
        let message = format!("FROM argument '{name}' is not declared{meant}");
        Self::new(Rule::UndefinedArgInFrom, message, "declare it with ARG before FROM")
    }

    pub(crate) fn workdir_relative_path(path: &str) -> Self {
        let message =
            format!("Relative workdir {path:?} can have unexpected results if the base image changes");
        Self::new(Rule::WorkdirRelativePath, message, "relative to the base's directory")
    }

    pub(crate) fn undefined_var(name: &str, meant: Option<&str>) -> Self {
        let meant = meant.map(|name| format!(" (did you mean ${name}?)")).unwrap_or_default();
        let message = format!("Usage of undefined variable '${name}'{meant}");
        Self::new(Rule::UndefinedVar, message, "no ARG or ENV before it sets it")
    }

    pub(crate) fn multiple_instructions(keyword: &str) -> Self {
        let message = format!(
            "Multiple {keyword} instructions should not be used in the same stage because only the last one will be used"
        );
        Self::new(Rule::MultipleInstructionsDisallowed, message, "has no effect")
    }

    pub(crate) fn legacy_key_value_format(keyword: &str) -> Self {
        let message = format!(
            "\"{keyword} key=value\" should be used instead of legacy \"{keyword} key value\" format"
        );
        Self::new(Rule::LegacyKeyValueFormat, message, "without =")
    }

    pub(crate) fn invalid_base_image_platform(base: &str, actual: &str, expected: &str) -> Self {
        let message = format!(
            "Base image {base} was pulled with platform {actual:?}, expected {expected:?} for current build"
        );
        Self::new(Rule::InvalidBaseImagePlatform, message, format!("is for {actual} only"))
    }

    pub(crate) fn redundant_target_platform(word: &str) -> Self {
        let message = format!(
            "Setting platform to predefined {word} in FROM is redundant as this is the default behavior"
        );
        Self::new(Rule::RedundantTargetPlatform, message, "this is the default")
    }

    pub(crate) fn secrets_used_in_arg_or_env(instruction: &str, key: &str) -> Self {
        let message =
            format!("Do not use ARG or ENV instructions for sensitive data ({instruction} {key:?})");
        Self::new(Rule::SecretsUsedInArgOrEnv, message, "kept in the image's history or config")
            .help("mount it for the step that needs it: RUN --mount=type=secret,id=...")
    }

    pub(crate) fn invalid_default_arg_in_from(base: &str) -> Self {
        let message = format!("Default value for ARG {base} results in empty or invalid base image name");
        Self::new(Rule::InvalidDefaultArgInFrom, message, "without --build-arg no image")
    }

    pub(crate) fn constant_platform(platform: &str) -> Self {
        let message = format!("FROM --platform flag should not use constant value {platform:?}");
        Self::new(Rule::FromPlatformFlagConstDisallowed, message, "a constant")
            .help("use an argument such as $BUILDPLATFORM, or name the stage after the platform")
    }

    /// `verb` is `Copy` or `Add`.
    pub(crate) fn copy_ignored_file(verb: &str, path: &str) -> Self {
        let message = format!("Attempting to {verb} file {path:?} that is excluded by .dockerignore");
        Self::new(Rule::CopyIgnoredFile, message, "not in the build context")
    }

    pub(crate) fn definition_description(instruction: &str, name: &str) -> Self {
        let message = format!("Comment for {instruction} should follow the format: `# {name} <description>`");
        Self::new(Rule::InvalidDefinitionDescription, message, "the comment above describes something else")
            .help("put an empty line between them if the comment is not a description")
    }

    pub(crate) fn expose_proto_casing(port: &str) -> Self {
        let message = format!("Defined protocol '{port}' in EXPOSE instruction should be lowercase");
        Self::new(Rule::ExposeProtoCasing, message, format!("write {}", port.to_lowercase()))
    }

    pub(crate) fn expose_invalid_format(port: &str) -> Self {
        let message = format!(
            "EXPOSE instruction should not define an IP address or host-port mapping, found '{port}'"
        );
        Self::new(Rule::ExposeInvalidFormat, message, "only the container's port counts")
    }
}
