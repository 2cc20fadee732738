use std::sync::Arc;

use super::super::path::FollowLast;
use super::super::text::{text, tree};
use super::super::{Node, Timestamp, Tree};
use super::*;

mod model;

/// A COPY as the Dockerfile frontend makes it.
fn dockerfile(source: &str, dest: &str) -> Copy {
    Copy {
        source: source.into(),
        dest: dest.into(),
        follow_symlink: true,
        dir_copy_contents: true,
        create_dest_path: true,
        allow_wildcard: true,
        allow_empty_wildcard: true,
        now: Timestamp { secs: 99, nanos: 0 },
        ..Copy::default()
    }
}

const SOURCE: &str = "
    d755 / @50
    f644 1:2 @10 file =hello
    f755 @11 bin =#!
    d700 3:4 @20 src
    f640 @21 src/a.txt =a
    f640 @22 src/b.rs =b
    d711 5:6 @23 src/sub
    f600 @24 src/sub/c.txt =c
    l777 7:7 @25 src/link ->../file
    d755 @30 src2
    f644 src2/d.txt =d
    l777 tolink ->src
    l777 @31 tofile ->file
";

fn run(dest: &str, what: &Copy) -> String {
    let source = tree(&SOURCE.replace("d755 / @50", "d755 @50 /"));
    match copy(&tree(dest), &source, what) {
        Ok(result) => text(&result).trim_start_matches("d755 /").trim_start().to_owned(),
        Err(error) => format!("error: {error}"),
    }
}

fn lines(expected: &str) -> String {
    expected.split('|').map(str::trim).collect::<Vec<_>>().join("\n")
}

#[test]
fn where_a_copy_goes() {
    for (dest, from, to, expected) in [
        // A file: its name is the destination's, unless that is a directory or written as one.
        ("", "file", "/x", "f644 1:2 @10 x =hello"),
        ("", "file", "x/", "d755 @99 x | f644 1:2 @10 x/file =hello"),
        ("", "file", "x/.", "d755 @99 x | f644 1:2 @10 x/file =hello"),
        ("", "file", "/", "f644 1:2 @10 file =hello"),
        ("d700 5:5 x", "file", "x", "d700 5:5 x | f644 1:2 @10 x/file =hello"),
        ("", "file", "/a/b/c", "d755 @99 a | d755 @99 a/b | f644 1:2 @10 a/b/c =hello"),
        ("f600 x =old &1\nf600 y =old &1", "file", "x", "f644 1:2 @10 x =hello | f600 y =old"),
        ("d755 x/file", "file", "x", "error: cannot replace to directory /x/file with file"),
        ("f600 x =old", "src", "x", "error: cannot copy to non-directory: /x"),
        ("f600 x =old", "file", "x/", "error: copy to /x/: /x is not a directory"),
        ("f600 x =old", "file", "x/y", "error: copy to /x/y: /x is not a directory"),
        // Links on the way and at the end of the destination are followed; one at the final name is replaced.
        ("l777 l ->d\nd755 d", "file", "l/", "d755 d | f644 1:2 @10 d/file =hello | l777 l ->d"),
        ("l777 l ->gone", "file", "l", "f644 1:2 @10 gone =hello | l777 l ->gone"),
        ("l777 d/file ->/x", "file", "d", "d755 d | f644 1:2 @10 d/file =hello"),
        (
            "l777 l ->/../../etc",
            "file",
            "l/f",
            "d755 @99 etc | f644 1:2 @10 etc/f =hello | l777 l ->/../../etc",
        ),
        ("l777 l ->l", "file", "l/f", "error: copy to /l: too many levels of symbolic links"),
        // A directory gives its contents; one that is made is plain but has the source's time.
        ("", "src2", "x", "d755 @30 x | f644 x/d.txt =d"),
        ("d700 5:5 @1 x\nf600 x/e =e", "src2", "x", "d700 5:5 @30 x | f644 x/d.txt =d | f600 x/e =e"),
        // What was there below takes the source's metadata.
        (
            "d755 9:9 x/sub +user.k=old\nf600 x/sub/old =o",
            "src/",
            "/x/",
            "d755 @20 x | f640 @21 x/a.txt =a | f640 @22 x/b.rs =b | l777 7:7 @25 x/link ->../file | d711 5:6 @23 x/sub +user.k=old | f600 @24 x/sub/c.txt =c | f600 x/sub/old =o",
        ),
        // A source that is a link is followed, and keeps its name.
        ("", "tofile", "x/", "d755 @99 x | f644 1:2 @10 x/tofile =hello"),
        ("", "tolink/sub", "x", "d755 @23 x | f600 @24 x/c.txt =c"),
    ] {
        assert_eq!(run(dest, &dockerfile(from, to)), lines(expected), "{from} to {to} over {dest:?}");
    }
}

