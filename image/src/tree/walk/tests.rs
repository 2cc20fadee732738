use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::super::{Content, Timestamp};
use super::*;

/// A directory with files of the given paths (a `/` at the end makes a directory, `->` a link).
fn folder(paths: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for path in paths {
        let (name, target) =
            path.split_once("->").map_or((*path, None), |(name, target)| (name, Some(target)));
        let full = folder.path().join(name);
        fs::create_dir_all(full.parent().unwrap()).unwrap();
        match target {
            Some(target) => symlink(target, full).unwrap(),
            None if name.ends_with('/') => fs::create_dir_all(full).unwrap(),
            None => fs::write(full, name).unwrap(),
        }
    }
    folder
}

fn paths(tree: &Tree) -> String {
    fn list(dir: &Dir, prefix: &str, paths: &mut Vec<String>) {
        for (name, node) in &dir.entries {
            let path = format!("{prefix}{name}");
            match node {
                Node::Dir(dir) => {
                    paths.push(format!("{path}/"));
                    list(dir, &format!("{path}/"), paths);
                }
                _ => paths.push(path),
            }
        }
    }
    let mut all = Vec::new();
    list(tree.root(), "", &mut all);
    all.join(" ")
}

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn everything_is_seen_as_it_is() {
    let folder = folder(&["d/file", "empty/", "l->d/file", "linked"]);
    let path = folder.path();
    fs::set_permissions(path.join("d/file"), fs::Permissions::from_mode(0o4750)).unwrap();
    fs::hard_link(path.join("linked"), path.join("d/other")).unwrap();
    rustix::fs::mknodat(CWD, path.join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o640), 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(path.join("socket")).unwrap();
    let tree = walk(path, &WalkOptions::default()).unwrap();
    assert_eq!(paths(&tree), "d/ d/file d/other empty/ l linked pipe");

    let Some(Node::File(file)) = tree.get(b"d/file") else { panic!() };
    let stat = fs::metadata(path.join("d/file")).unwrap();
    assert_eq!((file.meta.mode, file.meta.uid, file.size_bytes), (0o4750, stat.uid(), 6));
    assert_eq!(file.meta.mtime, Timestamp { secs: stat.mtime(), nanos: stat.mtime_nsec() as u32 });
    let Content::Local { path: handle, seen } = &file.content else { panic!() };
    assert_eq!(**handle, fs::canonicalize(path).unwrap().join("d/file"));
    assert_eq!((seen.dev, seen.inode, seen.ctime.secs), (stat.dev(), stat.ino(), stat.ctime()));
    let link = |path: &[u8]| match tree.get(path) {
        Some(Node::File(file)) => file.link,
        other => panic!("{other:?}"),
    };
    assert!(link(b"linked").is_some() && link(b"linked") == link(b"d/other") && link(b"d/file").is_none());
    let Some(Node::Symlink(symlink)) = tree.get(b"l") else { panic!() };
    assert_eq!(&*symlink.target, b"d/file");
}

#[test]
fn the_machine_can_be_left_out() {
    let folder = folder(&["d/run", "d/plain", "d/secret"]);
    for (name, mode) in [("d/run", 0o777), ("d/plain", 0o664), ("d/secret", 0o600), ("d", 0o777)] {
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let options = WalkOptions { owners: Owners::Root, modes: Modes::Portable, ..WalkOptions::default() };
    let tree = walk(folder.path(), &options).unwrap();
    let mode = |path: &str| {
        let node = tree.get(path.as_bytes()).unwrap();
        assert_eq!((node.meta().uid, node.meta().gid), (0, 0));
        node.meta().mode
    };
    assert_eq!([mode("d"), mode("d/run"), mode("d/plain")], [0o755, 0o755, 0o644]);
    assert_eq!(mode("d/secret"), 0o600);
}

#[test]
fn attributes_of_users_are_kept_where_there_are_any() {
    let folder = folder(&["file"]);
    let path = folder.path().join("file");
    let set =
        |name: &str, value: &[u8]| rustix::fs::setxattr(&path, name, value, rustix::fs::XattrFlags::empty());
    let long = vec![b'v'; 1000];
    if set("user.long", &long) == Err(Errno::OPNOTSUPP) {
        let tree = walk(folder.path(), &WalkOptions::default()).unwrap();
        assert_eq!(tree.get(b"file").unwrap().meta().xattrs, None);
        return;
    }
    set("user.k", b"v").unwrap();
    set("user.overlay.opaque", b"y").unwrap();
    let tree = walk(folder.path(), &WalkOptions::default()).unwrap();
    let xattrs = tree.get(b"file").unwrap().meta().xattrs.clone().unwrap();
    let names: Vec<_> = xattrs.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["user.k", "user.long"]);
    assert_eq!(xattrs[&b"user.long"[..]], long);
}

