//! `type=tar` and `type=local`: the file tree itself.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use cooperage_image::layer;
use cooperage_image::media_type::Compression;
use cooperage_image::tree::{Changes, Tree};

use super::{Exporter, Solved};
use crate::Error;
use crate::layers::Contents;
use crate::output::Destination;
use crate::whole_file::write_whole;

mod directory;

impl Exporter<'_> {
    pub(super) async fn tar(&self, dest: &Destination, solved: &[Solved]) -> Result<(), Error> {
        let [one] = solved else {
            return Err(Error::Internal("a tar of several platforms".to_owned()));
        };
        let changes = self.whole(one).await?;
        let contents = Contents::new(Arc::clone(&self.layers));
        let epoch = self.epoch;
        write_to(dest, |out| {
            tokio::task::block_in_place(|| {
                layer::write_layer(&changes, Compression::Uncompressed, None, epoch, &contents, out)
                    .map(drop)
                    .map_err(|e| Error::disk("writing the tar", &e))
            })
        })
    }

    pub(super) async fn local(&self, dest: &Path, solved: &[Solved]) -> Result<(), Error> {
        for one in solved {
            let dest = if self.multi_platform {
                dest.join(one.platform.to_string().replace('/', "_"))
            } else {
                dest.to_owned()
            };
            let changes = self.whole(one).await?;
            let contents = Contents::new(Arc::clone(&self.layers));
            let tree = changes.apply(&Tree::empty());
            tokio::task::block_in_place(|| directory::write(tree.root(), &dest, &contents, self.epoch))?;
        }
        Ok(())
    }

    /// The whole tree as one change set, its contents at hand.
    async fn whole(&self, solved: &Solved) -> Result<Changes, Error> {
        let tree = self.layers.tree(&solved.chain).await?;
        let changes = Changes::between(&Tree::empty(), &tree);
        self.layers.prepare(&changes).await?;
        Ok(changes)
    }
}

/// Writes a file whole, or to standard output.
pub(super) fn write_to(
    dest: &Destination,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
) -> Result<(), Error> {
    match dest {
        Destination::Stdout => {
            let stdout = io::stdout();
            let mut out = BufWriter::with_capacity(1 << 20, stdout.lock());
            write(&mut out)?;
            out.flush().map_err(Error::file("write", "standard output"))
        }
        Destination::Path(path) => write_whole(path, write),
    }
}