#[test]
fn trap_3_a_wildcard_may_miss_and_a_literal_may_not() {
    assert_eq!(run("", &dockerfile("*.none", "/x/")), "");
    assert_eq!(run("", &dockerfile("gone", "/x/")), "error: \"/gone\": not found");
    assert_eq!(
        run("", &dockerfile("src/a.tx", "/x/")),
        "error: \"/src/a.tx\": not found, did you mean /src/a.txt?"
    );
    assert_eq!(
        run("", &dockerfile("SRC/a.txt", "/x/")),
        "error: \"/SRC/a.txt\": not found, did you mean /src?"
    );
    assert_eq!(run("", &dockerfile("file/below", "/x/")), "error: \"/file/below\": not found");
    assert_eq!(run("", &dockerfile("none/*.c", "/x/")), "error: \"/none\": not found");
    let strict = Copy { allow_empty_wildcard: false, ..dockerfile("*.none", "/x/") };
    assert_eq!(run("", &strict), "error: \"/*.none\": not found");
    assert_eq!(run("", &dockerfile("[", "/x/")), "error: \"[\" is not a valid pattern");
}

#[test]
fn trap_4_matched_directories_give_their_contents() {
    let expected = "d755 @30 x | f640 @21 x/a.txt =a | f640 @22 x/b.rs =b | f644 x/d.txt =d | l777 7:7 @25 x/link ->../file | d711 5:6 @23 x/sub | f600 @24 x/sub/c.txt =c";
    assert_eq!(run("", &dockerfile("src*", "/x/")), lines(expected));
    assert_eq!(
        run("", &dockerfile("s*/*.txt", "/x/")),
        lines("d755 @99 x | f640 @21 x/a.txt =a | f644 x/d.txt =d")
    );
    let source = tree(&SOURCE.replace("d755 / @50", "d755 @50 /"));
    let found = matches(&source, &dockerfile("./s*/../s*/?.*", "x")).unwrap();
    assert_eq!(found, [&b"src/a.txt"[..], b"src/b.rs", b"src2/d.txt"]);
}

#[test]
fn trap_36_and_38_owners_are_kept_or_set_everywhere() {
    let what = Copy { owner: Some((1000, 1000)), ..dockerfile("src/sub", "/a/b") };
    assert_eq!(
        run("", &what),
        lines("d755 1000:1000 @99 a | d755 1000:1000 @23 a/b | f600 1000:1000 @24 a/b/c.txt =c")
    );
    let over = run("d700 5:5 a", &Copy { owner: Some((1, 1)), ..dockerfile("src/link", "/a/") });
    assert_eq!(over, lines("d700 5:5 a | f644 1:1 @10 a/link =hello"));
}

#[test]
fn trap_39_and_80_octal_modes_hit_directories_and_symbolic_ones_spare_those_made() {
    let octal = Copy { mode: Some("4644".parse().unwrap()), ..dockerfile("src", "/a/b") };
    assert_eq!(
        run("", &octal),
        lines(
            "d644 @99 a | d644 @20 a/b | f4644 @21 a/b/a.txt =a | f4644 @22 a/b/b.rs =b | l777 7:7 @25 a/b/link ->../file | d4644 5:6 @23 a/b/sub | f4644 @24 a/b/sub/c.txt =c"
        )
    );
    let symbolic = Copy { mode: Some("u=rwX,go=rX".parse().unwrap()), ..dockerfile("src/", "/a/b") };
    assert_eq!(
        run("", &symbolic),
        lines(
            "d755 @99 a | d755 @20 a/b | f644 @21 a/b/a.txt =a | f644 @22 a/b/b.rs =b | l777 7:7 @25 a/b/link ->../file | d755 5:6 @23 a/b/sub | f644 @24 a/b/sub/c.txt =c"
        )
    );
}

