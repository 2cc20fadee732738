use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use proptest::prelude::*;

use super::super::text::{text, tree};
use super::super::{Content, Fingerprint, LayerId, LinkGroup, Meta, Node, Timestamp, Tree};
use super::*;
use crate::Digest;

/// The entries as a layer's tar would list them.
fn listing(changes: &Changes) -> String {
    let line = |entry: ChangeEntry<'_>| {
        let kind = match entry.what {
            ChangeRef::Dir(_) => "dir",
            ChangeRef::Opaque => "opaque",
            ChangeRef::File(_) => "file",
            ChangeRef::Symlink(_) => "link",
            ChangeRef::Special(_) => "special",
            ChangeRef::Whiteout => "whiteout",
        };
        format!("{kind} /{}", String::from_utf8_lossy(&entry.path))
    };
    changes.entries().map(line).collect::<Vec<_>>().join("\n")
}

fn between(old: &str, new: &str) -> String {
    listing(&Changes::between(&tree(old), &tree(new)))
}

#[test]
fn every_kind_of_change_is_listed_in_tar_order() {
    let old = "d755 /\nf644 a/keep =x\nf644 a/mode =x\nf644 a/gone =x\nf644 z =x\nl777 l ->x\nd755 dir/sub\nf644 file =x";
    let new = "d700 /\nf644 a/keep =x\nf755 a/mode =x\nf644 a/b =x\nl777 l ->y\nf644 dir =x\nf644 file/sub =x\np644 p";
    let expected = "dir /\nwhiteout /z\ndir /a\nwhiteout /a/gone\nfile /a/b\nfile /a/mode\nfile /dir\ndir /file\nfile /file/sub\nlink /l\nspecial /p";
    assert_eq!(between(old, new), expected);
    assert!(Changes::between(&tree(old), &tree(old)).is_empty());
}

#[test]
fn metadata_alone_is_a_change() {
    let base = "f644 a =x\nd755 d\nf644 d/below =x";
    for (changed, expected) in [
        ("f644 a @5 =x", "file /a"),
        ("f644 1:0 a =x", "file /a"),
        ("f644 a =y", "file /a"),
        ("f644 a =x +user.k=v", "file /a"),
        ("d755 0:2 d", "dir /d"),
        ("d755 @9 d", "dir /d"),
    ] {
        let changed = changed.replace("a @5", "@5 a");
        assert_eq!(between(base, &format!("{base}\n{changed}")), expected, "{changed}");
    }
}

#[test]
fn links_are_compared_by_name() {
    let linked = "f644 a =x &1\nf644 b =x &1\nf644 d/c =x";
    for (new, expected) in [
        (linked, ""),
        // A name goes: the others stay as they are.
        ("f644 a =x &9\nf644 d/c =x", "whiteout /b"),
        // A name comes: all of them are in the layer.
        ("f644 a =x &1\nf644 b =x &1\nf644 d/c =x\nf644 e =x &1", "file /a\nfile /b\nfile /e"),
        ("f644 a =x &1\nf644 b =x &1\nf644 d/c =x &1", "file /a\nfile /b\ndir /d\nfile /d/c"),
        // Parted, with nothing else changed; and parted by a change of one.
        ("f644 a =x\nf644 b =x\nf644 d/c =x", "file /a\nfile /b"),
        ("f644 a =x\nf644 b =y\nf644 d/c =x", "file /b"),
    ] {
        assert_eq!(between(linked, new), expected, "{new}");
    }
}

#[test]
fn a_name_added_to_a_group_of_a_shared_directory_pulls_it_in() {
    let old = tree("f644 d/a =x &1");
    let Some(Node::File(file)) = old.get(b"d/a") else { panic!() };
    let mut root = old.root().as_ref().clone();
    root.entries.insert(Name::new(b"e").unwrap(), Node::File(file));
    let changes = Changes::between(&old, &Tree::new(Arc::new(root)));
    assert_eq!(listing(&changes), "dir /d\nfile /d/a\nfile /e");
    assert_eq!((changes.count(), changes.size_bytes()), (3, 1));
}

fn stored(content: Content, digest: Option<&[u8]>) -> Tree {
    let once = OnceLock::new();
    if let Some(bytes) = digest {
        once.set(Digest::of(bytes)).unwrap();
    }
    let meta = Meta::new(0o644, Timestamp::default());
    let file = File { meta, size_bytes: 3, content, link: None, digest: once };
    let mut root = Tree::empty().root().as_ref().clone();
    root.entries.insert(Name::new(b"f").unwrap(), Node::File(Arc::new(file)));
    Tree::new(Arc::new(root))
}

