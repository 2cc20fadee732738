use std::cell::Cell;
use std::convert::Infallible;
use std::sync::OnceLock;

use super::super::text::tree;
use super::super::{Changes, Dir, LayerId, Name, Timestamp};
use super::*;

fn never(_: &Arc<File>) -> Result<Digest, Infallible> {
    panic!("contents that are here need no reading")
}

fn of(text: &str) -> Digest {
    node_digest(&Node::Dir(Arc::clone(tree(text).root())), &mut never).unwrap()
}

const BASE: &str = "d755 d\nf644 d/a =x\nl777 l ->d\nc600 c ,1,3\np644 p";

#[test]
fn a_digest_sees_content_and_not_time() {
    assert_eq!(of(BASE), of(&BASE.replace("f644 d/a", "f644 @9 d/a").replace("d755 d\n", "d755 @3 d\n")));
    // Labels and ACLs are the machine's.
    assert_eq!(of(BASE), of(&format!("{BASE} +security.selinux=l +system.posix_acl_access=a")));
    // A hard link is the file it is.
    assert_eq!(of("f644 a =x &1\nf644 b =x &1"), of("f644 a =x\nf644 b =x"));
    for (from, to) in [
        ("d755 d\n", "d750 d\n"),
        ("f644 d/a", "f645 d/a"),
        ("f644 d/a", "f644 1:0 d/a"),
        ("f644 d/a", "f644 0:1 d/a"),
        ("d/a =x", "d/a =y"),
        ("d/a =x", "d/b =x"),
        ("d/a =x", "d/a =x +user.k=v"),
        ("d/a =x", "d/a =x +security.capability=v"),
        ("->d", "->e"),
        (",1,3", ",1,4"),
        ("c600", "b600"),
        ("p644 p", "f644 p"),
        ("\np644 p", ""),
    ] {
        let changed = BASE.replacen(from, to, 1);
        assert_ne!(changed, BASE);
        assert_ne!(of(&changed), of(BASE), "{from} to {to}");
    }
}

#[test]
fn the_bytes_that_are_hashed_do_not_change() {
    // Every stored key depends on this value: a new one is a new version of all of them.
    assert_eq!(of(BASE).short(), "4a28796d7fc5");
}

fn stored(name: &str) -> Arc<File> {
    let layer = LayerId::of(&Digest::of(b"layer"));
    Arc::new(File {
        meta: super::super::Meta::new(0o644, Timestamp::default()),
        size_bytes: 1,
        content: Content::Layer { layer, path: name.as_bytes().into() },
        link: None,
        digest: OnceLock::new(),
    })
}

#[test]
fn a_file_is_asked_for_once_and_remembered() {
    let file = stored("f");
    let entries = ["a", "b"].map(|name| (Name::new(name.as_bytes()).unwrap(), Node::File(Arc::clone(&file))));
    let root = Node::Dir(Arc::new(Dir {
        meta: super::super::Meta::new(0o755, Timestamp::default()),
        entries: entries.into(),
    }));
    assert_eq!(files_without_digest(&root).len(), 1);
    let asked = Cell::new(0);
    let mut ask = |_: &Arc<File>| {
        asked.set(asked.get() + 1);
        Ok::<_, Infallible>(Digest::of(b"x"))
    };
    let first = node_digest(&root, &mut ask).unwrap();
    assert_eq!(node_digest(&root, &mut never).unwrap(), first);
    assert_eq!((asked.get(), file.digest.get()), (1, Some(&Digest::of(b"x"))));
    assert!(files_without_digest(&root).is_empty());
    let broken = node_digest(&Node::File(stored("g")), &mut |_: &Arc<File>| Err("torn"));
    assert_eq!(broken, Err("torn"));
}

fn copy_of(source: &str) -> Copy {
    Copy {
        source: source.into(),
        follow_symlink: true,
        dir_copy_contents: true,
        allow_wildcard: true,
        allow_empty_wildcard: true,
        ..Copy::default()
    }
}

fn selected(text: &str, what: &Copy) -> Vec<Digest> {
    let selected = selection(&tree(text), what, &mut never).unwrap();
    selected.into_iter().map(|(_, digest)| digest).collect()
}

#[test]
fn trap_34_and_35_names_count_only_where_the_copy_sees_them() {
    let moved =
        |a: (&str, &str), b: (&str, &str)| selected(a.0, &copy_of(a.1)) == selected(b.0, &copy_of(b.1));
    // A literal name is in the operation's definition, and its directory is nowhere.
    assert!(moved(("f644 x/a =1", "x/a"), ("f644 y/a =1", "y/a")));
    assert!(moved(("f644 a =1", "a"), ("f644 b =1", "b")));
    // A matched name is seen only here; a matched directory gives its contents.
    assert!(!moved(("f644 x/a =1", "x/*"), ("f644 x/b =1", "x/*")));
    assert!(moved(("f644 x/a =1", "x/*"), ("f644 y/a =1", "y/*")));
    assert!(moved(("f644 x/a/f =1", "x/*"), ("f644 x/b/f =1", "x/*")));
    let whole = Copy { dir_copy_contents: false, ..copy_of("x/*") };
    assert_ne!(selected("f644 x/a/f =1", &whole), selected("f644 x/b/f =1", &whole));
    // A directory that gives its contents keeps its own metadata to itself.
    assert!(moved(("d700 5:5 x\nf644 x/a =1", "x"), ("d755 x\nf644 x/a =1", "x")));
    assert!(!moved(("d700 x/s", "x"), ("d755 x/s", "x")));
    assert!(selected("f644 a", &copy_of("*.none")).is_empty());
    let missing = selection(&tree(""), &copy_of("a"), &mut never);
    assert!(matches!(missing, Err(SelectionError::Select(SelectError::NotFound { .. }))));
}

#[test]
fn a_selection_is_what_the_patterns_let_through() {
    let filtered = Copy { exclude: vec!["**/*.log".into(), "tmp".into()], ..copy_of("/") };
    let clean = "f644 a =1\nf644 d/b =2";
    let noisy = "f644 a =1\nf644 d/b =2\nf644 d/x.log =9\nf644 tmp/t =3";
    assert_eq!(selected(clean, &filtered), selected(noisy, &filtered));
    assert_ne!(selected(clean, &copy_of("/")), selected(noisy, &copy_of("/")));
    let files = selected_files(&tree(noisy), &filtered).unwrap();
    let paths: Vec<_> = files.iter().map(|(path, _)| String::from_utf8_lossy(path).into_owned()).collect();
    assert_eq!(paths, ["a", "d/b"]);
}

#[test]
fn a_layers_key_leaves_out_what_its_identity_has() {
    let digests = |old: &str, new: &str| {
        let changes = Changes::between(&tree(old), &tree(new));
        (changes_digest(&changes, &mut never).unwrap(), layer_digest(&changes, &mut never).unwrap())
    };
    let (content, identity) = digests("f644 gone", "f644 a =x &1\nf644 b =x &1");
    assert_eq!((content, identity), digests("f644 gone", "f644 a =x &2\nf644 b =x &2"));
    for new in ["f644 @1 a =x &1\nf644 @1 b =x &1", "f644 a =x\nf644 b =x"] {
        let other = digests("f644 gone", new);
        assert!(other.0 == content && other.1 != identity, "{new}");
    }
    let other = digests("", "f644 a =x &1\nf644 b =x &1");
    assert!(other.0 != content && other.1 != identity);
    assert_ne!(digests("", "d700 /").0, digests("", "").0);
}
