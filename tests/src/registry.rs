//! A real registry on loopback: Debian's `docker-registry`.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::authority::HOST;
use crate::token_server::{ISSUER, SERVICE};
use crate::{Authority, TokenServer, peer};

/// A registry that ends with the test.
pub struct Registry {
    child: Child,
    host: &'static str,
    port: u16,
    _folder: tempfile::TempDir,
}

/// Who is let in.
#[derive(Clone, Copy)]
pub enum Access<'a> {
    /// Anybody.
    Anybody,
    /// One user, with this password (HTTP Basic).
    Password(&'a str, &'a str),
    /// Who has a token of this server.
    Token(&'a TokenServer),
}

impl Registry {
    /// One in plain HTTP that anybody may use.
    pub fn open() -> Self {
        Self::start(None, Access::Anybody)
    }

    /// One in plain HTTP that asks for user and password.
    pub fn with_password(user: &str, password: &str) -> Self {
        Self::start(None, Access::Password(user, password))
    }

    /// One that speaks TLS, with a certificate of `authority`.
    pub fn secure(authority: &Authority, access: Access<'_>) -> Self {
        Self::start(Some(authority), access)
    }

    fn start(authority: Option<&Authority>, access: Access<'_>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let text = |path: &Path| path.display().to_string();
        let mut config = json!({
            "version": "0.1",
            "log": {"level": "error"},
            "storage": {"filesystem": {"rootdirectory": text(&folder.path().join("data"))}},
            "http": {"addr": format!("127.0.0.1:{port}")},
        });
        if let Some(authority) = authority {
            let (certificate, key) = (text(&authority.server_certificate()), text(&authority.server_key()));
            config["http"]["tls"] = json!({"certificate": certificate, "key": key});
        }
        match (access, authority) {
            (Access::Anybody, _) => {}
            (Access::Password(user, password), _) => {
                let line = crate::run(Command::new(peer("htpasswd")).args(["-nbB", user, password]));
                let file = folder.path().join("htpasswd");
                std::fs::write(&file, line).expect("a file can be written");
                config["auth"] = json!({"htpasswd": {"realm": "test", "path": text(&file)}});
            }
            (Access::Token(server), authority) => {
                let authority = authority.expect("a token server needs a registry that speaks TLS");
                let bundle = text(&authority.server_certificate());
                let token = json!({
                    "realm": server.realm(), "service": SERVICE, "issuer": ISSUER, "rootcertbundle": bundle
                });
                config["auth"] = json!({"token": token});
            }
        }
        // JSON is YAML.
        let file = folder.path().join("config.yml");
        std::fs::write(&file, config.to_string()).expect("a file can be written");
        let child = Command::new(peer("docker-registry"))
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry starts");
        let host = if authority.is_some() { HOST } else { "localhost" };
        let registry = Self { child, host, port, _folder: folder };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "docker-registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        registry
    }

    /// `HOST:PORT`
    pub fn host(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// A folder for `DOCKER_CONFIG`, with the credentials of one user of this registry.
    pub fn docker_config(&self, user: &str, password: &str) -> tempfile::TempDir {
        let auth = STANDARD.encode(format!("{user}:{password}"));
        let config = json!({"auths": {self.host(): {"auth": auth}}});
        crate::folder(&[("config.json", &config.to_string())])
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
