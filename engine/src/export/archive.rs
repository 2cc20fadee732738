//! `type=oci` and `type=docker`: an image in one file, or in a layout directory.

use std::io::Read;

use cooperage_image::layout::{self, DockerImage, LayoutBlob};
use cooperage_image::media_type::{self, Family};
use cooperage_image::{Digest, Index, Reference};
use cooperage_llb::ports::BlobStore;

use super::assemble::rfc3339;
use super::rootfs::write_to;
use super::{Exporter, Image};
use crate::Error;
use crate::build::now;
use crate::output::{ArchiveOutput, Destination};

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Oci,
    Docker,
}

impl Exporter<'_> {
    pub(super) async fn archive(
        &self,
        wanted: &ArchiveOutput,
        image: &Image,
        names: &[Reference],
        kind: Kind,
    ) -> Result<(), Error> {
        for layer in image.parts.iter().flat_map(|part| &part.layers) {
            self.layers.fetch(layer).await?;
        }
        let created = self.epoch.unwrap_or_else(now);
        let mut index = Index::new(Family::Oci, layout::named(&image.top, names, &rfc3339(created)));
        index.media_type = media_type::OCI_INDEX.to_owned();
        let docker = match kind {
            Kind::Oci => Vec::new(),
            Kind::Docker => image.parts.iter().map(|part| docker_image(part, names)).collect(),
        };
        let blobs = || self.layout_blobs(image);
        let mtime = self.epoch.unwrap_or_default();
        let work = || match (&wanted.dest, wanted.tar) {
            (dest, true) => write_to(dest, |out| {
                layout::write_archive(&index, &docker, blobs(), mtime, out)
                    .map_err(|e| Error::disk("writing the archive", &e))
            }),
            (Destination::Path(directory), false) => {
                layout::write_layout(directory, &index, &docker, blobs())
                    .map_err(|e| Error::disk("writing the layout", &e))
            }
            (Destination::Stdout, false) => {
                Err(Error::Usage("tar=false needs a directory as dest".to_owned()))
            }
        };
        self.tasks.run("writing the archive", async { tokio::task::block_in_place(work) }).await
    }

    /// All blobs of an image; one that is there twice is written once.
    fn layout_blobs(&self, image: &Image) -> Vec<LayoutBlob<'_>> {
        let mut blobs = vec![LayoutBlob::of(image.bytes.clone())];
        for part in &image.parts {
            blobs.push(LayoutBlob::of(part.manifest.clone()));
            blobs.push(self.stored(part.config.digest, part.config.size_bytes));
            for layer in &part.layers {
                blobs.push(self.stored(layer.descriptor.digest, layer.descriptor.size_bytes));
            }
        }
        blobs
    }

    fn stored(&self, digest: Digest, size_bytes: u64) -> LayoutBlob<'_> {
        let store: &dyn BlobStore = self.ports.blobs.as_ref();
        let open = move || -> std::io::Result<Box<dyn Read + Send>> {
            let found = store.open(&digest).map_err(std::io::Error::other)?;
            let reader = found.ok_or_else(|| std::io::Error::other("it is not in the store any more"))?;
            Ok(Box::new(reader))
        };
        LayoutBlob { digest, size_bytes, open: Box::new(open) }
    }
}

fn docker_image(part: &super::Assembled, names: &[Reference]) -> DockerImage {
    DockerImage {
        config: part.config.digest,
        repo_tags: names.iter().map(Reference::familiar).collect(),
        layers: part.layers.iter().map(|layer| layer.descriptor.digest).collect(),
    }
}
