//! The scratch directory of a stack: `fs` (what is written) and `work` (the overlay's own).

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use cooperage_image::tree::{Meta, Timestamp};
use rustix::fs::{AtFlags, CWD, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags};

/// Makes both, `fs` with the metadata of the stack's root: it is what the step sees of `/` itself.
pub(crate) fn prepare(scratch: &Path, root: &Meta) -> io::Result<()> {
    let fs = scratch.join("fs");
    for directory in [&fs, &scratch.join("work")] {
        match rustix::fs::mkdir(directory, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    rustix::fs::chown(&fs, Some(Uid::from_raw(root.uid)), Some(Gid::from_raw(root.gid)))?;
    rustix::fs::chmod(&fs, Mode::from_raw_mode(root.mode))?;
    for (name, value) in root.xattrs.iter().flat_map(|xattrs| xattrs.iter()) {
        rustix::fs::lsetxattr(&fs, std::ffi::OsStr::from_bytes(name.as_bytes()), value, XattrFlags::empty())?;
    }
    set_mtime(&fs, root.mtime)
}

/// Sets a time of modification, of the thing itself if it is a link.
pub(crate) fn set_mtime(path: &Path, mtime: Timestamp) -> io::Result<()> {
    let time = Timespec { tv_sec: mtime.secs, tv_nsec: mtime.nanos.into() };
    let times = Timestamps { last_access: time, last_modification: time };
    Ok(rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Removes the overlay's own directory, which nobody needs after the mount is gone.
pub(crate) fn remove_work(scratch: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(scratch.join("work")) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
