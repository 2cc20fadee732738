//! A layer, read into a directory.
//!
//! The archive is not trusted. Where an entry goes is decided in memory, from what the archive itself has
//! made so far; the disk is then told one name in one open directory. A symbolic link that the archive
//! made is followed inside the layer's root, as containerd does, and never on disk.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::settle::{Contents, settle};
use super::tar::read::{Entry, Kind, TarError, TarReader};
use super::{Ownership, decode, disk};
use crate::tree::{
    Change, Changes, Content, File, LayerId, Meta, Name, Special, SpecialKind, Symlink, Xattrs,
};
use crate::{DiffId, Hasher};

mod place;

use place::{Place, components};

/// A layer that was unpacked.
#[derive(Debug)]
pub struct Unpacked {
    /// What the layer does. Files' digests are set, but for sparse ones.
    pub changes: Changes,
    /// Digest of the tar stream, uncompressed.
    pub diff_id: DiffId,
    /// Length of the tar stream, uncompressed.
    pub tar_bytes: u64,
    /// Names of extended attributes that the archive has and a tree may not carry.
    pub ignored_xattrs: BTreeSet<String>,
}

/// Why a layer could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The stream could not be read or decompressed.
    #[error("reading the archive")]
    Read(#[source] io::Error),
    /// The stream is not a well-formed tar archive.
    #[error("malformed archive at byte {offset_bytes} of the tar stream: {reason}")]
    Malformed {
        /// Where, in the uncompressed stream.
        offset_bytes: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// An entry is well-formed, but nothing that may be made.
    #[error("unpacking {path}: {reason}")]
    Entry {
        /// As the archive has it.
        path: String,
        /// Which rule it breaks.
        reason: String,
    },
    /// An entry could not be made.
    #[error("writing {path}")]
    Write {
        /// As the archive has it.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl From<TarError> for UnpackError {
    fn from(error: TarError) -> Self {
        match error {
            TarError::Read(source) => Self::Read(source),
            TarError::Malformed { offset_bytes, reason } => Self::Malformed { offset_bytes, reason },
        }
    }
}

impl From<io::Error> for UnpackError {
    fn from(source: io::Error) -> Self {
        Self::Read(source)
    }
}

/// Reads a layer, compressed or not (gzip, Zstandard, bzip2, xz; told by its first bytes), and writes it below
/// `dir`, which exists and is empty, in the form of an overlay's lower directory. The contents of its files
/// are then those of `layer`. Not atomic: an error leaves what was written. Uses one thread besides the
/// caller's, and memory for the metadata and a few MiB.
///
/// Whiteouts hide only what is below (image-spec layer.md, "Whiteouts"): a directory that comes with a
/// whiteout of its name is opaque; anything else that does simply replaces. `.wh..wh.` names but the
/// opaque marker are ignored. The attributes of a hard link's entry are ignored: they are its file's.
pub fn unpack(
    reader: impl Read + Send,
    dir: &Path,
    layer: &LayerId,
    ownership: Ownership,
) -> Result<Unpacked, UnpackError> {
    read_tar(reader, dir, Unpacking { whiteouts: true, contents: Contents::Layer(layer), ownership })
}

/// How an archive is unpacked.
pub(crate) struct Unpacking<'a> {
    /// Whether `.wh.` names are whiteouts; else they are names as any.
    pub(crate) whiteouts: bool,
    pub(crate) contents: Contents<'a>,
    pub(crate) ownership: Ownership,
}

/// Reads an archive.
pub(crate) fn read_tar(
    reader: impl Read + Send,
    dir: &Path,
    how: Unpacking<'_>,
) -> Result<Unpacked, UnpackError> {
    let ((changes, ignored_xattrs), seen) = decode::beside(reader, |decoded| {
        let at_root = |source| UnpackError::Write { path: String::new(), source };
        let root = disk::open_root(dir).map_err(at_root)?;
        let place = Place::new(root.as_fd(), how.ownership).map_err(at_root)?;
        let mut unpacker = Unpacker { place, whiteouts: how.whiteouts, ignored_xattrs: BTreeSet::new() };
        let mut tar = TarReader::new(decoded);
        while let Some(entry) = tar.next()? {
            unpacker.entry(&entry, &mut tar)?;
        }
        let mut changes = unpacker.place.into_changes();
        settle(&mut changes.root, root.as_fd(), dir, &how)?;
        Ok::<_, UnpackError>((changes, unpacker.ignored_xattrs))
    })?;
    let decode::Seen { diff_id, tar_bytes } = seen;
    Ok(Unpacked { changes, diff_id, tar_bytes, ignored_xattrs })
}

struct Unpacker<'a> {
    place: Place<'a>,
    whiteouts: bool,
    ignored_xattrs: BTreeSet<String>,
}

