use std::os::unix::fs::PermissionsExt;

use super::*;

/// Sources of one file with `json`, kept as long as the directory.
fn file(json: &str) -> (tempfile::TempDir, CredentialSources) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.json");
    std::fs::write(&path, json).unwrap();
    let helper_path = Some(directory.path().into());
    (directory, CredentialSources { docker_config: Some(path), helper_path, environment: None })
}

/// What was found, in words; secrets included.
fn found(sources: &CredentialSources, host: &str, repository: &str) -> String {
    match sources.find(host, repository) {
        Ok(Credentials { secret, source }) => {
            let secret = match secret {
                Secret::None => "none".to_owned(),
                Secret::Password { user, password } => format!("{user}:{password}"),
                Secret::Identity(token) => format!("identity {token}"),
                Secret::Bearer(token) => format!("bearer {token}"),
            };
            match source {
                CredentialSource::File(_, key) => format!("{secret} from {key}"),
                source => format!("{secret} from {source}"),
            }
        }
        Err(Failure::Config { path, detail }) => {
            format!("{}: {detail}", path.file_name().unwrap().to_string_lossy())
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn encoded(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn keys_in_all_their_spellings() {
    for key in
        ["r.example:5000", "https://r.example:5000", "http://r.example:5000/", "https://r.example:5000/v2/"]
    {
        let (_kept, sources) = file(&format!(r#"{{"auths":{{"{key}":{{"auth":"{}"}}}}}}"#, encoded("u:p:w")));
        assert_eq!(found(&sources, "r.example:5000", "a"), format!("u:p:w from {key}"));
        assert_eq!(found(&sources, "r.example", "a"), "none from no credentials");
    }
    for key in ["https://index.docker.io/v1/", "docker.io", "registry-1.docker.io"] {
        let (_kept, sources) = file(&format!(r#"{{"auths":{{"{key}":{{"username":"u","password":"p"}}}}}}"#));
        assert_eq!(found(&sources, "docker.io", "library/a"), format!("u:p from {key}"));
    }
}

#[test]
fn the_longest_path_wins() {
    let (_kept, sources) = file(
        r#"{"auths":{"r":{"identitytoken":"all"},"r/group":{"identitytoken":"group"},"r/group/x":{"registrytoken":"x"}}}"#,
    );
    assert_eq!(found(&sources, "r", "other"), "identity all from r");
    assert_eq!(found(&sources, "r", "group/y"), "identity group from r/group");
    assert_eq!(found(&sources, "r", "group/x"), "bearer x from r/group/x");
    assert_eq!(found(&sources, "r", "group/xy"), "identity group from r/group");
}

#[test]
fn the_environment_comes_before_the_file() {
    let (_kept, mut sources) =
        file(&format!(r#"{{"auths":{{"a":{{"auth":"{0}"}},"b":{{"auth":"{0}"}}}}}}"#, encoded("f:f")));
    let json = format!(r#"{{"auths":{{"a":{{"auth":"{}"}}}}}}"#, encoded("e:e"));
    sources.environment = Some(("DOCKER_AUTH_CONFIG".into(), json));
    assert_eq!(found(&sources, "a", "x"), "e:e from credentials in $DOCKER_AUTH_CONFIG");
    assert_eq!(found(&sources, "b", "x"), "f:f from b");
}

#[test]
fn a_malformed_file_is_named_with_the_place_and_without_its_secrets() {
    for (json, expected) in [
        ("{\"auths\":\n {,", "config.json: key must be a string at line 2 column 3"),
        ("[]", "config.json: expected a JSON object at the top"),
        (r#"{"auths":"hunter2"}"#, "config.json: auths: expected an object"),
        (r#"{"auths":{"r":"hunter2"}}"#, "config.json: auths[\"r\"]: expected an object"),
        (
            r#"{"auths":{"r":{"auth":"hunter2!"}}}"#,
            "config.json: auths[\"r\"].auth: expected the base64 of user:password",
        ),
        (r#"{"auths":{"r":{"auth":1}}}"#, "config.json: auths[\"r\"].auth: expected a string"),
        (r#"{"credsStore":"../x"}"#, "config.json: credsStore: expected the name of a credential helper"),
        (
            r#"{"credHelpers":{"r":"absent"}}"#,
            "config.json: the credential helper docker-credential-absent is not in PATH",
        ),
    ] {
        let (_kept, sources) = file(json);
        assert_eq!(found(&sources, "r", "x"), expected);
    }
    let (_kept, mut sources) = file("{}");
    sources.environment = Some(("DOCKER_AUTH_CONFIG".into(), "{".into()));
    assert_eq!(
        found(&sources, "r", "x"),
        "$DOCKER_AUTH_CONFIG: EOF while parsing an object at line 1 column 1"
    );
}

#[test]
fn no_file_and_an_empty_one_are_no_credentials() {
    let absent =
        CredentialSources { docker_config: Some("/nowhere/config.json".into()), ..Default::default() };
    assert_eq!(found(&absent, "r", "x"), "none from no credentials");
    for json in ["", "{}", r#"{"auths":{"r":{}}}"#, r#"{"auths":null,"credsStore":""}"#] {
        let (_kept, sources) = file(json);
        assert_eq!(found(&sources, "r", "x"), "none from no credentials");
    }
}

#[test]
fn helpers_are_asked_in_their_protocol() {
    let (directory, sources) = file(
        r#"{"credHelpers":{"r":"one","id.example":"id","bad":"bad"},"credsStore":"all","auths":{"z":{"identitytoken":"t"}}}"#,
    );
    for (name, script) in [
        ("one", r#"read server; echo "{\"Username\":\"u\",\"Secret\":\"$1-$server\"}""#),
        ("id", r#"echo '{"Username":"<token>","Secret":"t"}'"#),
        ("all", "echo credentials not found in native keychain; exit 1"),
        ("bad", "echo it is locked; exit 3"),
    ] {
        let path = directory.path().join(format!("docker-credential-{name}"));
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    assert_eq!(found(&sources, "r", "x"), "u:get-r from credentials of docker-credential-one");
    assert_eq!(found(&sources, "id.example", "x"), "identity t from credentials of docker-credential-id");
    assert_eq!(found(&sources, "z", "x"), "identity t from z");
    assert_eq!(
        found(&sources, "bad", "x"),
        "config.json: docker-credential-bad ended with exit status: 3: it is locked"
    );
}

#[test]
fn sources_of_a_process_and_their_debug_text() {
    let sources = CredentialSources::from_environment(|name| match name {
        "HOME" => Some("/h".into()),
        "DOCKER_AUTH_CONFIG" => Some("secret".into()),
        _ => None,
    });
    assert_eq!(sources.docker_config.as_deref(), Some(Path::new("/h/.docker/config.json")));
    assert!(!format!("{sources:?}").contains("secret"));
    let set = CredentialSources::from_environment(|name| (name != "PATH").then(|| "/d".into()));
    assert_eq!(set.docker_config.as_deref(), Some(Path::new("/d/config.json")));
}
