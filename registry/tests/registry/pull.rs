//! Pulling from registries that misbehave.

use std::time::Duration;

use cooperage_image::media_type::{OCI_INDEX, OCI_MANIFEST};
use cooperage_image::{Descriptor, Digest};
use cooperage_llb::ports::Registry;
use cooperage_registry::{Options, RegistryClient, Timeouts};

use crate::bench::{Fate, Told, Writer, blob, client, image, options};
use crate::script::{Script, reply, reset};

const MANIFEST: &str = r#"{"schemaVersion":2,"layers":[]}"#;

fn digest_of(text: &str) -> String {
    Digest::of(text.as_bytes()).to_string()
}

#[tokio::test]
async fn a_name_is_resolved_by_head() {
    let digest = digest_of(MANIFEST);
    let answer = reply("200 OK")
        .header("Docker-Content-Digest", &digest)
        .header("Content-Type", &format!("{OCI_MANIFEST}; charset=utf-8"))
        .length(MANIFEST.len());
    let script = Script::of([reply("500 Internal Server Error").length(0), reset(), answer]);
    let descriptor = client().resolve(&image(&script.host, "a/b:1")).await.unwrap();
    assert_eq!(descriptor, Descriptor::of(OCI_MANIFEST, MANIFEST.as_bytes()));
    let seen = script.seen();
    assert_eq!(script.lines(), ["HEAD /v2/a/b/manifests/1"; 3]);
    assert_eq!(seen[0].header("accept").unwrap().matches("application/vnd.").count(), 4);
    assert_eq!(seen[0].header("user-agent"), Some(concat!("cooper/", env!("CARGO_PKG_VERSION"))));
}

#[tokio::test]
async fn a_head_that_tells_too_little_is_followed_by_get() {
    for head in [reply("200 OK").length(3), reply("405 Method Not Allowed").length(0)] {
        let script = Script::of([head, reply("200 OK").header("Content-Type", "text/plain").body(MANIFEST)]);
        let descriptor = client().resolve(&image(&script.host, "a:1")).await.unwrap();
        assert_eq!(descriptor, Descriptor::of(OCI_MANIFEST, MANIFEST.as_bytes()));
        assert_eq!(script.lines(), ["HEAD /v2/a/manifests/1", "GET /v2/a/manifests/1"]);
    }
}

#[tokio::test]
async fn what_stays_wrong_is_told_with_address_and_attempts() {
    let busy = r#"{"errors":[{"code":"UNKNOWN","message":"the disk is on fire"}]}"#;
    let script = Script::of(vec![reply("503 Service Unavailable").body(busy); 3]);
    let host = &script.host;
    let error = client().manifest(&image(host, "a:1")).await.unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "http://{host} could not be reached for {host}/a:1 (no credentials, 3 attempts): \
             GET /v2/a/manifests/1 was answered 503 Service Unavailable: UNKNOWN: the disk is on fire"
        )
    );
    assert_eq!(script.seen().len(), 3);
}

#[tokio::test]
async fn nobody_at_the_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = client().manifest(&image(&host, "a:1")).await.unwrap_err().to_string();
    let start =
        format!("http://{host} could not be reached for {host}/a:1 (no credentials, 3 attempts): GET ");
    assert!(error.starts_with(&start) && error.contains("Connection refused"), "{error}");
    let error = client().manifest(&image("127.0.0.1:99999", "a:1")).await.unwrap_err().to_string();
    assert!(error.contains("\"127.0.0.1:99999\" is not a host and port"), "{error}");
}

#[tokio::test]
async fn names_are_resolved_without_the_c_library() {
    let script = Script::of([reply("200 OK").body(MANIFEST)]);
    let host = script.host.replace("127.0.0.1", "localhost");
    client().manifest(&image(&host, "a:1")).await.unwrap();
    assert_eq!(script.seen()[0].header("host"), Some(host.as_str()));
}

