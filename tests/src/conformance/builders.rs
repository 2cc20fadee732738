//! Who builds a case.

mod buildah;
mod buildkit;

pub use buildah::Buildah;
pub use buildkit::BuildKit;

use std::path::{Path, PathBuf};

use super::{Bases, Case, Image};
use crate::Cooper;

/// What came of a build.
pub enum Built {
    /// An image, and what was said.
    Image(Box<Image>, String),
    /// A failure, its exit code, and what was said.
    Failed(i32, String),
}

/// Somebody who builds images.
pub trait Builder: Sync {
    /// What `differs.from` calls it.
    fn name(&self) -> &'static str;

    /// Builds `case` from `context`.
    fn build(&self, case: &Case, context: &Path) -> Built;
}

/// cooper, with a new store for each case.
pub struct CooperBuilder<'a> {
    /// What it builds from.
    pub bases: &'a Bases,
}

impl Builder for CooperBuilder<'_> {
    fn name(&self) -> &'static str {
        "cooper"
    }

    fn build(&self, case: &Case, context: &Path) -> Built {
        let mut cooper = Cooper::new();
        self.bases.put(case, context, &cooper);
        for (name, value) in &case.spec.env {
            cooper = cooper.env(name, value);
        }
        let work = tempfile::tempdir().expect("a temporary folder");
        let layout = work.path().join("image");
        let output = format!("type=oci,tar=false,compression=uncompressed,dest={}", layout.display());
        let file = context.join(case.dockerfile());
        let mut arguments = docker_arguments(case, context);
        arguments.extend(["-o".to_owned(), output]);
        if case.spec.file.is_some() {
            arguments.extend(["-f".to_owned(), file.display().to_string()]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let outcome = cooper.build(&arguments, context);
        match outcome.code {
            Some(0) => Built::Image(Box::new(Image::read(&layout)), outcome.stderr),
            code => Built::Failed(code.unwrap_or(-1), outcome.stderr),
        }
    }
}

/// The arguments of a case as `docker build` and its kin spell them.
fn docker_arguments(case: &Case, context: &Path) -> Vec<String> {
    let spec = &case.spec;
    let mut arguments = spec.flags.clone();
    for (flag, value) in [("--target", &spec.target), ("--platform", &spec.platform)] {
        arguments.extend(value.iter().map(|value| format!("{flag}={value}")));
    }
    for (flag, values) in [("--build-arg", &spec.args), ("--label", &spec.labels)] {
        arguments.extend(values.iter().map(|(name, value)| format!("{flag}={name}={value}")));
    }
    for (name, value) in contexts(case, context) {
        arguments.push(format!("--build-context={name}={value}"));
    }
    arguments.extend(secrets(case, context).map(|secret| format!("--secret={secret}")));
    arguments
}

/// The named contexts of a case: folders by their path.
fn contexts(case: &Case, context: &Path) -> Vec<(String, String)> {
    let place = |value: &String| {
        if value.contains("://") { value.clone() } else { context.join(value).display().to_string() }
    };
    case.spec.contexts.iter().map(|(name, value)| (name.clone(), place(value))).collect()
}

/// The secrets of a case, as `--secret` takes them.
fn secrets<'a>(case: &'a Case, context: &'a Path) -> impl Iterator<Item = String> + 'a {
    let secrets = case.spec.secrets.iter();
    secrets.map(|(id, file)| format!("id={id},src={}", context.join(file).display()))
}

/// The program at the path that `variable` has, if it is set.
fn program_of(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from)
}
