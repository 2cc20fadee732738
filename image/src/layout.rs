//! Images as files: OCI image layouts (image-spec image-layout.md) and the archives that `docker load` reads.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use crate::{Descriptor, Digest, Index, Reference};

mod archive;
mod directory;
mod read;

pub use archive::write_archive;
pub use directory::write_layout;
pub use read::{Layout, Wanted};

/// Annotation: the full reference of an image in a layout (containerd).
pub const IMAGE_NAME: &str = "io.containerd.image.name";
/// Annotation: the tag of an image in a layout (image-spec annotations.md).
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// Annotation: when the image was made, RFC 3339 (image-spec annotations.md).
pub const CREATED: &str = "org.opencontainers.image.created";

/// The only version there is, as the file `oci-layout` says it.
const OCI_LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// A blob to be written: a layer, a config, a manifest or an index.
pub struct LayoutBlob<'a> {
    /// Digest of its bytes, as stored.
    pub digest: Digest,
    /// Their number.
    pub size_bytes: u64,
    /// Gives the bytes, from the first. Called once, or not at all if the layout has the blob.
    pub open: Box<dyn FnOnce() -> io::Result<Box<dyn Read + Send>> + 'a>,
}

impl LayoutBlob<'_> {
    /// A blob of bytes at hand.
    pub fn of(bytes: Vec<u8>) -> Self {
        Self {
            digest: Digest::of(&bytes),
            size_bytes: bytes.len() as u64,
            open: Box::new(move || Ok(Box::new(io::Cursor::new(bytes)))),
        }
    }
}

impl std::fmt::Debug for LayoutBlob<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LayoutBlob({}, {} bytes)", self.digest, self.size_bytes)
    }
}

/// One image of a docker archive (`manifest.json`): what engines that do not read layouts go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerImage {
    /// Digest of the configuration blob.
    pub config: Digest,
    /// Names, with their tags, in the familiar form: `app:latest`, `registry.example/app:1`.
    pub repo_tags: Vec<String>,
    /// Digests of the layer blobs, lowest first.
    pub layers: Vec<Digest>,
}

/// Why a layout could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A file of the layout.
    #[error("{doing} {path}")]
    File {
        /// `reading` or `writing`.
        doing: &'static str,
        /// Which file.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A blob's bytes could not be had from where they are.
    #[error("reading blob {digest}")]
    Blob {
        /// Which.
        digest: Digest,
        /// What its reader said.
        #[source]
        source: io::Error,
    },
    /// A blob's bytes are not those of its digest and size.
    #[error(
        "blob {expected} is corrupt: its {expected_bytes} bytes are in truth {actual_bytes} bytes of digest {actual}"
    )]
    Corrupt {
        /// The digest it should have.
        expected: Digest,
        /// The length it should have.
        expected_bytes: u64,
        /// The digest of what was read: of all, or of the first byte too many and all before.
        actual: Digest,
        /// How many bytes were read.
        actual_bytes: u64,
    },
    /// A file of the layout is not what the specification says.
    #[error("{path}: {reason}")]
    Malformed {
        /// Which file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no such image.
    #[error("{wanted} is not in {layout}, which has {present}")]
    NotFound {
        /// What was looked for.
        wanted: String,
        /// Where.
        layout: String,
        /// What there is.
        present: String,
    },
}

/// The entries that `descriptor` gets in a layout's index: one for each name, or one without; with the time it
/// was made (RFC 3339), unless it says one itself (image-spec annotations.md).
pub fn named(descriptor: &Descriptor, names: &[Reference], created: &str) -> Vec<Descriptor> {
    let mut plain = descriptor.clone();
    plain.annotations.entry(CREATED.to_owned()).or_insert_with(|| created.to_owned());
    if names.is_empty() {
        return vec![plain];
    }
    let with_name = |name: &Reference| {
        let mut entry = plain.clone();
        entry.annotations.insert(IMAGE_NAME.to_owned(), name.to_string());
        entry.annotations.insert(REF_NAME.to_owned(), name.version());
        entry
    };
    names.iter().map(with_name).collect()
}

/// `manifest.json` of a docker archive.
fn docker_manifest(images: &[DockerImage]) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Image<'a> {
        config: String,
        repo_tags: &'a [String],
        layers: Vec<String>,
    }
    let images: Vec<_> = images
        .iter()
        .map(|image| Image {
            config: blob_path(&image.config),
            repo_tags: &image.repo_tags,
            layers: image.layers.iter().map(blob_path).collect(),
        })
        .collect();
    serde_json::to_vec(&images).expect("paths and names are text")
}

fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// The file `oci-layout`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

/// Copies a blob, checked: an error if the bytes are not what digest and size say.
fn copy_blob(
    blob: LayoutBlob<'_>,
    mut write: impl FnMut(&[u8]) -> Result<(), LayoutError>,
) -> Result<(), LayoutError> {
    let LayoutBlob { digest, size_bytes, open } = blob;
    let unreadable = |source| LayoutError::Blob { digest, source };
    let mut reader = open().map_err(unreadable)?;
    let mut hasher = crate::Hasher::new();
    let mut buffer = vec![0; 256 << 10];
    let mut actual_bytes = 0;
    loop {
        let n = match reader.read(&mut buffer) {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        hasher.update(&buffer[..n]);
        actual_bytes += n as u64;
        if n == 0 || actual_bytes > size_bytes {
            let actual = hasher.finish();
            if actual == digest && actual_bytes == size_bytes {
                return Ok(());
            }
            return Err(LayoutError::Corrupt {
                expected: digest,
                expected_bytes: size_bytes,
                actual,
                actual_bytes,
            });
        }
        write(&buffer[..n])?;
    }
}

/// `index.json`.
fn index_bytes(index: &Index) -> Vec<u8> {
    serde_json::to_vec(index).expect("an index holds nothing that JSON cannot")
}

#[cfg(test)]
mod tests;
