//! What comes out: images in the local store, in registries and in archives, or plain file trees.

use std::sync::Arc;

use cooperage_image::media_type::{self, Family};
use cooperage_image::tree::Timestamp;
use cooperage_image::{Descriptor, ImageConfig, Index, Platform, Reference};
use cooperage_llb::ports::result_index::Chain;

use crate::Error;
use crate::engine::Ports;
use crate::layers::Layers;
use crate::output::{ImageForm, Output};
use crate::report::BuiltImage;

mod archive;
mod assemble;
mod push;
mod rootfs;
mod settle;

pub(crate) use assemble::Assembled;
pub(crate) use push::Pusher;
pub(crate) use settle::settle;

/// A finished solve: one platform's file system and how it is to be run.
pub(crate) struct Solved {
    pub(crate) platform: Platform,
    pub(crate) chain: Chain,
    pub(crate) config: ImageConfig,
}

/// What every output needs.
pub(crate) struct Exporter<'a> {
    pub(crate) ports: &'a Ports,
    pub(crate) layers: Arc<Layers>,
    pub(crate) epoch: Option<Timestamp>,
    /// Names of the request.
    pub(crate) tags: &'a [Reference],
    /// Whether the request was for one platform or several: several make an index.
    pub(crate) multi_platform: bool,
    pub(crate) tasks: &'a crate::build::Tasks<'a>,
}

/// An image with all its parts written, ready to be named, pushed or archived.
pub(crate) struct Image {
    /// The manifest, or the index of several.
    pub(crate) top: Descriptor,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// One a platform.
    pub(crate) parts: Vec<Assembled>,
}

impl Exporter<'_> {
    /// Writes one output.
    pub(crate) async fn export(
        &self,
        output: &Output,
        solved: &[Solved],
    ) -> Result<Option<BuiltImage>, Error> {
        match output {
            Output::Image(wanted) => {
                let names = self.names(&wanted.names);
                let image = self.image(solved, wanted.form).await?;
                for name in names {
                    self.ports.names.set(name, &image.top)?;
                }
                if wanted.push {
                    for name in names {
                        self.tasks.run(&format!("pushing {name}"), self.push(name, &image)).await?;
                    }
                }
                Ok(Some(image.report(names)))
            }
            Output::Oci(wanted) => {
                let names = self.names(&wanted.names);
                let image = self.image(solved, wanted.form).await?;
                self.archive(wanted, &image, names, archive::Kind::Oci).await?;
                Ok(Some(image.report(names)))
            }
            Output::Docker(wanted) => {
                let names = self.names(&wanted.names);
                let image = self.image(solved, wanted.form).await?;
                self.archive(wanted, &image, names, archive::Kind::Docker).await?;
                Ok(Some(image.report(names)))
            }
            Output::Tar { dest } => self.tar(dest, solved).await.map(|()| None),
            Output::Local { dest } => self.local(dest, solved).await.map(|()| None),
            Output::CacheOnly => Ok(None),
        }
    }

    fn names<'n>(&'n self, own: &'n [Reference]) -> &'n [Reference] {
        if own.is_empty() { self.tags } else { own }
    }

    async fn image(&self, solved: &[Solved], form: ImageForm) -> Result<Image, Error> {
        self.tasks.run("exporting layers", self.write_image(solved, form)).await
    }

    async fn write_image(&self, solved: &[Solved], form: ImageForm) -> Result<Image, Error> {
        let mut parts = Vec::with_capacity(solved.len());
        for one in solved {
            parts.push(self.assemble(one, form).await?);
        }
        if let ([part], false) = (parts.as_slice(), self.multi_platform) {
            return Ok(Image { top: part.descriptor.clone(), bytes: part.manifest.clone(), parts });
        }
        let family = if form.oci_media_types { Family::Oci } else { Family::Docker };
        let index = Index::new(family, parts.iter().map(|part| part.descriptor.clone()).collect());
        let bytes = index.to_bytes();
        self.ports.blobs.put(&bytes)?;
        let media_type = if form.oci_media_types { media_type::OCI_INDEX } else { media_type::DOCKER_INDEX };
        Ok(Image { top: Descriptor::of(media_type, &bytes), bytes, parts })
    }
}

impl Image {
    fn report(&self, names: &[Reference]) -> BuiltImage {
        let layers = self.parts.iter().flat_map(|part| &part.layers);
        BuiltImage {
            digest: self.top.digest,
            descriptor: self.top.clone(),
            config_digest: self.parts[0].config.digest,
            names: names.to_vec(),
            layers_bytes: layers.clone().map(|layer| layer.descriptor.size_bytes).sum(),
            layers: layers.count(),
        }
    }
}
