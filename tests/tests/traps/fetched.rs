//! ADD of URLs, from a server that the test is.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cooperage_tests::folder;

use crate::cooper;

const BODY: &str = "fetched\n";
/// Of [`BODY`].
const DIGEST: &str = "sha256:f6e379b0639054c51806fd5d67948cbcaebd354b0e91a7683932b043c5c3ba32";

/// Sends [`BODY`] to whoever asks; ends with the process.
struct Server {
    port: u16,
    /// The value of `Last-Modified`.
    modified: Arc<Mutex<Option<&'static str>>>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, modified: Arc::default(), requests: Arc::default() };
        let (modified, requests) = (Arc::clone(&server.modified), Arc::clone(&server.requests));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                    head.extend(byte);
                }
                requests.fetch_add(1, Ordering::SeqCst);
                let modified = modified.lock().unwrap();
                let modified = modified.map(|time| format!("Last-Modified: {time}\r\n")).unwrap_or_default();
                let body = if head.starts_with(b"HEAD") { "" } else { BODY };
                let length = BODY.len();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\n{modified}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
                // Who asked may have gone.
                drop(stream.write_all(answer.as_bytes()));
            }
        });
        server
    }

    fn dockerfile(&self, flags: &str) -> tempfile::TempDir {
        let url = format!("http://127.0.0.1:{}/dir/name?query", self.port);
        let text = format!(
            "FROM busybox:test\nADD {flags} {url} /d/\nRUN stat -c '%n %a %u:%g %Y' /d/*; cat /d/*\n"
        );
        folder(&[("Dockerfile", &text)])
    }
}

/// What the RUN printed.
fn printed(outcome: &cooperage_tests::Outcome) -> Vec<String> {
    let lines = crate::lines(outcome);
    lines.into_iter().filter(|line| line.starts_with('/') || line == BODY.trim_end()).collect()
}

#[test]
fn trap_30_a_fetched_file_is_root_s_alone_and_as_old_as_the_server_says() {
    let (cooper, server) = (cooper(), Server::start());
    let context = server.dockerfile("");
    let first = cooper.build(&[], context.path()).ok();
    assert_eq!(printed(&first), ["/d/name 600 0:0 0", "fetched"]);
    *server.modified.lock().unwrap() = Some("Tue, 14 Nov 2023 22:13:20 GMT");
    // The source is another one now; what is copied from it is compared without times (trap 34).
    assert_eq!(cooper.build(&[], context.path()).ok().end_of("RUN stat"), "CACHED");
    let cooper = crate::cooper();
    let second = cooper.build(&[], context.path()).ok();
    assert_eq!(printed(&second), ["/d/name 600 0:0 1700000000", "fetched"]);
    let owned = server.dockerfile("--chown=7:8 --chmod=644");
    let third = cooper.build(&[], owned.path()).ok();
    assert_eq!(printed(&third), ["/d/name 644 7:8 1700000000", "fetched"]);
}

#[test]
fn trap_69_a_checksum_has_to_match_and_saves_the_request() {
    let (cooper, server) = (cooper(), Server::start());
    let wrong = server.dockerfile(&format!("--checksum={}", DIGEST.replace("f6e", "000")));
    cooper.build(&[], wrong.path()).fails_with(3).says("digest mismatch");
    let right = server.dockerfile(&format!("--checksum={DIGEST}"));
    cooper.build(&[], right.path()).ok().says("fetched");
    let before = server.requests.load(Ordering::SeqCst);
    assert_eq!(cooper.build(&[], right.path()).ok().count("ran"), 0);
    assert_eq!(server.requests.load(Ordering::SeqCst), before, "nobody was asked");
}
