//! An engine with a store of its own, and definitions of one source.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use cooperage::llb::definition::{Action, Builder, Copy, FileChain, Metadata, Source};
use cooperage::llb::pb;
use cooperage::{BuildReport, BuildRequest, CancelToken, Engine, EngineOptions, Error, Output};

/// An engine, and the folder it is in.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { engine: open(&folder.path().join("root")), folder }
    }

    /// The same store, opened anew.
    pub(crate) fn again(self) -> Self {
        let Self { engine, folder } = self;
        drop(engine);
        Self { engine: open(&folder.path().join("root")), folder }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Solves a definition and writes what comes out to a folder.
    pub(crate) fn solve(&self, definition: &pb::Definition) -> Result<Built, Error> {
        self.solve_with(definition, BuildRequest::of_text(""))
    }

    pub(crate) fn solve_with(
        &self,
        definition: &pb::Definition,
        request: BuildRequest,
    ) -> Result<Built, Error> {
        let out = tempfile::tempdir().unwrap();
        let output: Output = format!("type=local,dest={}", out.path().display()).parse().unwrap();
        let request = request.output(output);
        let report = self.engine.solve(definition, &request, &|_| (), &CancelToken::new())?;
        Ok(Built { report, out })
    }
}

fn open(root: &Path) -> Engine {
    Engine::open(EngineOptions { root: Some(root.to_owned()), ..EngineOptions::default() }).unwrap()
}

/// What a build wrote.
pub(crate) struct Built {
    pub(crate) report: BuildReport,
    out: tempfile::TempDir,
}

impl Built {
    pub(crate) fn read(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.out.path().join(path)).unwrap()
    }

    pub(crate) fn text(&self, path: &str) -> String {
        String::from_utf8(self.read(path)).unwrap()
    }

    /// Mode and time.
    pub(crate) fn meta(&self, path: &str) -> (u32, i64) {
        let meta = std::fs::symlink_metadata(self.out.path().join(path)).unwrap();
        (meta.mode() & 0o7777, meta.mtime())
    }

    /// What git says in there.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let mut command = std::process::Command::new("git");
        command.args(args).current_dir(self.out.path()).env("GIT_CONFIG_GLOBAL", "/dev/null");
        let output = command.output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// All entries, sorted.
    pub(crate) fn entries(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut left = vec![self.out.path().to_owned()];
        while let Some(directory) = left.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let entry = entry.unwrap();
                let name = entry.path().strip_prefix(self.out.path()).unwrap().display().to_string();
                found.push(name);
                if entry.file_type().unwrap().is_dir() {
                    left.push(entry.path());
                }
            }
        }
        found.sort();
        found
    }
}

/// A source and its attributes.
pub(crate) fn source(identifier: &str, attrs: &[(&str, &str)]) -> Source {
    let attrs = attrs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Source { identifier: identifier.to_owned(), attrs: attrs.collect(), platform: None }
}

/// The source alone.
pub(crate) fn bare(source: Source) -> pb::Definition {
    let mut graph = Builder::new();
    let edge = graph.source(source, Metadata::named("source"));
    graph.finish(Some(edge))
}

/// A copy of all of the source.
pub(crate) fn copied(source: Source) -> pb::Definition {
    let mut graph = Builder::new();
    let edge = graph.source(source, Metadata::named("source"));
    let copy = Copy {
        from: Some(edge),
        source: "/".to_owned(),
        dest: "/in/".to_owned(),
        create_dest_path: true,
        dir_copy_contents: true,
        ..Copy::default()
    };
    let chain = FileChain { base: None, actions: vec![Action::Copy(Box::new(copy))] };
    let result = graph.file(chain, Metadata::named("copy"));
    graph.finish(Some(result))
}
