//! BuildKit itself, where somebody runs it: `BUILDCTL` is its client, `BUILDKIT_HOST` its daemon's address.

use std::path::Path;
use std::process::Command;

use super::{Builder, Built, contexts, program_of, secrets};
use crate::conformance::{Bases, Case, Image};

/// A running BuildKit.
pub struct BuildKit<'a> {
    buildctl: std::path::PathBuf,
    bases: &'a Bases,
}

impl<'a> BuildKit<'a> {
    /// `None` unless `BUILDCTL` names the client.
    pub fn new(bases: &'a Bases) -> Option<Self> {
        program_of("BUILDCTL").map(|buildctl| Self { buildctl, bases })
    }

    /// Where the base `image` (`NAME:test`) is, for want of a registry that has it.
    fn base(&self, image: &str) -> Option<String> {
        let name = image.strip_suffix(":test")?;
        let (_, layout) = self.bases.layouts().find(|(base, _)| *base == name)?;
        Some(format!("oci-layout://{name}@{}", index_digest(&layout)))
    }

    fn options(&self, case: &Case, context: &Path) -> Vec<String> {
        let spec = &case.spec;
        // With a command line given, the frontend does not look for the image that `# syntax=` names.
        let mut options = vec![format!("filename={}", case.dockerfile()), "cmdline=built in".to_owned()];
        options.extend(spec.target.iter().map(|target| format!("target={target}")));
        options.extend(spec.platform.iter().map(|platform| format!("platform={platform}")));
        options.extend(spec.args.iter().map(|(name, value)| format!("build-arg:{name}={value}")));
        options.extend(spec.env.iter().map(|(name, value)| format!("build-arg:{name}={value}")));
        options.extend(spec.labels.iter().map(|(name, value)| format!("label:{name}={value}")));
        for flag in &spec.flags {
            let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
            options.push(match name {
                "--network" => format!("force-network-mode={value}"),
                "--no-cache" => "no-cache=".to_owned(),
                "--add-host" => format!("add-hosts={}", value.replacen(':', "=", 1)),
                other => panic!("{}: how does BuildKit's frontend spell {other}?", case.name),
            });
        }
        for (name, value) in contexts(case, context) {
            let value = match value.strip_prefix("docker-image://").and_then(|image| self.base(image)) {
                Some(base) => base,
                None if value.contains("://") => value,
                None => format!("local:{name}"),
            };
            options.push(format!("context:{name}={value}"));
        }
        // The daemon keeps its caches from run to run.
        options.push(format!("build-arg:BUILDKIT_CACHE_MOUNT_NS={}-{}", case.name, std::process::id()));
        options
    }
}

impl Builder for BuildKit<'_> {
    fn name(&self) -> &'static str {
        "buildkit"
    }

    fn build(&self, case: &Case, context: &Path) -> Built {
        let work = tempfile::tempdir().expect("a temporary folder");
        let folder = work.path().join("image");
        let mut command = Command::new(&self.buildctl);
        command.args(["build", "--progress=plain", "--no-cache", "--frontend=dockerfile.v0"]);
        command.arg("--local").arg(format!("context={}", context.display()));
        command.arg("--local").arg(format!("dockerfile={}", context.display()));
        for option in self.options(case, context) {
            command.arg("--opt").arg(option);
        }
        for (name, value) in contexts(case, context).iter().filter(|(_, value)| !value.contains("://")) {
            command.arg("--local").arg(format!("{name}={value}"));
        }
        for secret in secrets(case, context) {
            command.arg("--secret").arg(secret);
        }
        for (name, layout) in self.bases.layouts() {
            command.arg("--oci-layout").arg(format!("{name}={}", layout.display()));
            let image = format!("{name}:test");
            let source = self.base(&image).expect("a base of the corpus");
            command.arg("--opt").arg(format!("context:{image}={source}"));
        }
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(std::env::var_os("BUILDKIT_HOST").map(|host| ("BUILDKIT_HOST", host)));
        let output = format!(
            "type=oci,tar=false,compression=uncompressed,force-compression=true,dest={}",
            folder.display()
        );
        let output = command.arg("--output").arg(output).output().expect("buildctl starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            return Built::Failed(output.status.code().unwrap_or(-1), said);
        }
        Built::Image(Box::new(Image::read(&folder)), said)
    }
}

fn index_digest(layout: &Path) -> String {
    let index = std::fs::read(layout.join("index.json")).expect("an index");
    let index: serde_json::Value = serde_json::from_slice(&index).expect("JSON");
    index["manifests"][0]["digest"].as_str().expect("a digest").to_owned()
}
