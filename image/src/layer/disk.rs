//! Entries made on disk, one name in one open directory at a time: no path is ever resolved, so that
//! no link can lead anywhere.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{self as sys, AtFlags, FileType, Mode, OFlags, XattrFlags};
use rustix::io::Errno;

use super::Ownership;
use crate::tree::{Change, ChangeDir, Meta, Name, Special, SpecialKind, Symlink};

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const NEW_FILE: OFlags =
    OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens the directory that all is made below; the path is the caller's and may have links.
pub(super) fn open_root(path: &Path) -> io::Result<OwnedFd> {
    Ok(sys::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

pub(super) fn open_dir(parent: BorrowedFd<'_>, name: &Name) -> io::Result<OwnedFd> {
    Ok(sys::openat(parent, name.as_bytes(), DIRECTORY, Mode::empty())?)
}

/// Makes a directory that only the caller may enter; [`settle_dir`] gives it its metadata, when all is in it.
pub(super) fn make_dir(parent: BorrowedFd<'_>, name: &Name) -> io::Result<()> {
    Ok(sys::mkdirat(parent, name.as_bytes(), Mode::RWXU)?)
}

/// Makes a file; [`settle_file`] gives it its metadata, when its contents are written.
pub(super) fn make_file(parent: BorrowedFd<'_>, name: &Name) -> io::Result<fs::File> {
    Ok(sys::openat(parent, name.as_bytes(), NEW_FILE, Mode::RUSR | Mode::WUSR)?.into())
}

pub(super) fn make_symlink(
    parent: BorrowedFd<'_>,
    name: &Name,
    link: &Symlink,
    ownership: Ownership,
) -> io::Result<()> {
    sys::symlinkat(&*link.target, parent, name.as_bytes())?;
    settle_name(parent, name, &link.meta, ownership)
}

/// Makes a device or FIFO; for the caller an empty file.
pub(super) fn make_special(
    parent: BorrowedFd<'_>,
    name: &Name,
    special: &Special,
    ownership: Ownership,
) -> io::Result<()> {
    let Ownership::Real = ownership else {
        return settle_file(&make_file(parent, name)?, &special.meta, ownership);
    };
    let (kind, device) = match special.kind {
        SpecialKind::CharDevice { major, minor } => (FileType::CharacterDevice, sys::makedev(major, minor)),
        SpecialKind::BlockDevice { major, minor } => (FileType::BlockDevice, sys::makedev(major, minor)),
        SpecialKind::Fifo => (FileType::Fifo, 0),
    };
    sys::mknodat(parent, name.as_bytes(), kind, Mode::RUSR | Mode::WUSR, device)?;
    settle_name(parent, name, &special.meta, ownership)?;
    Ok(sys::chmodat(parent, name.as_bytes(), Mode::from_raw_mode(special.meta.mode), AtFlags::empty())?)
}

/// Makes an overlay's whiteout.
pub(super) fn make_whiteout(parent: BorrowedFd<'_>, name: &Name, ownership: Ownership) -> io::Result<()> {
    match (sys::mknodat(parent, name.as_bytes(), FileType::CharacterDevice, Mode::empty(), 0), ownership) {
        // A kernel that does not let the caller make it has no overlay for the caller either.
        (Err(Errno::PERM), Ownership::Caller) => Ok(()),
        (result, _) => Ok(result?),
    }
}

/// Gives `name` to what `old` in `old_parent` is; a symbolic link is not followed.
pub(super) fn make_link(
    old_parent: BorrowedFd<'_>,
    old: &Name,
    parent: BorrowedFd<'_>,
    name: &Name,
) -> io::Result<()> {
    Ok(sys::linkat(old_parent, old.as_bytes(), parent, name.as_bytes(), AtFlags::empty())?)
}

/// Removes what `change` made under `name`.
pub(super) fn remove(parent: BorrowedFd<'_>, name: &Name, change: &Change) -> io::Result<()> {
    match change {
        Change::Dir(dir) => {
            let fd = open_dir(parent, name)?;
            for (name, change) in &dir.entries {
                remove(fd.as_fd(), name, change)?;
            }
            Ok(sys::unlinkat(parent, name.as_bytes(), AtFlags::REMOVEDIR)?)
        }
        _ => match sys::unlinkat(parent, name.as_bytes(), AtFlags::empty()) {
            // The caller may not have been able to make a whiteout.
            Err(Errno::NOENT) if matches!(change, Change::Whiteout) => Ok(()),
            result => Ok(result?),
        },
    }
}

/// Gives a file its metadata. The order matters: a change of owner takes set-id bits and capabilities away,
/// and every other change the time.
pub(super) fn settle_file(file: &fs::File, meta: &Meta, ownership: Ownership) -> io::Result<()> {
    settle_open(file.as_fd(), meta, 0o600, ownership)?;
    Ok(sys::futimens(file, &times(meta))?)
}

/// Gives a directory its metadata.
pub(super) fn settle_dir(fd: BorrowedFd<'_>, dir: &ChangeDir, ownership: Ownership) -> io::Result<()> {
    settle_open(fd, &dir.meta, 0o700, ownership)?;
    if dir.opaque {
        make_opaque(fd)?;
    }
    Ok(sys::futimens(fd, &times(&dir.meta))?)
}

fn settle_open(fd: BorrowedFd<'_>, meta: &Meta, least: u32, ownership: Ownership) -> io::Result<()> {
    let mode = match ownership {
        Ownership::Real => {
            sys::fchown(fd, Some(sys::Uid::from_raw(meta.uid)), Some(sys::Gid::from_raw(meta.gid)))?;
            meta.mode
        }
        Ownership::Caller => meta.mode & 0o777 | least,
    };
    sys::fchmod(fd, Mode::from_raw_mode(mode))?;
    for (name, value) in meta.xattrs.iter().flat_map(|xattrs| xattrs.iter()) {
        if ownership == Ownership::Caller && !name.as_bytes().starts_with(b"user.") {
            continue;
        }
        match sys::fsetxattr(fd, name.as_bytes(), value, XattrFlags::empty()) {
            // The file system has none; the truth is in the metadata.
            Err(Errno::OPNOTSUPP) if ownership == Ownership::Caller => {}
            result => result?,
        }
    }
    Ok(())
}

/// Both forms, for privileged overlays and for those mounted with `userxattr`; one must be had.
fn make_opaque(fd: BorrowedFd<'_>) -> io::Result<()> {
    let set = |name: &str| sys::fsetxattr(fd, name, b"y", XattrFlags::empty());
    match (set("user.overlay.opaque"), set("trusted.overlay.opaque")) {
        (Err(error), Err(_)) => Err(error.into()),
        _ => Ok(()),
    }
}

/// Owner and time of what cannot be opened: a link, a device.
fn settle_name(parent: BorrowedFd<'_>, name: &Name, meta: &Meta, ownership: Ownership) -> io::Result<()> {
    if let Ownership::Real = ownership {
        let (uid, gid) = (sys::Uid::from_raw(meta.uid), sys::Gid::from_raw(meta.gid));
        sys::chownat(parent, name.as_bytes(), Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(sys::utimensat(parent, name.as_bytes(), &times(meta), AtFlags::SYMLINK_NOFOLLOW)?)
}

fn times(meta: &Meta) -> sys::Timestamps {
    let time = sys::Timespec { tv_sec: meta.mtime.secs, tv_nsec: meta.mtime.nanos.into() };
    sys::Timestamps { last_access: time, last_modification: time }
}

/// Opens the directory `names` below `root`, one component after the other.
pub(super) fn open_below(root: BorrowedFd<'_>, names: &[Name]) -> io::Result<OwnedFd> {
    names.iter().try_fold(root.try_clone_to_owned()?, |fd, name| open_dir(fd.as_fd(), name))
}

/// Opens the directory that the last of `path`'s names is in.
pub(super) fn open_parent<'n>(root: BorrowedFd<'_>, path: &'n [Name]) -> io::Result<(OwnedFd, &'n Name)> {
    let (name, parents) = path.split_last().ok_or(io::ErrorKind::InvalidInput)?;
    Ok((open_below(root, parents)?, name))
}
