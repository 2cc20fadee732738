//! Layouts written, read by other people's tools, and read back.

use std::path::Path;
use std::process::Command;

use super::*;
use crate::Manifest;
use crate::media_type::{self, Family};
use crate::tree::Timestamp;

struct Image {
    index: Index,
    docker: Vec<DockerImage>,
    blobs: Vec<Vec<u8>>,
}

impl Image {
    /// An image of one empty layer, told apart by `author`.
    fn new(author: &str, names: &[&str]) -> Self {
        let layer = vec![0; 1024];
        let config = serde_json::json!({
            "architecture": "amd64", "author": author, "config": {}, "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer).to_string()]},
        });
        let config = serde_json::to_vec(&config).unwrap();
        let config_descriptor = Descriptor::of(media_type::OCI_CONFIG, &config);
        let layers = vec![Descriptor::of(media_type::OCI_LAYER, &layer)];
        let docker = DockerImage {
            config: config_descriptor.digest,
            repo_tags: names.iter().map(|name| (*name).to_owned()).collect(),
            layers: layers.iter().map(|layer| layer.digest).collect(),
        };
        let manifest = Manifest::new(Family::Oci, config_descriptor, layers).to_bytes();
        let names: Vec<Reference> = names.iter().map(|name| name.parse().unwrap()).collect();
        let descriptor = Descriptor::of(media_type::OCI_MANIFEST, &manifest);
        let index = Index::new(Family::Oci, named(&descriptor, &names, "1970-01-01T00:00:00Z"));
        Self { index, docker: vec![docker], blobs: vec![layer, config, manifest] }
    }

    /// Each blob twice: the exporter need not know what it has given already.
    fn blobs(&self) -> impl Iterator<Item = LayoutBlob<'_>> {
        self.blobs.iter().chain(&self.blobs).map(|bytes| LayoutBlob::of(bytes.clone()))
    }

    fn write_to(&self, dir: &Path) -> Result<(), LayoutError> {
        write_layout(dir, &self.index, &[], self.blobs())
    }
}

