//! Pushing to registries that misbehave.

use std::time::Duration;

use cooperage_image::Digest;
use cooperage_image::media_type::OCI_MANIFEST;
use cooperage_llb::ports::{Registry, StoreError};
use cooperage_registry::{Options, RegistryClient, Timeouts};

use crate::bench::{Told, blob, client, image, open, options};
use crate::script::{Reply, Script, reply, reset};

/// An opened session.
fn session(location: &str) -> Reply {
    reply("202 Accepted").header("Location", location).length(0)
}

fn created() -> Reply {
    reply("201 Created").length(0)
}

#[tokio::test]
async fn an_upload_keeps_the_query_of_a_relative_location() {
    let (descriptor, bytes) = blob(200_000);
    let script = Script::of([session("/elsewhere/1?_state=a%2Fb%3D&x"), created()]);
    let told = Told::default();
    let name = image(&script.host, "a/b:1");
    client().push_blob(&name, &descriptor, &open(&bytes), &|bytes| told.add(bytes)).await.unwrap();
    let seen = script.seen();
    let digest = descriptor.digest.hex();
    assert_eq!(
        script.lines(),
        [
            "POST /v2/a/b/blobs/uploads/".to_owned(),
            format!("PUT /elsewhere/1?_state=a%2Fb%3D&x&digest=sha256%3A{digest}")
        ]
    );
    assert_eq!(seen[1].body, bytes);
    assert_eq!(seen[1].header("content-length"), Some("200000"));
    assert_eq!(seen[1].header("content-type"), Some("application/octet-stream"));
    assert_eq!(told.bytes(), 200_000);
}

#[tokio::test]
async fn an_empty_blob_is_pushed_too() {
    let (descriptor, bytes) = blob(0);
    let script = Script::of([session("/s"), created()]);
    client().push_blob(&image(&script.host, "a:1"), &descriptor, &open(&bytes), &|_| ()).await.unwrap();
    assert!(script.seen().iter().all(|seen| seen.header("content-length") == Some("0")));
}

#[tokio::test]
async fn a_mount_that_becomes_a_session_is_used_by_the_upload() {
    let (descriptor, bytes) = blob(100);
    let script = Script::of([session("/session/7"), created(), created()]);
    let (client, name) = (client(), image(&script.host, "a:1"));
    assert!(!client.mount_blob(&name, &descriptor.digest, "base/image").await.unwrap());
    client.push_blob(&name, &descriptor, &open(&bytes), &|_| ()).await.unwrap();
    assert!(client.mount_blob(&name, &descriptor.digest, "base/image").await.unwrap());
    script.seen();
    let digest = descriptor.digest.hex();
    let mount = format!("POST /v2/a/blobs/uploads/?mount=sha256%3A{digest}&from=base%2Fimage");
    assert_eq!(script.lines(), [mount.clone(), format!("PUT /session/7?digest=sha256%3A{digest}"), mount]);
}

#[tokio::test]
async fn a_mount_nobody_allows_is_an_upload() {
    let (descriptor, _) = blob(1);
    for status in ["401 Unauthorized", "403 Forbidden", "404 Not Found", "400 Bad Request"] {
        let script = Script::of([reply(status).length(0)]);
        let name = image(&script.host, "a:1");
        assert!(!client().mount_blob(&name, &descriptor.digest, "b").await.unwrap(), "{status}");
        script.seen();
    }
}

#[tokio::test]
async fn a_mount_that_fails_for_long_is_an_upload() {
    let (descriptor, _) = blob(1);
    let attempts = options().retry.attempts as usize;
    let script = Script::of(vec![reply("503 Service Unavailable").length(0); attempts]);
    let name = image(&script.host, "a:1");
    assert!(!client().mount_blob(&name, &descriptor.digest, "b").await.unwrap());
    script.seen();
}

#[tokio::test]
async fn an_upload_that_broke_begins_anew_and_tells_each_byte_once() {
    let (descriptor, bytes) = blob(100_000);
    let script = Script::of([
        session("/s/1"),
        reply("500 Internal Server Error").length(0),
        reply("404 Not Found").length(0), // is it there?
        session("/s/2"),
        reply("404 Not Found").length(0), // the session went away
        reply("404 Not Found").length(0),
        session("/s/3"),
        created(),
    ]);
    let told = Told::default();
    let name = image(&script.host, "a:1");
    client().push_blob(&name, &descriptor, &open(&bytes), &|bytes| told.add(bytes)).await.unwrap();
    let bodies: Vec<_> = script.seen().iter().map(|seen| seen.body.len()).collect();
    assert_eq!(bodies, [0, 100_000, 0, 0, 100_000, 0, 0, 100_000]);
    assert_eq!(told.bytes(), 100_000);
}

#[tokio::test]
async fn an_upload_whose_answer_was_lost_is_done() {
    let (descriptor, bytes) = blob(1000);
    let script = Script::of([session("/s/1"), reset(), reply("200 OK").length(1000)]);
    let told = Told::default();
    let name = image(&script.host, "a:1");
    client().push_blob(&name, &descriptor, &open(&bytes), &|bytes| told.add(bytes)).await.unwrap();
    assert_eq!(script.lines()[2], format!("HEAD /v2/a/blobs/{}", descriptor.digest));
    script.seen();
    assert_eq!(told.bytes(), 1000);
}

