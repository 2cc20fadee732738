//! The upper directory of an overlay after a step: what of it is a change, in the form that a layer has.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use cooperage_image::tree::{
    Change, ChangeDir, Changes, Content, Dir, File, Fingerprint, LinkGroup, Meta, Name, Node, Special,
    SpecialKind, Symlink, Timestamp, Tree,
};

use crate::plan::Stub;
use crate::scratch::set_mtime;
use crate::{layer_file, xattrs};

mod stubs;

/// A system call on a path of the upper directory.
#[derive(Debug, thiserror::Error)]
#[error("{action} {path}")]
pub(crate) struct UpperError {
    pub(crate) action: &'static str,
    pub(crate) path: PathBuf,
    #[source]
    pub(crate) source: io::Error,
}

/// Reads `upper` as changes of `tree`, whose directories are `layers`. Leaves it as a layer's directory:
/// without stubs, sockets and the overlay's xattrs, and with whiteouts where a directory was opaque.
pub(crate) fn collect(
    upper: &Path,
    tree: &Tree,
    layers: &[PathBuf],
    stubs: &[Stub],
) -> Result<Changes, UpperError> {
    stubs::remove(upper, stubs)?;
    let mut walk = Walk { layers, links: HashMap::new() };
    walk.collect(upper, tree)
}

struct Walk<'a> {
    layers: &'a [PathBuf],
    /// Linked inodes of the upper directory.
    links: HashMap<(u64, u64), LinkGroup>,
}

/// A directory being read. A stack of these, not recursion: a step may nest directories as deep as it likes.
struct Open<'t> {
    path: PathBuf,
    /// Its name in the directory above.
    name: Option<Name>,
    left: std::vec::IntoIter<std::ffi::OsString>,
    /// What was here before the step.
    below: Option<&'t Arc<Dir>>,
    changed: bool,
    change: ChangeDir,
    /// Names from the root.
    names: Vec<Vec<u8>>,
}

impl Walk<'_> {
    fn collect(&mut self, upper: &Path, tree: &Tree) -> Result<Changes, UpperError> {
        let mut stack = vec![self.open(upper.to_owned(), None, Some(tree.root()), vec![])?];
        loop {
            let Some(open) = stack.last_mut() else {
                unreachable!("the loop returns with the last directory")
            };
            if let Some(name) = open.left.next() {
                if let Some(directory) = self.entry(open, name.into_vec())? {
                    stack.push(directory);
                }
                continue;
            }
            let done = stack.pop().expect("the one that was just looked at");
            match (stack.last_mut(), done.name) {
                (Some(above), Some(name)) => {
                    if done.changed || !done.change.entries.is_empty() {
                        above.change.entries.insert(name, Change::Dir(done.change));
                    }
                }
                _ => return Ok(Changes { root: done.change, root_changed: done.changed }),
            }
        }
    }

    fn open<'t>(
        &self,
        path: PathBuf,
        name: Option<Name>,
        below: Option<&'t Arc<Dir>>,
        names: Vec<Vec<u8>>,
    ) -> Result<Open<'t>, UpperError> {
        let mut found = stat(&path)?;
        let mut entries = list(&path)?;
        let xattrs = xattrs::take(&path).map_err(at("read the xattrs of", &path))?;
        let mut whiteouts = vec![];
        if xattrs.opaque {
            let hidden = below.iter().flat_map(|dir| dir.entries.keys());
            whiteouts.extend(
                hidden.filter(|name| !entries.iter().any(|e| e.as_bytes() == name.as_bytes())).cloned(),
            );
            for name in &whiteouts {
                make_whiteout(&path.join(std::ffi::OsStr::from_bytes(name.as_bytes())))?;
            }
            set_mtime(&path, mtime(&found)).map_err(at("set the time of", &path))?;
            found = stat(&path)?;
        }
        entries.sort_unstable();
        let meta = meta(&found, xattrs.kept);
        let changed = below.is_none_or(|dir| dir.meta != meta);
        let entries_so_far = whiteouts.into_iter().map(|name| (name, Change::Whiteout)).collect();
        let change = ChangeDir { meta, implied: false, opaque: false, entries: entries_so_far };
        Ok(Open { path, name, left: entries.into_iter(), below, changed, change, names })
    }

    /// Takes one entry into `open`; a directory comes back to be read first.
    fn entry<'t>(&mut self, open: &mut Open<'t>, name: Vec<u8>) -> Result<Option<Open<'t>>, UpperError> {
        let path = open.path.join(std::ffi::OsStr::from_bytes(&name));
        let name = Name::new(&name).map_err(|e| UpperError {
            action: "name",
            path: path.clone(),
            source: io::Error::other(e),
        })?;
        let found = stat(&path)?;
        let below = open.below.and_then(|dir| dir.entries.get(name.as_bytes()));
        let kind = found.file_type();
        if kind.is_dir() {
            let below = match below {
                Some(Node::Dir(dir)) => Some(dir),
                _ => None,
            };
            let mut names = open.names.clone();
            names.push(name.as_bytes().to_vec());
            return self.open(path, Some(name), below, names).map(Some);
        }
        let gone = kind.is_socket() || (is_whiteout(&found) && below.is_none());
        if gone {
            remove_quietly(open, &path)?;
            return Ok(None);
        }
        if is_whiteout(&found) {
            open.change.entries.insert(name, Change::Whiteout);
            return Ok(None);
        }
        let xattrs = xattrs::take(&path).map_err(at("read the xattrs of", &path))?;
        let found = stat(&path)?;
        let meta = meta(&found, xattrs.kept);
        let change = self.leaf(open, &name, &path, &found, meta, below)?;
        if let Some(change) = change {
            open.change.entries.insert(name, change);
        }
        Ok(None)
    }

    fn leaf(
        &mut self,
        open: &Open<'_>,
        name: &Name,
        path: &Path,
        found: &std::fs::Metadata,
        meta: Meta,
        below: Option<&Node>,
    ) -> Result<Option<Change>, UpperError> {
        let kind = found.file_type();
        if kind.is_symlink() {
            let target = std::fs::read_link(path).map_err(at("read the link", path))?;
            let link =
                Symlink { meta: Meta { mode: 0o777, ..meta }, target: target.as_os_str().as_bytes().into() };
            let same = matches!(below, Some(Node::Symlink(old)) if **old == link);
            return Ok((!same).then(|| Change::Symlink(Arc::new(link))));
        }
        if !kind.is_file() {
            let special = Special { meta, kind: special_kind(found) };
            let same = matches!(below, Some(Node::Special(old)) if **old == special);
            return Ok((!same).then(|| Change::Special(Arc::new(special))));
        }
        let link = (found.nlink() > 1)
            .then(|| *self.links.entry((found.dev(), found.ino())).or_insert_with(LinkGroup::fresh));
        if let Some(Node::File(old)) = below {
            // A copy-up breaks a link that the file had, but not a link that anybody sees in the tree.
            if link.is_none() && old.meta == meta && old.size_bytes == found.size() {
                let mut names = open.names.clone();
                names.push(name.as_bytes().to_vec());
                if self.same_bytes(path, &names)? {
                    return Ok(None);
                }
            }
        }
        let seen = Fingerprint {
            dev: found.dev(),
            inode: found.ino(),
            size_bytes: found.size(),
            mtime: meta.mtime,
            ctime: Timestamp { secs: found.ctime(), nanos: found.ctime_nsec() as u32 },
        };
        Ok(Some(Change::File(Arc::new(File {
            meta,
            size_bytes: found.size(),
            content: Content::Local { path: path.into(), seen },
            link,
            digest: OnceLock::new(),
        }))))
    }

    /// Whether a file with unchanged metadata has unchanged contents too: its time can have been set back.
    fn same_bytes(&self, path: &Path, names: &[Vec<u8>]) -> Result<bool, UpperError> {
        let Some(old) =
            layer_file::open(self.layers, names).map_err(at("read the layers' file for", path))?
        else {
            return Ok(false);
        };
        let new = std::fs::File::open(path).map_err(at("open", path))?;
        equal(new, old).map_err(at("compare", path))
    }
}

