//! Writing a tree into a directory of the user's, which may have contents already: files are replaced,
//! directories are merged, nothing is removed (image.md, section 6, `local`). Owners are the caller's.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use cooperage_image::layer::ContentReader;
use cooperage_image::tree::{Dir, File, LinkGroup, Meta, Node, Timestamp};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

use crate::Error;
use crate::layers::Contents;

/// Writes `root` into `dest`.
pub(super) fn write(
    root: &Dir,
    dest: &Path,
    contents: &Contents,
    epoch: Option<Timestamp>,
) -> Result<(), Error> {
    fs::create_dir_all(dest).map_err(Error::file("create", dest))?;
    let mut writer = Writer { contents, epoch, links: HashMap::new() };
    writer.entries(root, dest)
}

struct Writer<'a> {
    contents: &'a Contents,
    epoch: Option<Timestamp>,
    /// Where the first name of a hard-linked file was written.
    links: HashMap<LinkGroup, PathBuf>,
}

impl Writer<'_> {
    fn entries(&mut self, directory: &Dir, dest: &Path) -> Result<(), Error> {
        for (name, node) in &directory.entries {
            let path = dest.join(OsStr::from_bytes(name.as_bytes()));
            match node {
                Node::Dir(below) => self.directory(below, &path)?,
                Node::File(file) => self.file(file, &path)?,
                Node::Symlink(link) => {
                    clear(&path)?;
                    symlink(OsStr::from_bytes(&link.target), &path).map_err(Error::file("create", &path))?;
                    self.times(&link.meta, &path)?;
                }
                Node::Special(_) => {
                    return Err(Error::Environment(format!(
                        "{} is a device or FIFO, which type=local cannot write: use type=tar",
                        path.display()
                    )));
                }
            }
        }
        Ok(())
    }

    fn directory(&mut self, directory: &Dir, path: &Path) -> Result<(), Error> {
        let is_directory = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
        if !is_directory {
            clear(path)?;
            fs::create_dir(path).map_err(Error::file("create", path))?;
        }
        self.entries(directory, path)?;
        set_mode(path, &directory.meta)?;
        self.times(&directory.meta, path)
    }

    fn file(&mut self, file: &File, path: &Path) -> Result<(), Error> {
        clear(path)?;
        if let Some(group) = file.link {
            if let Some(first) = self.links.get(&group) {
                return fs::hard_link(first, path).map_err(Error::file("link", path));
            }
            self.links.insert(group, path.to_owned());
        }
        let copy = || -> io::Result<()> {
            let mut out = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
            io::copy(&mut self.contents.open(file)?, &mut out)?;
            Ok(())
        };
        copy().map_err(Error::file("write", path))?;
        set_mode(path, &file.meta)?;
        self.times(&file.meta, path)
    }

    fn times(&self, meta: &Meta, path: &Path) -> Result<(), Error> {
        let mtime = self.epoch.map_or(meta.mtime, |epoch| meta.mtime.min(epoch));
        let time = Timespec { tv_sec: mtime.secs, tv_nsec: mtime.nanos.into() };
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| Error::File {
            action: "set the time of",
            path: path.to_owned(),
            source: e.into(),
        })
    }
}

/// Set-id bits would give the caller's rights away, since the owner is not kept.
fn set_mode(path: &Path, meta: &Meta) -> Result<(), Error> {
    fs::set_permissions(path, fs::Permissions::from_mode(meta.mode & 0o1777))
        .map_err(Error::file("set the mode of", path))
}

/// Removes what is in the way of a file or link.
fn clear(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e)
            if e.kind() == ErrorKind::IsADirectory
                || fs::symlink_metadata(path).is_ok_and(|m| m.is_dir()) =>
        {
            Err(Error::File { action: "replace the directory", path: path.to_owned(), source: e })
        }
        Err(e) => Err(Error::File { action: "replace", path: path.to_owned(), source: e }),
    }
}
