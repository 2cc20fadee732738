//! When a source was made: what `SOURCE_DATE_EPOCH` may name (dockerfile.md, section 4).

use std::sync::Arc;

use cooperage_frontend::lower::TimeNeed;
use cooperage_image::tree::{Dir, File, Node};
use cooperage_llb::pb;
use cooperage_llb::ports::step_runner::{StepLog, Stream};

use super::{OpFailure, Workshop};

impl Workshop {
    /// Seconds since 1970; `None` if the source does not say. What is fetched for it is there for the steps
    /// that use it.
    pub(crate) async fn time_of(&self, need: &TimeNeed) -> Result<Option<i64>, OpFailure> {
        let mut op = pb::SourceOp { identifier: need.identifier.clone(), attrs: need.attrs.clone() };
        let is_repository = need.identifier.starts_with("git://");
        if is_repository {
            // Then the files say when the commit was made; those of `.git` would not.
            op.attrs.insert("git.mtime".to_owned(), "commit".to_owned());
            op.attrs.remove("git.keepgitdir");
        }
        let made = self.source(&op, None, &Unheard).await?;
        let Some(chain) = made.outputs.first() else { return Ok(None) };
        let tree = self.layers.tree(chain).await?;
        let newest = newest(tree.root());
        if is_repository {
            return Ok(newest.map(|file| file.meta.mtime.secs));
        }
        // A server that sends no time is 1970; an archive has times of its own.
        match newest {
            Some(file) if file.meta.mtime.secs != 0 => Ok(Some(file.meta.mtime.secs)),
            Some(file) => {
                let unpacked = self.unpacked(&file, need.identifier.as_bytes()).await?;
                let newest = unpacked.and_then(|archive| self::newest(archive.tree.root()));
                Ok(newest.map(|file| file.meta.mtime.secs))
            }
            None => Ok(None),
        }
    }
}

/// The regular file that was changed last.
fn newest(dir: &Dir) -> Option<Arc<File>> {
    let mut newest: Option<Arc<File>> = None;
    for node in dir.entries.values() {
        let found = match node {
            Node::File(file) => Some(Arc::clone(file)),
            Node::Dir(dir) => self::newest(dir),
            Node::Symlink(_) | Node::Special(_) => None,
        };
        let Some(found) = found else { continue };
        if newest.as_ref().is_none_or(|newest| newest.meta.mtime < found.meta.mtime) {
            newest = Some(found);
        }
    }
    newest
}

/// Nobody waits for these lines: the task says what is going on.
pub(super) struct Unheard;

impl StepLog for Unheard {
    fn write(&self, _stream: Stream, _bytes: &[u8]) {}
}
