//! A private certificate authority, and a server's certificate by it: made by the `openssl` command.

use std::path::PathBuf;
use std::process::Command;

use crate::{peer, run};

/// The name of the machine that certificates are for. It resolves to loopback everywhere (RFC 6761), and unlike
/// `localhost` it is not spoken to in plain HTTP.
pub(crate) const HOST: &str = "registry.localhost";

/// An authority that nobody trusts unless told.
pub struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    /// A new one, which has certified one server.
    pub fn new() -> Self {
        let authority = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        authority.openssl(&["-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem"]);
        let names = format!("subjectAltName=DNS:{HOST},DNS:localhost,IP:127.0.0.1");
        let certified =
            ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:false"];
        let server = ["-subj", "/CN=test server", "-keyout", "server.key", "-out", "server.pem"];
        authority.openssl(&[&certified[..], &server[..], &["-addext", &names]].concat());
        authority
    }

    fn openssl(&self, arguments: &[&str]) {
        let mut command = Command::new(peer("openssl"));
        command.current_dir(self.folder.path());
        command.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]).args(arguments);
        run(&mut command);
    }

    /// The authority's certificate: what a client has to trust.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub(crate) fn server_certificate(&self) -> PathBuf {
        self.folder.path().join("server.pem")
    }

    pub(crate) fn server_key(&self) -> PathBuf {
        self.folder.path().join("server.key")
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
