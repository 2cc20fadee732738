//! Debian's buildah, with a store of its own.

use std::path::Path;
use std::process::Command;

use super::{Builder, Built, docker_arguments};
use crate::conformance::{Bases, Case, Image};
use crate::{peer, run};

/// buildah with the base images in its store.
pub struct Buildah {
    store: tempfile::TempDir,
}

impl Buildah {
    /// Puts `bases` into a new store.
    pub fn new(bases: &Bases) -> Self {
        let buildah = Self { store: tempfile::tempdir().expect("a temporary folder") };
        for (_, archive) in bases.archives() {
            run(buildah.command().arg("pull").arg("-q").arg(format!("docker-archive:{}", archive.display())));
        }
        buildah
    }

    fn command(&self) -> Command {
        let mut command = Command::new(peer("buildah"));
        let store = self.store.path();
        command.arg("--root").arg(store.join("root")).arg("--runroot").arg(store.join("run"));
        command.env("STORAGE_DRIVER", "overlay").env_remove("SOURCE_DATE_EPOCH");
        command
    }
}

impl Builder for Buildah {
    fn name(&self) -> &'static str {
        "buildah"
    }

    fn build(&self, case: &Case, context: &Path) -> Built {
        let image = format!("localhost/case-{}", case.name);
        let work = tempfile::tempdir().expect("a temporary folder");
        let mut command = self.command();
        // Where its cache mounts are: in the next build of all users, otherwise.
        command.env("TMPDIR", work.path());
        command.args([
            "build",
            "--runtime",
            &peer("runc"),
            "--format=docker",
            "--pull-never",
            "--identity-label=false",
            "-t",
            &image,
        ]);
        command
            .arg("-f")
            .arg(context.join(case.dockerfile()))
            .args(docker_arguments(case, context))
            .arg(context);
        command.envs(&case.spec.env);
        let output = command.output().expect("buildah starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            return Built::Failed(output.status.code().unwrap_or(-1), said);
        }
        let folder = work.path().join("image");
        let to = format!("dir:{}", folder.display());
        run(self.command().args(["push", "-q", "--disable-compression", &image, &to]));
        Built::Image(Box::new(Image::read(&folder)), said)
    }
}

impl Drop for Buildah {
    /// Its containers, those of failed builds above all, are mounts that a folder's removal does not see.
    fn drop(&mut self) {
        for arguments in [["rm", "--all"].as_slice(), &["rmi", "--all", "--force"]] {
            let removed = self.command().args(arguments).output();
            if !removed.is_ok_and(|output| output.status.success()) {
                eprintln!("buildah did not empty {}", self.store.path().display());
            }
        }
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let points = mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(Path::new);
        for point in points.filter(|point| point.starts_with(self.store.path())) {
            if let Err(error) = rustix::mount::unmount(point, rustix::mount::UnmountFlags::DETACH) {
                eprintln!("unmounting {}: {error}", point.display());
            }
        }
    }
}
