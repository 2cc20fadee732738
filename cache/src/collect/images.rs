//! Which blobs an image is made of.

use std::collections::BTreeSet;

use cooperage_image::{Descriptor, Digest, Index, Manifest, media_type};
use serde::de::DeserializeOwned;

/// A manifest or an index of more than this is not read.
pub(crate) const MANIFEST_LIMIT_BYTES: u64 = 8 * 1024 * 1024;

/// The digests of all that `image` is made of, its own among them. What `read` does not have, or is not a
/// manifest, names nothing that could be kept: such an image has to be pulled or built again anyway.
pub(crate) fn blobs_of<E>(
    image: &Descriptor,
    read: impl Fn(&Digest) -> Result<Option<Vec<u8>>, E>,
) -> Result<Vec<Digest>, E> {
    let mut found = BTreeSet::new();
    let mut left = vec![image.clone()];
    while let Some(descriptor) = left.pop() {
        let digest = descriptor.digest;
        if !found.insert(digest) {
            continue;
        }
        let is_index = media_type::is_index(&descriptor.media_type);
        let is_list = is_index || media_type::is_manifest(&descriptor.media_type);
        if !is_list || descriptor.size_bytes > MANIFEST_LIMIT_BYTES {
            continue;
        }
        let Some(bytes) = read(&digest)? else { continue };
        if is_index {
            left.extend(parsed::<Index>(&bytes).map(|index| index.manifests).unwrap_or_default());
        } else if let Some(manifest) = parsed::<Manifest>(&bytes) {
            left.push(manifest.config);
            left.extend(manifest.layers);
        }
    }
    Ok(found.into_iter().collect())
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}
