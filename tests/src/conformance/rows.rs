//! What the reference says, row by row: docs/conformance/rows.toml.

use serde::Deserialize;

use super::{Case, repository};

/// The rows of one topic.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// The topic.
    pub name: String,
    /// Its rows.
    pub row: Vec<Row>,
}

/// A feature or a trap.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What `rows` of a case calls it.
    pub id: String,
    /// The rule.
    pub what: String,
    /// Tests that show it, besides the cases that name it: `frontend/ok/NAME`, `frontend/err/NAME` or
    /// `FILE.rs: FUNCTION`.
    #[serde(default)]
    pub tests: Vec<String>,
    /// Where BuildKit does it otherwise and no case can say so, with the reason.
    #[serde(default)]
    pub buildkit: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    section: Vec<Section>,
}

/// The rows, in the order of the reference.
pub fn rows() -> Vec<Section> {
    let path = repository("docs/conformance/rows.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    toml::from_str::<File>(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())).section
}

impl Row {
    /// The cases that show it.
    pub fn cases<'a>(&self, cases: &'a [Case]) -> Vec<&'a Case> {
        cases.iter().filter(|case| case.spec.rows.contains(&self.id)).collect()
    }

    /// The tests of `tests` that are not there.
    pub fn missing_tests(&self) -> Vec<&str> {
        self.tests.iter().map(String::as_str).filter(|test| !exists(test)).collect()
    }
}

fn exists(test: &str) -> bool {
    match test.split_once(": ") {
        None => repository("fixtures").join(test).join("expected").exists(),
        Some((file, function)) => std::fs::read_to_string(repository(file))
            .is_ok_and(|text| text.contains(&format!("fn {function}("))),
    }
}
