//! A case: a folder with a Dockerfile, its context, and how it is built.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::repository;

/// A case of the corpus, as its folder says it.
#[derive(Debug)]
pub struct Case {
    /// The folder's name.
    pub name: String,
    /// Where it is.
    pub folder: PathBuf,
    /// `case.toml`; all defaults if there is none.
    pub spec: Spec,
}

/// `case.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spec {
    /// Rows of docs/conformance/rows.toml that the case shows.
    pub rows: Vec<String>,
    /// The Dockerfile's path in the context, if it is not `Dockerfile`.
    pub file: Option<String>,
    /// `--target`
    pub target: Option<String>,
    /// `--platform`
    pub platform: Option<String>,
    /// `--build-arg`
    pub args: BTreeMap<String, String>,
    /// `--label`
    pub labels: BTreeMap<String, String>,
    /// `--build-context`: a folder of the case, or a builder's own form.
    pub contexts: BTreeMap<String, String>,
    /// `--secret`: its id, and the file of the case that holds it.
    pub secrets: BTreeMap<String, String>,
    /// Further base images, folders of fixtures/conformance-bases.
    pub bases: Vec<String>,
    /// Other arguments, that every builder spells in the same way.
    pub flags: Vec<String>,
    /// Variables of the builder's environment.
    pub env: BTreeMap<String, String>,
    /// Times are compared too.
    pub times: bool,
    /// What the builder's messages contain, of ours alone.
    pub says: Vec<String>,
    /// The build must fail.
    pub fails: Option<Failure>,
    /// Where another builder does it otherwise.
    pub differs: Vec<Differs>,
}

/// How a build fails.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The exit code, of ours alone.
    pub code: i32,
}

/// Where another builder does it otherwise, and why that is right.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Differs {
    /// `buildah` or `buildkit`.
    pub from: String,
    /// Keys of the differences (docs/conformance/README.md); `*` stands for anything.
    pub what: Vec<String>,
    /// Whose it is and why.
    pub why: String,
    /// It is not there every time.
    #[serde(default)]
    pub sometimes: bool,
}

/// What a peer does otherwise in many cases: docs/conformance/always.toml.
pub fn always(peer: &str) -> Vec<Differs> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        differs: Vec<Differs>,
    }
    let path = repository("docs/conformance/always.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file: File = toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    file.differs.into_iter().filter(|differs| differs.from == peer).collect()
}

impl Case {
    /// Every case, by name; with `CASE=text` those alone whose name contains it.
    pub fn all() -> Vec<Self> {
        let folder = repository("fixtures/conformance");
        let wanted = std::env::var("CASE").unwrap_or_default();
        let mut cases: Vec<Self> = std::fs::read_dir(&folder)
            .expect("the corpus can be read")
            .map(|entry| Self::read(entry.expect("a folder can be read").path()))
            .filter(|case| case.name.contains(&wanted))
            .collect();
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        cases
    }

    fn read(folder: PathBuf) -> Self {
        let file = folder.join("case.toml");
        let spec = match std::fs::read_to_string(&file) {
            Ok(text) => toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display())),
            Err(_) => Spec::default(),
        };
        let name = folder.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        Self { name, folder, spec }
    }

    /// The Dockerfile's path in the context.
    pub fn dockerfile(&self) -> &str {
        self.spec.file.as_deref().unwrap_or("Dockerfile")
    }
}
