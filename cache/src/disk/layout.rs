//! Where things are below a root (docs/formats/root.md).

use std::path::{Path, PathBuf};

use cooperage_image::Digest;
use cooperage_image::tree::LayerId;

/// The version of the root's layout that this program reads and writes.
pub(crate) const VERSION: u32 = 1;

/// Names every path of a root.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The number of the layout's version, as text.
    pub(crate) fn version(&self) -> PathBuf {
        self.root.join("version")
    }

    pub(crate) fn oci_layout(&self) -> PathBuf {
        self.root.join("oci-layout")
    }

    pub(crate) fn image_index(&self) -> PathBuf {
        self.root.join("index.json")
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    pub(crate) fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }

    pub(crate) fn layer(&self, id: &LayerId) -> PathBuf {
        self.layers().join(id.as_str())
    }

    /// A layer's directory, ready to be an overlay's lower directory.
    pub(crate) fn directory(&self, id: &LayerId) -> PathBuf {
        self.layer(id).join("fs")
    }

    /// A layer's change set (docs/formats/layer-changes.md).
    pub(crate) fn changes(&self, id: &LayerId) -> PathBuf {
        self.layer(id).join("changes")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("cache.db")
    }

    /// One directory a process; see [`super::session`].
    pub(crate) fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub(crate) fn mounts(&self) -> PathBuf {
        self.root.join("mounts")
    }

    pub(crate) fn stats(&self) -> PathBuf {
        self.root.join("stat")
    }

    pub(crate) fn key_locks(&self) -> PathBuf {
        self.root.join("locks/keys")
    }

    /// Held while a process enters the root, and while the dead are swept.
    pub(crate) fn entry_lock(&self) -> PathBuf {
        self.root.join("locks/entry")
    }

    /// Held shared while a thing is found and leased, exclusively while things are removed.
    pub(crate) fn collect_lock(&self) -> PathBuf {
        self.root.join("locks/collect")
    }

    /// Held while `index.json` is rewritten.
    pub(crate) fn names_lock(&self) -> PathBuf {
        self.root.join("locks/names")
    }

    /// Directories of the layout, parents first.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        let mut paths = vec![self.root.join("blobs"), self.root.join("locks")];
        paths.extend([
            self.blobs(),
            self.layers(),
            self.tmp(),
            self.mounts(),
            self.stats(),
            self.key_locks(),
        ]);
        paths
    }
}
