//! Extended attributes of an upper directory: those of the layer, and those of the overlay.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use cooperage_image::tree::Name;
use rustix::io::Errno;

/// What an entry had.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Those that a layer carries: `security.capability` and `user.*`.
    pub(crate) kept: BTreeMap<Name, Vec<u8>>,
    /// Whether the overlay hid what the layers below have here.
    pub(crate) opaque: bool,
}

/// Reads the attributes of `path` (of a link itself) and removes the overlay's own from the disk.
pub(crate) fn take(path: &Path) -> io::Result<Taken> {
    let mut taken = Taken::default();
    for name in names(path)? {
        let overlay = [&b"trusted.overlay."[..], b"user.overlay."].iter().find_map(|p| name.strip_prefix(*p));
        if let Some(rest) = overlay {
            taken.opaque |= rest == b"opaque" && value(path, &name)? == b"y";
            rustix::fs::lremovexattr(path, OsStr::from_bytes(&name))?;
        } else if name == b"security.capability" || name.starts_with(b"user.") {
            let found = value(path, &name)?;
            let found = if name == b"security.capability" { without_root_id(found) } else { found };
            taken.kept.insert(Name::new(&name).map_err(io::Error::other)?, found);
        }
    }
    Ok(taken)
}

/// A file capability set in a user namespace names the namespace's root (version 3). With the identity
/// map that is user 0, which version 2 means by itself; all tiers give the same bytes.
fn without_root_id(value: Vec<u8>) -> Vec<u8> {
    const VERSION_MASK: u32 = 0xff00_0000;
    let word =
        |i: usize| value.get(i * 4..i * 4 + 4).and_then(|b| Some(u32::from_le_bytes(b.try_into().ok()?)));
    match (word(0), word(5)) {
        (Some(magic), Some(0)) if magic & VERSION_MASK == 0x0300_0000 => {
            let version_2 = (magic & !VERSION_MASK) | 0x0200_0000;
            let mut short = version_2.to_le_bytes().to_vec();
            short.extend_from_slice(&value[4..20]);
            short
        }
        _ => value,
    }
}

fn names(path: &Path) -> io::Result<Vec<Vec<u8>>> {
    // Most have none: one call, no memory.
    let mut buffer = [0_u8; 1024];
    let list = match rustix::fs::llistxattr(path, &mut buffer[..]) {
        Ok(length) => buffer[..length].to_vec(),
        Err(Errno::RANGE) => {
            let mut large = vec![0; 65536]; // XATTR_LIST_MAX
            let length = rustix::fs::llistxattr(path, &mut large[..])?;
            large.truncate(length);
            large
        }
        Err(Errno::NOTSUP) => vec![],
        Err(errno) => return Err(errno.into()),
    };
    Ok(list.split(|b| *b == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect())
}

fn value(path: &Path, name: &[u8]) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 65536]; // XATTR_SIZE_MAX
    let length = rustix::fs::lgetxattr(path, OsStr::from_bytes(name), &mut buffer[..])?;
    buffer.truncate(length);
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespaced_capability_of_root_is_a_plain_one() {
        let mut namespaced = vec![1, 0, 0, 3];
        namespaced.extend([0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let mut plain = namespaced.clone();
        plain[3] = 2;
        assert_eq!(without_root_id(plain.clone()), plain);
        namespaced.extend([0, 0, 0, 0]);
        assert_eq!(without_root_id(namespaced.clone()), plain);
        namespaced[20] = 5;
        assert_eq!(without_root_id(namespaced.clone()), namespaced, "another root is another meaning");
    }
}
