//! A change set, written as a layer.

use std::collections::HashMap;
use std::io::{self, Write};

use super::ContentReader;
use super::blocks::{Blocks, CopyError};
use super::codec::Codec;
use super::tar::encode::Header;
use super::tar::{END, kind, padding};
use crate::DiffId;
use crate::media_type::Compression;
use crate::tree::{Change, ChangeDir, Changes, File, LinkGroup, Meta, Name, Special, SpecialKind, Timestamp};

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Digest of the tar stream, uncompressed.
    pub diff_id: DiffId,
    /// Length of the tar stream, uncompressed.
    pub tar_bytes: u64,
}

/// Why a layer could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A file's contents could not be read, or changed meanwhile.
    #[error("reading {path} for a layer")]
    Content {
        /// Path in the layer.
        path: String,
        /// What the reader said.
        #[source]
        source: io::Error,
    },
    /// A file's contents are not as long as the tree says.
    #[error(
        "{path} has {actual_bytes} bytes or more where {expected_bytes} were expected: it changed while it was read"
    )]
    Size {
        /// Path in the layer.
        path: String,
        /// By the tree.
        expected_bytes: u64,
        /// How many were read.
        actual_bytes: u64,
    },
    /// A layer cannot say this.
    #[error("{path} cannot be in a layer: {reason}")]
    Unrepresentable {
        /// Path in the layer.
        path: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// The compression has no such level.
    #[error("{compression:?} has no compression level {level}")]
    Level {
        /// The compression.
        compression: Compression,
        /// The level asked for.
        level: u32,
    },
    /// The layer itself could not be written.
    #[error("writing a layer")]
    Output(#[source] io::Error),
}

/// Writes the layer's tar, compressed, to `out` in one pass; returns what it was.
///
/// Entries come in the order of their names, a directory before what is in it, whiteouts before
/// their siblings (image-spec layer.md, "Whiteouts"). The first name of a linked file carries its
/// contents, the others are hard links. Times are cut to whole seconds, and those later than `epoch`
/// become it. All extended attributes that a tree carries are written: file capabilities as other
/// builders do, `user.*` besides, so that a layer read back is the tree that was written.
///
/// Compresses on rayon's current pool; the calling thread reads and hashes. Holds at most 32 MiB.
pub fn write_layer(
    changes: &Changes,
    compression: Compression,
    level: Option<u32>,
    epoch: Option<Timestamp>,
    contents: &dyn ContentReader,
    out: &mut dyn Write,
) -> Result<Written, WriteError> {
    let codec = Codec::new(compression, level)
        .ok_or(WriteError::Level { compression, level: level.unwrap_or_default() })?;
    let blocks = Blocks::new(codec, out).map_err(WriteError::Output)?;
    let mut writer =
        Writer { blocks, contents, epoch, links: HashMap::new(), header: Vec::new(), path: Vec::new() };
    if changes.root_changed {
        writer.entry(&Header { kind: kind::DIRECTORY, ..writer.header_of(b"./", &changes.root.meta) })?;
    }
    writer.directory(&changes.root)?;
    writer.blocks.bytes(&END).map_err(WriteError::Output)?;
    let (diff_id, tar_bytes) = writer.blocks.finish().map_err(WriteError::Output)?;
    Ok(Written { diff_id, tar_bytes })
}

struct Writer<'a> {
    blocks: Blocks<'a>,
    contents: &'a dyn ContentReader,
    epoch: Option<Timestamp>,
    /// First path of each linked file.
    links: HashMap<LinkGroup, Vec<u8>>,
    header: Vec<u8>,
    /// Path of the directory under way, with a `/` at its end; empty for the root.
    path: Vec<u8>,
}