#[tokio::test]
async fn not_found_is_final() {
    let script = Script::of([reply("404 Not Found").body(r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#)]);
    let host = &script.host;
    let error = client().manifest(&image(host, "a:1")).await.unwrap_err().to_string();
    assert_eq!(error, format!("{host}/a:1 is not in the registry at http://{host} (no credentials)"));
    script.seen();
}

#[tokio::test]
async fn too_many_requests_wait_as_long_as_asked_but_not_longer_than_wanted() {
    let slow = |seconds: &str| reply("429 Too Many Requests").header("Retry-After", seconds).length(0);
    let script = Script::of([slow("1"), reply("200 OK").body(MANIFEST)]);
    let started = std::time::Instant::now();
    client().manifest(&image(&script.host, "a:1")).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
    script.seen();

    let script = Script::of([slow("3600")]);
    let error = client().manifest(&image(&script.host, "a:1")).await.unwrap_err().to_string();
    let end = "1 attempts): GET /v2/a/manifests/1 was answered 429 Too Many Requests; it asks to wait 3600 s";
    assert!(error.ends_with(end), "{error}");
    script.seen();
}

#[tokio::test]
async fn a_manifest_must_be_what_it_is_said_to_be() {
    let other = digest_of("other");
    let index = r#"{"schemaVersion":2,"manifests":[]}"#;
    let (digest, huge) = (digest_of(MANIFEST), "x".repeat((4 << 20) + 1));
    let both = format!(r#"{{"mediaType":"{OCI_INDEX}","layers":[],"manifests":[]}}"#);
    let pinned = format!("a@{other}");
    for (name, answer, expected) in [
        (
            "a:1",
            reply("200 OK").header("Docker-Content-Digest", &other).body(MANIFEST),
            format!("the content is {digest}, but Docker-Content-Digest says {other}"),
        ),
        (&pinned, reply("200 OK").body(MANIFEST), format!("the content is {digest}, asked for was {other}")),
        (
            "a:1",
            reply("200 OK").endless(huge),
            "the answer to GET /v2/a/manifests/1 is longer than 4194304 bytes".to_owned(),
        ),
        (
            "a:1",
            reply("200 OK").header("Content-Type", OCI_MANIFEST).body(both),
            format!("the manifest was sent as {OCI_MANIFEST}, but says that it is {OCI_INDEX}"),
        ),
        (
            "a:1",
            reply("200 OK").header("Content-Type", OCI_MANIFEST).body(index),
            format!("the manifest is of type {OCI_MANIFEST}, but lists no layers"),
        ),
        (
            "a:1",
            reply("200 OK").body("<html>"),
            "the manifest is not JSON: expected value at line 1 column 1".to_owned(),
        ),
        ("a:1", reply("200 OK").body("{}"), "the manifest names no media type".to_owned()),
    ] {
        let script = Script::of([answer]);
        let error = client().manifest(&image(&script.host, name)).await.unwrap_err().to_string();
        let end = format!(": {expected}");
        assert!(error.contains("sent a wrong answer for") && error.ends_with(&end), "{error}");
        script.seen();
    }
}

#[tokio::test]
async fn a_blob_is_resumed_where_it_broke_off() {
    let (descriptor, bytes) = blob(5000);
    let rest = reply("206 Partial Content").header("Content-Range", "bytes 1200-4999/5000");
    let script = Script::of([
        reply("200 OK").body(bytes.clone()).cut_after(1200),
        rest.body(&bytes[1200..]).cut_after(2800),
        reply("200 OK").endless(bytes.clone()), // this one knows no ranges
    ]);
    let (writer, fate) = Writer::new();
    let told = Told::default();
    let image = image(&script.host, "a:1");
    client().pull_blob(&image, &descriptor, writer, &|bytes| told.add(bytes)).await.unwrap();
    assert_eq!(*fate.lock().unwrap(), Fate::Committed(bytes));
    assert_eq!(told.bytes(), 5000);
    let ranges: Vec<_> = script.seen().iter().map(|seen| seen.header("range").map(str::to_owned)).collect();
    assert_eq!(ranges, [None, Some("bytes=1200-".to_owned()), Some("bytes=4000-".to_owned())]);
}

#[tokio::test]
async fn a_blob_that_keeps_breaking_off_fails_unless_it_gets_on() {
    let (descriptor, bytes) = blob(4000);
    let script = Script::of(vec![reply("200 OK").body(bytes.clone()).cut_after(100); 3]);
    let (writer, fate) = Writer::new();
    let name = image(&script.host, "a:1");
    let error = client().pull_blob(&name, &descriptor, writer, &|_| ()).await.unwrap_err().to_string();
    let start = format!(
        "http://{0} could not be reached for {1} of {0}/a (no credentials, 3 attempts): the body: ",
        script.host, descriptor.digest
    );
    assert!(error.starts_with(&start), "{error}");
    script.seen();
    wait_for(&fate, &Fate::Dropped).await;

    // Five attempts where three are allowed: each got more than a mebibyte further.
    let (descriptor, bytes) = blob(5 << 20);
    let part = |from: usize, to: usize| {
        let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
        let body = bytes[from..].to_vec();
        reply("206 Partial Content").header("Content-Range", &range).body(body).cut_after(to - from)
    };
    let ends: Vec<_> = (1..=5).map(|at| (1 << 20) * at).collect();
    let parts = ends.iter().zip(&ends[1..]).map(|(from, to)| part(*from, *to));
    let script =
        Script::of([reply("200 OK").body(bytes.clone()).cut_after(ends[0])].into_iter().chain(parts));
    let (writer, fate) = Writer::new();
    client().pull_blob(&image(&script.host, "a:1"), &descriptor, writer, &|_| ()).await.unwrap();
    assert_eq!(script.seen().len(), 5);
    assert_eq!(*fate.lock().unwrap(), Fate::Committed(bytes));
}

#[tokio::test]
async fn a_blob_of_wrong_content_or_length_is_never_committed() {
    let (descriptor, bytes) = blob(3000);
    let mut wrong = bytes.clone();
    wrong[1500] ^= 1;
    let actual = Digest::of(&wrong);
    let expected = descriptor.digest;
    for (answer, detail) in [
        (reply("200 OK").body(wrong), format!("the content is {actual}, expected {expected}")),
        (reply("200 OK").length(2999), "2999 bytes are announced, expected 3000".to_owned()),
        (
            reply("200 OK").endless([bytes, vec![0; 50_000]].concat()),
            "more than the expected 3000 bytes came".to_owned(),
        ),
    ] {
        let script = Script::of([answer]);
        let (writer, fate) = Writer::new();
        let name = image(&script.host, "a:1");
        let error = client().pull_blob(&name, &descriptor, writer, &|_| ()).await.unwrap_err().to_string();
        assert_eq!(
            error,
            format!("http://{0} sent a wrong answer for {expected} of {0}/a: {detail}", script.host)
        );
        script.seen();
        wait_for(&fate, &Fate::Dropped).await;
    }
}

#[tokio::test]
async fn silence_ends_an_attempt() {
    let (descriptor, bytes) = blob(3000);
    let idle = Duration::from_millis(100);
    let options = Options { timeouts: Timeouts { idle, ..Timeouts::default() }, ..options() };
    let late = reply("200 OK").body(bytes).after(Duration::from_millis(400));
    let script = Script::of(vec![late; 3]);
    let client = RegistryClient::new(options).unwrap();
    let (writer, _) = Writer::new();
    let name = image(&script.host, "a:1");
    let error = client.pull_blob(&name, &descriptor, writer, &|_| ()).await.unwrap_err().to_string();
    assert!(error.contains("3 attempts") && error.contains("nothing came for 0.1 s"), "{error}");
}

#[tokio::test]
async fn a_full_disk_is_the_stores_error() {
    let (descriptor, bytes) = blob(3000);
    let script = Script::of([reply("200 OK").body(bytes)]);
    let (writer, _) = Writer::with_room(10);
    let name = image(&script.host, "a:1");
    let error = client().pull_blob(&name, &descriptor, writer, &|_| ()).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("no space left for {}", descriptor.digest)), "{error}");
}

#[tokio::test]
async fn dropping_a_pull_drops_what_was_written() {
    let (descriptor, bytes) = blob(3000);
    let script = Script::of([reply("200 OK").body(bytes).after(Duration::from_secs(2))]);
    let (writer, fate) = Writer::new();
    let (name, client) = (image(&script.host, "a:1"), client());
    let pull = client.pull_blob(&name, &descriptor, writer, &|_| ());
    assert!(tokio::time::timeout(Duration::from_millis(200), pull).await.is_err());
    wait_for(&fate, &Fate::Dropped).await;
}

#[tokio::test]
async fn transfers_take_turns() {
    let (descriptor, bytes) = blob(3000);
    let answer = reply("200 OK").body(bytes).after(Duration::from_millis(50));
    let client = RegistryClient::new(Options { max_transfers: 2, ..options() }).unwrap();
    let script = Script::of(vec![answer; 6]);
    let name = image(&script.host, "a:1");
    let pull = || async {
        let (writer, _) = Writer::new();
        client.pull_blob(&name, &descriptor, writer, &|_| ()).await.unwrap();
    };
    tokio::join!(pull(), pull(), pull(), pull(), pull(), pull());
    assert_eq!(script.seen().len(), 6);
    assert_eq!(script.peak(), 2);
}

/// Waits until another thread let `fate` become `expected`.
async fn wait_for(fate: &std::sync::Mutex<Fate>, expected: &Fate) {
    for _ in 0..500 {
        if *fate.lock().unwrap() == *expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("expected {expected:?}, found {:?}", fate.lock().unwrap());
}
