//! Content digests: exactly what an op reads of its inputs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cooperage_image::tree::digest as tree_digest;
use cooperage_image::tree::edit::Copy;
use cooperage_image::tree::{Change, ChangeDir, Content, File, FollowLast, LayerId, LinkGroup, Node, Tree};
use cooperage_image::{Digest, Hasher};
use cooperage_llb::key::{Component, CopyRead, Read};
use cooperage_solver::Digesting;

use super::{OpFailure, Workshop};
use crate::Error;
use crate::hashing::hash_files;
use crate::layers::Layers;

/// Files named one by one in a key's components, so that a miss can name what changed.
const FILES_NAMED_MAX: usize = 1000;

impl Workshop {
    /// The digests of what is read, input by input.
    pub(crate) async fn digests(&self, inputs: &[Digesting]) -> Result<Vec<Component>, OpFailure> {
        let mut components = Vec::new();
        for one in inputs {
            let tree = self.layers.tree(&one.input.chain).await?;
            for (number, read) in one.reads.iter().enumerate() {
                let of = format!("input {} read {number}", one.index);
                match read {
                    Read::Copy(copy) => {
                        let copied = self.copied(&tree, copy, &of, &mut components).await;
                        copied
                            .map_err(|failure| self.explained(failure, &one.input.chain, &selection(copy)))?;
                    }
                    Read::Subtree(path) => components.push(self.subtree(&tree, path, &of).await?),
                    Read::File(path) => components.push(self.subtree(&tree, path, &of).await?),
                }
            }
        }
        Ok(components)
    }

    async fn copied(
        &self,
        tree: &Tree,
        read: &CopyRead,
        of: &str,
        components: &mut Vec<Component>,
    ) -> Result<(), OpFailure> {
        let what = selection(read);
        let failed = |e: &dyn std::fmt::Display| OpFailure::step(e.to_string(), None);
        let files = tree_digest::selected_files(tree, &what).map_err(|e| failed(&e))?;
        let unhashed = tree_digest::unhashed(files.iter().map(|(_, file)| Arc::clone(file)));
        let hashed = Hashed::of(&self.layers, unhashed).await?;
        let selected =
            tree_digest::selection(tree, &what, &mut |file| hashed.digest(file)).map_err(|e| failed(&e))?;
        if files.len() <= FILES_NAMED_MAX {
            let roots: HashSet<&[u8]> = selected.iter().map(|(path, _)| path.as_slice()).collect();
            for (path, file) in &files {
                let name = below(path, &roots);
                components.push(Component { name, digest: hashed.digest(file)? });
            }
        }
        let mut all = Hasher::new();
        for (_, digest) in &selected {
            all.field(digest.as_bytes());
        }
        components.push(Component { name: of.to_owned(), digest: all.finish() });
        Ok(())
    }

    async fn subtree(&self, tree: &Tree, path: &str, of: &str) -> Result<Component, OpFailure> {
        let found = tree.resolve(path.as_bytes(), FollowLast::Yes).ok().and_then(|found| found.node);
        let digest = match found {
            Some(node) => self.node_digest(&node).await?,
            None => Digest::of(b"absent"),
        };
        Ok(Component { name: of.to_owned(), digest })
    }

    async fn node_digest(&self, node: &Node) -> Result<Digest, OpFailure> {
        let hashed = Hashed::of(&self.layers, tree_digest::files_without_digest(node)).await?;
        Ok(tree_digest::node_digest(node, &mut |file| hashed.digest(file))?)
    }

    /// The content digest of a layer; remembered, since a layer never changes.
    pub(crate) async fn layer_digest(&self, layer: &LayerId) -> Result<Digest, OpFailure> {
        let name = Digest::of(format!("content of layer {layer}").as_bytes());
        if let Some(known) = self.ports.results.recall(&name)? {
            return Ok(known);
        }
        let changes = self.layers.changes(layer).await?;
        let mut files = Vec::new();
        files_in(&changes.root, &mut files);
        let hashed = Hashed::of(&self.layers, tree_digest::unhashed(files)).await?;
        let digest = tree_digest::changes_digest(&changes, &mut |file| hashed.digest(file))?;
        self.ports.results.remember(&name, &digest)?;
        Ok(digest)
    }
}

/// Files that were hashed, an inode once: its other names have the same digest.
struct Hashed(HashMap<LinkGroup, Digest>);

impl Hashed {
    async fn of(layers: &Arc<Layers>, files: Vec<Arc<File>>) -> Result<Self, Error> {
        hash_files(layers, files.clone()).await?;
        let linked = files.iter().filter_map(|file| Some((file.link?, *file.digest.get()?)));
        Ok(Self(linked.collect()))
    }

    fn digest(&self, file: &Arc<File>) -> Result<Digest, Error> {
        if let Some(digest) = file.digest.get() {
            return Ok(*digest);
        }
        if let Content::Inline(bytes) = &file.content {
            return Ok(Digest::of(bytes));
        }
        let of_group = file.link.and_then(|link| self.0.get(&link)).copied();
        of_group.ok_or_else(|| Error::Internal("a file was not hashed".to_owned()))
    }
}

fn files_in(directory: &ChangeDir, files: &mut Vec<Arc<File>>) {
    for change in directory.entries.values() {
        match change {
            Change::Dir(directory) => files_in(directory, files),
            Change::File(file) => files.push(Arc::clone(file)),
            Change::Symlink(_) | Change::Special(_) | Change::Whiteout => {}
        }
    }
}

/// The path from the selected entry on: the same files elsewhere have the same names.
fn below(path: &[u8], roots: &HashSet<&[u8]>) -> String {
    let mut end = path.len();
    loop {
        if roots.contains(&path[..end]) {
            let start = path[..end].iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
            return String::from_utf8_lossy(&path[start..]).into_owned();
        }
        match path[..end].iter().rposition(|byte| *byte == b'/') {
            Some(slash) => end = slash,
            None => return String::from_utf8_lossy(path).into_owned(),
        }
    }
}

fn selection(read: &CopyRead) -> Copy {
    Copy {
        source: read.src.clone().into_bytes(),
        follow_symlink: read.follow_symlink,
        dir_copy_contents: true,
        allow_wildcard: read.allow_wildcard,
        allow_empty_wildcard: read.allow_empty_wildcard,
        include: read.include_patterns.clone(),
        exclude: read.exclude_patterns.clone(),
        required: read.required_paths.iter().map(|path| path.clone().into_bytes()).collect(),
        ..Copy::default()
    }
}
