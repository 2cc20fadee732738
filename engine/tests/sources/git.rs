//! Git sources.

use std::os::unix::fs::PermissionsExt;

use cooperage::llb::definition::Source;
use cooperage::{BuildRequest, Error, Kind, SecretSource};

use crate::bench::{Bench, Built, bare, copied, source};
use crate::repository::{Repositories, Repository};
use crate::server::Server;

/// A source of `url` as the frontend writes it.
fn of(url: &str, fragment: &str, attrs: &[(&str, &str)]) -> Source {
    let place = url.split_once("://").unwrap().1;
    let mut all = vec![("git.fullurl", url)];
    all.extend(attrs);
    source(&format!("git://{place}{fragment}"), &all)
}

fn fails(result: Result<Built, Error>) -> (Kind, String) {
    let Err(error) = result else { panic!("it did not fail") };
    (error.kind(), error.to_string())
}

/// Files, a script, links and two directories, in one commit.
fn filled(repositories: &Repositories, name: &str) -> (Repository, String) {
    let repository = repositories.make(name);
    repository.write(&[("a", "one"), ("dir/b", "b"), ("dir/sub/c", "c"), ("run.sh", "#!/bin/sh\n")]);
    let script = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(repository.path("run.sh"), script).unwrap();
    std::os::unix::fs::symlink("dir/b", repository.path("link")).unwrap();
    std::os::unix::fs::symlink("/etc", repository.path("out")).unwrap();
    let commit = repository.commit("one");
    (repository, commit)
}

