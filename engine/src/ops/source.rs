//! Source ops: base images and local directories; files and repositories are next door.

use std::path::PathBuf;
use std::sync::PoisonError;

use cooperage_frontend::lower::ImageLocation;
use cooperage_image::tree::Tree;
use cooperage_image::tree::walk::{self, Modes, Owners, WalkOptions};
use cooperage_image::{ChainId, Digest, Platform};
use cooperage_llb::key::ResultId;
use cooperage_llb::pb;
use cooperage_llb::ports::result_index::Chain;
use cooperage_llb::ports::step_runner::StepLog;
use prost::Message;

use super::times::Unheard;
use super::{Made, OpFailure, Workshop};
use crate::Error;
use crate::error::Kind;

impl Workshop {
    pub(super) async fn source(
        &self,
        op: &pb::SourceOp,
        platform: Option<&pb::Platform>,
        log: &dyn StepLog,
    ) -> Result<Made, OpFailure> {
        let (scheme, rest) = op.identifier.split_once("://").ok_or_else(|| wrong(op, "it has no scheme"))?;
        match scheme {
            "docker-image" => {
                let reference = rest.parse().map_err(|e| wrong(op, &format!("{e}")))?;
                self.image(ImageLocation::Registry(reference), platform).await
            }
            "oci-layout" => self.image(ImageLocation::OciLayout(layout_name(rest)), platform).await,
            "local" => self.local(rest, op).await,
            "http" | "https" | "git" => self.once(op, rest, log).await,
            other => Err(OpFailure::unsupported(&format!("a source of scheme {other}://"))),
        }
    }

    /// Fetches a source, unless this build did so already: what it was then it stays until the end.
    async fn once(&self, op: &pb::SourceOp, rest: &str, log: &dyn StepLog) -> Result<Made, OpFailure> {
        let name = Digest::of(&op.encode_to_vec());
        let fetched = || self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = fetched().get(&name).cloned() {
            return Ok(made);
        }
        let made = match op.identifier.starts_with("git://") {
            true => self.git(op, rest).await?,
            false => self.http(op, log).await?,
        };
        Ok(fetched().entry(name).or_insert(made).clone())
    }

    /// Fetches a file by its URL; the tree that has it as `name`.
    pub(crate) async fn fetch(&self, url: &str, name: &str) -> Result<Chain, OpFailure> {
        let attrs = [("http.filename".to_owned(), name.to_owned())].into();
        let op = pb::SourceOp { identifier: url.to_owned(), attrs };
        let made = self.source(&op, None, &Unheard).await?;
        Ok(made.outputs.into_iter().next().unwrap_or_default())
    }

    /// The tree of an archive that is a context.
    pub(crate) fn archive(&self, name: &str) -> Option<Chain> {
        self.archives.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    async fn image(
        &self,
        location: ImageLocation,
        platform: Option<&pb::Platform>,
    ) -> Result<Made, OpFailure> {
        let platform = platform.map_or_else(|| self.platform.clone(), platform_of);
        let base = self.bases.get(location, &platform).await?;
        let diff_ids: Vec<_> = base.blobs.iter().map(|blob| blob.diff_id).collect();
        let digest = ChainId::of(&diff_ids).map_or_else(|| Digest::of(b"scratch"), |chain| chain.0);
        Ok(Made { outputs: vec![self.bases.chain(&base)?], identity: Some(ResultId(digest)) })
    }

    /// Walks a directory of the machine; its files are read when somebody asks for their bytes.
    async fn local(&self, name: &str, op: &pb::SourceOp) -> Result<Made, OpFailure> {
        if let Some(chain) = self.archive(name) {
            return Ok(Made { outputs: vec![chain], identity: None });
        }
        let root = self.directories.get(name).ok_or_else(|| OpFailure::Step {
            message: match name {
                "context" => "this build has no context to copy from".to_owned(),
                name => format!("there is no build context named {name:?}"),
            },
            help: Some("give a directory as context, or --build-context NAME=DIR".to_owned()),
            kind: Kind::Usage,
        })?;
        let list = |key: &str| -> Result<Vec<String>, OpFailure> {
            let Some(text) = op.attrs.get(key) else { return Ok(Vec::new()) };
            serde_json::from_str(text).map_err(|e| wrong(op, &format!("{key} is not a list of texts: {e}")))
        };
        let what = WalkOptions {
            include: list("local.includepattern")?,
            exclude: list("local.excludepatterns")?,
            follow: list("local.followpaths")?,
            owners: Owners::Root,
            modes: Modes::Portable,
        };
        let (directory, options) = (root.clone(), what.clone());
        let walked = tokio::task::spawn_blocking(move || walk::walk(&directory, &options));
        let tree: Tree = walked
            .await
            .map_err(|e| Error::Internal(e.to_string()))?
            .map_err(|e| Error::disk("reading the context", &e))?;
        self.stats.recall(root, &tree)?;
        let layer = self.layers.add_tree(&tree);
        let known = Walked { directory: root.clone(), options: what };
        self.walked.lock().unwrap_or_else(PoisonError::into_inner).insert(layer.clone(), known);
        let chain = Chain { layers: vec![layer] };
        self.layers.remember_tree(&chain, tree);
        Ok(Made { outputs: vec![chain], identity: None })
    }
}

/// A directory as it was walked.
pub(crate) struct Walked {
    pub(super) directory: PathBuf,
    pub(super) options: WalkOptions,
}

/// `oci-layout://NAME@sha256:...`: the name of the context, whose value says which image.
fn layout_name(rest: &str) -> String {
    rest.split('@').next().unwrap_or(rest).to_owned()
}

pub(super) fn platform_of(platform: &pb::Platform) -> Platform {
    let variant = Some(platform.variant.as_str()).filter(|variant| !variant.is_empty());
    Platform::new(&platform.os, &platform.architecture, variant)
}

pub(super) fn wrong(op: &pb::SourceOp, why: &str) -> OpFailure {
    OpFailure::Error(Error::Definition(format!("source {:?}: {why}", op.identifier)))
}
