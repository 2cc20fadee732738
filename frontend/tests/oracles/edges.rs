//! Fixtures that were written to be odd, each with what an oracle makes of it.

use super::compare::Finding;

/// Fixture, oracle, what the rule is and what the oracle does instead.
const EDGES: [(&str, &str, &str); 24] = [
    ("ok/copy-heredoc-same-name", PD, "the last body counts for each of one name; it keeps both"),
    ("parse/ok/copy-json", PD, "blanks around a volume go; it keeps them"),
    ("parse/ok/heredoc-copy-same-name", PD, "the last body counts for each of one name; it keeps both"),
    ("ok/healthcheck-none", PD, "flags of NONE are dropped; it keeps them"),
    ("parse/ok/flags-ignored-arg-stopsignal-none", PD, "such flags are dropped; it keeps them"),
    ("parse/ok/directive-empty-value", PD, "an empty escape is the default; it refuses it"),
    ("parse/ok/directive-indented", PD, "a directive may be indented; it wants it in the first column"),
    ("parse/ok/env-escape-at-end", PD, "an escape that an escape precedes continues nothing; it continues"),
    ("parse/ok/env-escape-at-end", DP, "an escape that an escape precedes continues nothing; it continues"),
    ("parse/ok/exec-json-escapes", PD, "half a surrogate pair is U+FFFD; to it that is no array"),
    (
        "parse/ok/flags-double-dash-ends",
        PD,
        "a bare -- ends the flags and goes; it keeps it, or takes it for a flag",
    ),
    ("parse/ok/flags-double-dash-ends", DP, "a bare -- ends the flags and goes; it keeps it"),
    ("parse/ok/flags-quoted", PD, "quotes in a flag group; it cuts at each blank"),
    ("parse/ok/flags-from-platform", DP, "an empty platform is for the lowering to refuse; it refuses it"),
    ("parse/ok/from-forms", DP, "a stage's name may have dots; it knows none"),
    ("parse/ok/heredoc-copy-blank-after", PD, "the body after << and a blank is swallowed; it reads it"),
    ("parse/ok/heredoc-copy-blank-after", DP, "the body after << and a blank is swallowed; it reads it"),
    ("parse/ok/leading-space-unicode", PD, "Unicode blanks before a keyword go; it knows ASCII's"),
    ("parse/ok/leading-space-unicode", DP, "Unicode blanks before a keyword go; it knows ASCII's"),
    ("parse/ok/shell-forms", PD, "ENTRYPOINT without words resets it; it wants one"),
    ("ok/run-forms", DP, "single quotes are no JSON; it takes them"),
    ("parse/ok/exec-broken-json-is-shell", DP, "single quotes and a last comma are no JSON; it takes them"),
    ("parse/ok/continuation-in-word", DP, "a word goes on after a continuation; it ends it"),
    ("parse/ok/continuation-only-escape", DP, "a line of one escape continues; it refuses it"),
];

const PD: &str = "parse-dockerfile";
const DP: &str = "dockerfile-parser";

/// The fixture and what is odd about it, if that is known.
pub(crate) fn edge(path: &std::path::Path, finding: &Finding) -> Option<(&'static str, &'static str)> {
    let folder = path.parent()?;
    let edge = |(fixture, oracle, _): &&(&str, &str, &str)| {
        *oracle == finding.oracle && folder.ends_with(format!("frontend/{fixture}"))
    };
    EDGES.iter().find(edge).map(|(fixture, oracle, _)| (*fixture, *oracle))
}

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    EDGES.iter().map(|(fixture, oracle, _)| (*fixture, *oracle))
}
