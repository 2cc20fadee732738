//! Layers laid over each other. Written apart from our own codec, and on a library of others, so that a mistake
//! there is not repeated here.

use std::collections::BTreeMap;
use std::io::Read;

use sha2::{Digest, Sha256};
use tar::EntryType;

/// A root file system, by path: bytes without a slash at either end; the root itself is the empty path.
#[derive(Debug, Clone)]
pub struct Tree {
    /// What is at each path.
    pub entries: BTreeMap<Vec<u8>, Entry>,
    inodes: usize,
}

/// What a path is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is, with what goes with it.
    pub kind: Kind,
    /// Permissions and set-id bits.
    pub mode: u32,
    /// User and group.
    pub owner: (u64, u64),
    /// Extended attributes.
    pub xattrs: BTreeMap<String, Vec<u8>>,
    /// Seconds since 1970.
    pub mtime: u64,
    /// Same number: the same file under two names.
    pub inode: usize,
    /// No layer lists it, it is only a parent of what one lists.
    pub implied: bool,
}

/// The types of files.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of POSIX")]
pub enum Kind {
    Directory,
    File(Content),
    Symlink(Vec<u8>),
    Character(u32, u32),
    Block(u32, u32),
    Fifo,
}

/// A file's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// How many.
    pub size: u64,
    /// Their sha256, in hex.
    pub sha256: String,
    /// They themselves, if they are few and UTF-8.
    pub text: Option<String>,
}

/// Texts up to this size are shown.
const TEXT_BYTES_MAX: u64 = 200;

impl Default for Tree {
    /// The root alone, which a layer need not list.
    fn default() -> Self {
        Self { entries: BTreeMap::from([(Vec::new(), Entry::plain(0o755))]), inodes: 0 }
    }
}

impl Tree {
    /// Lays a layer over it: first what the layer removes, then what it brings.
    pub fn apply(&mut self, layer: impl Read) {
        let mut brought = Vec::new();
        let mut archive = tar::Archive::new(layer);
        for entry in archive.entries().expect("a tar archive") {
            let mut entry = entry.expect("a tar entry");
            let path = clean(&entry.path_bytes());
            let cut = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
            match path[cut..].strip_prefix(b".wh.") {
                Some(b".wh..opq") => self.remove_below(&path[..cut.saturating_sub(1)]),
                Some(name) => self.remove(&[&path[..cut], name].concat()),
                None => brought.push(Brought::read(path, &mut entry)),
            }
        }
        for entry in brought {
            self.bring(entry);
        }
    }

    fn bring(&mut self, Brought { path, what, mut entry }: Brought) {
        self.imply_parents(&path);
        self.inodes += 1;
        entry.inode = self.inodes;
        match what {
            What::Kind(kind) => entry.kind = kind,
            What::LinkTo(target) => match self.entries.get(&target) {
                Some(target) => entry = target.clone(),
                None => panic!("a hard link to {}, which is not there", target.escape_ascii()),
            },
        }
        if entry.kind != Kind::Directory {
            self.remove_below(&path);
        }
        self.entries.insert(path, entry);
    }

    fn imply_parents(&mut self, path: &[u8]) {
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        for at in slashes {
            self.inodes += 1;
            let implied = Entry { implied: true, inode: self.inodes, ..Entry::plain(0o755) };
            let there = self.entries.entry(path[..at].to_vec()).or_insert(implied);
            assert!(there.kind == Kind::Directory, "{}: its parent is no directory", path.escape_ascii());
        }
    }

    fn remove(&mut self, path: &[u8]) {
        self.remove_below(path);
        self.entries.remove(path);
    }

    fn remove_below(&mut self, path: &[u8]) {
        let prefix = if path.is_empty() { Vec::new() } else { [path, b"/"].concat() };
        self.entries.retain(|at, _| at.len() <= prefix.len() || !at.starts_with(&prefix));
    }
}

impl Entry {
    fn plain(mode: u32) -> Self {
        Self {
            kind: Kind::Directory,
            mode,
            owner: (0, 0),
            xattrs: BTreeMap::new(),
            mtime: 0,
            inode: 0,
            implied: false,
        }
    }
}

struct Brought {
    path: Vec<u8>,
    what: What,
    entry: Entry,
}

enum What {
    Kind(Kind),
    LinkTo(Vec<u8>),
}

impl Brought {
    fn read<R: Read>(path: Vec<u8>, tar: &mut tar::Entry<'_, R>) -> Self {
        let mut entry = Entry::plain(0);
        if let Some(extensions) = tar.pax_extensions().expect("pax records") {
            for record in extensions {
                let record = record.expect("a pax record");
                let key = record.key().expect("a pax key in UTF-8");
                if let Some(name) = key.strip_prefix("SCHILY.xattr.") {
                    entry.xattrs.insert(name.to_owned(), record.value_bytes().to_vec());
                }
            }
        }
        let header = tar.header();
        entry.mode = header.mode().expect("a mode") & 0o7777;
        entry.owner = (header.uid().expect("a uid"), header.gid().expect("a gid"));
        entry.mtime = header.mtime().expect("a time");
        let link = tar.link_name_bytes().unwrap_or_default().into_owned();
        let numbers = |header: &tar::Header| {
            let number = |n: std::io::Result<Option<u32>>| n.ok().flatten().unwrap_or_default();
            (number(header.device_major()), number(header.device_minor()))
        };
        let what = match header.entry_type() {
            EntryType::Directory => What::Kind(Kind::Directory),
            EntryType::Regular | EntryType::Continuous => What::Kind(Kind::File(Content::read(tar))),
            EntryType::Symlink => What::Kind(Kind::Symlink(link)),
            EntryType::Link => What::LinkTo(clean(&link)),
            EntryType::Fifo => What::Kind(Kind::Fifo),
            EntryType::Char => What::Kind(Kind::Character(numbers(header).0, numbers(header).1)),
            EntryType::Block => What::Kind(Kind::Block(numbers(header).0, numbers(header).1)),
            other => panic!("{}: a layer has no entries of type {other:?}", path.escape_ascii()),
        };
        Self { path, what, entry }
    }
}

impl Content {
    fn read(reader: &mut impl Read) -> Self {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).expect("the contents of a tar entry");
        let size = bytes.len() as u64;
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let text = (size <= TEXT_BYTES_MAX).then(|| String::from_utf8(bytes).ok()).flatten();
        Self { size, sha256, text }
    }
}

fn clean(path: &[u8]) -> Vec<u8> {
    let parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    parts.collect::<Vec<_>>().join(&b'/')
}
