//! A layout as a tar stream.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::{
    DockerImage, LayoutBlob, LayoutError, OCI_LAYOUT, blob_path, copy_blob, docker_manifest, index_bytes,
};
use crate::layer::tar::encode::Header;
use crate::layer::tar::{END, kind, padding};
use crate::tree::Timestamp;
use crate::{Digest, Index};

/// Writes an image layout as a tar stream: the `oci` output; with `docker`, what `docker load` reads as well
/// (`manifest.json`). Deterministic: sorted by name, each blob once however often it is given, everything
/// of 0:0, at `mtime`. Nothing is buffered; the bytes of each blob are checked on their way.
pub fn write_archive<'a>(
    index: &Index,
    docker: &[DockerImage],
    blobs: impl IntoIterator<Item = LayoutBlob<'a>>,
    mtime: Timestamp,
    out: &mut dyn Write,
) -> Result<(), LayoutError> {
    let blobs: BTreeMap<Digest, LayoutBlob<'a>> = blobs.into_iter().map(|blob| (blob.digest, blob)).collect();
    let mut archive = Archive { out, mtime };
    archive.entry("blobs/", kind::DIRECTORY, 0o755, 0)?;
    archive.entry("blobs/sha256/", kind::DIRECTORY, 0o755, 0)?;
    for (digest, blob) in blobs {
        let size_bytes = blob.size_bytes;
        archive.entry(&blob_path(&digest), kind::FILE, 0o444, size_bytes)?;
        copy_blob(blob, |bytes| archive.bytes(bytes))?;
        archive.bytes(&END[..padding(size_bytes)])?;
    }
    archive.file("index.json", &index_bytes(index))?;
    if !docker.is_empty() {
        archive.file("manifest.json", &docker_manifest(docker))?;
    }
    archive.file("oci-layout", OCI_LAYOUT)?;
    archive.bytes(&END)?;
    archive.out.flush().map_err(failed)
}

struct Archive<'a> {
    out: &'a mut dyn Write,
    mtime: Timestamp,
}

impl Archive<'_> {
    fn file(&mut self, path: &str, bytes: &[u8]) -> Result<(), LayoutError> {
        self.entry(path, kind::FILE, 0o444, bytes.len() as u64)?;
        self.bytes(bytes)?;
        self.bytes(&END[..padding(bytes.len() as u64)])
    }

    fn entry(&mut self, path: &str, kind: u8, mode: u32, size_bytes: u64) -> Result<(), LayoutError> {
        let mut header = Vec::new();
        let bare = Header::bare(path.as_bytes(), kind);
        Header { mode, size_bytes, mtime_secs: self.mtime.secs, ..bare }.encode(&mut header);
        self.bytes(&header)
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), LayoutError> {
        self.out.write_all(bytes).map_err(failed)
    }
}

fn failed(source: io::Error) -> LayoutError {
    LayoutError::File { doing: "writing", path: "the image archive".to_owned(), source }
}
