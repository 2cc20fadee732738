//! Names of images in the local store.

use cooperage_image::{Descriptor, Reference};

use super::StoreError;

/// The store's `index.json`: references to manifests and indexes in the blob store. Readable as
/// an OCI layout by other tools (image-spec image-layout.md): each descriptor carries
/// `org.opencontainers.image.ref.name` and `io.containerd.image.name`.
pub trait ImageNames: Send + Sync {
    /// What `name` points at.
    fn resolve(&self, name: &Reference) -> Result<Option<Descriptor>, StoreError>;

    /// Points `name` at `target`, atomically; what it pointed at before loses the name.
    fn set(&self, name: &Reference, target: &Descriptor) -> Result<(), StoreError>;

    /// Removes a name; whether it was there.
    fn remove(&self, name: &Reference) -> Result<bool, StoreError>;

    /// All names, sorted.
    fn list(&self) -> Result<Vec<(Reference, Descriptor)>, StoreError>;
}
