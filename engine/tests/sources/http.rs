//! HTTP sources.

use cooperage::{BuildRequest, Error, Kind, SecretSource};

use crate::bench::{Bench, bare, copied, source};
use crate::server::{Page, Server};

const TIME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
/// sha256 of `contents`.
const CONTENTS: &str = "sha256:d1b2a59fbea7e20077af9f91b27e95e865061b270be03ff539ab3b73587882e8";

fn fails(result: Result<crate::bench::Built, Error>) -> (Kind, String) {
    let Err(error) = result else { panic!("it did not fail") };
    (error.kind(), error.to_string())
}

/// Nothing of a failed download may be left where a later build would look for it.
fn downloads(bench: &Bench) -> usize {
    let mounts = std::fs::read_dir(bench.root().join("mounts")).unwrap();
    let records =
        mounts.filter(|group| group.as_ref().unwrap().path().join("0/record.json").exists()).count();
    records + std::fs::read_dir(bench.root().join("layers")).unwrap().count()
}

#[test]
fn a_file_has_buildkits_name_mode_and_time() {
    let (bench, server) = (Bench::new(), Server::start());
    server.put("/dir/a.txt?x=y", Page::of("contents").header("Last-Modified", TIME));
    let built = bench.solve(&bare(source(&server.url("/dir/a.txt?x=y"), &[]))).unwrap();
    assert_eq!((built.entries(), built.text("a.txt")), (vec!["a.txt".to_owned()], "contents".to_owned()));
    assert_eq!(built.meta("a.txt"), (0o600, 784_111_777));
    server.put("/b", Page::of("x").header("Content-Disposition", "attachment; filename=\"../c\""));
    let built = bench.solve(&bare(source(&server.url("/b"), &[("http.perm", "0751")]))).unwrap();
    assert_eq!((built.entries(), built.meta("c")), (vec!["c".to_owned()], (0o751, 0)));
}

#[test]
fn what_did_not_change_is_not_fetched_again() {
    let (bench, server) = (Bench::new(), Server::start());
    server.put("/a", Page::of("contents").header("ETag", "W/\"1\"").header("Last-Modified", TIME));
    let definition = copied(source(&server.url("/a"), &[]));
    assert_eq!(bench.solve(&definition).unwrap().report.ran(), 1);
    assert_eq!(server.asked(), ["GET /a"]);
    let bench = bench.again();
    let second = bench.solve(&definition).unwrap();
    assert_eq!((second.report.ran(), second.text("in/a")), (0, "contents".to_owned()));
    assert_eq!(server.asked(), ["HEAD /a"]);
    server.put("/a", Page::of("other").header("ETag", "\"2\""));
    let third = bench.solve(&definition).unwrap();
    assert_eq!((third.report.ran(), third.text("in/a")), (1, "other".to_owned()));
    assert_eq!(server.asked(), ["HEAD /a", "GET /a"]);
}

#[test]
fn without_an_entity_tag_it_is_fetched_and_known_by_its_contents() {
    let (bench, server) = (Bench::new(), Server::start());
    server.put("/a", Page::of("contents"));
    server.put("/b", Page::of("contents"));
    let definition = |path: &str| copied(source(&server.url(path), &[("http.filename", "f")]));
    assert_eq!(bench.solve(&definition("/a")).unwrap().report.ran(), 1);
    assert_eq!(bench.solve(&definition("/a")).unwrap().report.ran(), 0);
    assert_eq!(bench.solve(&definition("/b")).unwrap().report.ran(), 0, "the URL is no part of the key");
    assert_eq!(server.asked(), ["GET /a", "GET /a", "GET /b"]);
    // The server's time is a part of it, though not of what a copy reads.
    server.put("/a", Page::of("contents").header("Last-Modified", TIME));
    assert_eq!(bench.solve(&definition("/a")).unwrap().report.ran(), 0);
    let alone = bench.solve(&bare(source(&server.url("/a"), &[("http.filename", "f")]))).unwrap();
    assert_eq!(alone.meta("f").1, 784_111_777);
}

