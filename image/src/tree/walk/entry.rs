//! One entry of a local directory.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustix::fd::AsFd;
use rustix::fs::{AtFlags, FileType, Statx, StatxFlags, StatxTimestamp};
use rustix::io::Errno;

use super::super::{
    Content, File, Fingerprint, LinkGroup, Meta, Name, Node, Special, SpecialKind, Symlink, Timestamp, Xattrs,
};
use super::{Modes, Owners, Walk, WalkError};

/// What there is at a name.
pub(super) enum Found {
    /// A directory, not read yet.
    Dir(Meta),
    /// Anything else.
    Leaf(Node),
}

/// The path of `name` in `dir`.
pub(super) fn child(dir: &Path, name: &Name) -> PathBuf {
    let mut path = Vec::with_capacity(dir.as_os_str().len() + 1 + name.as_bytes().len());
    path.extend_from_slice(dir.as_os_str().as_bytes());
    if !path.ends_with(b"/") {
        path.push(b'/');
    }
    path.extend_from_slice(name.as_bytes());
    OsString::from_vec(path).into()
}

impl Walk {
    /// Looks at `name` in `dir`, which is `path`; `None` if it has gone or is a socket. `listed` is what
    /// the directory said.
    pub(super) fn look(
        &self,
        dir: impl AsFd,
        name: &[u8],
        path: &Path,
        listed: FileType,
    ) -> Result<Option<Found>, WalkError> {
        let read = |errno: Errno| WalkError::Read { path: path.to_owned(), source: errno.into() };
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        let stat = match rustix::fs::statx(&dir, name, flags, StatxFlags::BASIC_STATS) {
            Ok(stat) => stat,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(errno) => return Err(read(errno)),
        };
        let kind = FileType::from_raw_mode(u32::from(stat.stx_mode));
        let mut meta = self.meta(&stat, kind);
        if matches!(kind, FileType::RegularFile | FileType::Directory) && listed != FileType::Symlink {
            meta.xattrs = xattrs(path).map_err(read)?;
        }
        let (major, minor) = (stat.stx_rdev_major, stat.stx_rdev_minor);
        Ok(Some(match kind {
            FileType::Directory => Found::Dir(meta),
            FileType::RegularFile => Found::Leaf(Node::File(Arc::new(self.file(&stat, meta, path)))),
            FileType::Symlink => match rustix::fs::readlinkat(&dir, name, Vec::new()) {
                Ok(target) => {
                    let target = target.into_bytes().into();
                    Found::Leaf(Node::Symlink(Arc::new(Symlink { meta, target })))
                }
                // Gone, or something else by now.
                Err(Errno::NOENT | Errno::INVAL) => return Ok(None),
                Err(errno) => return Err(read(errno)),
            },
            FileType::CharacterDevice => special(meta, SpecialKind::CharDevice { major, minor }),
            FileType::BlockDevice => special(meta, SpecialKind::BlockDevice { major, minor }),
            FileType::Fifo => special(meta, SpecialKind::Fifo),
            FileType::Socket | FileType::Unknown => return Ok(None),
        }))
    }

    fn meta(&self, stat: &Statx, kind: FileType) -> Meta {
        let bits = u32::from(stat.stx_mode) & 0o7777;
        let mode = match (kind, self.modes) {
            (FileType::Symlink, _) => 0o777,
            (_, Modes::Kept) => bits,
            (_, Modes::Portable) => match bits {
                0o666 | 0o664 => 0o644,
                0o777 | 0o775 => 0o755,
                chosen => chosen,
            },
        };
        let (uid, gid) = match self.owners {
            Owners::Kept => (stat.stx_uid, stat.stx_gid),
            Owners::Root => (0, 0),
        };
        Meta { mode, uid, gid, mtime: timestamp(&stat.stx_mtime), xattrs: None }
    }

    fn file(&self, stat: &Statx, meta: Meta, path: &Path) -> File {
        let seen = Fingerprint {
            dev: rustix::fs::makedev(stat.stx_dev_major, stat.stx_dev_minor),
            inode: stat.stx_ino,
            size_bytes: stat.stx_size,
            mtime: timestamp(&stat.stx_mtime),
            ctime: timestamp(&stat.stx_ctime),
        };
        File {
            meta,
            size_bytes: stat.stx_size,
            content: Content::Local { path: path.into(), seen },
            link: (stat.stx_nlink > 1).then(|| self.group(seen.dev, seen.inode)),
            digest: OnceLock::new(),
        }
    }

    fn group(&self, dev: u64, inode: u64) -> LinkGroup {
        let mut inodes = self.inodes.lock().expect("nothing panics while it holds the lock");
        *inodes.entry((dev, inode)).or_insert_with(LinkGroup::fresh)
    }
}

fn special(meta: Meta, kind: SpecialKind) -> Found {
    Found::Leaf(Node::Special(Arc::new(Special { meta, kind })))
}

fn timestamp(time: &StatxTimestamp) -> Timestamp {
    Timestamp { secs: time.tv_sec, nanos: time.tv_nsec }
}

/// The attributes that a layer may carry. None if the file system knows none, or the entry has gone.
fn xattrs(path: &Path) -> Result<Xattrs, Errno> {
    let Some(list) = read_growing(|buffer| rustix::fs::llistxattr(path, buffer))? else { return Ok(None) };
    let mut xattrs = BTreeMap::new();
    for name in list.split(|byte| *byte == 0).filter(|name| is_carried(name)) {
        let name_os = OsStr::from_bytes(name);
        let value = read_growing(|buffer| rustix::fs::lgetxattr(path, name_os, buffer))?;
        if let (Some(value), Ok(name)) = (value, Name::new(name)) {
            xattrs.insert(name, value);
        }
    }
    Ok((!xattrs.is_empty()).then(|| Arc::new(xattrs)))
}

fn is_carried(name: &[u8]) -> bool {
    name == b"security.capability" || (name.starts_with(b"user.") && !name.starts_with(b"user.overlay."))
}

/// Largest list or value of attributes in Linux, in bytes.
const MAX_XATTR_BYTES: usize = 64 * 1024;

/// Reads into a small buffer and, if that does not do, into one of the largest size there can be.
fn read_growing(mut read: impl FnMut(&mut [u8]) -> Result<usize, Errno>) -> Result<Option<Vec<u8>>, Errno> {
    let mut small = [0; 256];
    let outcome = match read(&mut small) {
        Ok(length) => return Ok(Some(small[..length].to_vec())),
        Err(Errno::RANGE) => {
            let mut large = vec![0; MAX_XATTR_BYTES];
            read(&mut large).map(|length| {
                large.truncate(length);
                large
            })
        }
        Err(errno) => Err(errno),
    };
    match outcome {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Errno::OPNOTSUPP | Errno::NODATA | Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(errno) => Err(errno),
    }
}