fn equal(a: impl io::Read, b: impl io::Read) -> io::Result<bool> {
    use io::BufRead;
    let (mut a, mut b) = (io::BufReader::with_capacity(1 << 16, a), io::BufReader::with_capacity(1 << 16, b));
    loop {
        let (left, right) = (a.fill_buf()?, b.fill_buf()?);
        let length = left.len().min(right.len());
        if length == 0 {
            return Ok(left.is_empty() && right.is_empty());
        }
        if left[..length] != right[..length] {
            return Ok(false);
        }
        a.consume(length);
        b.consume(length);
    }
}

fn is_whiteout(found: &std::fs::Metadata) -> bool {
    found.file_type().is_char_device() && found.rdev() == 0
}

fn special_kind(found: &std::fs::Metadata) -> SpecialKind {
    let (major, minor) = (rustix::fs::major(found.rdev()), rustix::fs::minor(found.rdev()));
    let kind = found.file_type();
    if kind.is_char_device() {
        SpecialKind::CharDevice { major, minor }
    } else if kind.is_block_device() {
        SpecialKind::BlockDevice { major, minor }
    } else {
        SpecialKind::Fifo
    }
}

/// Removes what is no part of a layer; the directory keeps its time.
fn remove_quietly(open: &Open<'_>, path: &Path) -> Result<(), UpperError> {
    std::fs::remove_file(path).map_err(at("remove", path))?;
    set_mtime(&open.path, open.change.meta.mtime).map_err(at("set the time of", &open.path))
}

fn make_whiteout(path: &Path) -> Result<(), UpperError> {
    let kind = rustix::fs::FileType::CharacterDevice;
    let made = rustix::fs::mknodat(rustix::fs::CWD, path, kind, rustix::fs::Mode::empty(), 0);
    made.map_err(|e| at("make the whiteout", path)(e.into()))
}

fn list(path: &Path) -> Result<Vec<std::ffi::OsString>, UpperError> {
    let entries = std::fs::read_dir(path).map_err(at("list", path))?;
    entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<_>>()
        .map_err(at("list", path))
}

fn stat(path: &Path) -> Result<std::fs::Metadata, UpperError> {
    std::fs::symlink_metadata(path).map_err(at("stat", path))
}

fn mtime(found: &std::fs::Metadata) -> Timestamp {
    Timestamp { secs: found.mtime(), nanos: found.mtime_nsec() as u32 }
}

fn meta(found: &std::fs::Metadata, kept: BTreeMap<Name, Vec<u8>>) -> Meta {
    Meta {
        mode: found.mode() & 0o7777,
        uid: found.uid(),
        gid: found.gid(),
        mtime: mtime(found),
        xattrs: (!kept.is_empty()).then(|| Arc::new(kept)),
    }
}

fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> UpperError {
    let path = path.to_owned();
    move |source| UpperError { action, path, source }
}