#[test]
fn files_links_and_modes() {
    let (bench, repositories) = (Bench::new(), Repositories::new());
    let (_repository, _) = filled(&repositories, "r");
    let daemon = repositories.daemon();
    let built = bench.solve(&bare(of(&daemon.url("r"), "", &[]))).unwrap();
    assert_eq!(built.entries(), ["a", "dir", "dir/b", "dir/sub", "dir/sub/c", "link", "out", "run.sh"]);
    assert_eq!((built.meta("a").0, built.meta("run.sh").0, built.meta("dir").0), (0o644, 0o755, 0o755));
    let below = bench.solve(&bare(of(&daemon.url("r"), "#:/dir/x/..", &[]))).unwrap();
    assert_eq!(below.entries(), ["b", "sub", "sub/c"]);
    let timed = bench.solve(&bare(of(&daemon.url("r"), "", &[("git.mtime", "commit")]))).unwrap();
    assert_eq!(timed.meta("dir/sub/c").1, 1_000_000_000);
    assert_eq!(timed.meta("link").1, 1_000_000_000);
    for (fragment, says) in [
        ("#:nowhere", "no directory nowhere"),
        ("#:out", "out is not a directory"),
        ("#:a", "not a directory"),
    ] {
        let (kind, message) = fails(bench.solve(&bare(of(&daemon.url("r"), fragment, &[]))));
        assert_eq!(kind, Kind::Environment, "{message}");
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn references_are_branches_then_tags_then_commits() {
    let (bench, repositories) = (Bench::new(), Repositories::new());
    let (repository, first) = filled(&repositories, "r");
    repository.git(&["tag", "v1"]);
    repository.git(&["tag", "-a", "-m", "x", "annotated"]);
    repository.write(&[("a", "two")]);
    let second = repository.commit("two");
    repository.git(&["branch", "v1"]);
    repository.write(&[("a", "three")]);
    repository.commit("three");
    let daemon = repositories.daemon();
    let text = |fragment: &str, attrs: &[(&str, &str)]| {
        bench.solve(&bare(of(&daemon.url("r"), fragment, attrs))).map(|built| built.text("a"))
    };
    for (fragment, contents) in [
        ("", "three"),
        ("#main", "three"),
        ("#v1", "two"),
        ("#refs/tags/v1", "one"),
        ("#tags/v1", "one"),
        ("#annotated", "one"),
        (&format!("#{first}"), "one"),
        (&format!("#{second}"), "two"),
    ] {
        assert_eq!(text(fragment, &[]).unwrap(), contents, "{fragment}");
    }
    assert_eq!(text("#annotated", &[("git.checksum", &first[..7])]).unwrap(), "one");
    let by_commit = [("git.checksum", first.as_str()), ("git.fetchbycommit", "true")];
    assert_eq!(text("#main", &by_commit).unwrap(), "one");
    for (fragment, attrs, says) in [
        ("#nothing", vec![], "repository does not contain ref nothing"),
        ("#main", vec![("git.checksum", &first[..9])], "expected checksum to match"),
        ("#0123456789012345678901234567890123456789", vec![], "0123456789"),
    ] {
        let error = text(fragment, &attrs).unwrap_err();
        assert_eq!(error.kind(), Kind::Environment, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn a_cached_build_asks_once_or_not_at_all() {
    let (bench, repositories, server) = (Bench::new(), Repositories::new(), Server::start());
    let (repository, commit) = filled(&repositories, "r");
    let url = repositories.on(&server, "r");
    let named = copied(of(&url, "#main", &[]));
    assert_eq!(bench.solve(&named).unwrap().report.ran(), 1);
    assert!(server.asked().len() > 2);
    let bench = bench.again();
    let again = bench.solve(&named).unwrap();
    assert_eq!((again.report.ran(), again.text("in/a")), (0, "one".to_owned()));
    let asked = server.asked();
    assert_eq!(asked[0], "GET /r.git/info/refs?service=git-upload-pack");
    assert!(asked.iter().all(|one| !one.contains("objects")), "{asked:?}");
    // Known by its commit, whatever it is called.
    assert_eq!(bench.solve(&copied(of(&url, &format!("#{commit}"), &[]))).unwrap().report.ran(), 0);
    bench.solve(&bare(of(&url, &format!("#{commit}"), &[]))).unwrap();
    assert!(server.asked().is_empty());
    repository.write(&[("a", "two")]);
    repository.commit("two");
    repositories.on(&server, "r");
    let changed = bench.solve(&named).unwrap();
    assert_eq!((changed.report.ran(), changed.text("in/a")), (1, "two".to_owned()));
}

#[test]
fn a_branch_that_moved_back_and_one_in_the_way_of_another() {
    let (bench, repositories) = (Bench::new(), Repositories::new());
    let (repository, first) = filled(&repositories, "r");
    repository.write(&[("a", "two")]);
    repository.commit("two");
    let daemon = repositories.daemon();
    let text = |fragment: &str| bench.solve(&bare(of(&daemon.url("r"), fragment, &[]))).unwrap().text("a");
    assert_eq!(text("#main"), "two");
    repository.git(&["reset", "-q", "--hard", &first]);
    repository.git(&["branch", "x"]);
    assert_eq!((text("#main"), text("#x")), ("one".to_owned(), "one".to_owned()));
    repository.git(&["branch", "-D", "x"]);
    repository.write(&[("a", "three")]);
    repository.commit("three");
    repository.git(&["branch", "x/y"]);
    assert_eq!(text("#x/y"), "three");
}

#[test]
fn a_kept_git_dir_is_a_repository_of_that_commit() {
    let (bench, repositories) = (Bench::new(), Repositories::new());
    let (repository, commit) = filled(&repositories, "r");
    repository.git(&["tag", "-a", "-m", "x", "v1"]);
    let daemon = repositories.daemon();
    for fragment in ["", "#v1", &format!("#{commit}")] {
        let kept = [("git.keepgitdir", "true")];
        let built = bench.solve(&bare(of(&daemon.url("r"), fragment, &kept))).unwrap();
        let git = |args: &[&str]| built.git(args);
        assert_eq!(git(&["rev-parse", "HEAD"]), commit, "{fragment}");
        assert_eq!(git(&["status", "--porcelain"]), "");
        assert_eq!(git(&["config", "remote.origin.url"]), daemon.url("r"));
        assert!(!built.text(".git/config").contains("worktree"), "{}", built.text(".git/config"));
        if fragment == "#v1" {
            assert_eq!(git(&["describe"]), "v1");
        }
    }
    let without = bench.solve(&bare(of(&daemon.url("r"), "", &[]))).unwrap();
    assert!(!without.entries().iter().any(|entry| entry.starts_with(".git")));
}

#[test]
fn submodules_are_there_unless_they_are_not_wanted() {
    let (bench, repositories) = (Bench::new(), Repositories::new());
    let (_inner, _) = filled(&repositories, "inner");
    let outer = repositories.make("outer");
    let daemon = repositories.daemon();
    outer.write(&[
        ("file", "x"),
        (".gitmodules", &format!("[submodule \"m\"]\n\tpath = m\n\turl = {}\n", daemon.url("inner"))),
    ]);
    let commit = repositories.commit_of("inner");
    outer.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},m")]);
    outer.git(&["add", "file", ".gitmodules"]);
    outer.git(&["commit", "-q", "-m", "x"]);
    let built = bench.solve(&bare(of(&daemon.url("outer"), "", &[]))).unwrap();
    assert_eq!((built.text("m/a"), built.text("file")), ("one".to_owned(), "x".to_owned()));
    assert!(!built.entries().contains(&"m/.git".to_owned()));
    let below = bench.solve(&bare(of(&daemon.url("outer"), "#:m/dir", &[]))).unwrap();
    assert_eq!(below.entries(), ["b", "sub", "sub/c"]);
    let without = [("git.skipsubmodules", "true")];
    let built = bench.solve(&bare(of(&daemon.url("outer"), "", &without))).unwrap();
    assert_eq!(built.entries(), [".gitmodules", "file", "m"]);
    let kept = [("git.keepgitdir", "true")];
    let built = bench.solve(&bare(of(&daemon.url("outer"), "", &kept))).unwrap();
    assert_eq!(built.git(&["-C", "m", "rev-parse", "HEAD"]), commit);
}

#[test]
fn a_repository_cannot_make_git_run_or_read_anything() {
    let (bench, repositories) = (Bench::new(), Repositories::new());
    let trap = tempfile::tempdir().unwrap();
    let mark = trap.path().join("mark");
    let (inner, commit) = filled(&repositories, "inner");
    let daemon = repositories.daemon();
    let urls = [
        format!("ext::sh -c touch% {}", mark.display()),
        format!("file://{}", inner.path(".git").display()),
        inner.path(".git").display().to_string(),
        "-u./x".to_owned(),
    ];
    for (number, url) in urls.iter().enumerate() {
        let name = format!("outer{number}");
        let outer = repositories.make(&name);
        let text =
            format!("[submodule \"m\"]\n\tpath = m\n\turl = {url}\n\tupdate = !touch {}\n", mark.display());
        outer.write(&[(".gitmodules", &text)]);
        outer.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},m")]);
        outer.git(&["add", ".gitmodules"]);
        outer.git(&["commit", "-q", "-m", "x"]);
        let result = bench.solve(&bare(of(&daemon.url(&name), "", &[])));
        assert_eq!(fails(result).0, Kind::Environment, "{url}");
    }
    assert!(!mark.exists());
    for reference in ["#--upload-pack=touch mark", "#-x"] {
        assert_eq!(fails(bench.solve(&bare(of(&daemon.url("inner"), reference, &[])))).0, Kind::Usage);
    }
    let remote = source("git://h/x", &[("git.fullurl", "ssh://-oProxyCommand=touch/x")]);
    assert_eq!(fails(bench.solve(&bare(remote))).0, Kind::Usage);
}

#[test]
fn tokens_are_shown_to_the_host_and_never_said() {
    let (bench, repositories, server) = (Bench::new(), Repositories::new(), Server::start());
    filled(&repositories, "r");
    let url = repositories.on(&server, "r");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "hush\n").unwrap();
    let attrs = [("git.authtokensecret", "GIT_AUTH_TOKEN"), ("git.authheadersecret", "GIT_AUTH_HEADER")];
    let build = |id: &str, url: &str| {
        let mut request = BuildRequest::of_text("");
        request.secrets.insert(id.to_owned(), SecretSource::File(file.clone()));
        bench.solve_with(&bare(of(url, "", &attrs)), request)
    };
    build("GIT_AUTH_TOKEN", &url).unwrap();
    // x-access-token:hush
    let expected = "basic eC1hY2Nlc3MtdG9rZW46aHVzaA==";
    assert!(server.heads().to_lowercase().contains(&format!("authorization: {}", expected.to_lowercase())));
    let missing = server.url("/missing.git").replace("http://", "http://ada:hush@");
    let (kind, message) = fails(build(&format!("GIT_AUTH_HEADER.{}", server.host), &missing));
    assert_eq!(kind, Kind::Environment);
    assert!(message.contains("missing.git") && !message.contains("hush"), "{message}");
}