fn skopeo(image: &str) -> String {
    let out = Command::new("skopeo").args(["inspect", "--config", image]).output().unwrap();
    assert!(out.status.success(), "{image}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn archives() {
    let image = Image::new("me", &["app:1"]);
    let write = |docker: &[DockerImage]| {
        let mut out = Vec::new();
        write_archive(&image.index, docker, image.blobs(), Timestamp { secs: 60, nanos: 0 }, &mut out)
            .unwrap();
        out
    };
    let temp = tempfile::tempdir().unwrap();
    let (oci, docker) = (temp.path().join("oci.tar"), temp.path().join("docker.tar"));
    std::fs::write(&oci, write(&[])).unwrap();
    std::fs::write(&docker, write(&image.docker)).unwrap();
    assert_eq!(write(&image.docker), write(&image.docker));
    let listing = Command::new("tar").args(["-tvf"]).arg(&docker).args(["--utc"]).output().unwrap();
    insta::assert_snapshot!(String::from_utf8(listing.stdout).unwrap());
    for image in [
        format!("oci-archive:{}:1", oci.display()),
        format!("oci-archive:{}:1", docker.display()),
        format!("docker-archive:{}:app:1", docker.display()),
    ] {
        assert!(skopeo(&image).contains(r#""author": "me""#), "{image}");
    }
}

#[test]
fn directories_are_shared() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("layout");
    let (first, second) = (Image::new("first", &["app:1", "app:2"]), Image::new("second", &["app:2"]));
    first.write_to(&dir).unwrap();
    second.write_to(&dir).unwrap();
    second.write_to(&dir).unwrap();
    let layout = Layout::open(&dir).unwrap();
    assert_eq!(layout.index().manifests.len(), 2);
    for (tag, author) in [("1", "first"), ("2", "second")] {
        assert!(skopeo(&format!("oci:{}:{tag}", dir.display())).contains(author));
        let found = layout.find(Wanted::Name(tag)).unwrap();
        assert_eq!(layout.find(Wanted::Digest(&found.digest)).unwrap(), found);
        assert_eq!(layout.find(Wanted::Name(&format!("docker.io/library/app:{tag}"))).unwrap(), found);
        let manifest: Manifest = serde_json::from_slice(&layout.read_blob(&found).unwrap()).unwrap();
        let config = String::from_utf8(layout.read_blob(&manifest.config).unwrap()).unwrap();
        assert!(config.contains(author), "{config}");
    }
    let error =
        |wanted| layout.find(wanted).unwrap_err().to_string().replace(&dir.display().to_string(), "DIR");
    insta::assert_snapshot!(error(Wanted::Name("3")), @r#""3" is not in DIR, which has 1, 2"#);
    insta::assert_snapshot!(error(Wanted::Sole), @"a single image is not in DIR, which has 1, 2");
    let absent = Digest::of(b"absent");
    assert!(error(Wanted::Digest(&absent)).starts_with("sha256:"));
    assert!(layout.open_blob(&absent).unwrap().is_none());
    let mut left: Vec<_> =
        std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["blobs", "index.json", "index.json.lock", "oci-layout"]);
}

/// A manifest of a listed index can be asked for by its digest.
#[test]
fn nested_manifests() {
    let temp = tempfile::tempdir().unwrap();
    let mut image = Image::new("nested", &[]);
    let inner = image.index.manifests[0].digest;
    let list =
        Index::new(Family::Oci, vec![Descriptor::of(media_type::OCI_MANIFEST, &image.blobs[2])]).to_bytes();
    image.index = Index::new(Family::Oci, vec![Descriptor::of(media_type::OCI_INDEX, &list)]);
    image.blobs.push(list);
    image.write_to(temp.path()).unwrap();
    let layout = Layout::open(temp.path()).unwrap();
    assert_eq!(layout.find(Wanted::Sole).unwrap().media_type, media_type::OCI_INDEX);
    let found = layout.find(Wanted::Digest(&inner)).unwrap();
    assert_eq!((found.media_type.as_str(), found.digest), (media_type::OCI_MANIFEST, inner));
}

#[test]
fn corrupt_blobs_are_refused() {
    let image = Image::new("me", &["app"]);
    let lying = |size_bytes, bytes: &'static [u8]| LayoutBlob {
        digest: Digest::of(b"true"),
        size_bytes,
        open: Box::new(move || Ok(Box::new(bytes))),
    };
    for (size_bytes, bytes) in [(4, &b"lies"[..]), (4, b"tru"), (4, b"true and more"), (5, b"true")] {
        let temp = tempfile::tempdir().unwrap();
        let error = write_layout(temp.path(), &image.index, &[], [lying(size_bytes, bytes)]).unwrap_err();
        assert!(matches!(error, LayoutError::Corrupt { .. }), "{error}");
        // What is not whole is not there, and the index says nothing of it.
        assert_eq!(std::fs::read_dir(temp.path().join("blobs/sha256")).unwrap().count(), 0);
        assert!(!temp.path().join("index.json").exists());
        let error = write_archive(
            &image.index,
            &[],
            [lying(size_bytes, bytes)],
            Timestamp::default(),
            &mut Vec::new(),
        );
        assert!(matches!(error.unwrap_err(), LayoutError::Corrupt { .. }));
    }
}

#[test]
fn what_is_no_layout() {
    let temp = tempfile::tempdir().unwrap();
    let error = || {
        Layout::open(temp.path()).unwrap_err().to_string().replace(&temp.path().display().to_string(), "DIR")
    };
    insta::assert_snapshot!(error(), @"DIR: it is no OCI image layout: there is no file oci-layout in it");
    std::fs::write(temp.path().join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    insta::assert_snapshot!(error(), @r#"DIR/oci-layout: layout version "2.0.0" is not supported: expected 1.0.0"#);
    std::fs::write(temp.path().join("oci-layout"), OCI_LAYOUT).unwrap();
    insta::assert_snapshot!(error(), @"DIR/index.json: it is missing");
    std::fs::write(temp.path().join("index.json"), "[]").unwrap();
    assert!(error().starts_with("DIR/index.json: "));
}
