//! A layout directory, read.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{IMAGE_NAME, LayoutBlob, LayoutError, Marker, REF_NAME, blob_path, copy_blob};
use crate::{Descriptor, Digest, Index};

/// Manifests, indexes and configs are not longer than this; longer ones are refused.
const MAX_JSON_BYTES: u64 = 8 << 20;

/// An OCI image layout in a directory.
#[derive(Debug, Clone)]
pub struct Layout {
    dir: PathBuf,
    index: Index,
}

/// Which image of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The only one.
    Sole,
    /// By its name: a tag, or the whole reference.
    Name(&'a str),
    /// By its digest: listed in the index, or any manifest that is among the blobs.
    Digest(&'a Digest),
}

impl Layout {
    /// Opens the layout at `dir`.
    pub fn open(dir: &Path) -> Result<Self, LayoutError> {
        let marker = dir.join("oci-layout");
        let bytes = read_json(&marker)?
            .ok_or_else(|| malformed(dir, "it is no OCI image layout: there is no file oci-layout in it"))?;
        let Marker { image_layout_version } =
            serde_json::from_slice(&bytes).map_err(|error| malformed(&marker, error))?;
        if !image_layout_version.starts_with("1.") {
            return Err(malformed(
                &marker,
                format!("layout version {image_layout_version:?} is not supported: expected 1.0.0"),
            ));
        }
        let path = dir.join("index.json");
        let index = read_index(&path)?.ok_or_else(|| malformed(&path, "it is missing"))?;
        Ok(Self { dir: dir.to_owned(), index })
    }

    /// `index.json`.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The descriptor of an image: of its manifest, or of its index if it is for several platforms.
    pub fn find(&self, wanted: Wanted<'_>) -> Result<Descriptor, LayoutError> {
        let listed = &self.index.manifests;
        let found = match wanted {
            Wanted::Sole => match listed.as_slice() {
                [first, rest @ ..] if rest.iter().all(|other| other.digest == first.digest) => {
                    Some(first.clone())
                }
                _ => None,
            },
            Wanted::Name(name) => {
                let is =
                    |key: &str, entry: &&Descriptor| entry.annotations.get(key).is_some_and(|n| n == name);
                let by_tag = listed.iter().find(|entry| is(REF_NAME, entry));
                by_tag.or_else(|| listed.iter().find(|entry| is(IMAGE_NAME, entry))).cloned()
            }
            Wanted::Digest(digest) => match listed.iter().find(|entry| entry.digest == *digest) {
                Some(entry) => Some(entry.clone()),
                None => self.unlisted(digest)?,
            },
        };
        found.ok_or_else(|| LayoutError::NotFound {
            wanted: match wanted {
                Wanted::Sole => "a single image".to_owned(),
                Wanted::Name(name) => format!("{name:?}"),
                Wanted::Digest(digest) => digest.to_string(),
            },
            layout: self.dir.display().to_string(),
            present: present(listed),
        })
    }

    /// A blob's file, unchecked: whoever reads it compares the digest. `None` if it is not here.
    pub fn open_blob(&self, digest: &Digest) -> Result<Option<File>, LayoutError> {
        let path = self.dir.join(blob_path(digest));
        match File::open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(unreadable(&path, source)),
        }
    }

    /// The bytes of a manifest, index or config, checked against digest and size; at most 8 MiB.
    pub fn read_blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, LayoutError> {
        let path = self.dir.join(blob_path(&descriptor.digest));
        if descriptor.size_bytes > MAX_JSON_BYTES {
            return Err(malformed(&path, "longer than 8 MiB, which no manifest or config is"));
        }
        let file = File::open(&path).map_err(|source| unreadable(&path, source))?;
        let blob = LayoutBlob {
            digest: descriptor.digest,
            size_bytes: descriptor.size_bytes,
            open: Box::new(move || Ok(Box::new(file))),
        };
        let mut bytes = Vec::new();
        copy_blob(blob, |chunk| {
            bytes.extend_from_slice(chunk);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// A manifest that the index does not list, such as one of a listed index.
    fn unlisted(&self, digest: &Digest) -> Result<Option<Descriptor>, LayoutError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Typed {
            media_type: String,
        }
        let path = self.dir.join(blob_path(digest));
        let Some(bytes) = read_json(&path)? else { return Ok(None) };
        if Digest::of(&bytes) != *digest {
            let size_bytes = bytes.len() as u64;
            return Err(LayoutError::Corrupt {
                expected: *digest,
                expected_bytes: size_bytes,
                actual: Digest::of(&bytes),
                actual_bytes: size_bytes,
            });
        }
        let Typed { media_type } = serde_json::from_slice(&bytes)
            .map_err(|error| malformed(&path, format!("it is no manifest: {error}")))?;
        Ok(Some(Descriptor::of(media_type, &bytes)))
    }
}

/// `index.json` at `path`; `None` if it is not there.
pub(super) fn read_index(path: &Path) -> Result<Option<Index>, LayoutError> {
    let Some(bytes) = read_json(path)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| malformed(path, error))
}

fn read_json(path: &Path) -> Result<Option<Vec<u8>>, LayoutError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(unreadable(path, source)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_JSON_BYTES + 1).read_to_end(&mut bytes).map_err(|source| unreadable(path, source))?;
    if bytes.len() as u64 > MAX_JSON_BYTES {
        return Err(malformed(path, "longer than 8 MiB"));
    }
    Ok(Some(bytes))
}

/// What there is, for people.
fn present(listed: &[Descriptor]) -> String {
    if listed.is_empty() {
        return "no image".to_owned();
    }
    let name = |entry: &Descriptor| {
        let name = entry.annotations.get(REF_NAME).or(entry.annotations.get(IMAGE_NAME));
        name.cloned().unwrap_or_else(|| entry.digest.to_string())
    };
    listed.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn malformed(path: &Path, reason: impl ToString) -> LayoutError {
    LayoutError::Malformed { path: path.display().to_string(), reason: reason.to_string() }
}

fn unreadable(path: &Path, source: io::Error) -> LayoutError {
    LayoutError::File { doing: "reading", path: path.display().to_string(), source }
}
