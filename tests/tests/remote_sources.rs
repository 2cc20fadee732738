//! ADD from servers and repositories: what comes out, what is asked again, what a user reads when it fails.

use std::io::Read;
use std::process::Command;

use cooperage_tests::{Cooper, folder, run};

#[expect(dead_code, reason = "shared with the engine's tests, which use all of it")]
#[path = "../../engine/tests/sources/repository.rs"]
mod repository;
#[expect(dead_code, reason = "shared with the engine's tests, which use all of it")]
#[path = "../../engine/tests/sources/server.rs"]
mod server;

use repository::Repositories;
use server::{Page, Server};

/// Names, modes, owners, sizes and times of what an image has.
fn listing(cooper: &Cooper, dockerfile: &str) -> String {
    let context = folder(&[("Dockerfile", dockerfile)]);
    let tar = context.path().join("out.tar");
    let output = format!("type=tar,dest={}", tar.display());
    cooper.build(&["--output", &output], context.path()).ok();
    let listed = Command::new("tar").args(["--utc", "--numeric-owner", "-tvf"]).arg(&tar).output().unwrap();
    let text = String::from_utf8(listed.stdout).unwrap();
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect()
}

#[test]
fn add_of_a_url() {
    let (cooper, server) = (Cooper::new(), Server::start());
    server.put("/a.txt?x=y", Page::of("contents").header("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"));
    let url = server.url("/a.txt?x=y");
    let dockerfile = format!("FROM scratch\nADD {url} /dir/\nADD --chmod=0751 --chown=7:8 {url} /b\n");
    let listed = listing(&cooper, &dockerfile);
    assert!(listed.contains("-rw------- 0/0 8 1994-11-06 08:49 dir/a.txt\n"), "{listed}");
    assert!(listed.contains("-rwxr-x--x 7/8 8 1994-11-06 08:49 b\n"), "{listed}");
}

#[test]
fn a_second_build_runs_nothing_and_fetches_nothing() {
    let (cooper, server, repositories) = (Cooper::new(), Server::start(), Repositories::new());
    server.put("/tag", Page::of("1").header("ETag", "\"1\""));
    server.put("/pinned", Page::of("contents"));
    let repository = repositories.make("r");
    repository.write(&[("f", "x")]);
    let commit = repository.commit("one");
    let git = repositories.on(&server, "r");
    let sum = "sha256:d1b2a59fbea7e20077af9f91b27e95e865061b270be03ff539ab3b73587882e8";
    let dockerfile = format!(
        "FROM scratch\nADD {} /\nADD --checksum={sum} {} /\nADD {git}#{commit} /commit\nADD {git}#main /branch\n",
        server.url("/tag"),
        server.url("/pinned")
    );
    let context = folder(&[("Dockerfile", &dockerfile)]);
    let first = cooper.build(&[], context.path()).ok();
    server.asked();
    let second = cooper.build(&[], context.path()).ok();
    assert_eq!((second.count("ran"), second.digest()), (0, first.digest()));
    let asked = server.asked();
    let expected = |one: &String| {
        one == "HEAD /tag" || one.starts_with("GET /r.git/info/refs") || one == "GET /r.git/HEAD"
    };
    assert!(asked.iter().all(expected), "{asked:?}");
    assert_eq!(asked.iter().filter(|one| one.contains("info/refs")).count(), 1, "{asked:?}");
}

#[test]
fn failures_name_their_place_and_leave_nothing() {
    let (cooper, server) = (Cooper::new(), Server::start());
    server.put("/circle", Page::status("302 Found").header("Location", "/circle"));
    server.put("/other", Page::of("other"));
    let sum = "d1b2a59fbea7e20077af9f91b27e95e865061b270be03ff539ab3b73587882e8";
    for (what, says) in [
        (server.url("/missing"), "404 Not Found"),
        (server.url("/circle"), "redirected more than 10 times"),
        (format!("--checksum=sha256:{sum} {}", server.url("/other")), "digest mismatch"),
        (server.url("/missing.git"), "git could not ask"),
    ] {
        let context = folder(&[("Dockerfile", &format!("FROM scratch\nADD {what} /x\n"))]);
        let outcome = cooper.build(&[], context.path()).fails_with(3).says(says).says("Dockerfile:2");
        assert!(outcome.stderr.contains(&server.host), "{}", outcome.stderr);
    }
    let layers = std::fs::read_dir(cooper.root().join("layers")).unwrap();
    assert_eq!(layers.count(), 0, "nothing is cached");
}

#[test]
fn without_git_it_says_what_to_do() {
    let nowhere = folder(&[]);
    let cooper = Cooper::new().env("PATH", nowhere.path().to_str().unwrap());
    let context = folder(&[("Dockerfile", "FROM scratch\nADD http://localhost:1/x.git /\n")]);
    cooper.build(&[], context.path()).fails_with(3).says("needs the program git").says("apt-get install git");
}

/// The helpers of git wait for a server that never answers, and must not outlive us.
#[test]
fn git_ends_with_a_build_that_is_killed() {
    let cooper = Cooper::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/unique-{}.git", silent.local_addr().unwrap(), std::process::id());
    let context = folder(&[("Dockerfile", &format!("FROM scratch\nADD {url} /\n"))]);
    let mut command = cooper.command(["build"]);
    let mut child = command.arg(context.path()).stderr(std::process::Stdio::null()).spawn().unwrap();
    // Its helper is there: it connected.
    let (mut connection, _) = silent.accept().unwrap();
    run(Command::new("kill").arg("-KILL").arg(child.id().to_string()));
    child.wait().unwrap();
    // The connection ends when the last process that holds it does.
    connection.read_to_end(&mut Vec::new()).unwrap();
}