#[test]
fn trap_64_and_65_excludes_filter_only_below_a_directory() {
    let exclude = |pattern: &str, from| Copy { exclude: vec![pattern.into()], ..dockerfile(from, "/x/") };
    assert_eq!(run("", &exclude("*.txt", "src/a*")), lines("d755 @99 x | f640 @21 x/a.txt =a"));
    let top_only = "d755 @20 x | f640 @22 x/b.rs =b | l777 7:7 @25 x/link ->../file | d711 5:6 @23 x/sub | f600 @24 x/sub/c.txt =c";
    assert_eq!(run("", &exclude("*.txt", "src")), lines(top_only));
    let everywhere = "d755 @20 x | f640 @22 x/b.rs =b | l777 7:7 @25 x/link ->../file | d711 5:6 @23 x/sub";
    assert_eq!(run("", &exclude("**/*.txt", "src")), lines(everywhere));
    let back = Copy { exclude: vec!["*".into(), "!sub/c.txt".into()], ..dockerfile("src", "/x/") };
    assert_eq!(run("", &back), lines("d755 @20 x | d711 5:6 @23 x/sub | f600 @24 x/sub/c.txt =c"));
    assert!(run("", &exclude("[", "src")).starts_with("error: include or exclude of the copy to /x/: \"[\""));
}

#[test]
fn includes_bring_the_directories_above_what_they_match() {
    let parents = |pattern: &str, required: &[&str]| Copy {
        include: vec![pattern.into()],
        required: required.iter().map(|path| path.as_bytes().to_vec()).collect(),
        ..dockerfile("/", "/x/")
    };
    let expected =
        lines("d755 @50 x | d700 3:4 @20 x/src | d711 5:6 @23 x/src/sub | f600 @24 x/src/sub/c.txt =c");
    assert_eq!(run("", &parents("src/sub/c.txt", &["src/sub/c.txt"])), expected);
    assert_eq!(run("", &parents("**/c.txt", &[])), expected);
    assert_eq!(run("", &parents("src/gone", &["/src/gone"])), "error: \"/src/gone\": not found");
    // Directories on the way that exist take over the mode and nothing else.
    let over = run("d777 8:8 @1 x/src\nf600 x/src/old", &parents("src/sub/c.txt", &[]));
    let kept = "d755 @50 x | d700 8:8 @1 x/src | f600 x/src/old | d711 5:6 @23 x/src/sub | f600 @24 x/src/sub/c.txt =c";
    assert_eq!(over, lines(kept));
}

#[test]
fn trap_71_a_relative_source_is_the_roots() {
    assert_eq!(run("", &dockerfile("../../src2/.", "/x")), lines("d755 @30 x | f644 x/d.txt =d"));
}

#[test]
fn trap_72_a_second_file_overwrites_a_destination_without_slash() {
    let source = tree(SOURCE.replace("d755 / @50", "").as_str());
    let once = copy(&Tree::empty(), &source, &dockerfile("file", "newdir")).unwrap();
    let twice = copy(&once, &source, &dockerfile("bin", "newdir")).unwrap();
    assert_eq!(text(&twice), "d755 /\nf755 @11 newdir =#!");
}

#[test]
fn llb_flags_change_what_happens() {
    let plain =
        |source: &str, dest: &str| Copy { source: source.into(), dest: dest.into(), ..Copy::default() };
    // Not contents only: the directory itself, into a destination that exists.
    assert_eq!(run("", &plain("src2", "x")), lines("d755 @30 x | f644 x/d.txt =d"));
    assert_eq!(run("d755 x", &plain("src2", "x")), lines("d755 x | d755 @30 x/src2 | f644 x/src2/d.txt =d"));
    assert_eq!(run("", &plain("file", "a/b")), "error: copy to /a/b: /a does not exist");
    assert_eq!(run("", &plain("tofile", "x")), "l777 @31 x ->file");
    assert_eq!(run("", &plain("*", "x")), "error: \"/*\": not found");
    let replace = |dest: &str, what: Copy| run(dest, &Copy { always_replace: true, ..what });
    assert_eq!(
        replace("f644 x/src2 =f", plain("src2", "x")),
        lines("d755 x | d755 @30 x/src2 | f644 x/src2/d.txt =d")
    );
    assert_eq!(replace("d755 x/file/y", plain("file", "x")), lines("d755 x | f644 1:2 @10 x/file =hello"));
    assert_eq!(replace("f644 x =f", dockerfile("src2", "x")), lines("d755 @30 x | f644 x/d.txt =d"));
    let timed = Copy { timestamp: Some(Timestamp { secs: 7, nanos: 0 }), ..dockerfile("src2", "/y/x") };
    assert_eq!(run("", &timed), lines("d755 @7 y | d755 @7 y/x | f644 @7 y/x/d.txt =d"));
}