#[test]
fn patterns_decide_what_is_taken() {
    let folder =
        folder(&["a.c", "b.o", "src/x.c", "src/x.o", "src/deep/y.c", "target/z.c", "target/keep/k", "e/"]);
    let taken = |include: &[&str], exclude: &[&str]| {
        let options =
            WalkOptions { include: strings(include), exclude: strings(exclude), ..WalkOptions::default() };
        paths(&walk(folder.path(), &options).unwrap())
    };
    assert_eq!(taken(&[], &["target", "**/*.o"]), "a.c e/ src/ src/deep/ src/deep/y.c src/x.c");
    assert_eq!(taken(&[], &["*", "!target/keep"]), "target/ target/keep/ target/keep/k");
    assert_eq!(taken(&["src/deep"], &[]), "src/ src/deep/ src/deep/y.c");
    assert_eq!(taken(&["**/*.c"], &["target"]), "a.c src/ src/deep/ src/deep/y.c src/x.c");
    let malformed = WalkOptions { exclude: strings(&["[a"]), ..WalkOptions::default() };
    assert!(matches!(walk(folder.path(), &malformed), Err(WalkError::Pattern(_))));
}

#[test]
fn an_excluded_directory_is_not_entered() {
    let folder = folder(&["a", "secret/s"]);
    // Reading a directory that was never read sets its access time.
    let accessed = || {
        let stat = fs::metadata(folder.path().join("secret")).unwrap();
        (stat.atime(), stat.atime_nsec())
    };
    let before = accessed();
    let options = WalkOptions { exclude: strings(&["secret"]), ..WalkOptions::default() };
    assert_eq!(paths(&walk(folder.path(), &options).unwrap()), "a");
    assert_eq!(accessed(), before);
}

#[test]
fn followed_paths_take_what_their_links_lead_to() {
    let folder = folder(&[
        "l->real/dir",
        "real/dir/f",
        "real/other",
        "abs->/real/other",
        "loop->loop",
        "x/up->../../../real/other",
        "n1->real/dir/f",
        "n2",
        "plain/p",
        "rest",
    ]);
    let taken = |follow: &[&str]| {
        let options = WalkOptions { follow: strings(follow), ..WalkOptions::default() };
        paths(&walk(folder.path(), &options).unwrap())
    };
    assert_eq!(taken(&["plain"]), "plain/ plain/p");
    assert_eq!(taken(&["l/f"]), "l real/ real/dir/ real/dir/f");
    assert_eq!(taken(&["/abs"]), "abs real/ real/other");
    assert_eq!(taken(&["x/up"]), "real/ real/other x/ x/up");
    assert_eq!(taken(&["n*"]), "n1 n2 real/ real/dir/ real/dir/f");
    assert_eq!(taken(&["loop", "gone"]), "loop");
    assert!(taken(&["plain", "."]).contains("rest"));
}

#[test]
fn a_root_may_be_a_link_and_must_be_a_directory() {
    let folder = folder(&["real/f", "l->real"]);
    let tree = walk(&folder.path().join("l"), &WalkOptions::default()).unwrap();
    assert_eq!(paths(&tree), "f");
    let file = walk(&folder.path().join("real/f"), &WalkOptions::default());
    assert!(matches!(file, Err(WalkError::NotDirectory { .. })), "{file:?}");
    let gone = walk(&folder.path().join("gone"), &WalkOptions::default()).unwrap_err();
    assert!(gone.to_string().ends_with("/gone"), "{gone}");
}

#[test]
fn entries_that_go_while_they_are_read_are_not_there() {
    let folder = folder(&["stays"]);
    let churn = folder.path().to_owned();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                for n in 0..40 {
                    let dir = churn.join(format!("d{n}"));
                    fs::create_dir_all(dir.join("sub")).unwrap();
                    fs::write(dir.join("sub/f"), "x").unwrap();
                    fs::remove_dir_all(dir).unwrap();
                }
            }
        });
        let trees: Vec<_> = (0..200).map(|_| walk(folder.path(), &WalkOptions::default())).collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        for tree in trees {
            assert!(tree.unwrap().get(b"stays").is_some());
        }
    });
}

#[test]
fn a_directory_beyond_all_measure_is_refused() {
    // As deep as a tree may be; then as deep as a path can say.
    for (depth, refused) in [(MAX_DEPTH, false), (1500, true)] {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("d/".repeat(depth))).unwrap();
        match walk(folder.path(), &WalkOptions::default()) {
            Ok(tree) => assert!(!refused && tree.get(&b"d/".repeat(depth)).is_some()),
            Err(error) => {
                assert!(refused && error.to_string().ends_with("is more than 512 directories deep"))
            }
        }
    }
}

/// Not a test: `cargo test --release -- --ignored --nocapture measure` prints how long a walk takes.
#[test]
#[ignore = "a measurement"]
fn measure_a_walk_of_20_000_files() {
    let folder = tempfile::tempdir().unwrap();
    for dir in 0..200 {
        let dir = folder.path().join(format!("module{dir}"));
        fs::create_dir(&dir).unwrap();
        (0..100).for_each(|file| fs::write(dir.join(format!("file{file}.js")), "x").unwrap());
    }
    let options =
        WalkOptions { exclude: strings(&["node_modules", "**/*.log", "!keep"]), ..WalkOptions::default() };
    for (what, options) in [("plain", &WalkOptions::default()), ("with patterns", &options)] {
        for _ in 0..4 {
            let start = std::time::Instant::now();
            let tree = walk(folder.path(), options).unwrap();
            println!("{what}: {:?}", start.elapsed());
            assert_eq!(tree.root().entries.len(), 200);
        }
    }
}
