//! Why we refuse a file, by how our message begins. Files of a corpus are not all meant to be built as
//! they are.

const CLASSES: [(&str, &[&str]); 5] = [
    (
        "wants build arguments that only its own build script knows",
        &["base name (", "failed to parse platform", "empty platform value", "is not an image reference"],
    ),
    (
        "a template, a fragment, or prose",
        &[
            "unknown instruction",
            "no build stage in current context",
            "file with no instructions",
            "dockerfile contains no stages",
            "FROM requires either one or three arguments",
            "unsupported modifier",
        ],
    ),
    (
        "a test of another project that is meant to fail",
        &[
            "missing a value on flag",
            "the Dockerfile cannot be empty",
            "ENV must have two arguments",
            "unknown flag",
            "VOLUME requires at least one argument",
            "HEALTHCHECK requires at least one argument",
            "unterminated heredoc",
            "unexpected end of statement",
        ],
    ),
    (
        "another builder's extension",
        &[
            "variable expansion is not supported for --from",
            "invalid name for build stage",
            "unexpected key",
            "--parents with nothing to keep",
        ],
    ),
    ("not supported yet", &["ADD from a URL", "ADD from a git repository"]),
];

/// The class of a refusal.
pub(crate) fn class(message: &str) -> Option<&'static str> {
    let holds = |texts: &&[&str]| texts.iter().any(|text| message.contains(text));
    CLASSES.iter().find(|(_, texts)| holds(texts)).map(|(class, _)| *class)
}
