//! Fixtures that were written to be odd, each with what an oracle makes of it.

use super::compare::Finding;

/// Fixture, oracle, what the rule is and what the oracle does instead.
const EDGES: [(&str, &str, &str); 6] = [
    ("parse/ok/directive-empty-value", PD, "an empty escape is the default; it refuses it"),
    ("parse/ok/directive-indented", PD, "a directive may be indented; it wants it in the first column"),
    ("parse/ok/env-escape-at-end", PD, "an escape that an escape precedes continues nothing; it continues"),
    ("parse/ok/leading-space-unicode", PD, "Unicode blanks before a keyword go; it knows ASCII's"),
    ("parse/ok/leading-space-unicode", DP, "Unicode blanks before a keyword go; it knows ASCII's"),
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
