//! Who the client says it is, to whom, and to whom not.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cooperage_image::Digest;
use cooperage_image::media_type::OCI_MANIFEST;
use cooperage_llb::ports::Registry;
use cooperage_registry::{CredentialSources, Options, RegistryClient};

use crate::bench::{Writer, blob, client, image, open, options};
use crate::script::{Reply, Script, reply};

const MANIFEST: &str = r#"{"schemaVersion":2,"layers":[]}"#;

/// A client with this entry for `host` in a `config.json`.
fn client_with(host: &str, entry: &str) -> (tempfile::TempDir, RegistryClient) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.json");
    std::fs::write(&path, format!(r#"{{"auths":{{"{host}":{entry}}}}}"#)).unwrap();
    let credentials = CredentialSources { docker_config: Some(path), ..CredentialSources::default() };
    (directory, RegistryClient::new(Options { credentials, ..options() }).unwrap())
}

fn password(text: &str) -> String {
    format!(r#"{{"auth":"{}"}}"#, STANDARD.encode(text))
}

fn manifest() -> Reply {
    reply("200 OK").body(MANIFEST)
}

/// A 401 that sends to the token server `host`.
fn ask(host: &str, scope: &str) -> Reply {
    let challenge =
        format!(r#"Bearer realm="http://{host}/token?x=1",service="the registry",scope="{scope}""#);
    reply("401 Unauthorized").header("WWW-Authenticate", &challenge).length(0)
}

fn token(text: &str) -> Reply {
    reply("200 OK").body(format!(r#"{{"token":"{text}","expires_in":300}}"#))
}

#[tokio::test]
async fn a_token_is_fetched_with_the_scope_and_kept() {
    let (registry, server) = (Script::bind(), Script::of([token("t1"), token("t2")]));
    registry.play([ask(&server.host, "repository:a:pull"), manifest(), manifest(), manifest()]);
    let (_kept, client) = client_with(&registry.host, &password("user:pass:word"));
    for name in ["a:1", "a:2", "b:1"] {
        client.manifest(&image(&registry.host, name)).await.unwrap();
    }
    let asked = server.seen();
    let query = |scope: &str| format!("GET /token?x=1&service=the+registry&scope={scope}&account=user");
    assert_eq!(asked[0].line, query("repository%3Aa%3Apull"));
    // Another repository: no 401 first, and nothing of what the first challenge asked for.
    assert_eq!(asked[1].line, query("repository%3Ab%3Apull"));
    let basic = format!("Basic {}", STANDARD.encode("user:pass:word"));
    assert_eq!(asked[0].header("authorization"), Some(basic.as_str()));
    let shown: Vec<_> =
        registry.seen().iter().map(|seen| seen.header("authorization").map(str::to_owned)).collect();
    let bearer = |token: &str| Some(format!("Bearer {token}"));
    assert_eq!(shown, [None, bearer("t1"), bearer("t1"), bearer("t2")]);
}

#[tokio::test]
async fn many_requests_share_one_token() {
    let (registry, server) = (Script::bind(), Script::of([token("t").after(Duration::from_millis(100))]));
    let first = ask(&server.host, "repository:a:pull");
    registry.play([first.clone(), first.clone(), first, manifest(), manifest(), manifest()]);
    let (client, name) = (client(), image(&registry.host, "a:1"));
    let (a, b, c) = tokio::join!(client.manifest(&name), client.manifest(&name), client.manifest(&name));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    server.seen();
    registry.seen();
}

#[tokio::test]
async fn anonymous_tokens_need_no_credentials() {
    let (registry, server) = (Script::bind(), Script::of([reply("200 OK").body(r#"{"access_token":"t"}"#)]));
    registry.play([ask(&server.host, ""), manifest()]);
    client().manifest(&image(&registry.host, "a:1")).await.unwrap();
    assert_eq!(server.seen()[0].header("authorization"), None);
    assert_eq!(registry.seen()[1].header("authorization"), Some("Bearer t"));
}

#[tokio::test]
async fn a_mount_asks_for_both_repositories() {
    let (registry, server) = (Script::bind(), Script::of([token("t")]));
    registry.play([ask(&server.host, "repository:a:pull,push"), reply("201 Created").length(0)]);
    let name = image(&registry.host, "a:1");
    assert!(client().mount_blob(&name, &Digest::of(b""), "b/c").await.unwrap());
    let query = "scope=repository%3Aa%3Apull%2Cpush&scope=repository%3Ab%2Fc%3Apull";
    assert_eq!(server.seen()[0].line, format!("GET /token?x=1&service=the+registry&{query}"));
}

#[tokio::test]
async fn basic_authentication() {
    let challenge = || reply("401 Unauthorized").header("WWW-Authenticate", "Basic realm=x").length(0);
    let registry = Script::of([challenge(), manifest(), manifest()]);
    let (_kept, client) = client_with(&registry.host, &password("u:p"));
    for _ in 0..2 {
        client.manifest(&image(&registry.host, "a:1")).await.unwrap();
    }
    let basic = format!("Basic {}", STANDARD.encode("u:p"));
    let seen = registry.seen();
    assert_eq!(seen[0].header("authorization"), None);
    assert!(seen[1..].iter().all(|seen| seen.header("authorization") == Some(&basic)));
}

#[tokio::test]
async fn an_identity_token_is_exchanged() {
    let (registry, server) = (Script::bind(), Script::of([token("t")]));
    registry.play([ask(&server.host, "repository:a:pull"), manifest()]);
    let (_kept, client) = client_with(&registry.host, r#"{"identitytoken":"secret/1"}"#);
    client.manifest(&image(&registry.host, "a:1")).await.unwrap();
    let asked = &server.seen()[0];
    assert_eq!((asked.line.as_str(), asked.header("authorization")), ("POST /token?x=1", None));
    assert_eq!(
        String::from_utf8_lossy(&asked.body),
        "grant_type=refresh_token&refresh_token=secret%2F1&service=the+registry&client_id=cooper\
         &scope=repository%3Aa%3Apull"
    );
}

#[tokio::test]
async fn a_token_server_that_wants_a_post_gets_one() {
    let server = Script::of([reply("405 Method Not Allowed").length(0), token("t")]);
    let registry = Script::bind();
    registry.play([ask(&server.host, "repository:a:pull"), manifest()]);
    let (_kept, client) = client_with(&registry.host, &password("u:p"));
    client.manifest(&image(&registry.host, "a:1")).await.unwrap();
    let body = String::from_utf8_lossy(&server.seen()[1].body).into_owned();
    assert!(body.starts_with("grant_type=password&username=u&password=p&service=the+registry"), "{body}");
}

#[tokio::test]
async fn refused_credentials_are_named_and_never_shown() {
    // Both servers repeat what they were told.
    let repeated = r#"{"errors":[{"code":"UNAUTHORIZED","message":"hunter2 is wrong, as is token7"}]}"#;
    let refuse = || reply("401 Unauthorized").body(repeated);
    let (registry, server) = (Script::bind(), Script::of([refuse(), refuse()]));
    registry.play([ask(&server.host, "repository:a:pull")]);
    let (kept, client) = client_with(&registry.host, &password("user:hunter2"));
    let file = kept.path().join("config.json");
    let host = &registry.host;
    let error = client.manifest(&image(host, "a:1")).await.unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "http://{host} refused access to {host}/a:1 (credentials of {host} in {}): GET http://{}/token was \
             answered 401 Unauthorized: UNAUTHORIZED: [secret] is wrong, as is token7",
            file.display(),
            server.host
        )
    );
    registry.seen();
    server.seen();

    let (registry, server) = (Script::bind(), Script::of([token("token7")]));
    registry.play([ask(&server.host, "repository:a:pull"), reply("403 Forbidden").body(repeated)]);
    let error =
        client_with("", "{}").1.manifest(&image(&registry.host, "a:1")).await.unwrap_err().to_string();
    let end = "(no credentials): GET /v2/a/manifests/1 was answered 403 Forbidden: UNAUTHORIZED: hunter2 is wrong, as is [secret]";
    assert!(error.ends_with(end), "{error}");
    server.seen();
    registry.seen();
}

#[tokio::test]
async fn the_same_wrong_password_is_not_repeated() {
    let challenge = reply("401 Unauthorized").header("WWW-Authenticate", "Basic realm=x").length(0);
    let registry = Script::of(vec![challenge; 3]);
    let (_kept, client) = client_with(&registry.host, &password("u:p"));
    for _ in 0..2 {
        client.manifest(&image(&registry.host, "a:1")).await.unwrap_err();
    }
    // Without, with, and from then on at once with.
    let shown: Vec<_> = registry.seen().iter().map(|seen| seen.header("authorization").is_some()).collect();
    assert_eq!(shown, [false, true, true]);
}

#[tokio::test]
async fn basic_without_credentials_is_refused_at_once() {
    let registry =
        Script::of([reply("401 Unauthorized").header("WWW-Authenticate", "Basic realm=x").length(0)]);
    let host = &registry.host;
    let error = client().manifest(&image(host, "a:1")).await.unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "http://{host} refused access to {host}/a:1 (no credentials): GET /v2/a/manifests/1 was answered \
             401 Unauthorized"
        )
    );
    registry.seen();
}

#[tokio::test]
async fn a_redirect_and_a_foreign_location_get_no_credentials() {
    let (descriptor, bytes) = blob(500);
    let (registry, storage) = (Script::bind(), Script::bind());
    storage.play([reply("200 OK").body(bytes.clone()), reply("201 Created").length(0)]);
    let signed = format!("http://{}/bucket?signature=s", storage.host);
    let basic = reply("401 Unauthorized").header("WWW-Authenticate", "Basic realm=x").length(0);
    registry.play([
        basic,
        reply("307 Temporary Redirect").header("Location", &signed).length(0),
        reply("202 Accepted").header("Location", &signed).length(0),
    ]);
    let (_kept, client) = client_with(&registry.host, &password("u:p"));
    let name = image(&registry.host, "a:1");
    client.pull_blob(&name, &descriptor, Writer::new().0, &|_| ()).await.unwrap();
    client.push_blob(&name, &descriptor, &open(&bytes), &|_| ()).await.unwrap();
    assert!(registry.seen()[1..].iter().all(|seen| seen.header("authorization").is_some()));
    let stored = storage.seen();
    assert!(stored.iter().all(|seen| seen.header("authorization").is_none()));
    assert_eq!(stored[0].line, "GET /bucket?signature=s");
    assert_eq!(
        stored[1].line,
        format!("PUT /bucket?signature=s&digest=sha256%3A{}", descriptor.digest.hex())
    );
}

#[tokio::test]
async fn a_password_in_a_form_is_not_sent_elsewhere() {
    let (registry, elsewhere) = (Script::bind(), Script::bind());
    elsewhere.play([]);
    let away = format!("http://{}/token", elsewhere.host);
    let server = Script::of([
        reply("405 Method Not Allowed").length(0),
        reply("307 Temporary Redirect").header("Location", &away).length(0),
    ]);
    registry.play([ask(&server.host, "repository:a:pull")]);
    let (_kept, client) = client_with(&registry.host, &password("u:hunter2"));
    let error = client.manifest(&image(&registry.host, "a:1")).await.unwrap_err().to_string();
    assert!(error.ends_with(&format!("leads to {away}, which gets no credentials")), "{error}");
    assert!(elsewhere.seen().is_empty());
    server.seen();
    registry.seen();
}

#[tokio::test]
async fn a_helper_is_asked_once_by_many_transfers() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let helper = directory.path().join("docker-credential-counting");
    let script = "#!/bin/sh\necho x >> \"${0%/*}/runs\"\necho '{\"Username\":\"u\",\"Secret\":\"p\"}'\n";
    std::fs::write(&helper, script).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = directory.path().join("config.json");
    std::fs::write(&path, r#"{"credsStore":"counting"}"#).unwrap();
    let credentials = CredentialSources {
        docker_config: Some(path),
        helper_path: Some(directory.path().into()),
        ..CredentialSources::default()
    };
    let client = RegistryClient::new(Options { credentials, ..options() }).unwrap();
    let registry = Script::of(vec![manifest(); 3]);
    let name = image(&registry.host, "a:1");
    let (a, b, c) = tokio::join!(client.manifest(&name), client.manifest(&name), client.manifest(&name));
    assert!(a.is_ok() && b.is_ok() && c.is_ok(), "{a:?}");
    assert_eq!(std::fs::read_to_string(directory.path().join("runs")).unwrap(), "x\n");
}

#[tokio::test]
async fn what_a_storage_refuses_is_told_without_the_signature() {
    let (descriptor, _) = blob(500);
    let (registry, storage) = (Script::bind(), Script::bind());
    let challenge = reply("401 Unauthorized").header("WWW-Authenticate", "Basic realm=x");
    storage.play([challenge.body("<Error>AccessDenied</Error>")]);
    let signed = format!("http://{}/bucket?signature=s", storage.host);
    registry.play([reply("302 Found").header("Location", &signed).length(0)]);
    let (_kept, client) = client_with(&registry.host, &password("u:p"));
    let name = image(&registry.host, "a:1");
    let error = client.pull_blob(&name, &descriptor, Writer::new().0, &|_| ()).await.unwrap_err().to_string();
    let end = format!("GET http://{}/bucket was answered 401 Unauthorized", storage.host);
    assert!(error.ends_with(&end), "{error}");
    storage.seen();
    registry.seen();
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let registry = Script::bind();
    let again = reply("302 Found").header("Location", "/v2/a/manifests/1").length(0);
    registry.play(vec![again; 11]);
    let error = client().manifest(&image(&registry.host, "a:1")).await.unwrap_err().to_string();
    assert!(error.ends_with("GET /v2/a/manifests/1 was redirected more than 10 times"), "{error}");
    registry.seen();
}

#[tokio::test]
async fn a_token_that_expires_during_an_upload_is_renewed() {
    let (descriptor, bytes) = blob(5000);
    let (registry, server) = (Script::bind(), Script::of([token("old"), token("new")]));
    let ask = ask(&server.host, "repository:a:pull,push");
    let session = reply("202 Accepted").header("Location", "/s").length(0);
    registry.play([
        ask.clone(),
        session.clone(),
        ask.clone(), // to the body
        ask,         // to the question whether it is there
        reply("404 Not Found").length(0),
        session,
        reply("201 Created").length(0),
    ]);
    let name = image(&registry.host, "a:1");
    client().push_blob(&name, &descriptor, &open(&bytes), &|_| ()).await.unwrap();
    let seen = registry.seen();
    assert_eq!(seen[3].header("authorization"), Some("Bearer old"));
    assert_eq!(seen[6].header("authorization"), Some("Bearer new"));
    assert_eq!(seen[6].body, bytes);
    server.seen();
}

#[tokio::test]
async fn a_malformed_credentials_file_is_named() {
    let registry = Script::bind();
    let (kept, client) = client_with(&registry.host, r#"{"auth":"%"}"#);
    let host = &registry.host;
    let error = client.push_manifest(&image(host, "a:1"), OCI_MANIFEST, b"{}").await.unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{}: auths[\"{host}\"].auth: expected the base64 of user:password",
            kept.path().join("config.json").display()
        )
    );
}
