//! The rules. Names are BuildKit's: people write them in `# check=skip=`.

use std::fmt;

macro_rules! rules {
    ($($name:ident, $page:expr, $description:literal;)+) => {
        /// A lint rule.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(
                #[doc = $description]
                $name,
            )+
        }

        impl Rule {
            /// All of them, in the order of the reference.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// As it is written in `# check=skip=`: `UndefinedVar`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// What it asks for, in a sentence without a full stop.
            pub const fn description(self) -> &'static str {
                match self {
                    $(Self::$name => $description,)+
                }
            }

            const fn page(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => $page,)+
                }
            }
        }
    };
}

rules! {
    StageNameCasing, Some("stage-name-casing"), "Stage names should be lowercase";
    FromAsCasing, Some("from-as-casing"), "AS should be cased as the FROM before it";
    NoEmptyContinuation, Some("no-empty-continuation"),
        "No line within a continued instruction should be empty; this will become an error";
    ConsistentInstructionCasing, Some("consistent-instruction-casing"),
        "All instructions of a file should be cased alike, upper or lower";
    DuplicateStageName, Some("duplicate-stage-name"), "Stage names should be unique";
    ReservedStageName, Some("reserved-stage-name"), "Stage names should not be reserved words";
    JSONArgsRecommended, Some("json-args-recommended"),
        "CMD and ENTRYPOINT should be JSON arrays, so that signals reach the program";
    MaintainerDeprecated, Some("maintainer-deprecated"),
        "MAINTAINER is deprecated: name authors in a label";
    UndefinedArgInFrom, Some("undefined-arg-in-from"), "FROM should use declared arguments only";
    WorkdirRelativePath, Some("workdir-relative-path"),
        "The first WORKDIR should be absolute: a relative one depends on the base image";
    UndefinedVar, Some("undefined-var"), "Variables should be defined before they are used";
    MultipleInstructionsDisallowed, Some("multiple-instructions-disallowed"),
        "A stage should have one CMD, ENTRYPOINT and HEALTHCHECK: the last one wins";
    LegacyKeyValueFormat, Some("legacy-key-value-format"),
        "Key and value should be joined by =, not by a blank";
    InvalidBaseImagePlatform, None, "The base image should be for the platform that is built for";
    RedundantTargetPlatform, Some("redundant-target-platform"),
        "FROM --platform=$TARGETPLATFORM is the default and can be left out";
    SecretsUsedInArgOrEnv, Some("secrets-used-in-arg-or-env"),
        "Secrets should not be in ARG or ENV, whose values stay in the image";
    InvalidDefaultArgInFrom, Some("invalid-default-arg-in-from"),
        "The defaults of the arguments in FROM should give a valid image name";
    FromPlatformFlagConstDisallowed, Some("from-platform-flag-const-disallowed"),
        "FROM --platform should not be a constant";
    CopyIgnoredFile, Some("copy-ignored-file"),
        "COPY and ADD should not name files that .dockerignore leaves out";
    InvalidDefinitionDescription, Some("invalid-definition-description"),
        "The comment right above FROM or ARG should begin with the name it describes";
    ExposeProtoCasing, Some("expose-proto-casing"), "The protocol in EXPOSE should be lowercase";
    ExposeInvalidFormat, Some("expose-invalid-format"),
        "EXPOSE should not name an address or a port of the host; this will become an error";
}

impl Rule {
    /// The rule of this name, in any case of letters.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.name().eq_ignore_ascii_case(name))
    }

    /// A public page about it; our own is docs/lint/NAME.md. One rule has none.
    pub fn url(self) -> Option<String> {
        self.page().map(|page| format!("https://docs.docker.com/go/dockerfile/rule/{page}/"))
    }

    /// Whether it counts only where `# check=experimental=` asks for it.
    pub const fn is_experimental(self) -> bool {
        matches!(self, Self::InvalidDefinitionDescription)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
