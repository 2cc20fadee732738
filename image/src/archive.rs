//! Archives that ADD unpacks: local tar files, compressed or not.
//!
//! Told by content, never by name, and by the same test as BuildKit's (solver/llbsolver/file/unpack.go): what
//! decompresses to a tar header is an archive. So a gzip of anything else is not, and neither is an empty
//! tar, which has no header. Whiteout names mean nothing here, they are files as any.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use crate::layer::tar::BLOCK_BYTES;
use crate::layer::tar::read::is_header;
use crate::layer::{Contents, Format, Unpacking, decoder, read_tar};
use crate::layer::{Ownership, UnpackError};
use crate::tree::{Change, ChangeDir, Dir, Node, Tree};

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArchiveKind {
    /// Not at all.
    Tar,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
}

/// Whether the bytes of `reader` are an archive, and of what kind. Reads its beginning: a few KiB,
/// for bzip2 a block (900 KB at most). A stream that does not decompress is no archive. Fails only if
/// `reader` does.
pub fn detect(reader: impl Read + Send) -> io::Result<Option<ArchiveKind>> {
    let mut failure = None;
    let found = detect_in(Watched { reader, failure: &mut failure });
    match failure {
        Some(error) => Err(error),
        None => Ok(found),
    }
}

fn detect_in(reader: impl Read + Send) -> Option<ArchiveKind> {
    let (format, mut decoder) = decoder(reader).ok()?;
    let mut header = [0; BLOCK_BYTES];
    decoder.read_exact(&mut header).ok()?;
    if header == [0; BLOCK_BYTES] || !is_header(&header) {
        return None;
    }
    Some(match format {
        Format::Plain => ArchiveKind::Tar,
        Format::Gzip => ArchiveKind::Gzip,
        Format::Zstd => ArchiveKind::Zstd,
        Format::Bzip2 => ArchiveKind::Bzip2,
        Format::Xz => ArchiveKind::Xz,
    })
}

/// Tells errors of the file from those of a decoder.
struct Watched<'a, R> {
    reader: R,
    failure: &'a mut Option<io::Error>,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buf).map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                *self.failure = Some(error);
            }
            kind.into()
        })
    }
}

/// An archive that was unpacked.
#[derive(Debug)]
pub struct UnpackedArchive {
    /// What is in it.
    pub tree: Tree,
    /// Paths of directories that it does not have but that something is in: `0755` of 0:0 at the epoch, unless
    /// they are there where the archive goes ([`keep_directories`](crate::tree::edit::keep_directories)).
    pub implied: Vec<Vec<u8>>,
}

/// Unpacks an archive below `dir`, an absolute path that exists and is empty, and returns it as a tree
/// whose contents are the files there ([`Content::Local`](crate::tree::Content::Local)). The root is
/// what the archive says of `./`, else `0755` of 0:0 at the epoch. Not atomic: an error leaves what was written.
pub fn unpack_archive(
    reader: impl Read + Send,
    dir: &Path,
    ownership: Ownership,
) -> Result<UnpackedArchive, UnpackError> {
    let how = Unpacking { whiteouts: false, contents: Contents::Local, ownership };
    let unpacked = read_tar(reader, dir, how)?;
    let mut implied = Vec::new();
    collect_implied(&unpacked.changes.root, &mut Vec::new(), &mut implied);
    Ok(UnpackedArchive { tree: Tree::new(directory(unpacked.changes.root)), implied })
}

fn collect_implied(dir: &ChangeDir, path: &mut Vec<u8>, implied: &mut Vec<Vec<u8>>) {
    for (name, change) in &dir.entries {
        let Change::Dir(dir) = change else { continue };
        let length = path.len();
        if length > 0 {
            path.push(b'/');
        }
        path.extend_from_slice(name.as_bytes());
        if dir.implied {
            implied.push(path.clone());
        }
        collect_implied(dir, path, implied);
        path.truncate(length);
    }
}

fn directory(dir: ChangeDir) -> Arc<Dir> {
    let node = |change| match change {
        Change::Dir(dir) => Some(Node::Dir(directory(dir))),
        Change::File(file) => Some(Node::File(file)),
        Change::Symlink(link) => Some(Node::Symlink(link)),
        Change::Special(special) => Some(Node::Special(special)),
        // Not made where whiteouts are files as any.
        Change::Whiteout => None,
    };
    let entries: BTreeMap<_, _> =
        dir.entries.into_iter().filter_map(|(name, change)| Some((name, node(change)?))).collect();
    Arc::new(Dir { meta: dir.meta, entries })
}

#[cfg(test)]
mod tests;
