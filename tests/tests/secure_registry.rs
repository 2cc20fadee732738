//! Registries as companies have them: TLS by an authority of their own, tokens or passwords to get in.

use std::process::Command;

use cooperage_tests::{
    Access, Authority, Cooper, Outcome, Registry, TokenRequest, TokenServer, folder, peer, run,
};
use serde_json::Value;

const USER: &str = "ada";
const PASSWORD: &str = "correct horse, battery+staple";

/// A `cooper` with an empty store that trusts `authority`, and is `user` at `registry`.
fn cooper(authority: &Authority, login: Option<&tempfile::TempDir>) -> Cooper {
    let nobody = folder(&[]);
    let login = login.unwrap_or(&nobody).path();
    Cooper::new()
        .env("SSL_CERT_FILE", authority.certificate().to_str().unwrap())
        .env("DOCKER_CONFIG", login.to_str().unwrap())
        .env("HTTPS_PROXY", "")
}

/// A base for two platforms, built and pushed by `cooper` itself.
fn push_base(cooper: &Cooper, name: &str) {
    let context = folder(&[(
        "Dockerfile",
        "FROM scratch\nARG TARGETARCH\nCOPY busybox /bin/busybox\nCOPY $TARGETARCH /\n",
    )]);
    let busybox =
        ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| std::fs::metadata(path).is_ok());
    std::fs::copy(busybox.expect("busybox-static is installed"), context.path().join("busybox")).unwrap();
    cooperage_tests::write(context.path(), &[("amd64/arch", "amd64"), ("arm64/arch", "arm64")]);
    cooper.build(&["--platform=linux/amd64,linux/arm64", "-t", name, "--push"], context.path()).ok();
}

/// A build on it for this machine, pushed.
fn push_app(cooper: &Cooper, base: &str, name: &str) -> Outcome {
    let dockerfile = format!(
        "FROM {base}\nRUN [\"/bin/busybox\", \"cp\", \"/arch\", \"/copy\"]\nCMD [\"/bin/busybox\", \"cat\", \"/copy\"]\n"
    );
    cooper.build(
        &["--platform=linux/amd64", "-t", name, "--push"],
        folder(&[("Dockerfile", &dockerfile)]).path(),
    )
}

/// What skopeo says of an image, raw.
fn skopeo(authority: &Authority, registry: &Registry, login: Option<&str>, path: &str) -> Value {
    let mut command = Command::new(peer("skopeo"));
    command.env("SSL_CERT_FILE", authority.certificate()).args(["inspect", "--raw"]);
    match login {
        Some(login) => command.args(["--creds", login]),
        None => command.arg("--no-creds"),
    };
    let host = registry.host().replace("registry.localhost", "localhost");
    let text = run(command.arg(format!("docker://{host}/{path}")));
    serde_json::from_str(&text).unwrap()
}

fn says_no_secret(outcome: &Outcome) {
    for secret in [PASSWORD, "battery", "YWRhOmNvcnJlY3"] {
        assert!(!outcome.stderr.contains(secret) && !outcome.stdout.contains(secret), "{}", outcome.stderr);
    }
}

fn asked(scopes: &[&str]) -> TokenRequest {
    TokenRequest { known: true, scopes: scopes.iter().map(|one| (*one).to_owned()).collect(), status: 200 }
}

