//! Change sets made in tests, and their text form.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::layer::{ContentReader, Ownership, UnpackError, Unpacked, unpack, write_layer};
use crate::media_type::Compression;
use crate::tree::{
    Change, ChangeDir, Changes, Content, File, LayerId, LinkGroup, Meta, Name, Special, SpecialKind, Symlink,
    Timestamp,
};
use crate::{DiffId, Digest};

/// Opens inline contents.
pub(crate) struct Inline;

impl ContentReader for Inline {
    fn open(&self, file: &File) -> io::Result<Box<dyn Read + Send>> {
        match &file.content {
            Content::Inline(bytes) => Ok(Box::new(io::Cursor::new(bytes.clone()))),
            other => Err(io::Error::other(format!("{other:?} is not inline"))),
        }
    }
}

/// Opens contents of the only layer there is.
pub(crate) struct Below<'a>(pub(crate) &'a Path);

impl ContentReader for Below<'_> {
    fn open(&self, file: &File) -> io::Result<Box<dyn Read + Send>> {
        use std::os::unix::ffi::OsStrExt;
        match &file.content {
            Content::Layer { path, .. } => {
                Ok(Box::new(std::fs::File::open(self.0.join(std::ffi::OsStr::from_bytes(path)))?))
            }
            _ => Inline.open(file),
        }
    }
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text.as_bytes()).unwrap()
}

pub(crate) fn meta(mode: u32) -> Meta {
    Meta::new(mode, Timestamp { secs: 1_700_000_000, nanos: 0 })
}

pub(crate) fn file(text: &[u8]) -> Change {
    file_with(meta(0o644), text, None)
}

pub(crate) fn file_with(meta: Meta, bytes: &[u8], link: Option<LinkGroup>) -> Change {
    Change::File(Arc::new(File {
        meta,
        size_bytes: bytes.len() as u64,
        content: Content::Inline(bytes.into()),
        link,
        digest: OnceLock::new(),
    }))
}

pub(crate) fn symlink(target: &str) -> Change {
    Change::Symlink(Arc::new(Symlink { meta: meta(0o777), target: target.as_bytes().into() }))
}

pub(crate) fn special(kind: SpecialKind) -> Change {
    Change::Special(Arc::new(Special { meta: meta(0o600), kind }))
}

pub(crate) fn dir<const N: usize>(entries: [(&str, Change); N]) -> Change {
    Change::Dir(change_dir(entries))
}

pub(crate) fn change_dir<const N: usize>(entries: [(&str, Change); N]) -> ChangeDir {
    let entries = entries.into_iter().map(|(text, change)| (name(text), change)).collect();
    ChangeDir { meta: meta(0o755), implied: false, opaque: false, entries }
}

pub(crate) fn changes<const N: usize>(entries: [(&str, Change); N]) -> Changes {
    Changes { root: change_dir(entries), root_changed: false }
}

pub(crate) fn write(changes: &Changes, compression: Compression) -> (Vec<u8>, DiffId) {
    let mut out = Vec::new();
    let written = write_layer(changes, compression, None, None, &Inline, &mut out).unwrap();
    (out, written.diff_id)
}

pub(crate) fn layer_id() -> LayerId {
    LayerId::of(&Digest::of(b"a layer"))
}

/// As the machine allows: root's tests see real owners.
pub(crate) fn ownership() -> Ownership {
    if rustix::process::geteuid().is_root() { Ownership::Real } else { Ownership::Caller }
}

pub(crate) fn unpack_bytes(bytes: &[u8], dir: &Path) -> Result<Unpacked, UnpackError> {
    unpack(bytes, dir, &layer_id(), ownership())
}

/// One line an entry: what a layer says, without where contents are.
pub(crate) fn text(changes: &Changes, contents: &dyn ContentReader) -> String {
    let mut out = String::new();
    if changes.root_changed {
        writeln!(out, "./ {}", meta_text(&changes.root.meta)).unwrap();
    }
    let mut groups = BTreeMap::new();
    dir_text(&changes.root, "", contents, &mut groups, &mut out);
    out
}

fn dir_text(
    dir: &ChangeDir,
    path: &str,
    contents: &dyn ContentReader,
    groups: &mut BTreeMap<LinkGroup, String>,
    out: &mut String,
) {
    if dir.opaque {
        writeln!(out, "{path} opaque").unwrap();
    }
    for (name, change) in &dir.entries {
        let path = format!("{path}/{name:?}");
        match change {
            Change::Dir(dir) => {
                let told = if dir.implied { "implied".to_owned() } else { meta_text(&dir.meta) };
                writeln!(out, "{path} dir {told}").unwrap();
                dir_text(dir, &path, contents, groups, out);
            }
            Change::File(file) => {
                let mut bytes = Vec::new();
                contents.open(file).unwrap().read_to_end(&mut bytes).unwrap();
                assert_eq!(bytes.len() as u64, file.size_bytes, "{path}");
                if let Some(digest) = file.digest.get() {
                    assert_eq!(*digest, Digest::of(&bytes), "{path}");
                }
                let group = file.link.map(|group| groups.entry(group).or_insert(path.clone()).clone());
                writeln!(out, "{path} file {} {} link {group:?}", meta_text(&file.meta), Digest::of(&bytes))
                    .unwrap();
            }
            Change::Symlink(link) => {
                writeln!(out, "{path} -> {} {}", meta_text(&link.meta), link.target.escape_ascii()).unwrap();
            }
            Change::Special(special) => {
                writeln!(out, "{path} {:?} {}", special.kind, meta_text(&special.meta)).unwrap()
            }
            Change::Whiteout => writeln!(out, "{path} whiteout").unwrap(),
        }
    }
}

fn meta_text(meta: &Meta) -> String {
    format!("{:o} {}:{} {} {:?}", meta.mode, meta.uid, meta.gid, meta.mtime.secs, meta.xattrs)
}
