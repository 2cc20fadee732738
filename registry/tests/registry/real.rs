//! The real registry, with `skopeo` as the judge of what arrived.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cooperage_image::manifest::Manifest;
use cooperage_image::media_type::{Family, OCI_CONFIG, OCI_LAYER};
use cooperage_image::{Descriptor, Digest, Reference};
use cooperage_llb::ports::Registry;
use cooperage_registry::{CredentialSources, Options, RegistryClient, Roots};

use crate::bench::{Fate, Writer, blob, image, open, options};
use crate::docker_registry::{DockerRegistry, command};

/// Pushes an image of one layer, and returns its manifest's digest and the layer.
async fn push(client: &RegistryClient, name: &Reference) -> (Digest, Descriptor, Vec<u8>) {
    let (mut layer, bytes) = blob(300_000);
    layer.media_type = OCI_LAYER.to_owned();
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
        layer.digest
    );
    let config_descriptor = Descriptor::of(OCI_CONFIG, config.as_bytes());
    assert!(!client.has_blob(name, &layer.digest).await.unwrap());
    client.push_blob(name, &layer, &open(&bytes), &|_| ()).await.unwrap();
    client.push_blob(name, &config_descriptor, &open(config.as_bytes()), &|_| ()).await.unwrap();
    assert!(client.has_blob(name, &layer.digest).await.unwrap());
    let manifest = Manifest::new(Family::Oci, config_descriptor, vec![layer.clone()]);
    let digest = client.push_manifest(name, &manifest.media_type, &manifest.to_bytes()).await.unwrap();
    (digest, layer, bytes)
}

async fn pull(client: &RegistryClient, name: &Reference, layer: &Descriptor) -> Vec<u8> {
    let (writer, fate) = Writer::new();
    client.pull_blob(name, layer, writer, &|_| ()).await.unwrap();
    let fate = fate.lock().unwrap().clone();
    match fate {
        Fate::Committed(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

/// What skopeo says of `name`.
fn inspect(name: &Reference, arguments: &[&str]) -> String {
    let shown = command("skopeo")
        .args(["inspect", "--format", "{{.Digest}} {{.Architecture}} {{.Layers}}"])
        .args(arguments)
        .arg(format!("docker://{name}"))
        .output()
        .unwrap();
    assert!(shown.status.success(), "skopeo: {}", String::from_utf8_lossy(&shown.stderr));
    String::from_utf8(shown.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn an_image_goes_there_and_back() {
    let registry = DockerRegistry::start();
    let client = RegistryClient::new(options()).unwrap();
    let name = image(&registry.host, "some/app:1");
    let (digest, layer, bytes) = push(&client, &name).await;
    assert_eq!(inspect(&name, &["--tls-verify=false"]), format!("{digest} amd64 [{}]", layer.digest));

    let found = client.resolve(&name).await.unwrap();
    assert_eq!(found.digest, digest);
    let (descriptor, manifest) = client.manifest(&name.with_digest(digest)).await.unwrap();
    assert_eq!(descriptor, found);
    assert_eq!(Digest::of(&manifest), digest);
    assert_eq!(pull(&client, &name, &layer).await, bytes);

    let other = image(&registry.host, "other:1");
    assert!(client.mount_blob(&other, &layer.digest, "some/app").await.unwrap());
    assert_eq!(pull(&client, &other, &layer).await, bytes);
    // What the source lacks becomes an upload.
    let (more, bytes) = blob(100);
    assert!(!client.mount_blob(&other, &more.digest, "some/app").await.unwrap());
    client.push_blob(&other, &more, &open(&bytes), &|_| ()).await.unwrap();
    assert_eq!(pull(&client, &other, &more).await, bytes);

    let missing = client.resolve(&image(&registry.host, "some/app:2")).await.unwrap_err().to_string();
    let host = &registry.host;
    assert_eq!(
        missing,
        format!("{host}/some/app:2 is not in the registry at http://{host} (no credentials)")
    );
}

#[tokio::test]
async fn an_upload_of_other_bytes_is_refused() {
    let registry = DockerRegistry::start();
    let client = RegistryClient::new(options()).unwrap();
    let (descriptor, mut bytes) = blob(1000);
    bytes[0] ^= 1;
    let name = image(&registry.host, "a:1");
    let error = client.push_blob(&name, &descriptor, &open(&bytes), &|_| ()).await.unwrap_err().to_string();
    assert!(error.contains("was answered 400 Bad Request: DIGEST_INVALID: "), "{error}");
}

#[tokio::test]
async fn a_registry_with_a_password() {
    let registry = DockerRegistry::with_password("robot", "hunter2");
    let credentials = |password: &str| {
        let auth = STANDARD.encode(format!("robot:{password}"));
        let json = format!(r#"{{"auths":{{"{}":{{"auth":"{auth}"}}}}}}"#, registry.host);
        let environment = Some(("DOCKER_AUTH_CONFIG".to_owned(), json));
        CredentialSources { environment, ..CredentialSources::default() }
    };
    let client = |credentials| RegistryClient::new(Options { credentials, ..options() }).unwrap();
    let name = image(&registry.host, "app:1");
    let (digest, layer, bytes) = push(&client(credentials("hunter2")), &name).await;
    assert_eq!(pull(&client(credentials("hunter2")), &name, &layer).await, bytes);
    let shown = inspect(&name, &["--tls-verify=false", "--creds=robot:hunter2"]);
    assert!(shown.starts_with(&digest.to_string()), "{shown}");

    let host = &registry.host;
    for (credentials, source) in [
        (credentials("wrong"), "credentials in $DOCKER_AUTH_CONFIG"),
        (CredentialSources::default(), "no credentials"),
    ] {
        let error = client(credentials).manifest(&name).await.unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "http://{host} refused access to {host}/app:1 ({source}): GET /v2/app/manifests/1 was answered \
                 401 Unauthorized: UNAUTHORIZED: authentication required"
            )
        );
    }
}

#[tokio::test]
async fn a_registry_with_tls() {
    let registry = DockerRegistry::with_tls();
    let with = |roots| {
        let tls_hosts = vec![registry.host.clone()];
        RegistryClient::new(Options { roots, tls_hosts, ..options() }).unwrap()
    };
    let name = image(&registry.host, "app:1");
    let ours = registry.file("ca.pem");
    let client = with(Roots::from_environment(|name| (name == "SSL_CERT_FILE").then(|| ours.clone().into())));
    let (_, layer, bytes) = push(&client, &name).await;
    assert_eq!(pull(&client, &name, &layer).await, bytes);

    let empty = tempfile::tempdir().unwrap();
    let strangers = with(Roots::Only { file: None, directories: vec![empty.path().to_owned()] });
    let error = strangers.manifest(&name).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("https://{} could not be reached", registry.host)), "{error}");
    assert!(error.contains("(no credentials, 1 attempts)"), "{error}");
    let hint = "(only the authorities in the directories of SSL_CERT_DIR are trusted, 0 in all)";
    assert!(error.ends_with(hint), "{error}");
}

#[tokio::test]
async fn tls_to_a_registry_without_it_says_so() {
    let registry = DockerRegistry::start();
    let tls_hosts = vec![registry.host.clone()];
    let client = RegistryClient::new(Options { tls_hosts, ..options() }).unwrap();
    let error = client.manifest(&image(&registry.host, "app:1")).await.unwrap_err().to_string();
    assert!(error.ends_with("(if it speaks plain HTTP, name it as an insecure registry)"), "{error}");
}