#[test]
fn contents_are_told_apart_by_digest_and_never_guessed() {
    let layer = || Content::Layer { layer: LayerId::of(&Digest::of(b"l")), path: b"f"[..].into() };
    let seen = Fingerprint {
        dev: 1,
        inode: 2,
        size_bytes: 3,
        mtime: Timestamp::default(),
        ctime: Timestamp::default(),
    };
    let local = |path: &str| Content::Local { path: std::path::Path::new(path).into(), seen };
    let changed = |old: &Tree, new: &Tree| !Changes::between(old, new).is_empty();
    let undecided = |old: &Tree, new: &Tree| Changes::undecided(old, new).len();

    let (old, new) = (stored(layer(), None), stored(local("/a"), Some(b"abc")));
    assert!(changed(&old, &new));
    assert_eq!(undecided(&old, &new), 1);
    let old = stored(layer(), Some(b"abc"));
    assert!(!changed(&old, &new) && undecided(&old, &new) == 0);
    assert!(changed(&stored(layer(), Some(b"abd")), &new));
    assert!(!changed(&stored(local("/b"), None), &stored(local("/a"), None)));
}

#[test]
fn layers_of_others_are_applied_too() {
    let parent = tree("f644 a/x =1\nf644 a/y =2\nf644 b =3\nd700 0:7 c\nf644 c/z =4");
    let changes = |text: &str| {
        let mut all = Changes::none(parent.root().meta.clone());
        let layer = Changes::between(&Tree::empty(), &tree(text));
        all.root.entries = layer.root.entries;
        all
    };
    let mut opaque = changes("f644 a/new =9\nf644 c =flat\nd711 b");
    let Some(Change::Dir(a)) = opaque.root.entries.get_mut(&b"a"[..]) else { panic!() };
    a.opaque = true;
    opaque.root.entries.insert(Name::new(b"absent").unwrap(), Change::Whiteout);
    assert_eq!(text(&opaque.apply(&parent)), "d755 /\nd755 a\nf644 a/new =9\nd711 b\nf644 c =flat");
    assert_eq!(listing(&opaque), "whiteout /absent\ndir /a\nopaque /a\nfile /a/new\ndir /b\nfile /c");

    let merged = changes("d711 c\nf644 c/w =5").apply(&parent);
    assert!(text(&merged).ends_with("f644 b =3\nd711 c\nf644 c/w =5\nf644 c/z =4"), "{}", text(&merged));
    let mut root = Changes::none(parent.root().meta.clone());
    root.root.opaque = true;
    assert!(!root.is_empty() && root.apply(&parent).root().entries.is_empty());
}

#[test]
fn what_is_shared_is_not_looked_at() {
    // An inode number that could not have been compared: the directory is one `Arc` in both.
    let old = tree("f644 big/a =x\nf644 other =x");
    let mut root = old.root().as_ref().clone();
    root.entries.remove(&b"other"[..]);
    let new = Tree::new(Arc::new(root));
    assert_eq!(listing(&Changes::between(&old, &new)), "whiteout /other");
    let (Some(Node::Dir(a)), Some(Node::Dir(b))) = (old.get(b"big"), new.get(b"big")) else { panic!() };
    assert!(Arc::ptr_eq(&a, &b));
    let applied = Changes::between(&old, &new).apply(&old);
    let Some(Node::Dir(c)) = applied.get(b"big") else { panic!() };
    assert!(Arc::ptr_eq(&a, &c));
}

/// Trees of few names, so that two of them have much in common; linked files are one inode.
fn any_tree() -> impl Strategy<Value = String> {
    let line = (0..8u8, "[ab](/[ab]){0,3}", 0..3u8, 0..2u8);
    proptest::collection::vec(line, 0..12).prop_map(|lines| {
        let mut entries: BTreeMap<String, String> = BTreeMap::new();
        for (kind, path, value, bit) in lines {
            let taken = |prefix: &str| entries.get(prefix).is_some_and(|line| !line.starts_with('d'));
            let above_is_taken = path.match_indices('/').any(|(at, _)| taken(&path[..at]));
            let below_is_taken = entries.keys().any(|other| other.starts_with(&format!("{path}/")));
            if above_is_taken || (below_is_taken && kind != 0) {
                continue;
            }
            let line = match kind {
                0 => format!("d7{bit}5 {path}"),
                1 | 2 => format!("f64{value} {path} =x"),
                3 | 4 => format!("f644 @{bit} {path} ={value} &{value}{bit}"),
                5 => format!("l777 {path} ->{value}"),
                6 => format!("c600 {path} ,{value},{bit}"),
                _ => format!("f644 {path} ={value} +user.a={bit}"),
            };
            entries.insert(path, line);
        }
        entries.into_values().collect::<Vec<_>>().join("\n")
    })
}

