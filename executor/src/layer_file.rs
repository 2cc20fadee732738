//! A file in a stack of layer directories, read without mounting them.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// More than any `/etc/passwd` is; a step's root is not trusted.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Opens the topmost file at `names` (no symbolic links among them), as an overlay would show it.
pub(crate) fn open(layers: &[PathBuf], names: &[Vec<u8>]) -> std::io::Result<Option<File>> {
    use std::os::unix::ffi::OsStrExt;
    for layer in layers.iter().rev() {
        let mut at =
            rustix::fs::open(layer, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let mut opaque = false;
        let mut here = true;
        for (n, name) in names.iter().enumerate() {
            let flags = if n + 1 == names.len() { OFlags::RDONLY | OFlags::NONBLOCK } else { OFlags::PATH };
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            let name = std::ffi::OsStr::from_bytes(name);
            match rustix::fs::openat2(
                at.as_fd(),
                name,
                flags | OFlags::CLOEXEC | OFlags::NOFOLLOW,
                Mode::empty(),
                resolve,
            ) {
                Ok(below) => at = below,
                Err(Errno::NOENT) => {
                    here = false;
                    break;
                }
                // A link, a device (a whiteout) or a file where a directory is wanted hides what is below.
                Err(Errno::LOOP | Errno::NXIO | Errno::NODEV | Errno::NOTDIR) => return Ok(None),
                Err(errno) => return Err(errno.into()),
            }
            if n + 1 < names.len()
                && !rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&at)?.st_mode).is_dir()
            {
                return Ok(None);
            }
            opaque |= n + 1 < names.len() && is_opaque(&at);
        }
        if here {
            let file = File::from(at);
            let kind = file.metadata()?.file_type();
            return Ok(if kind.is_file() && !kind.is_char_device() { Some(file) } else { None });
        }
        if opaque {
            return Ok(None);
        }
    }
    Ok(None)
}

fn is_opaque(directory: &rustix::fd::OwnedFd) -> bool {
    use std::os::fd::AsRawFd;
    // An O_PATH descriptor has no xattr calls of its own.
    let path = format!("/proc/self/fd/{}", directory.as_raw_fd());
    ["trusted.overlay.opaque", "user.overlay.opaque"].iter().any(|name| {
        let mut value = [0_u8; 1];
        rustix::fs::getxattr(&path, *name, &mut value[..]).is_ok_and(|length| length == 1 && value[0] == b'y')
    })
}

/// The bytes of a small file; absent is empty.
pub(crate) fn read(layers: &[PathBuf], names: &[Vec<u8>]) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![];
    if let Some(file) = open(layers, names)? {
        file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
