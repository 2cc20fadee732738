//! Build contexts of every kind, and odd names in them.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cooperage_tests::{Cooper, folder};

#[expect(dead_code, reason = "shared with the engine's tests, which use all of it")]
#[path = "../../engine/tests/sources/repository.rs"]
mod repository;
#[expect(dead_code, reason = "shared with the engine's tests, which use all of it")]
#[path = "../../engine/tests/sources/server.rs"]
mod server;

use repository::Repositories;
use server::{Page, Server};

const DOCKERFILE: &str = "FROM scratch\nCOPY . /\n";

/// How a build of `context` with `input` ended: code, messages, and what came out.
fn build(
    cooper: &Cooper,
    arguments: &[&str],
    context: &OsStr,
    input: &[u8],
) -> (Option<i32>, String, Vec<PathBuf>) {
    let out = tempfile::tempdir().unwrap();
    let mut command = cooper.command(["build", "--progress=plain"]);
    command.arg(format!("--output=type=local,dest={}", out.path().display())).args(arguments).arg(context);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A build that fails early does not read it.
    let writing = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    let mut found = Vec::new();
    entries(out.path(), out.path(), &mut found);
    found.sort();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), found)
}

fn entries(root: &Path, directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        found.push(path.strip_prefix(root).unwrap().to_owned());
        if path.is_dir() && !path.is_symlink() {
            entries(root, &path, found);
        }
    }
}

fn ok(cooper: &Cooper, arguments: &[&str], context: &str, input: &[u8]) -> Vec<String> {
    let (code, text, found) = build(cooper, arguments, OsStr::new(context), input);
    assert_eq!(code, Some(0), "{text}");
    found.iter().map(|path| path.display().to_string()).collect()
}

fn fails(cooper: &Cooper, arguments: &[&str], context: &str, input: &[u8], expected: i32, says: &str) {
    let (code, text, _) = build(cooper, arguments, OsStr::new(context), input);
    assert_eq!(code, Some(expected), "{text}");
    assert!(text.contains(says), "{says:?} is not said:\n{text}");
}

