//! Single files by their URLs, from servers that misbehave.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use cooperage_image::Digest;
use cooperage_llb::ports::Downloads;
use cooperage_llb::ports::downloads::{Download, DownloadError, DownloadRequest, Fetched};
use cooperage_registry::RegistryClient;

use crate::bench::client;
use crate::script::{Script, reply, reset};

/// What the last attempt wrote.
#[derive(Clone, Default)]
struct File(Arc<Mutex<Vec<u8>>>);

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn get(request: DownloadRequest) -> (Result<Download, DownloadError>, Vec<u8>) {
    get_with(&client(), request).await
}

async fn get_with(
    client: &RegistryClient,
    request: DownloadRequest,
) -> (Result<Download, DownloadError>, Vec<u8>) {
    let file = File::default();
    let open = {
        let file = file.clone();
        move || {
            file.0.lock().unwrap().clear();
            Ok(Box::new(file.clone()) as Box<dyn Write + Send>)
        }
    };
    let result = client.download(&request, &open).await;
    let written = file.0.lock().unwrap().clone();
    (result, written)
}

fn at(script: &Script, path: &str) -> DownloadRequest {
    DownloadRequest { url: format!("http://{}{path}", script.host), ..DownloadRequest::default() }
}

#[tokio::test]
async fn a_file_comes_with_what_is_said_of_it() {
    let script = Script::of([reply("200 OK")
        .header("ETag", "W/\"1\"")
        .header("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")
        .header("Content-Disposition", "attachment; filename=\"b.txt\"")
        .body("contents")]);
    let (fetched, written) = get(at(&script, "/a?x=y#z")).await;
    let expected = Fetched {
        digest: Digest::of(b"contents"),
        size_bytes: 8,
        etag: Some("\"1\"".to_owned()),
        last_modified: Some("Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
        file_name: Some("b.txt".to_owned()),
    };
    assert_eq!((fetched.unwrap(), written.as_slice()), (Download::Fetched(expected), &b"contents"[..]));
    assert_eq!(script.lines(), ["GET /a?x=y"]);
    assert_eq!(script.seen()[0].header("accept-encoding"), Some("identity"));
}

#[tokio::test]
async fn what_is_known_is_asked_for_by_head_and_then_conditionally() {
    let known = |script: &Script| DownloadRequest { known_etag: Some("\"1\"".into()), ..at(script, "/a") };
    let unchanged = Download::Unchanged { file_name: None };
    for head in [reply("200 OK").header("ETag", "\"1\"").length(8), reply("304 Not Modified")] {
        let script = Script::of([head]);
        assert_eq!(get(known(&script)).await.0.unwrap(), unchanged);
        assert_eq!(script.lines(), ["HEAD /a"]);
    }
    let script = Script::of([reply("405 Method Not Allowed").length(0), reply("304 Not Modified")]);
    assert_eq!(get(known(&script)).await.0.unwrap(), unchanged);
    assert_eq!(script.lines(), ["HEAD /a", "GET /a"]);
    assert_eq!(script.seen()[1].header("if-none-match"), Some("\"1\""));
    let new = reply("200 OK").header("ETag", "\"2\"");
    let script = Script::of([new.clone().length(3), new.body("new")]);
    assert!(matches!(get(known(&script)).await, (Ok(Download::Fetched(_)), written) if written == b"new"));
}

#[tokio::test]
async fn a_broken_body_is_fetched_again_from_its_beginning() {
    let script = Script::of([
        reply("503 Service Unavailable").body("later"),
        reset(),
        reply("200 OK").body("contents"), // of the third attempt
    ]);
    let (fetched, written) = get(at(&script, "/a")).await;
    assert!(matches!(fetched.unwrap(), Download::Fetched(_)));
    assert_eq!(written, b"contents");
    let script =
        Script::of([reply("200 OK").body("contents").cut_after(4), reply("200 OK").body("contents")]);
    let (fetched, written) = get(at(&script, "/a")).await;
    assert!(matches!(fetched.unwrap(), Download::Fetched(_)));
    assert_eq!(written, b"contents");
}

#[tokio::test]
async fn what_stays_wrong_names_the_url_and_the_attempts() {
    let script = Script::of(vec![reply("200 OK").body("contents").cut_after(4); 3]);
    let error = get(at(&script, "/a?token=secret")).await.0.unwrap_err().to_string();
    let start = format!("http://{}/a could not be fetched (3 attempts): the body: ", script.host);
    assert!(error.starts_with(&start) && !error.contains("secret"), "{error}");
    script.seen();
    let script = Script::of(vec![reply("500 Internal Server Error").length(0); 3]);
    let error = get(at(&script, "/a")).await.0.unwrap_err().to_string();
    assert!(error.ends_with("(3 attempts): invalid response status 500 Internal Server Error"), "{error}");
    script.seen();
}

#[tokio::test]
async fn a_refusal_is_final() {
    let script = Script::of([reply("404 Not Found").body("no")]);
    let error = get(at(&script, "/a")).await.0.unwrap_err().to_string();
    let host = &script.host;
    assert_eq!(error, format!("http://{host}/a was answered with invalid response status 404 Not Found"));
    script.seen();
}

#[tokio::test]
async fn redirects_are_followed_and_end() {
    let other = Script::of([reply("200 OK").body("there")]);
    let to = |to: &str| reply("302 Found").header("Location", to).length(0);
    let script = Script::of([to("/b"), to(&format!("http://{}/c", other.host))]);
    let request = DownloadRequest { authorization: Some("Bearer t".to_owned()), ..at(&script, "/a") };
    assert_eq!(get(request).await.1, b"there");
    let seen = script.seen();
    assert_eq!([seen[0].header("authorization"), seen[1].header("authorization")], [Some("Bearer t"); 2]);
    assert_eq!(other.seen()[0].header("authorization"), None);
    let circle = Script::bind();
    circle.play(vec![to("/a"); 11]);
    let error = get(at(&circle, "/a")).await.0.unwrap_err().to_string();
    assert!(error.ends_with("was redirected more than 10 times"), "{error}");
    circle.seen();
}

#[tokio::test]
async fn a_user_in_the_url_is_shown_as_a_header() {
    let script = Script::of([reply("200 OK").body("x")]);
    let url = format!("http://ada:p%40ss@{}/a", script.host);
    get(DownloadRequest { url, ..DownloadRequest::default() }).await.0.unwrap();
    // ada:p@ss
    assert_eq!(script.seen()[0].header("authorization"), Some("Basic YWRhOnBAc3M="));
}

#[tokio::test]
async fn a_full_disk_is_not_tried_again() {
    let script = Script::of([reply("200 OK").body("x")]);
    let open = || Err(io::Error::from(io::ErrorKind::StorageFull));
    let error = client().download(&at(&script, "/a"), &open).await.unwrap_err();
    assert!(matches!(error, DownloadError::Write { .. }), "{error}");
    script.seen();
}