#[test]
fn links_attributes_and_devices_are_kept() {
    let source = tree(
        "f755 d/a =x &1 +security.capability=cap\nf755 d/b =x &1 +security.capability=cap\nf755 other =x &1 +security.capability=cap\nc600 d/null ,1,3\np644 d/pipe",
    );
    let expected = "d755 /\nd755 1:1 x\nf755 1:1 x/a =x &1 +security.capability=cap\nf755 1:1 x/b =x &1 +security.capability=cap\nc600 1:1 x/null ,1,3\np644 1:1 x/pipe";
    let what = Copy { owner: Some((1, 1)), ..dockerfile("d", "x") };
    let once = copy(&Tree::empty(), &source, &what).unwrap();
    assert_eq!(text(&once), expected);
    // A second copy is another inode, and so is one of a single name, though nothing of it changes.
    let twice = copy(&once, &source, &Copy { owner: Some((1, 1)), ..dockerfile("d", "y") }).unwrap();
    let (x, y) = (file(&twice, "x/a"), file(&twice, "y/a"));
    assert!(x.link.is_some() && x.link == file(&twice, "x/b").link && x.link != y.link);
    let single = copy(&source, &source, &dockerfile("other", "d/single")).unwrap();
    assert_eq!(file(&single, "d/single").link, None);
    let parents = copy(&source, &source, &dockerfile("d/a", "e/")).unwrap();
    assert_eq!(file(&parents, "e/a").link, None);
}