impl Writer<'_> {
    fn directory(&mut self, dir: &ChangeDir) -> Result<(), WriteError> {
        if dir.opaque {
            self.whiteout(b".wh..opq")?;
        }
        for name in
            dir.entries.iter().filter(|(_, change)| matches!(change, Change::Whiteout)).map(|(n, _)| n)
        {
            self.check_name(name)?;
            self.whiteout(name.as_bytes())?;
        }
        for (name, change) in &dir.entries {
            self.check_name(name)?;
            let parent_len = self.path.len();
            self.path.extend_from_slice(name.as_bytes());
            self.change(change)?;
            self.path.truncate(parent_len);
        }
        Ok(())
    }

    fn check_name(&self, name: &Name) -> Result<(), WriteError> {
        if name.as_bytes().starts_with(b".wh.") {
            let path = [&self.path, name.as_bytes()].concat();
            return Err(unrepresentable(&path, "names that begin with .wh. are whiteouts there"));
        }
        Ok(())
    }

    fn whiteout(&mut self, name: &[u8]) -> Result<(), WriteError> {
        let path = [&self.path, &b".wh."[..], name].concat();
        self.entry(&Header::bare(&path, kind::FILE))
    }

    fn change(&mut self, change: &Change) -> Result<(), WriteError> {
        match change {
            Change::Dir(dir) => {
                self.path.push(b'/');
                if !dir.implied {
                    let path = self.path.clone();
                    self.entry(&Header { kind: kind::DIRECTORY, ..self.header_of(&path, &dir.meta) })?;
                }
                self.directory(dir)
            }
            Change::File(file) => self.file(file),
            Change::Symlink(link) => {
                let path = self.path.clone();
                if link.target.is_empty() || link.target.contains(&0) {
                    return Err(unrepresentable(&path, "the link's target is empty or holds a NUL"));
                }
                let header =
                    Header { kind: kind::SYMLINK, link: &link.target, ..self.header_of(&path, &link.meta) };
                self.entry(&header)
            }
            Change::Special(special) => self.special(special),
            // Written before its siblings.
            Change::Whiteout => Ok(()),
        }
    }

    fn file(&mut self, file: &File) -> Result<(), WriteError> {
        let path = self.path.clone();
        if let Some(first) = file.link.and_then(|group| self.links.get(&group)) {
            let first = first.clone();
            let header = Header { kind: kind::HARD_LINK, link: &first, ..self.header_of(&path, &file.meta) };
            return self.entry(&header);
        }
        if let Some(group) = file.link {
            self.links.insert(group, path.clone());
        }
        let header = Header { size_bytes: file.size_bytes, ..self.header_of(&path, &file.meta) };
        self.entry(&header)?;
        self.body(&path, file)
    }

    fn body(&mut self, path: &[u8], file: &File) -> Result<(), WriteError> {
        if file.size_bytes == 0 {
            return Ok(());
        }
        let unreadable = |source| WriteError::Content { path: lossy(path), source };
        let mut contents = self.contents.open(file).map_err(unreadable)?;
        let copied = self.blocks.contents(&mut contents, file.size_bytes).map_err(|error| match error {
            CopyError::Read(source) => unreadable(source),
            CopyError::Write(source) => WriteError::Output(source),
        })?;
        // Reading on to the end lets the reader look at the file once more.
        let more = io::copy(&mut io::Read::take(&mut contents, 1), &mut io::sink()).map_err(unreadable)?;
        if copied + more != file.size_bytes {
            return Err(WriteError::Size {
                path: lossy(path),
                expected_bytes: file.size_bytes,
                actual_bytes: copied + more,
            });
        }
        self.blocks.bytes(&END[..padding(file.size_bytes)]).map_err(WriteError::Output)
    }

    fn special(&mut self, special: &Special) -> Result<(), WriteError> {
        let path = self.path.clone();
        let (kind, device) = match special.kind {
            SpecialKind::CharDevice { major, minor } => (kind::CHAR_DEVICE, (major, minor)),
            SpecialKind::BlockDevice { major, minor } => (kind::BLOCK_DEVICE, (major, minor)),
            SpecialKind::Fifo => (kind::FIFO, (0, 0)),
        };
        if device.0.max(device.1) >= 1 << 21 {
            return Err(unrepresentable(&path, "its device number does not fit a tar header"));
        }
        self.entry(&Header { kind, device, ..self.header_of(&path, &special.meta) })
    }

    fn header_of<'h>(&self, path: &'h [u8], meta: &'h Meta) -> Header<'h> {
        let mtime = self.epoch.map_or(meta.mtime, |epoch| meta.mtime.min(epoch));
        Header {
            mode: meta.mode,
            uid: meta.uid,
            gid: meta.gid,
            mtime_secs: mtime.secs,
            xattrs: &meta.xattrs,
            ..Header::bare(path, kind::FILE)
        }
    }

    fn entry(&mut self, header: &Header<'_>) -> Result<(), WriteError> {
        self.header.clear();
        header.encode(&mut self.header);
        self.blocks.entry(header.path, &self.header, header.size_bytes).map_err(WriteError::Output)
    }
}

fn unrepresentable(path: &[u8], reason: &'static str) -> WriteError {
    WriteError::Unrepresentable { path: lossy(path), reason }
}

fn lossy(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