#[test]
fn with_a_checksum_nobody_is_asked_twice() {
    let (bench, server) = (Bench::new(), Server::start());
    server.put("/a", Page::of("contents").header("Last-Modified", TIME));
    let definition = copied(source(&server.url("/a"), &[("http.checksum", CONTENTS)]));
    let first = bench.solve(&definition).unwrap();
    assert_eq!(first.meta("in/a"), (0o600, 784_111_777));
    assert_eq!(server.asked(), ["GET /a"]);
    let bench = bench.again();
    assert_eq!(bench.solve(&definition).unwrap().report.ran(), 0);
    // Neither for another step on the same file.
    bench.solve(&bare(source(&server.url("/a"), &[("http.checksum", CONTENTS)]))).unwrap();
    assert!(server.asked().is_empty());
}

#[test]
fn a_wrong_checksum_fails_and_caches_nothing() {
    let (bench, server) = (Bench::new(), Server::start());
    server.put("/a", Page::of("other").header("ETag", "\"1\""));
    let definition = copied(source(&server.url("/a"), &[("http.checksum", CONTENTS)]));
    let (kind, message) = fails(bench.solve(&definition));
    assert_eq!(kind, Kind::Environment);
    let expected = format!("digest mismatch for {}: sha256:", server.url("/a"));
    assert!(message.starts_with(&expected) && message.contains(CONTENTS), "{message}");
    assert_eq!(downloads(&bench), 0);
    server.put("/a", Page::of("contents"));
    bench.solve(&definition).unwrap();
}

#[test]
fn errors_of_servers_name_the_url_and_cache_nothing() {
    let (bench, server) = (Bench::new(), Server::start());
    server.put("/circle", Page::status("302 Found").header("Location", "/circle"));
    server.put("/cut", Page::of("contents").header("ETag", "\"1\"").cut_after(3));
    for (path, says) in [
        ("/missing", "invalid response status 404 Not Found"),
        ("/circle", "was redirected more than 10 times"),
        ("/cut", "could not be fetched (5 attempts)"),
    ] {
        let (kind, message) = fails(bench.solve(&copied(source(&server.url(path), &[]))));
        assert_eq!(kind, Kind::Environment, "{message}");
        assert!(message.contains(&server.url(path)) && message.contains(says), "{message}");
    }
    assert_eq!(downloads(&bench), 0);
}

#[test]
fn a_definition_that_makes_no_sense_is_refused() {
    let bench = Bench::new();
    let refused = |identifier: &str, attrs| fails(bench.solve(&bare(source(identifier, attrs)))).0;
    assert_eq!(refused("http://", &[]), Kind::Usage);
    assert_eq!(refused("http://localhost:1/", &[("http.perm", "x")]), Kind::Usage);
    assert_eq!(refused("http://localhost:1/", &[("http.checksum", "sha256:1")]), Kind::Usage);
}

#[test]
fn secrets_are_shown_and_neither_cached_nor_said() {
    let (bench, server) = (Bench::new(), Server::start());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let build = |attrs: &[(&str, &str)], id: &str, value: &str| {
        std::fs::write(&file, value).unwrap();
        let mut request = BuildRequest::of_text("");
        request.secrets.insert(id.to_owned(), SecretSource::File(file.clone()));
        bench.solve_with(&copied(source(&server.url("/a"), attrs)), request)
    };
    server.put("/a", Page::of("contents"));
    build(&[], "HTTP_AUTH_TOKEN_127.0.0.1", "hush-1\n").unwrap();
    assert!(server.heads().contains("authorization: Bearer hush-1\r\n"), "{}", server.heads());
    let named = [("http.authheadersecret", "mine")];
    build(&named, "mine", "Basic hush-2").unwrap();
    assert!(server.heads().contains("authorization: Basic hush-2\r\n"));
    assert_eq!(build(&named, "mine", "Basic hush-3").unwrap().report.ran(), 0, "values are no part of keys");
    let (kind, message) = fails(build(&named, "other", "x"));
    assert_eq!(kind, Kind::Usage);
    assert!(message.contains("--secret id=mine"), "{message}");
    let text =
        format!("{:?}", std::process::Command::new("grep").args(["-r", "hush-"]).arg(bench.root()).output());
    assert!(!text.contains("hush-"), "{text}");
}
