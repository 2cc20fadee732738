//! ADD of local archives: unpacked where they are one, copied where they are not.

use std::io::Read;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use cooperage_image::archive::{self, UnpackedArchive};
use cooperage_image::layer::{ContentReader, UnpackError};
use cooperage_image::tree::edit::{self, Copy};
use cooperage_image::tree::{Changes, File, FollowLast, LayerId, Node, Tree};
use cooperage_llb::ports::result_index::Chain;

use super::{OpFailure, Workshop};
use crate::Error;
use crate::error::causes;
use crate::layers::Contents;

impl Workshop {
    /// Applies a copy source by source: an archive's contents go below the destination, which is then
    /// always a directory; anything else is copied.
    pub(super) async fn copy_or_unpack(
        &self,
        what: &Copy,
        on: &Tree,
        from: &Tree,
    ) -> Result<Tree, OpFailure> {
        let mut tree = on.clone();
        let sources = edit::matches(from, what).map_err(|e| OpFailure::step(e.to_string(), None))?;
        for source in sources {
            let one = Copy { source: source.clone(), allow_wildcard: false, ..what.clone() };
            let archive = match from.resolve(&source, FollowLast::Yes).ok().and_then(|found| found.node) {
                Some(Node::File(file)) => self.unpacked(&file, &source).await?,
                _ => None,
            };
            tree = match archive {
                // Contents keep their own modes; owners only if nobody asked for others.
                Some(UnpackedArchive { tree: contents, implied }) => {
                    edit::add_archive(&tree, &contents, &implied, &one)
                }
                None => edit::copy(&tree, from, &one),
            }
            .map_err(|e| OpFailure::step(e.to_string(), None))?;
        }
        Ok(tree)
    }

    /// What is in an archive; `None` if the file is none.
    pub(super) async fn unpacked(
        &self,
        file: &Arc<File>,
        name: &[u8],
    ) -> Result<Option<UnpackedArchive>, OpFailure> {
        self.layers.prepare_files(&[Arc::clone(file)]).await?;
        let contents = Contents::new(Arc::clone(&self.layers));
        let name = String::from_utf8_lossy(name).into_owned();
        let broken = |e: std::io::Error| Error::disk(format!("reading {name}"), &e);
        let found =
            contents.open(file).and_then(|reader| tokio::task::block_in_place(|| archive::detect(reader)));
        if found.map_err(broken)?.is_none() {
            return Ok(None);
        }
        let reader = contents.open(file).map_err(broken)?;
        let (id, implied) = self.unpack(reader, &name)?;
        // As the store has it: contents are in the layer, whatever becomes of the archive.
        let changes = self.layers.changes(&id).await?;
        Ok(Some(UnpackedArchive { tree: changes.apply(&Tree::empty()), implied }))
    }

    /// Unpacks an archive into a new layer.
    fn unpack(&self, reader: impl Read + Send, name: &str) -> Result<(LayerId, Vec<Vec<u8>>), OpFailure> {
        let store = self.layers.store();
        let workspace = store.workspace()?;
        let directory = workspace.path().join("fs");
        std::fs::create_dir(&directory).map_err(Error::file("create", &directory))?;
        let id = self.layers.fresh_id();
        let unpacked = tokio::task::block_in_place(|| {
            archive::unpack_archive(reader, &directory, self.layers.ownership())
        })
        .map_err(|e| not_unpacked(name, &e))?;
        let mut changes = Changes::between(&Tree::empty(), &unpacked.tree);
        changes.root_changed = true;
        store.put(&id, &changes)?;
        store.put_directory(&id, workspace.as_ref(), Path::new("fs"))?;
        Ok((id, unpacked.implied))
    }

    /// Makes an archive the tree of `local://NAME`.
    pub(crate) fn add_archive(&self, name: &str, reader: impl Read + Send, shown: &str) -> Result<(), Error> {
        let (layer, _) = self.unpack(reader, shown).map_err(OpFailure::into_error)?;
        let mut archives = self.archives.lock().unwrap_or_else(PoisonError::into_inner);
        archives.insert(name.to_owned(), Chain { layers: vec![layer] });
        Ok(())
    }
}

/// A wrong archive is the build's fault, a file that cannot be written the machine's.
fn not_unpacked(name: &str, error: &UnpackError) -> OpFailure {
    match error {
        UnpackError::Write { .. } => Error::disk(format!("unpacking {name}"), error).into(),
        UnpackError::Read(_) | UnpackError::Malformed { .. } | UnpackError::Entry { .. } => {
            OpFailure::step(format!("unpacking {name}: {}", causes(error)), None)
        }
    }
}
