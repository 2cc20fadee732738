//! Names of images: the root's `index.json`.

use std::fs;

use cooperage_image::layout::{IMAGE_NAME, REF_NAME};
use cooperage_image::media_type::{Family, OCI_INDEX};
use cooperage_image::{Descriptor, Digest, Index, Reference};
use cooperage_llb::ports::{ImageNames, StoreError};

use super::DiskStore;
use super::failure::{failed, present};
use super::locking::{self, Share};
use super::root::{Root, place};

impl ImageNames for DiskStore {
    fn resolve(&self, name: &Reference) -> Result<Option<Descriptor>, StoreError> {
        let index = self.root.image_index()?;
        Ok(index.manifests.iter().find(|image| named(image).as_ref() == Some(name)).map(unnamed))
    }

    fn set(&self, name: &Reference, target: &Descriptor) -> Result<(), StoreError> {
        self.root.change_names(|index| {
            index.manifests.retain(|image| named(image).as_ref() != Some(name));
            let mut image = target.clone();
            image.annotations.insert(REF_NAME.to_owned(), name.to_string());
            image.annotations.insert(IMAGE_NAME.to_owned(), name.to_string());
            index.manifests.push(image);
            true
        })?;
        Ok(())
    }

    fn remove(&self, name: &Reference) -> Result<bool, StoreError> {
        self.root.change_names(|index| {
            let before = index.manifests.len();
            index.manifests.retain(|image| named(image).as_ref() != Some(name));
            index.manifests.len() != before
        })
    }

    fn list(&self) -> Result<Vec<(Reference, Descriptor)>, StoreError> {
        let index = self.root.image_index()?;
        let mut images: Vec<_> =
            index.manifests.iter().filter_map(|image| Some((named(image)?, unnamed(image)))).collect();
        images.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(images)
    }
}

impl Root {
    /// The layout's index, with whatever other tools put there.
    pub(crate) fn image_index(&self) -> Result<Index, StoreError> {
        let path = self.layout.image_index();
        let Some(bytes) = present(fs::read(&path)).map_err(failed("read", &path))? else {
            return Ok(Index { media_type: OCI_INDEX.to_owned(), ..Index::new(Family::Oci, Vec::new()) });
        };
        serde_json::from_slice(&bytes).map_err(|error| StoreError::Damaged {
            what: path.display().to_string(),
            detail: format!(
                "{error}; remove it and name the images again: their blobs are kept until `prune`"
            ),
        })
    }

    /// Rewrites the layout's index if `change` says that it changed something; whether it did.
    pub(crate) fn change_names(&self, change: impl FnOnce(&mut Index) -> bool) -> Result<bool, StoreError> {
        let _lock = locking::wait(&self.layout.names_lock(), Share::Exclusive)?;
        let mut index = self.image_index()?;
        let changed = change(&mut index);
        if changed {
            place(&self.session, &self.layout.image_index(), &index.to_bytes())?;
        }
        Ok(changed)
    }
}

/// The name that an image of the layout has: its whole one, else what another tool gave it.
fn named(image: &Descriptor) -> Option<Reference> {
    let annotation = |key| image.annotations.get(key).and_then(|name| name.parse().ok());
    annotation(IMAGE_NAME).or_else(|| annotation(REF_NAME))
}

/// A name for any image of the layout: another tool may have put one without a name that we can read.
pub(crate) fn label(image: &Descriptor) -> Reference {
    let unnamed = || format!("localhost/unnamed@{}", image.digest).parse();
    named(image).unwrap_or_else(|| unnamed().expect("a plain repository and a digest"))
}

/// Takes names away that were chosen for it; whether there was one. A name that points at something else by now
/// stays: a build that ends while others wait for a collection may give it to its image.
pub(crate) fn forget(index: &mut Index, chosen: &[(Reference, Digest)]) -> bool {
    let before = index.manifests.len();
    index.manifests.retain(|image| !chosen.contains(&(label(image), image.digest)));
    index.manifests.len() != before
}

/// The descriptor as it was given, without the layout's annotations.
fn unnamed(image: &Descriptor) -> Descriptor {
    let mut image = image.clone();
    image.annotations.retain(|key, _| key != REF_NAME && key != IMAGE_NAME);
    image
}

#[cfg(test)]
mod tests {
    use cooperage_image::media_type::OCI_MANIFEST;

    use super::*;

    #[test]
    fn a_name_that_was_given_away_meanwhile_stays() {
        let image = |name: &str, bytes: &[u8]| {
            let mut image = Descriptor::of(OCI_MANIFEST, bytes);
            image.annotations.insert(IMAGE_NAME.to_owned(), name.to_owned());
            image
        };
        let name = |text: &str| text.parse::<Reference>().unwrap();
        let chosen = [(name("app"), Digest::of(b"old")), (name("other"), Digest::of(b"old"))];
        let images = vec![image("app", b"new"), image("other", b"old"), image("third", b"old")];
        let mut index = Index::new(Family::Oci, images);
        assert!(forget(&mut index, &chosen));
        let left: Vec<_> = index.manifests.iter().map(label).collect();
        assert_eq!(left, [name("app"), name("third")]);
        assert!(!forget(&mut index, &chosen));
    }
}