/// A tar of `folder`, compressed by `option`.
fn tar(folder: &Path, option: &str) -> Vec<u8> {
    let output = Command::new("tar").args(["-c", option, "-C"]).arg(folder).arg(".").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn standard_input_is_a_tar_or_a_dockerfile() {
    let cooper = Cooper::new();
    // An ignore file in a tar is a file as any.
    let context = folder(&[
        ("Dockerfile", DOCKERFILE),
        ("a", "1"),
        ("dir/b", "2"),
        (".dockerignore", "a\n"),
        ("other/D", DOCKERFILE),
    ]);
    let all = [".dockerignore", "Dockerfile", "a", "dir", "dir/b", "other", "other/D"];
    for option in ["--format=pax", "-z", "-j", "-J", "--zstd"] {
        assert_eq!(ok(&cooper, &[], "-", &tar(context.path(), option)), all, "{option}");
    }
    assert_eq!(ok(&cooper, &["-f", "other/D"], "-", &tar(context.path(), "-z")), all);
    fails(
        &cooper,
        &["-f", "missing"],
        "-",
        &tar(context.path(), "-z"),
        2,
        "there is no missing in the build context",
    );
    assert_eq!(ok(&cooper, &[], "-", b"FROM scratch\nCOPY <<EOF /f\nx\nEOF\n"), ["f"]);
    fails(&cooper, &[], "-", DOCKERFILE.as_bytes(), 2, "no context");
    fails(&cooper, &["-f", "x"], "-", DOCKERFILE.as_bytes(), 2, "ambiguous Dockerfile source");
    fails(
        &cooper,
        &["-f", "-"],
        "-",
        b"",
        2,
        "invalid argument: can't use stdin for both build context and dockerfile",
    );
    fails(&cooper, &[], "-", b"", 2, "empty");
    let directory = context.path().to_str().unwrap();
    let without_a = ok(&cooper, &["-f", "-"], directory, b"FROM scratch\nCOPY . /in/\n");
    assert!(without_a.contains(&"in/dir/b".to_owned()) && !without_a.contains(&"in/a".to_owned()));
}

#[test]
fn a_local_tar_is_a_context() {
    let (cooper, context, place) =
        (Cooper::new(), folder(&[("dockerfile", DOCKERFILE), ("a", "1")]), folder(&[]));
    let file = place.path().join("context.bin");
    std::fs::write(&file, tar(context.path(), "-z")).unwrap();
    assert_eq!(ok(&cooper, &[], file.to_str().unwrap(), b""), ["a", "dockerfile"]);
    let named = format!("files={}", file.display());
    let from = folder(&[("Dockerfile", "FROM scratch\nCOPY --from=files a /b\n")]);
    assert_eq!(ok(&cooper, &["--build-context", &named], from.path().to_str().unwrap(), b""), ["b"]);
    std::fs::write(&file, "no tar").unwrap();
    fails(&cooper, &[], file.to_str().unwrap(), b"", 2, "neither a directory nor a tar archive");
}

#[test]
fn entries_that_lead_out_do_not() {
    let (cooper, outside) = (Cooper::new(), folder(&[]));
    let mark = outside.path().join("mark");
    let script = "import tarfile,io,sys
t=tarfile.open(fileobj=sys.stdout.buffer,mode='w|')
def add(name,data=b'x',**more):
    i=tarfile.TarInfo(name); i.size=len(data)
    for k,v in more.items(): setattr(i,k,v)
    t.addfile(i,io.BytesIO(data))
add('Dockerfile',b'FROM scratch\\nCOPY . /\\n')
exec(sys.argv[1])
t.close()";
    let made = |entries: &str| {
        let output = Command::new("python3").args(["-c", script, entries]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    for entries in [
        format!("add('../../../../../../../..{}')", mark.display()),
        "add('h',b'',type=tarfile.LNKTYPE,linkname='/../../../../../../etc/passwd')".to_owned(),
        "add('h',b'',type=tarfile.LNKTYPE,linkname='../../etc/passwd')".to_owned(),
    ] {
        fails(&cooper, &[], "-", &made(&entries), 2, "its path leads out with ..");
    }
    // An absolute path, and one through a link that leads out, are below the root.
    let link =
        format!("add('l',b'',type=tarfile.SYMTYPE,linkname='{}'); add('l/mark')", outside.path().display());
    assert_eq!(ok(&cooper, &[], "-", &made("add('/abs/x')")), ["Dockerfile", "abs", "abs/x"]);
    let inside = mark.display().to_string();
    assert!(ok(&cooper, &[], "-", &made(&link)).contains(&inside.trim_start_matches('/').to_owned()));
    assert!(!mark.exists());
    let torn = &made("add('a',b'x'*100000)")[..60000];
    fails(&cooper, &[], "-", torn, 2, "unpacking standard input");
}

#[test]
fn contexts_by_http() {
    let (cooper, server) = (Cooper::new(), Server::start());
    let context = folder(&[
        ("Dockerfile", DOCKERFILE),
        ("a", "1"),
        (".dockerignore", "*"),
        ("x/D", "FROM scratch\nCOPY a /b\n"),
    ]);
    server.put("/c.tgz", Page::of(tar(context.path(), "-z")).header("ETag", "\"1\""));
    server.put("/file", Page::of("FROM scratch\nCOPY context /f\n"));
    let url = server.url("/c.tgz");
    let all = [".dockerignore", "Dockerfile", "a", "x", "x/D"];
    assert_eq!(ok(&cooper, &[], &url, b""), all);
    assert_eq!(server.asked(), ["GET /c.tgz"]);
    assert_eq!(ok(&cooper, &["-f", "x/D"], &url, b""), ["b"]);
    assert_eq!(server.asked(), ["HEAD /c.tgz"]);
    let again = cooper.build(&[], Path::new(&url)).ok();
    assert_eq!((again.count("ran"), server.asked()), (0, vec!["HEAD /c.tgz".to_owned()]));
    assert_eq!(ok(&cooper, &[], &server.url("/file"), b""), ["f"]);
    let local = folder(&[("Dockerfile", "FROM scratch\nCOPY --from=web context /w\n"), ("a", "1")]);
    let web = format!("web={}", server.url("/c.tgz"));
    assert_eq!(ok(&cooper, &["--build-context", &web], local.path().to_str().unwrap(), b""), ["w"]);
    assert_eq!(
        ok(&cooper, &["-f", &server.url("/file")], "-", &tar(folder(&[("context", "")]).path(), "-z")),
        ["f"]
    );
    fails(&cooper, &[], &server.url("/missing"), b"", 3, "404");
}

#[test]
fn contexts_from_git() {
    let (cooper, repositories, server) = (Cooper::new(), Repositories::new(), Server::start());
    let repository = repositories.make("r");
    repository.write(&[
        ("Dockerfile", DOCKERFILE),
        ("a", "1"),
        (".dockerignore", "a\n"),
        ("dir/Dockerfile", DOCKERFILE),
        ("dir/b", "2"),
    ]);
    let commit = repository.commit("one");
    repository.git(&["tag", "v1"]);
    repository.write(&[("c", "3")]);
    repository.commit("two");
    let url = repositories.on(&server, "r");
    let first = [".dockerignore", "Dockerfile", "a", "dir", "dir/Dockerfile", "dir/b"];
    assert_eq!(ok(&cooper, &[], &format!("{url}#v1"), b""), first);
    assert_eq!(ok(&cooper, &[], &format!("{url}#main:dir"), b""), ["Dockerfile", "b"]);
    assert_eq!(ok(&cooper, &[], &format!("{url}?tag=v1&subdir=dir"), b""), ["Dockerfile", "b"]);
    assert!(ok(&cooper, &[], &url, b"").contains(&"c".to_owned()));
    let kept = ok(&cooper, &["--build-arg", "BUILDKIT_CONTEXT_KEEP_GIT_DIR=1"], &format!("{url}#v1"), b"");
    assert!(kept.contains(&".git/HEAD".to_owned()));
    server.asked();
    let pinned = cooper.build(&[], Path::new(&format!("{url}#{commit}"))).ok();
    assert_eq!((pinned.count("ran"), server.asked()), (0, Vec::new()));
    let local = folder(&[("Dockerfile", "FROM scratch\nCOPY --from=repo dir/b /\n")]);
    let repo = format!("repo={url}#v1");
    assert_eq!(ok(&cooper, &["--build-context", &repo], local.path().to_str().unwrap(), b""), ["b"]);
    fails(&cooper, &[], &format!("{url}#nothing"), b"", 3, "does not contain ref nothing");
    fails(&cooper, &[], &format!("{url}?what=1"), b"", 2, "unexpected query");
    fails(&cooper, &["-f", "nothing"], &url, b"", 2, "there is no nothing in the build context");
}

#[test]
fn a_context_that_is_not_there() {
    fails(&Cooper::new(), &[], "/nowhere/at/all", b"", 2, "does not exist");
    fails(&Cooper::new(), &[], "ftp://h/x", b"", 2, "does not exist");
}

#[test]
fn odd_names() {
    let cooper = Cooper::new();
    let context = folder(&[("Dockerfile", DOCKERFILE), ("Case", "1"), ("case", "2")]);
    let long = "n".repeat(255);
    for name in [&b"not\xffutf8"[..], b"new\nline", b" blank ", b"-rf", b"quote\"'\\", long.as_bytes()] {
        std::fs::write(context.path().join(OsStr::from_bytes(name)), name).unwrap();
    }
    std::os::unix::fs::symlink("not\u{fffd}there", context.path().join("dangling")).unwrap();
    std::os::unix::fs::symlink(".", context.path().join("loop")).unwrap();
    let expected = {
        let mut found = Vec::new();
        entries(context.path(), context.path(), &mut found);
        found.sort();
        found
    };
    let (code, text, found) = build(&cooper, &[], context.path().as_os_str(), b"");
    assert_eq!((code, found), (Some(0), expected.clone()), "{text}");
    let (code, text, found) = build(&cooper, &[], OsStr::new("-"), &tar(context.path(), "--format=gnu"));
    assert_eq!((code, found), (Some(0), expected), "{text}");
}

#[test]
fn the_dockerfile_has_an_ignore_file_of_its_own() {
    let cooper = Cooper::new();
    let context = folder(&[
        ("sub/D", "FROM scratch\nCOPY . /\n"),
        ("sub/D.dockerignore", "**\n!keep\n"),
        (".dockerignore", "keep\n"),
        ("keep", "1"),
        ("drop", "2"),
    ]);
    let file = context.path().join("sub/D");
    let directory = context.path().to_str().unwrap();
    assert_eq!(ok(&cooper, &["-f", file.to_str().unwrap()], directory, b""), ["keep"]);
    let named = folder(&[("Dockerfile", "FROM scratch\nCOPY --from=n . /\n")]);
    let n = format!("n={directory}");
    let found = ok(&cooper, &["--build-context", &n], named.path().to_str().unwrap(), b"");
    assert!(found.contains(&"drop".to_owned()) && !found.contains(&"keep".to_owned()), "{found:?}");
}
