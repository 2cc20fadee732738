//! Layers: change sets, known by their metadata, whose bytes come late.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cooperage_image::media_type::Compression;
use cooperage_image::tree::{Changes, LayerId, Timestamp};
use cooperage_image::{Descriptor, DiffId, Reference};

use super::StoreError;

/// The layers of a root. A layer is immutable and is put once: its [`Changes`], and then, in any
/// order and number, the forms its bytes have:
///
/// * a *directory*, ready to be an overlay's lower directory: whiteouts are 0/0 character devices; an
///   opaque directory has both `user.overlay.opaque` and (where it can be set) `trusted.overlay.opaque`,
///   so that one directory serves privileged and `userxattr` overlays,
/// * *blobs*, one for each [`BlobForm`].
///
/// All methods are atomic and idempotent between threads and processes.
pub trait LayerStore: Send + Sync {
    /// A private, empty directory on the store's file system, for bytes on their way to a layer.
    fn workspace(&self) -> Result<Box<dyn Workspace>, StoreError>;

    /// Records a layer. Contents that are [`Content::Local`](cooperage_image::tree::Content::Local)
    /// are recorded as contents of the layer itself, to be had once the layer has a directory or a blob.
    fn put(&self, id: &LayerId, changes: &Changes) -> Result<(), StoreError>;

    /// A layer's change set; `None` if it was never put, or was collected. Files whose contents are in
    /// the layer itself are [`Content::Layer`](cooperage_image::tree::Content::Layer).
    fn changes(&self, id: &LayerId) -> Result<Option<Arc<Changes>>, StoreError>;

    /// When the layer was put; `None` if it never was. What images show as its time of creation.
    fn created(&self, id: &LayerId) -> Result<Option<Timestamp>, StoreError>;

    /// Makes `workspace`'s directory `sub` the directory of `id` (by rename). If another process was
    /// first, its directory stays and ours is removed.
    fn put_directory(
        &self,
        id: &LayerId,
        workspace: &dyn Workspace,
        sub: &Path,
    ) -> Result<PathBuf, StoreError>;

    /// The layer's directory; `None` if it has none.
    fn directory(&self, id: &LayerId) -> Result<Option<PathBuf>, StoreError>;

    /// Records that `blob` is the layer in the form `form`. The blob itself need not be in the
    /// blob store: a base layer that was never pulled has `origin` instead.
    fn put_blob(&self, id: &LayerId, form: &BlobForm, blob: &LayerBlob) -> Result<(), StoreError>;

    /// Every known blob of the layer.
    fn blobs(&self, id: &LayerId) -> Result<Vec<(BlobForm, LayerBlob)>, StoreError>;
}

/// A directory that is removed on drop, unless its contents were given away.
pub trait Workspace: Send {
    /// Absolute path.
    fn path(&self) -> &Path;
}

/// What decides the bytes of a layer's blob, besides its changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobForm {
    /// How the tar stream is compressed.
    pub compression: Compression,
    /// Times later than this were clamped to it (`SOURCE_DATE_EPOCH`).
    pub epoch: Option<Timestamp>,
}

/// A layer as a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerBlob {
    /// Media type (OCI's family), digest and length of the compressed bytes.
    pub descriptor: Descriptor,
    /// Digest of the tar stream.
    pub diff_id: DiffId,
    /// Where the blob can be pulled from.
    pub origin: Option<Reference>,
}
