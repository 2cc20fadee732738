//! `oci-layout://PATH[:TAG][@DIGEST]`: a base in a directory (image-spec image-layout.md).

use std::fmt;
use std::path::{Path, PathBuf};

use cooperage_image::{Descriptor, Digest, Index};

use crate::Error;
use crate::base::MANIFEST_LIMIT_BYTES;

/// An OCI layout directory, and which of its images is meant.
pub(super) struct Layout {
    path: PathBuf,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Layout {
    /// The layout of the context `name`, whose value after the scheme is `value`.
    pub(super) fn open(name: &str, value: Option<&String>) -> Result<Self, Error> {
        let value = value.ok_or_else(|| Error::Usage(format!("there is no build context {name}")))?;
        let (rest, digest) = match value.rsplit_once('@') {
            Some((rest, digest)) if digest.starts_with("sha256:") => {
                let digest =
                    digest.parse().map_err(|e| Error::Usage(format!("oci-layout://{value}: {e}")))?;
                (rest, Some(digest))
            }
            _ => (value.as_str(), None),
        };
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') && !Path::new(rest).exists() => {
                (path, Some(tag.to_owned()))
            }
            _ => (rest, None),
        };
        let layout = Self { path: path.into(), tag, digest };
        if !layout.path.join("oci-layout").is_file() {
            return Err(Error::Usage(format!(
                "{} is not an OCI layout: it has no file oci-layout",
                layout.path.display()
            )));
        }
        Ok(layout)
    }

    /// The manifest or index that is meant: by digest, by tag, or the only one.
    pub(super) fn top(&self) -> Result<(Descriptor, Vec<u8>), Error> {
        let path = self.path.join("index.json");
        let bytes = std::fs::read(&path).map_err(Error::file("read", &path))?;
        let index: Index = serde_json::from_slice(&bytes)
            .map_err(|e| Error::Environment(format!("{} is malformed: {e}", path.display())))?;
        let descriptor = match (&self.digest, &self.tag, index.manifests.as_slice()) {
            (Some(digest), _, manifests) => manifests.iter().find(|d| d.digest == *digest),
            (None, Some(tag), manifests) => manifests.iter().find(|d| has_name(d, tag)),
            (None, None, [only]) => Some(only),
            (None, None, manifests) => manifests.iter().find(|d| has_name(d, "latest")),
        };
        let descriptor = descriptor.ok_or_else(|| self.not_found(&index))?;
        Ok((descriptor.clone(), self.read(&descriptor.digest)?))
    }

    fn not_found(&self, index: &Index) -> Error {
        let names: Vec<&str> = index
            .manifests
            .iter()
            .filter_map(|d| d.annotations.get("org.opencontainers.image.ref.name"))
            .map(String::as_str)
            .collect();
        Error::Usage(format!(
            "{self} is not in the layout: it has {} images, named {names:?}",
            index.manifests.len()
        ))
    }

    /// Where a blob is.
    pub(super) fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.path.join("blobs/sha256").join(digest.hex())
    }

    /// A small blob, verified.
    pub(super) fn read(&self, digest: &Digest) -> Result<Vec<u8>, Error> {
        let path = self.blob_path(digest);
        let size_bytes = std::fs::metadata(&path).map_err(Error::file("open", &path))?.len();
        if size_bytes > MANIFEST_LIMIT_BYTES {
            return Err(Error::Environment(format!("{} is larger than 4 MiB", path.display())));
        }
        let bytes = std::fs::read(&path).map_err(Error::file("read", &path))?;
        if Digest::of(&bytes) != *digest {
            return Err(Error::Environment(format!("{} is not what its name says", path.display())));
        }
        Ok(bytes)
    }
}

fn has_name(descriptor: &Descriptor, tag: &str) -> bool {
    let name = |key: &str| descriptor.annotations.get(key).map(String::as_str);
    name("org.opencontainers.image.ref.name") == Some(tag)
        || name("io.containerd.image.name")
            .is_some_and(|full| full == tag || full.ends_with(&format!(":{tag}")))
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci-layout://{}", self.path.display())?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}
