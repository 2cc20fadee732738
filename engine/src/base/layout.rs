//! `oci-layout://PATH[:TAG][@DIGEST]`: a base in a directory (image-spec image-layout.md).

use std::fmt;
use std::path::{Path, PathBuf};

use cooperage_image::layout::{self, LayoutError, Wanted};
use cooperage_image::{Descriptor, Digest};

use crate::Error;
use crate::error::causes;

/// An OCI layout directory, and which of its images is meant.
pub(super) struct Layout {
    path: PathBuf,
    layout: layout::Layout,
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
        let layout = layout::Layout::open(Path::new(path)).map_err(|e| wrong(&e))?;
        Ok(Self { path: path.into(), layout, tag, digest })
    }

    /// The manifest or index that is meant: by digest, by tag, the only one, or `latest`.
    pub(super) fn top(&self) -> Result<(Descriptor, Vec<u8>), Error> {
        let found = match (&self.digest, &self.tag) {
            (Some(digest), _) => self.layout.find(Wanted::Digest(digest)),
            (None, Some(tag)) => self.layout.find(Wanted::Name(tag)),
            (None, None) => {
                let sole = self.layout.find(Wanted::Sole);
                sole.or_else(|error| self.layout.find(Wanted::Name("latest")).map_err(|_| error))
            }
        };
        let descriptor = found.map_err(|e| wrong(&e))?;
        let bytes = self.read(&descriptor)?;
        Ok((descriptor, bytes))
    }

    /// Where a blob is.
    pub(super) fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.path.join("blobs/sha256").join(digest.hex())
    }

    /// A manifest or config, verified.
    pub(super) fn read(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        self.layout.read_blob(descriptor).map_err(|e| wrong(&e))
    }
}

/// A layout that is not there or has no such image is the user's mistake; damage is not.
fn wrong(error: &LayoutError) -> Error {
    match error {
        LayoutError::NotFound { .. } | LayoutError::Malformed { .. } => Error::Usage(error.to_string()),
        LayoutError::File { .. } | LayoutError::Blob { .. } | LayoutError::Corrupt { .. } => {
            Error::Environment(causes(error))
        }
    }
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