#[test]
fn tokens_over_tls_for_a_pull_by_index_and_a_push() {
    let authority = Authority::new();
    let tokens = TokenServer::start(
        &authority,
        USER,
        PASSWORD,
        &[("bases/small", "pull,push"), ("team/app", "pull,push")],
    );
    let registry = Registry::secure(&authority, Access::Token(&tokens));
    let login = registry.docker_config(USER, PASSWORD);
    let (base, app) =
        (format!("{}/bases/small:1", registry.host()), format!("{}/team/app:1", registry.host()));
    push_base(&cooper(&authority, Some(&login)), &base);
    assert_eq!(tokens.requests(), [asked(&["repository:bases/small:pull,push"])], "one token serves a push");

    let cooper = cooper(&authority, Some(&login));
    let built = push_app(&cooper, &base, &app).ok();
    says_no_secret(&built);
    assert!(built.count("pulled_blobs") >= 1, "{}", built.stderr);
    let requests = tokens.requests();
    let pull = asked(&["repository:bases/small:pull"]);
    assert_eq!(
        requests.iter().filter(|one| **one == pull).count(),
        1,
        "one token serves a pull: {requests:?}"
    );
    assert!(requests.iter().all(|one| one.known && one.status == 200), "{requests:?}");

    let login = format!("{USER}:{PASSWORD}");
    let index = skopeo(&authority, &registry, Some(&login), "bases/small:1");
    let platforms: Vec<_> =
        index["manifests"].as_array().unwrap().iter().map(|one| &one["platform"]["architecture"]).collect();
    assert_eq!(platforms, ["amd64", "arm64"]);
    let manifest = skopeo(&authority, &registry, Some(&login), "team/app:1");
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 3);
}

#[test]
fn tokens_for_nobody_for_a_wrong_password_and_for_a_wrong_scope() {
    let authority = Authority::new();
    let tokens = TokenServer::start(&authority, USER, PASSWORD, &[("bases/small", "pull,push")]);
    let registry = Registry::secure(&authority, Access::Token(&tokens));
    let login = registry.docker_config(USER, PASSWORD);
    let base = format!("{}/bases/small:1", registry.host());
    push_base(&cooper(&authority, Some(&login)), &base);

    let nobody = cooper(&authority, None).run(["pull", &base]).fails_with(3);
    nobody.says("refused access to").says(&registry.host()).says("no credentials");

    let wrong = registry.docker_config(USER, "mistaken");
    tokens.requests();
    let refused = cooper(&authority, Some(&wrong)).run(["pull", &base]).fails_with(3);
    let file = wrong.path().join("config.json");
    let refused = refused.says("wrong user or password").says(file.to_str().unwrap()).says(&registry.host());
    assert!(!refused.stderr.contains("mistaken"), "{}", refused.stderr);
    assert!(tokens.requests().len() <= 4, "a wrong password is not tried over and over");

    let secret = format!("{}/secret/app:1", registry.host());
    let refused = push_app(&cooper(&authority, Some(&login)), &base, &secret).fails_with(3);
    says_no_secret(&refused);
    refused.says("refused access to").says("secret/app").says("config.json");
    let requests = tokens.requests();
    assert!(requests.len() <= 6, "a refused scope is not asked for over and over: {requests:?}");
}

#[test]
fn a_password_over_tls_for_a_pull_by_index_and_a_push() {
    let authority = Authority::new();
    let registry = Registry::secure(&authority, Access::Password(USER, PASSWORD));
    let login = registry.docker_config(USER, PASSWORD);
    let (base, app) =
        (format!("{}/bases/small:1", registry.host()), format!("{}/team/app:1", registry.host()));
    push_base(&cooper(&authority, Some(&login)), &base);
    let built = push_app(&cooper(&authority, Some(&login)), &base, &app).ok();
    says_no_secret(&built);
    let manifest = skopeo(&authority, &registry, Some(&format!("{USER}:{PASSWORD}")), "team/app:1");
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 3);

    let nobody = cooper(&authority, None).run(["pull", &base]).fails_with(3);
    nobody.says("refused access to").says("no credentials");
    let wrong = registry.docker_config(USER, "mistaken");
    let file = wrong.path().join("config.json");
    let refused = cooper(&authority, Some(&wrong)).run(["pull", &base]).fails_with(3);
    refused.says("refused access to").says(file.to_str().unwrap());
}

#[test]
fn an_authority_that_is_not_trusted() {
    let (authority, other) = (Authority::new(), Authority::new());
    let registry = Registry::secure(&authority, Access::Anybody);
    let name = format!("{}/team/app:1", registry.host());
    let refused = cooper(&other, None).run(["pull", &name]).fails_with(3);
    refused.says("SSL_CERT_FILE").says("1 attempt").says(&registry.host());
}
