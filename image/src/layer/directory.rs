//! A change set, written as a directory.

use std::collections::HashMap;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use super::{ContentReader, Ownership, disk};
use crate::tree::{Change, ChangeDir, Changes, File, LinkGroup, Name};

/// Why a layer's directory could not be written.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// A file's contents could not be read, or changed meanwhile.
    #[error("reading the contents of {path}")]
    Content {
        /// Path in the layer.
        path: String,
        /// What the reader said.
        #[source]
        source: io::Error,
    },
    /// An entry could not be made.
    #[error("writing {path} of a layer's directory")]
    Output {
        /// Path in the layer; empty for its root.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Writes `changes` below `dir`, which exists and is empty, as an overlay's lower directory: whiteouts are
/// character devices 0/0, opaque directories have both attributes. A layer that exists only as metadata,
/// as a COPY's does, becomes visible to a RUN this way. Not atomic: an error leaves what was written.
pub fn write_directory(
    changes: &Changes,
    dir: &Path,
    contents: &dyn ContentReader,
    ownership: Ownership,
) -> Result<(), DirectoryError> {
    let output = |source| DirectoryError::Output { path: String::new(), source };
    let root = disk::open_root(dir).map_err(output)?;
    let mut writer =
        Writer { root: root.as_fd(), contents, ownership, links: HashMap::new(), path: Vec::new() };
    writer.directory(root.as_fd(), &changes.root)
}

struct Writer<'a> {
    root: BorrowedFd<'a>,
    contents: &'a dyn ContentReader,
    ownership: Ownership,
    /// First path of each linked file.
    links: HashMap<LinkGroup, Vec<Name>>,
    path: Vec<Name>,
}

impl Writer<'_> {
    fn directory(&mut self, fd: BorrowedFd<'_>, dir: &ChangeDir) -> Result<(), DirectoryError> {
        for (name, change) in &dir.entries {
            self.path.push(name.clone());
            self.change(fd, name, change)?;
            self.path.pop();
        }
        disk::settle_dir(fd, dir, self.ownership).map_err(|source| self.output(source))
    }

    fn change(&mut self, fd: BorrowedFd<'_>, name: &Name, change: &Change) -> Result<(), DirectoryError> {
        let made = match change {
            Change::Dir(dir) => {
                let made = disk::make_dir(fd, name).and_then(|()| disk::open_dir(fd, name));
                let child = made.map_err(|source| self.output(source))?;
                return self.directory(child.as_fd(), dir);
            }
            Change::File(file) => return self.file(fd, name, file),
            Change::Symlink(link) => disk::make_symlink(fd, name, link, self.ownership),
            Change::Special(special) => disk::make_special(fd, name, special, self.ownership),
            Change::Whiteout => disk::make_whiteout(fd, name, self.ownership),
        };
        made.map_err(|source| self.output(source))
    }

    fn file(&mut self, fd: BorrowedFd<'_>, name: &Name, file: &File) -> Result<(), DirectoryError> {
        if let Some(first) = file.link.and_then(|group| self.links.get(&group)) {
            return disk::open_parent(self.root, first)
                .and_then(|(parent, old)| disk::make_link(parent.as_fd(), old, fd, name))
                .map_err(|source| self.output(source));
        }
        if let Some(group) = file.link {
            self.links.insert(group, self.path.clone());
        }
        let mut made = disk::make_file(fd, name).map_err(|source| self.output(source))?;
        if file.size_bytes > 0 {
            let unreadable = |source| DirectoryError::Content { path: self.shown(), source };
            let reader = self.contents.open(file).map_err(unreadable)?;
            copy(reader, &mut made, file.size_bytes).map_err(|error| match error {
                Copy::Read(source) => unreadable(source),
                Copy::Write(source) => self.output(source),
            })?;
        }
        disk::settle_file(&made, &file.meta, self.ownership).map_err(|source| self.output(source))
    }

    fn output(&self, source: io::Error) -> DirectoryError {
        DirectoryError::Output { path: self.shown(), source }
    }

    fn shown(&self) -> String {
        self.path.iter().map(Name::to_string).collect::<Vec<_>>().join("/")
    }
}

enum Copy {
    Read(io::Error),
    Write(io::Error),
}

/// Copies exactly `size_bytes`; reading to the end lets the reader look at the file once more.
fn copy(mut reader: Box<dyn Read + Send>, to: &mut impl io::Write, size_bytes: u64) -> Result<(), Copy> {
    let mut buffer = vec![0; size_bytes.clamp(1, 256 << 10) as usize];
    let mut copied = 0;
    loop {
        let n = match reader.read(&mut buffer) {
            Ok(0) if copied == size_bytes => return Ok(()),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Copy::Read(error)),
        };
        copied += n as u64;
        if n == 0 || copied > size_bytes {
            let reason =
                format!("{copied} bytes where {size_bytes} were expected: it changed while it was read");
            return Err(Copy::Read(io::Error::new(io::ErrorKind::InvalidData, reason)));
        }
        to.write_all(&buffer[..n]).map_err(Copy::Write)?;
    }
}