#[tokio::test]
async fn a_refused_upload_is_told_in_the_registrys_words() {
    let (descriptor, bytes) = blob(1000);
    let refused = r#"{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match"}]}"#;
    let script = Script::of([session("/s/1"), reply("400 Bad Request").body(refused)]);
    let name = image(&script.host, "a:1");
    let error = client().push_blob(&name, &descriptor, &open(&bytes), &|_| ()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "http://{0} sent a wrong answer for {1} of {0}/a: PUT /s/1 was answered 400 Bad Request: \
             DIGEST_INVALID: provided digest did not match",
            script.host, descriptor.digest
        )
    );
    script.seen();
}

#[tokio::test]
async fn a_session_without_a_usable_location_is_a_wrong_answer() {
    let (descriptor, bytes) = blob(10);
    for (answer, what) in [
        (reply("202 Accepted").length(0), "without a Location"),
        (session("ftp://a/b"), "with a Location that is not of HTTP"),
        (session("http://"), "with a malformed Location"),
    ] {
        let script = Script::of([answer]);
        let name = image(&script.host, "a:1");
        let error = client().push_blob(&name, &descriptor, &open(&bytes), &|_| ()).await.unwrap_err();
        let end = format!("/v2/a/blobs/uploads/ was answered 202 Accepted {what}");
        assert!(error.to_string().ends_with(&end), "{error}");
        script.seen();
    }
}

#[tokio::test]
async fn a_local_blob_that_cannot_be_read_or_is_of_another_length_is_the_stores_error() {
    let (mut descriptor, bytes) = blob(1000);
    let script = Script::of([session("/s/1"), session("/s/2")]);
    let name = image(&script.host, "a:1");
    let gone = || {
        let what = "the blob".to_owned();
        Err(StoreError::Damaged { what, detail: "gone".to_owned() })
    };
    let error = client().push_blob(&name, &descriptor, &gone, &|_| ()).await.unwrap_err();
    assert_eq!(error.to_string(), "the blob in the store is damaged: gone");
    for size in [999, 1001] {
        descriptor.size_bytes = size;
        let error = client().push_blob(&name, &descriptor, &open(&bytes), &|_| ()).await.unwrap_err();
        let end = format!("expected {size} bytes, found 1000 or more");
        assert!(error.to_string().ends_with(&end), "{error}");
    }
}

#[tokio::test]
async fn an_upload_that_is_not_answered_ends() {
    let (descriptor, bytes) = blob(10);
    let verify = Duration::from_millis(100);
    let mut options = Options { timeouts: Timeouts { verify, ..Timeouts::default() }, ..options() };
    options.retry.attempts = 1;
    let script = Script::of([session("/s/1"), created().after(Duration::from_millis(500))]);
    let client = RegistryClient::new(options).unwrap();
    let name = image(&script.host, "a:1");
    let error = client.push_blob(&name, &descriptor, &open(&bytes), &|_| ()).await.unwrap_err();
    let end = "1 attempts): the upload of 10 bytes was not answered within 0.1 s";
    assert!(error.to_string().ends_with(end), "{error}");
}

#[tokio::test]
async fn a_manifest_is_put_with_its_bytes_and_type() {
    let bytes = b"{\n  \"layers\": []\n}";
    let digest = Digest::of(bytes);
    let stored = |digest: &Digest| created().header("Docker-Content-Digest", &digest.to_string());
    let script = Script::of([stored(&digest), created(), stored(&Digest::of(b"other"))]);
    let client = client();
    for (rest, path) in [("a:1".to_owned(), "1".to_owned()), (format!("a@{digest}"), digest.to_string())] {
        let put = client.push_manifest(&image(&script.host, &rest), OCI_MANIFEST, bytes).await.unwrap();
        assert_eq!(put, digest);
        assert_eq!(script.lines().last(), Some(&format!("PUT /v2/a/manifests/{path}")));
    }
    let error = client.push_manifest(&image(&script.host, "a:1"), OCI_MANIFEST, bytes).await.unwrap_err();
    let end = format!("the content is {digest}, but the registry stored {}", Digest::of(b"other"));
    assert!(error.to_string().ends_with(&end), "{error}");
    let seen = script.seen();
    assert_eq!((seen[0].body.as_slice(), seen[0].header("content-type")), (&bytes[..], Some(OCI_MANIFEST)));
}

#[tokio::test]
async fn whether_a_blob_is_there() {
    let script = Script::of([
        reply("200 OK").length(1),
        reply("404 Not Found").length(0),
        reply("403 Forbidden").length(0),
    ]);
    let (client, name, digest) = (client(), image(&script.host, "a:1"), Digest::of(b"x"));
    assert!(client.has_blob(&name, &digest).await.unwrap());
    assert!(!client.has_blob(&name, &digest).await.unwrap());
    let error = client.has_blob(&name, &digest).await.unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "http://{0} refused access to {digest} of {0}/a (no credentials): HEAD /v2/a/blobs/{digest} \
             was answered 403 Forbidden",
            script.host
        )
    );
    script.seen();
}
