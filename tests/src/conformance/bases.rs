//! The images that cases are built from: `busybox:test`, and the folders of fixtures/conformance-bases, which are
//! built on it. cooper makes them, and the others get the very same.

use std::path::{Path, PathBuf};

use super::{Case, Image, repository};
use crate::{Cooper, busybox_context};

/// What `busybox:test` is called as a folder.
const BUSYBOX: &str = "busybox";

/// The base images, made once.
pub struct Bases {
    work: tempfile::TempDir,
    busybox: tempfile::TempDir,
    names: Vec<String>,
    /// `busybox:test`, to be left out of listings.
    pub image: Image,
}

impl Bases {
    /// Makes those that `cases` need, as archives and layouts too.
    pub fn new(cases: &[Case]) -> Self {
        let work = tempfile::tempdir().expect("a temporary folder");
        let mut names: Vec<String> = cases.iter().flat_map(|case| case.spec.bases.clone()).collect();
        names.push(BUSYBOX.to_owned());
        names.sort_by_key(|name| (name != BUSYBOX, name.clone()));
        names.dedup();
        let busybox = busybox_context();
        let cooper = Cooper::new();
        for name in &names {
            let context = folder_of(&busybox, name);
            let image = format!("{name}:test");
            let archive = format!("type=docker,dest={}", archive(work.path(), name).display());
            let layout = layout(work.path(), name);
            let layout = format!("type=oci,tar=false,compression=uncompressed,dest={}", layout.display());
            cooper.build(&["-t", &image, "-o", "type=image", "-o", &archive, "-o", &layout], &context).ok();
        }
        let image = Image::read(&layout(work.path(), BUSYBOX));
        Self { work, busybox, names, image }
    }

    /// Puts the bases of `case` into the store of `cooper`. Those of a case that nowhere says `busybox` are none: to
    /// make it is most of the time of a small case.
    pub fn put(&self, case: &Case, context: &Path, cooper: &Cooper) {
        let files = [context.join(case.dockerfile()), case.folder.join("case.toml")];
        let says = |file: &PathBuf| std::fs::read(file).is_ok_and(|text| contains(&text, BUSYBOX.as_bytes()));
        if case.spec.bases.is_empty() && !files.iter().any(says) {
            return;
        }
        for name in std::iter::once(BUSYBOX).chain(case.spec.bases.iter().map(String::as_str)) {
            cooper.build(&["-t", &format!("{name}:test")], &folder_of(&self.busybox, name)).ok();
        }
    }

    /// Names and `docker-archive` files of all.
    pub fn archives(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        self.names.iter().map(|name| (name.as_str(), archive(self.work.path(), name)))
    }

    /// Names and OCI layouts of all.
    pub fn layouts(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        self.names.iter().map(|name| (name.as_str(), layout(self.work.path(), name)))
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn archive(work: &Path, name: &str) -> PathBuf {
    work.join(format!("{name}.tar"))
}

fn layout(work: &Path, name: &str) -> PathBuf {
    work.join(name)
}

fn folder_of(busybox: &tempfile::TempDir, name: &str) -> PathBuf {
    if name == BUSYBOX {
        busybox.path().to_owned()
    } else {
        repository("fixtures/conformance-bases").join(name)
    }
}
