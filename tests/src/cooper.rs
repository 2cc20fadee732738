//! The binary under test.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// `cooper` with a store of its own, which goes with it.
pub struct Cooper {
    binary: PathBuf,
    root: PathBuf,
    _folder: Option<tempfile::TempDir>,
    environment: Vec<(String, String)>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// Exit code; `None` if killed by a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error: progress and messages.
    pub stderr: String,
    /// `--metadata-file`, if the run wrote one.
    pub metadata: serde_json::Value,
}

/// A step, as `--progress=plain` shows its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepLine {
    /// Its name.
    pub name: String,
    /// `CACHED`, `DONE` or `ERROR`.
    pub end: String,
}

/// The binary: `$COOPER`, else the release build.
pub fn binary() -> PathBuf {
    let built =
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/x86_64-unknown-linux-gnu/release/cooper");
    let path = std::env::var_os("COOPER").map_or_else(built, PathBuf::from);
    assert!(path.is_file(), "{} is missing: run `make e2e`, which builds it", path.display());
    path
}

impl Default for Cooper {
    fn default() -> Self {
        Self::new()
    }
}

impl Cooper {
    /// With an empty store.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("cooper-store-").tempdir().expect("a temporary folder");
        Self { root: folder.path().join("root"), _folder: Some(folder), ..Self::at(Path::new("")) }
    }

    /// With the store at `root`, which stays.
    pub fn at(root: &Path) -> Self {
        Self { binary: binary(), root: root.to_owned(), _folder: None, environment: Vec::new() }
    }

    /// With an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where its store is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A command of it, not started.
    pub fn command<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("--root").arg(&self.root).args(arguments).stdin(Stdio::null());
        command.env_remove("SOURCE_DATE_EPOCH").env_remove("COOPER_ROOT").env_remove("BUILDKIT_PROGRESS");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it to its end.
    pub fn run<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Outcome {
        Outcome::of(self.command(arguments).output().expect("cooper starts"))
    }

    /// `cooper build ARGUMENTS FOLDER`, in plain progress, with a metadata file.
    pub fn build(&self, arguments: &[&str], context: &Path) -> Outcome {
        let metadata = tempfile::NamedTempFile::new().expect("a temporary file");
        let mut command = self.command(["build", "--progress=plain", "--metadata-file"]);
        command.arg(metadata.path()).args(arguments).arg(context);
        let mut outcome = Outcome::of(command.output().expect("cooper starts"));
        let text = std::fs::read_to_string(metadata.path()).expect("the metadata can be read");
        outcome.metadata = serde_json::from_str(&text).unwrap_or_default();
        outcome
    }
}

impl Outcome {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            metadata: serde_json::Value::Null,
        }
    }

    /// Fails the test unless it ended with 0.
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless it ended with `code`.
    pub fn fails_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless the messages contain `text`.
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "{text:?} is not said:\n{}", self.stderr);
        self
    }

    /// The image's digest.
    pub fn digest(&self) -> String {
        self.metadata["containerimage.digest"].as_str().expect("an image was built").to_owned()
    }

    /// A number of `cooper.steps`: `ran`, `cached`, `pulled_blobs`.
    pub fn count(&self, what: &str) -> u64 {
        self.metadata["cooper.steps"][what].as_u64().expect("the build wrote its counts")
    }

    /// How each step ended, by `--progress=plain`.
    pub fn steps(&self) -> Vec<StepLine> {
        let mut names: Vec<(String, String)> = Vec::new();
        let mut steps = Vec::new();
        for line in self.stderr.lines().filter_map(|line| line.strip_prefix('#')) {
            let Some((number, text)) = line.split_once(' ') else { continue };
            let Some((_, name)) = names.iter().find(|(known, _)| known == number) else {
                names.push((number.to_owned(), text.to_owned()));
                continue;
            };
            let end = text.split([' ', ':']).next().unwrap_or_default();
            if matches!(end, "CACHED" | "DONE" | "ERROR" | "CANCELED") {
                steps.push(StepLine { name: name.clone(), end: end.to_owned() });
            }
        }
        steps
    }

    /// How the step whose name contains `part` ended.
    pub fn end_of(&self, part: &str) -> String {
        let found = self.steps().into_iter().find(|step| step.name.contains(part));
        found.unwrap_or_else(|| panic!("no step {part:?} in\n{}", self.stderr)).end
    }
}
