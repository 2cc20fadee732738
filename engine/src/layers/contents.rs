//! Reading a file's bytes by its handle.

use std::fs;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cooperage_image::layer::ContentReader;
use cooperage_image::tree::{Content, File, Fingerprint, Timestamp};

use super::Layers;

/// Opens contents, wherever they are. Layers that contents are in must have their directories
/// already (see [`Layers::prepare`]).
pub(crate) struct Contents(Arc<Layers>);

impl Contents {
    pub(crate) fn new(layers: Arc<Layers>) -> Self {
        Self(layers)
    }

    /// The whole of a small file; `None` if it is longer than `limit_bytes`.
    pub(crate) fn read(&self, file: &File, limit_bytes: u64) -> io::Result<Option<Vec<u8>>> {
        if file.size_bytes > limit_bytes {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(file.size_bytes as usize);
        self.open(file)?.read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }
}

impl ContentReader for Contents {
    fn open(&self, file: &File) -> io::Result<Box<dyn Read + Send>> {
        Self::open_in(&self.0, file)
    }
}

impl Contents {
    pub(super) fn open_in(layers: &Layers, file: &File) -> io::Result<Box<dyn Read + Send>> {
        match &file.content {
            Content::Inline(bytes) => Ok(Box::new(Cursor::new(Arc::clone(bytes)))),
            Content::Local { path, seen } => Ok(Box::new(layers.cancellable(Unchanged::open(path, *seen)?))),
            Content::Layer { layer, path } => {
                let directory = layers.made_directory(layer).map_err(io::Error::other)?;
                let path = directory.join(as_path(path));
                Ok(Box::new(layers.cancellable(open_file(&path)?)))
            }
        }
    }
}

fn as_path(bytes: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

fn open_file(path: &Path) -> io::Result<fs::File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path)
        .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))
}

/// A local file that must be the one that was seen, from the first byte to the last: a file that
/// changes while it is read would make a torn layer.
struct Unchanged {
    file: fs::File,
    path: PathBuf,
    seen: Fingerprint,
}

impl Unchanged {
    fn open(path: &Path, seen: Fingerprint) -> io::Result<Self> {
        let opened = Self { file: open_file(path)?, path: path.to_owned(), seen };
        opened.check()?;
        Ok(opened)
    }

    fn check(&self) -> io::Result<()> {
        let metadata = self.file.metadata()?;
        let now = Fingerprint {
            dev: metadata.dev(),
            inode: metadata.ino(),
            size_bytes: metadata.size(),
            mtime: Timestamp { secs: metadata.mtime(), nanos: metadata.mtime_nsec() as u32 },
            ctime: Timestamp { secs: metadata.ctime(), nanos: metadata.ctime_nsec() as u32 },
        };
        // A hard link added elsewhere changes the ctime and nothing else: not a reason to fail.
        let same = |a: &Fingerprint, b: &Fingerprint| (a.size_bytes, a.mtime) == (b.size_bytes, b.mtime);
        if same(&now, &self.seen) && (now.dev, now.inode) == (self.seen.dev, self.seen.inode) {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{} changed while the build was reading it: build again",
            self.path.display()
        )))
    }
}

impl Read for Unchanged {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            self.check()?;
        }
        Ok(count)
    }
}
