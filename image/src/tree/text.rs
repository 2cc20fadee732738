//! Trees as text, for tests: one line an entry, `TYPE MODE [UID:GID] [@MTIME] PATH [DETAIL..]`.
//!
//! `TYPE` is joined to the octal mode: `d`ir, `f`ile, `l`ink, `c`har, `b`lock, `p`ipe. Details are
//! `=contents`, `->target`, `,major,minor`, `&group` (hard links) and `+xattr=value`. Owner 0:0 and
//! mtime 0 are left out. Directories above an entry need no line: they are `d755`; `/` is the root.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use super::{
    Content, Dir, File, LinkGroup, Meta, Name, Node, Special, SpecialKind, Symlink, Timestamp, Tree,
};

/// The tree that `text` describes; panics if it describes none.
pub(crate) fn tree(text: &str) -> Tree {
    let mut root = Tree::empty().root().as_ref().clone();
    let mut groups = HashMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (path, node) = entry(line, &mut groups);
        match (path.as_str(), node) {
            ("/", Node::Dir(dir)) => root.meta = dir.meta.clone(),
            (path, node) => insert(&mut root, path, node),
        }
    }
    Tree::new(Arc::new(root))
}

fn insert(dir: &mut Dir, path: &str, node: Node) {
    match path.split_once('/') {
        None => {
            let name = Name::new(path.as_bytes()).unwrap();
            if let (Some(Node::Dir(old)), Node::Dir(new)) = (dir.entries.get_mut(&name), &node) {
                Arc::make_mut(old).meta = new.meta.clone();
            } else {
                dir.entries.insert(name, node);
            }
        }
        Some((first, rest)) => {
            let parent = dir
                .entries
                .entry(Name::new(first.as_bytes()).unwrap())
                .or_insert_with(|| Node::Dir(Arc::clone(Tree::empty().root())));
            let Node::Dir(parent) = parent else { panic!("{first} is not a directory") };
            insert(Arc::make_mut(parent), rest, node);
        }
    }
}

fn entry(line: &str, groups: &mut HashMap<String, LinkGroup>) -> (String, Node) {
    let mut words = line.split(' ').peekable();
    let (kind, mode) = words.next().unwrap().split_at(1);
    let mut meta = Meta::new(u32::from_str_radix(mode, 8).unwrap(), Timestamp::default());
    let is_owner = |w: &&str| w.contains(':') && w.bytes().all(|b| b.is_ascii_digit() || b == b':');
    if let Some((uid, gid)) = words.next_if(is_owner).and_then(|owner| owner.split_once(':')) {
        (meta.uid, meta.gid) = (uid.parse().unwrap(), gid.parse().unwrap());
    }
    if let Some(mtime) = words.next_if(|w| w.starts_with('@')) {
        meta.mtime.secs = mtime[1..].parse().unwrap();
    }
    let path = words.next().unwrap().to_owned();
    let (mut content, mut target, mut device, mut link) = (String::new(), "", (0, 0), None);
    for word in words {
        if let Some(text) = word.strip_prefix('=') {
            content = text.to_owned();
        } else if let Some(text) = word.strip_prefix("->") {
            target = text;
        } else if let Some((major, minor)) = word.strip_prefix(',').and_then(|w| w.split_once(',')) {
            device = (major.parse().unwrap(), minor.parse().unwrap());
        } else if let Some(group) = word.strip_prefix('&') {
            link = Some(*groups.entry(group.to_owned()).or_insert_with(LinkGroup::fresh));
        } else if let Some((name, value)) = word.strip_prefix('+').and_then(|w| w.split_once('=')) {
            let mut xattrs = meta.xattrs.as_deref().cloned().unwrap_or_default();
            xattrs.insert(Name::new(name.as_bytes()).unwrap(), value.as_bytes().to_vec());
            meta.xattrs = Some(Arc::new(xattrs));
        } else {
            panic!("{word:?} in {line:?}");
        }
    }
    let (major, minor) = device;
    let node = match kind {
        "d" => Node::Dir(Arc::new(Dir { meta, entries: BTreeMap::new() })),
        "f" => Node::File(Arc::new(File {
            meta,
            size_bytes: content.len() as u64,
            content: Content::Inline(content.into_bytes().into()),
            link,
            digest: OnceLock::new(),
        })),
        "l" => Node::Symlink(Arc::new(Symlink { meta, target: target.as_bytes().into() })),
        "c" => special(meta, SpecialKind::CharDevice { major, minor }),
        "b" => special(meta, SpecialKind::BlockDevice { major, minor }),
        "p" => special(meta, SpecialKind::Fifo),
        _ => panic!("{kind:?} in {line:?}"),
    };
    (path, node)
}