/// The definition, from the texts of the trees: paths whose line differs, ancestors, and the missing.
fn naive(old: &Tree, new: &Tree) -> BTreeSet<String> {
    let lines = |tree: &Tree| -> BTreeMap<String, String> {
        let strip =
            |line: &str| line.split(' ').filter(|word| !word.starts_with('&')).collect::<Vec<_>>().join(" ");
        let path =
            |line: &str| line.split(' ').skip(1).find(|word| !word.starts_with('@')).unwrap().to_owned();
        text(tree).lines().skip(1).map(|line| (path(line), strip(line))).collect()
    };
    let (old, new) = (lines(old), lines(new));
    let mut changed = BTreeSet::new();
    let mut add = |path: &str| {
        changed.insert(path.to_owned());
        changed.extend(path.match_indices('/').map(|(at, _)| path[..at].to_owned()));
    };
    for (path, _) in new.iter().filter(|(path, line)| old.get(*path) != Some(*line)) {
        add(path);
    }
    for path in old.keys().filter(|path| !new.contains_key(*path)) {
        let parent = path.rsplit_once('/').map(|(parent, _)| parent);
        if parent.is_none_or(|parent| new.get(parent).is_some_and(|line| line.starts_with('d'))) {
            add(path);
        }
    }
    changed
}

proptest! {
    #[test]
    fn applying_what_is_between_gives_the_new_tree(old in any_tree(), new in any_tree()) {
        let (old, new) = (tree(&old), tree(&new));
        let changes = Changes::between(&old, &new);
        prop_assert_eq!(text(&changes.apply(&old)), text(&new));
        prop_assert_eq!(changes.is_empty(), text(&old) == text(&new));
    }

    #[test]
    fn agrees_with_the_definition(old in any_tree(), new in any_tree()) {
        let unlinked = |text: String| text.replace(" &", " +user.g=");
        let (old, new) = (tree(&unlinked(old)), tree(&unlinked(new)));
        let changes = Changes::between(&old, &new);
        let listed: BTreeSet<String> = changes.entries().map(|e| String::from_utf8(e.path).unwrap()).collect();
        prop_assert_eq!(listed, naive(&old, &new));
    }

    #[test]
    fn a_linked_entry_has_all_its_names_in_the_layer(old in any_tree(), new in any_tree()) {
        let (old, new) = (tree(&old), tree(&new));
        let changes = Changes::between(&old, &new);
        let names = |files: Vec<Arc<File>>| {
            let mut names: BTreeMap<LinkGroup, usize> = BTreeMap::new();
            files.iter().filter_map(|file| file.link).for_each(|link| *names.entry(link).or_default() += 1);
            names
        };
        let files = |changes: &Changes| changes.entries().filter_map(|entry| match entry.what {
            ChangeRef::File(file) => Some(Arc::clone(file)),
            _ => None,
        }).collect();
        let all = names(files(&Changes::between(&Tree::empty(), &new)));
        for (link, count) in names(files(&changes)) {
            prop_assert_eq!(count, all[&link]);
        }
    }
}

/// The layer of the tree `text`, whose directories at `paths` are only implied.
fn implying(text: &str, paths: &[&str]) -> Changes {
    let mut changes = Changes::between(&Tree::empty(), &tree(text));
    for path in paths {
        let mut dir = &mut changes.root;
        for name in path.split('/') {
            let Some(Change::Dir(next)) = dir.entries.get_mut(name.as_bytes()) else { panic!("{path}") };
            dir = next;
        }
        dir.implied = true;
    }
    changes
}

#[test]
fn an_implied_directory_keeps_what_is_below() {
    let below = tree("d1777 tmp\nd700 5:5 home/app\nf644 home/app/rc =x\nf644 gone =x");
    let layer = implying(
        "f644 tmp/x =x\nf644 home/app/f =x\nd711 told\nf644 gone/f =x\nf644 new/f =x",
        &["tmp", "home", "home/app", "gone", "new"],
    );
    let result = layer.apply(&below);
    assert_eq!(
        text(&result),
        "d755 /\nd755 gone\nf644 gone/f =x\nd755 home\nd700 5:5 home/app\nf644 home/app/f =x\n\
         f644 home/app/rc =x\nd755 new\nf644 new/f =x\nd1777 tmp\nf644 tmp/x =x\nd711 told"
    );
    // As a tar it tells as little as before, and it is no other layer for that.
    assert_eq!(listing(&layer), "file /gone/f\nfile /home/app/f\nfile /new/f\nfile /tmp/x\ndir /told");
    // An overlay is shown those that it would show wrongly, and no other.
    let shown = layer.implied_in(&result).unwrap();
    assert_eq!(listing(&shown), "dir /home\ndir /home/app\ndir /tmp");
    assert_eq!(text(&shown.apply(&result)), text(&result));
    assert!(layer.implies_directories() && !shown.implies_directories());
    assert!(layer.implied_in(&layer.apply(&Tree::empty())).is_none());
}