fn file(tree: &Tree, path: &str) -> Arc<super::super::File> {
    match tree.get(path.as_bytes()) {
        Some(Node::File(file)) => file,
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn a_copy_shares_what_it_can() {
    let source = tree("f644 d/e/a =x");
    let digest = crate::Digest::of(b"x");
    file(&source, "d/e/a").digest.set(digest).unwrap();
    let copied = copy(&Tree::empty(), &source, &dockerfile("d", "y")).unwrap();
    let (Some(Node::Dir(from)), Some(Node::Dir(to))) = (source.get(b"d/e"), copied.get(b"y/e")) else {
        panic!()
    };
    assert!(Arc::ptr_eq(&from, &to));
    let owned = copy(&copied, &source, &Copy { owner: Some((1, 1)), ..dockerfile("d", "z") }).unwrap();
    assert_eq!(file(&owned, "z/e/a").digest.get(), Some(&digest));
    let Some(Node::Dir(untouched)) = owned.get(b"y/e") else { panic!() };
    assert!(Arc::ptr_eq(&to, &untouched));
}

#[test]
fn directories_are_made() {
    let make = |path: &str, make_parents| MakeDir {
        path: path.into(),
        mode: 0o7751,
        make_parents,
        owner: Some((1, 2)),
        mtime: Timestamp { secs: 5, nanos: 0 },
    };
    let on = |text_before: &str, what: MakeDir| match make_dir(&tree(text_before), &what) {
        Ok(tree) => text(&tree).trim_start_matches("d755 /").trim_start().to_owned(),
        Err(error) => error.to_string(),
    };
    assert_eq!(on("", make("/a/b", true)), lines("d751 1:2 @5 a | d751 1:2 @5 a/b"));
    assert_eq!(on("l777 l ->d", make("l", false)), lines("d751 1:2 @5 d | l777 l ->d"));
    assert_eq!(on("d700 a", make("a", true)), "d700 a");
    assert_eq!(on("f600 a", make("a", false)), "f600 a");
    assert_eq!(on("f600 a", make("a", true)), "make directory /a: /a is not a directory");
    assert_eq!(on("", make("a/b", false)), "make directory /a/b: /a does not exist");
    assert_eq!(on("", make("/", true)), "");
    let long = "n".repeat(256);
    assert!(on("", make(&long, true)).ends_with("cannot be a file name"));
}

#[test]
fn files_are_written() {
    let make = |path: &str, owner| MakeFile {
        path: path.into(),
        mode: 0o4640,
        data: b"new"[..].into(),
        owner,
        mtime: Timestamp { secs: 5, nanos: 0 },
    };
    let on = |text_before: &str, what: MakeFile| match make_file(&tree(text_before), &what) {
        Ok(tree) => text(&tree).trim_start_matches("d755 /").trim_start().to_owned(),
        Err(error) => error.to_string(),
    };
    assert_eq!(on("", make("a", Some((1, 2)))), "f640 1:2 @5 a =new");
    let old = "f755 7:8 a =old &1 +security.capability=c +user.k=v\nf755 7:8 b =old &1 +security.capability=c +user.k=v";
    let expected = "f755 7:8 @5 a =new +user.k=v | f755 7:8 b =old +security.capability=c +user.k=v";
    assert_eq!(on(old, make("a", None)), lines(expected));
    assert_eq!(
        on("l777 l ->d/f\nd755 d", make("l", None)),
        lines("d755 d | f640 @5 d/f =new | l777 l ->d/f")
    );
    assert_eq!(on("d755 a", make("a", None)), "make file /a: it exists and is not a file");
    assert_eq!(on("", make("a/b", None)), "make file /a/b: /a does not exist");
}

#[test]
fn links_are_made() {
    let make = |target: &str, path: &str| MakeSymlink {
        target: target.into(),
        path: path.into(),
        owner: None,
        mtime: Timestamp { secs: 5, nanos: 0 },
    };
    let on = |text_before: &str, what: MakeSymlink| match symlink(&tree(text_before), &what) {
        Ok(tree) => text(&tree).trim_start_matches("d755 /").trim_start().to_owned(),
        Err(error) => error.to_string(),
    };
    assert_eq!(on("", make("../x", "/l")), "l777 @5 l ->../x");
    assert_eq!(on("f644 l", make("x", "l")), "make symbolic link /l: it exists");
    assert_eq!(on("", make("", "l")), "make symbolic link /l: \"\" cannot be a target");
    assert_eq!(on("", make("x", "d/l")), "make symbolic link /d/l: /d does not exist");
}

#[test]
fn paths_are_removed() {
    let on = |path: &str, allow_not_found, allow_wildcard| {
        let before = tree("f644 d/a.c\nf644 d/b.c\nf644 d/e\nl777 l ->d\nl777 dangling ->gone");
        let what = Remove { path: path.into(), allow_not_found, allow_wildcard };
        match remove(&before, &what) {
            Ok(tree) => text(&tree).trim_start_matches("d755 /").trim_start().to_owned(),
            Err(error) => error.to_string(),
        }
    };
    assert_eq!(on("/d", false, false), lines("l777 dangling ->gone | l777 l ->d"));
    assert_eq!(
        on("l", false, false),
        lines("d755 d | f644 d/a.c | f644 d/b.c | f644 d/e | l777 dangling ->gone")
    );
    assert_eq!(on("l/*.c", false, true), on("gone*", false, true), "a link before a wildcard is not entered");
    assert_eq!(on("d/*.c", false, true), lines("d755 d | f644 d/e | l777 dangling ->gone | l777 l ->d"));
    assert_eq!(
        on("l/e", false, false),
        lines("d755 d | f644 d/a.c | f644 d/b.c | l777 dangling ->gone | l777 l ->d")
    );
    assert_eq!(
        on("dangling", false, false),
        lines("d755 d | f644 d/a.c | f644 d/b.c | f644 d/e | l777 l ->d")
    );
    assert_eq!(on("d/x", false, false), "remove /d/x: not found, did you mean /d/e?");
    assert_eq!(on("d/x", true, false), on("d/a.c/x", true, false));
    assert_eq!(on("d/a.c/x", false, true), "remove /d/a.c/x: not found");
    for root in ["/", "", "a/..", "/."] {
        assert_eq!(on(root, true, false), "remove /: the root cannot be removed", "{root}");
    }
}

#[test]
fn resolution_does_not_leave_the_tree() {
    let hostile = tree("l777 up ->../../../../etc\nf644 etc/passwd =inside");
    let resolved = hostile.resolve(b"up/passwd", FollowLast::Yes).unwrap();
    assert_eq!(resolved.path, b"etc/passwd");
}

/// Not a test: `cargo test --release -- --ignored --nocapture measure` prints what edits cost.
#[test]
#[ignore = "a measurement"]
fn measure_a_copy_into_20_000_entries() {
    let lines: Vec<_> = (0..20_000).map(|n| format!("f644 d{}/f{n} =x", n / 100)).collect();
    let (big, source) = (tree(&lines.join("\n")), tree("f644 file =hello"));
    let report = |what: &str, start: std::time::Instant| println!("{what}: {:?}", start.elapsed());
    for _ in 0..3 {
        let start = std::time::Instant::now();
        let copied = copy(&big, &source, &dockerfile("file", "/d7/x/")).unwrap();
        report("one file into 20,000", start);
        let start = std::time::Instant::now();
        assert_eq!(super::super::Changes::between(&big, &copied).count(), 3);
        report("what changed by it", start);
        let start = std::time::Instant::now();
        copy(&source, &big, &dockerfile("/", "/app/")).unwrap();
        report("20,000 into another place", start);
        let start = std::time::Instant::now();
        let owned = Copy { owner: Some((1, 1)), ..dockerfile("/", "/app/") };
        copy(&source, &big, &owned).unwrap();
        report("20,000 with another owner", start);
        let never = &mut |_: &Arc<super::super::File>| Err(());
        let start = std::time::Instant::now();
        super::super::digest::selection(&big, &dockerfile("/", "/app/"), never).unwrap();
        report("digest of 20,000", start);
    }
}

#[test]
fn directories_that_an_archive_does_not_tell_of_are_kept() {
    let before = tree("d1777 srv/tmp\nd700 5:5 srv/app\nf644 srv/file =x\nl777 link ->srv");
    let after = tree("d755 srv/tmp\nf644 srv/tmp/x =x\nd755 srv/app/new\nd755 srv/file\nl777 link ->srv");
    let paths = ["tmp", "app", "app/new", "file", "none"].map(|path| path.as_bytes().to_vec());
    assert_eq!(
        text(&keep_directories(&after, &before, b"/link/", &paths)),
        lines(
            "d755 / | l777 link ->srv | d755 srv | d700 5:5 srv/app | d755 srv/app/new | d755 srv/file | d1777 srv/tmp | f644 srv/tmp/x =x"
        )
    );
}

#[test]
fn an_archive_is_laid_over_what_is_there() {
    let before = tree(
        "d700 usr
        d711 1:1 @5 usr/lib
        f644 usr/lib/old =old
        l777 lib ->usr/lib
        l777 bin ->usr/bin
        d755 usr/bin
        d755 data
        f644 data/f =f",
    );
    // `lib` is not listed in the archive and `bin` is.
    let contents = tree(
        "d755 lib
        f755 lib/new =new
        d755 bin
        f755 bin/tool =tool
        f644 data =now",
    );
    let what = Copy { dest: b"/".to_vec(), ..Copy::default() };
    let after = add_archive(&before, &contents, &[b"lib".to_vec()], &what).unwrap();
    let expected = "d755 /|d755 bin|f755 bin/tool =tool|f644 data =now|l777 lib ->usr/lib|d700 usr|d755 usr/bin|d711 1:1 @5 usr/lib|f755 usr/lib/new =new|f644 usr/lib/old =old";
    assert_eq!(text(&after).trim(), lines(expected));
}

#[test]
fn nothing_is_made_deeper_than_a_tree_may_be() {
    let make = |depth: usize| {
        let what = MakeDir {
            path: b"d/".repeat(depth),
            mode: 0o755,
            make_parents: true,
            owner: None,
            mtime: Timestamp::default(),
        };
        make_dir(&Tree::empty(), &what)
    };
    let deep = make(super::super::MAX_DEPTH).unwrap();
    assert!(
        make(super::super::MAX_DEPTH + 1)
            .unwrap_err()
            .to_string()
            .ends_with("more than 512 directories deep")
    );
    assert!(make(200_000).is_err());
    // Nor by a copy, which shares what it copies.
    let into = |dest: &str| copy(&Tree::empty(), &deep, &dockerfile("/", dest));
    assert!(into("/").is_ok());
    assert_eq!(into("/x/").unwrap_err().to_string(), "copy to /x/: it is more than 512 directories deep");
}