fn special(meta: Meta, kind: SpecialKind) -> Node {
    Node::Special(Arc::new(Special { meta, kind }))
}

/// The text of `tree`, every entry on a line, link groups numbered in the order they appear; a group
/// with one name is none.
pub(crate) fn text(tree: &Tree) -> String {
    let mut members = HashMap::new();
    count(tree.root(), &mut members);
    let mut lines = vec![meta_line('d', &tree.root().meta, "/")];
    let mut numbers = HashMap::new();
    lines_of(tree.root(), "", &members, &mut numbers, &mut lines);
    lines.join("\n")
}

fn count(dir: &Dir, members: &mut HashMap<LinkGroup, usize>) {
    for node in dir.entries.values() {
        match node {
            Node::Dir(dir) => count(dir, members),
            Node::File(file) => file.link.into_iter().for_each(|link| *members.entry(link).or_default() += 1),
            _ => {}
        }
    }
}

fn meta_line(kind: char, meta: &Meta, path: &str) -> String {
    let mut line = format!("{kind}{:o}", meta.mode);
    if (meta.uid, meta.gid) != (0, 0) {
        line += &format!(" {}:{}", meta.uid, meta.gid);
    }
    if meta.mtime != Timestamp::default() {
        line += &format!(" @{}", meta.mtime.secs);
    }
    line += &format!(" {path}");
    line
}

fn xattr_words(meta: &Meta) -> String {
    let xattrs = meta.xattrs.iter().flat_map(|xattrs| xattrs.iter());
    xattrs.map(|(name, value)| format!(" +{name}={}", String::from_utf8_lossy(value))).collect()
}

fn lines_of(
    dir: &Dir,
    prefix: &str,
    members: &HashMap<LinkGroup, usize>,
    numbers: &mut HashMap<LinkGroup, usize>,
    lines: &mut Vec<String>,
) {
    for (name, node) in &dir.entries {
        let path = format!("{prefix}{name}");
        let meta = node.meta();
        let line = match node {
            Node::Dir(_) => meta_line('d', meta, &path),
            Node::File(file) => {
                let Content::Inline(bytes) = &file.content else { panic!("{path} is not inline") };
                let mut line = meta_line('f', meta, &path);
                if !bytes.is_empty() {
                    line += &format!(" ={}", String::from_utf8_lossy(bytes));
                }
                if let Some(link) = file.link.filter(|link| members[link] > 1) {
                    let fresh = numbers.len() + 1;
                    line += &format!(" &{}", numbers.entry(link).or_insert(fresh));
                }
                line
            }
            Node::Symlink(link) => {
                meta_line('l', meta, &path) + " ->" + &String::from_utf8_lossy(&link.target)
            }
            Node::Special(special) => match special.kind {
                SpecialKind::CharDevice { major, minor } => {
                    meta_line('c', meta, &path) + &format!(" ,{major},{minor}")
                }
                SpecialKind::BlockDevice { major, minor } => {
                    meta_line('b', meta, &path) + &format!(" ,{major},{minor}")
                }
                SpecialKind::Fifo => meta_line('p', meta, &path),
            },
        };
        lines.push(line + &xattr_words(meta));
        if let Node::Dir(dir) = node {
            lines_of(dir, &format!("{path}/"), members, numbers, lines);
        }
    }
}