impl Unpacker<'_> {
    fn entry<R: BufRead>(&mut self, entry: &Entry, tar: &mut TarReader<R>) -> Result<(), UnpackError> {
        let refuse = |reason: String| refused(&entry.path, reason);
        let names = components(&entry.path).map_err(refuse)?;
        let Some((name, parents)) = names.split_last() else {
            return match entry.kind {
                Kind::Dir => {
                    let meta = self.meta(entry)?;
                    self.place.root_is(meta);
                    Ok(())
                }
                _ => Err(refuse("the root of an archive can only be a directory".to_owned())),
            };
        };
        if self.whiteouts && names.iter().any(|name| name.as_bytes().starts_with(b".wh.")) {
            return self.whiteout(entry, name, parents);
        }
        let meta = self.meta(entry)?;
        match &entry.kind {
            Kind::Dir => self.place.directory(&entry.path, parents, name, meta),
            Kind::File { .. } => self.file(entry, parents, name, meta, tar),
            Kind::HardLink(target) => self.place.hard_link(&entry.path, parents, name, target),
            Kind::Symlink(target) => {
                if target.is_empty() {
                    return Err(refuse("a symbolic link without a target".to_owned()));
                }
                let link = Symlink { meta: Meta { mode: 0o777, ..meta }, target: target.as_slice().into() };
                self.place.put(&entry.path, parents, name, Change::Symlink(Arc::new(link)))
            }
            Kind::CharDevice { major, minor } => self.special(
                entry,
                parents,
                name,
                meta,
                SpecialKind::CharDevice { major: *major, minor: *minor },
            ),
            Kind::BlockDevice { major, minor } => self.special(
                entry,
                parents,
                name,
                meta,
                SpecialKind::BlockDevice { major: *major, minor: *minor },
            ),
            Kind::Fifo => self.special(entry, parents, name, meta, SpecialKind::Fifo),
        }
    }

    fn special(
        &mut self,
        entry: &Entry,
        parents: &[Name],
        name: &Name,
        meta: Meta,
        kind: SpecialKind,
    ) -> Result<(), UnpackError> {
        self.place.put(&entry.path, parents, name, Change::Special(Arc::new(Special { meta, kind })))
    }

    /// An entry with a `.wh.` name in its path.
    fn whiteout(&mut self, entry: &Entry, name: &Name, parents: &[Name]) -> Result<(), UnpackError> {
        let is_aufs = |name: &Name| name.as_bytes().starts_with(b".wh..wh.");
        if parents.iter().any(is_aufs) || (is_aufs(name) && name.as_bytes() != b".wh..wh..opq") {
            return Ok(());
        }
        if parents.iter().any(|name| name.as_bytes().starts_with(b".wh.")) {
            return Err(refused(&entry.path, "a whiteout has nothing in it".to_owned()));
        }
        match name.as_bytes() {
            b".wh..wh..opq" => self.place.opaque(&entry.path, parents),
            bytes => {
                let hidden = Name::new(&bytes[b".wh.".len()..])
                    .map_err(|error| refused(&entry.path, format!("a whiteout of nothing: {error}")))?;
                self.place.whiteout(&entry.path, parents, &hidden)
            }
        }
    }

    fn file<R: BufRead>(
        &mut self,
        entry: &Entry,
        parents: &[Name],
        name: &Name,
        meta: Meta,
        tar: &mut TarReader<R>,
    ) -> Result<(), UnpackError> {
        let Kind::File { size_bytes, sparse } = &entry.kind else { return Ok(()) };
        let failed = |source| UnpackError::Write { path: shown(&entry.path), source };
        let disk_file = self.place.new_file(&entry.path, parents, name)?;
        let digest = OnceLock::new();
        match sparse {
            None => {
                let mut hasher = Hasher::new();
                copy(tar, |bytes| {
                    hasher.update(bytes);
                    (&disk_file).write_all(bytes).map_err(failed)
                })?;
                digest.set(hasher.finish()).expect("it was made empty above");
            }
            Some(segments) => {
                disk_file.set_len(*size_bytes).map_err(failed)?;
                let mut segments = segments.iter().copied();
                let mut at = segments.next();
                copy(tar, |mut bytes| {
                    while let (Some(segment), false) = (&mut at, bytes.is_empty()) {
                        let n = bytes.len().min(usize::try_from(segment.len).unwrap_or(usize::MAX));
                        disk_file.write_all_at(&bytes[..n], segment.offset).map_err(failed)?;
                        bytes = &bytes[n..];
                        (segment.offset, segment.len) = (segment.offset + n as u64, segment.len - n as u64);
                        if segment.len == 0 {
                            at = segments.next();
                        }
                    }
                    Ok(())
                })?;
            }
        }
        disk::settle_file(&disk_file, &meta, self.place.ownership).map_err(failed)?;
        // Where the contents are is said at the end, when the paths are known.
        let content = Content::Inline(Arc::new([]));
        let file = File { meta, size_bytes: *size_bytes, content, link: None, digest };
        self.place.file_is(name, Change::File(Arc::new(file)));
        Ok(())
    }

    fn meta(&mut self, entry: &Entry) -> Result<Meta, UnpackError> {
        if entry.uid == u32::MAX || entry.gid == u32::MAX {
            return Err(refused(&entry.path, "4294967295 cannot own a file".to_owned()));
        }
        let xattrs = self.xattrs(entry)?;
        Ok(Meta { mode: entry.mode, uid: entry.uid, gid: entry.gid, mtime: entry.mtime, xattrs })
    }

    fn xattrs(&mut self, entry: &Entry) -> Result<Xattrs, UnpackError> {
        /// The kernel's `XATTR_SIZE_MAX`.
        const MAX_VALUE_BYTES: usize = 64 << 10;
        let mut kept = std::collections::BTreeMap::new();
        for (name, value) in &entry.xattrs {
            let user = name.starts_with(b"user.") && !name.starts_with(b"user.overlay.");
            if !user && name != b"security.capability" {
                self.ignored_xattrs.insert(shown(name));
                continue;
            }
            let name =
                Name::new(name).map_err(|error| refused(&entry.path, format!("an attribute: {error}")))?;
            if value.len() > MAX_VALUE_BYTES {
                return Err(refused(&entry.path, format!("attribute {name} is longer than 64 KiB")));
            }
            kept.insert(name, value.clone());
        }
        Ok((!kept.is_empty()).then(|| Arc::new(kept)))
    }
}

/// Gives the entry's body to `write`, chunk by chunk.
fn copy<R: BufRead>(
    tar: &mut TarReader<R>,
    mut write: impl FnMut(&[u8]) -> Result<(), UnpackError>,
) -> Result<(), UnpackError> {
    loop {
        let bytes = tar.body()?;
        let n = bytes.len();
        if n == 0 {
            return Ok(());
        }
        write(bytes)?;
        tar.consume(n);
    }
}

fn refused(path: &[u8], reason: String) -> UnpackError {
    UnpackError::Entry { path: shown(path), reason }
}

/// For people; what a hostile archive says is not printed in full.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).into_owned()
}
