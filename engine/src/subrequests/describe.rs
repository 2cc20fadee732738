//! `--call=subrequests.describe`: the questions that can be asked (buildkit:
//! frontend/subrequests/describe.go).

use serde_json::{Value, json};

use super::columns::columns;

/// A question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subrequest {
    /// BuildKit's name: `frontend.lint`.
    pub name: &'static str,
    /// Of the answer's form.
    pub version: &'static str,
    /// What it answers.
    pub description: &'static str,
    opts: &'static [(&'static str, &'static str)],
    metadata: &'static [&'static str],
}

const JSON_AND_TEXT: &[&str] = &["result.json", "result.txt"];

const ALL: [Subrequest; 4] = [
    Subrequest {
        name: "frontend.outline",
        version: "1.0.0",
        description: "List what a build of the target can be given",
        opts: &[("target", "Stage to build")],
        metadata: JSON_AND_TEXT,
    },
    Subrequest {
        name: "frontend.targets",
        version: "1.0.0",
        description: "List the stages that can be built",
        opts: &[],
        metadata: JSON_AND_TEXT,
    },
    Subrequest {
        name: "frontend.lint",
        version: "1.0.0",
        description: "Check the Dockerfile without building it",
        opts: &[],
        metadata: &["result.json", "result.txt", "result.statuscode"],
    },
    Subrequest {
        name: "frontend.subrequests.describe",
        version: "1.0.0",
        description: "List these questions",
        opts: &[],
        metadata: JSON_AND_TEXT,
    },
];

/// All questions.
pub fn subrequests() -> &'static [Subrequest] {
    &ALL
}

impl Subrequest {
    /// BuildKit's `[]Request`.
    pub fn list_to_json(list: &[Self]) -> Value {
        list.iter().map(Self::json).collect()
    }

    fn json(&self) -> Value {
        let named = |name: &str, description: &str| json!({"name": name, "description": description});
        let opts: Vec<Value> = self.opts.iter().map(|(name, text)| named(name, text)).collect();
        let metadata: Vec<Value> = self.metadata.iter().map(|name| named(name, "")).collect();
        json!({
            "name": self.name,
            "version": self.version,
            "type": "rpc",
            "description": self.description,
            "opts": opts,
            "inputs": [],
            "metadata": metadata,
            "refs": [],
        })
    }

    /// A table.
    pub fn list_to_text(list: &[Self]) -> String {
        let short = |name: &'static str| name.strip_prefix("frontend.").unwrap_or(name);
        let rows = list.iter().map(|one| [short(one.name), one.version, one.description]);
        columns(&std::iter::once(["NAME", "VERSION", "DESCRIPTION"]).chain(rows).collect::<Vec<_>>(), 2)
    }
}
