//! The real registry (Debian's package docker-registry), started for a test.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// A running registry and its files; ends when dropped.
pub(crate) struct DockerRegistry {
    pub(crate) host: String,
    directory: tempfile::TempDir,
    child: Child,
}

impl DockerRegistry {
    /// An open registry.
    pub(crate) fn start() -> Self {
        Self::with(|_| String::new())
    }

    /// A registry for one user with one password.
    pub(crate) fn with_password(user: &str, password: &str) -> Self {
        Self::with(|directory| {
            let file = directory.join("htpasswd");
            let made = command("htpasswd").args(["-cbB"]).arg(&file).args([user, password]).output().unwrap();
            assert!(made.status.success(), "htpasswd: {}", String::from_utf8_lossy(&made.stderr));
            format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", file.display())
        })
    }

    /// A registry that speaks TLS, with a certificate for 127.0.0.1 in `ca.pem`.
    pub(crate) fn with_tls() -> Self {
        Self::with_http(|directory| {
            let (certificate, key) = (directory.join("ca.pem"), directory.join("key.pem"));
            let made = command("openssl")
                .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
                .args(["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"])
                .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
                .arg(&key)
                .arg("-out")
                .arg(&certificate)
                .output()
                .unwrap();
            assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
            let (certificate, key) = (certificate.display(), key.display());
            (String::new(), format!("  tls:\n    certificate: {certificate}\n    key: {key}\n"))
        })
    }

    fn with(section: impl FnOnce(&Path) -> String) -> Self {
        Self::with_http(|directory| (section(directory), String::new()))
    }

    fn with_http(sections: impl FnOnce(&Path) -> (String, String)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (top, http) = sections(directory.path());
        let host = free_address();
        let config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n\
             http:\n  addr: {host}\n{http}{top}",
            directory.path().join("data").display()
        );
        let file = directory.path().join("config.yml");
        std::fs::File::create(&file).unwrap().write_all(config.as_bytes()).unwrap();
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let child = command("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut registry = Self { host, directory, child };
        registry.wait();
        registry
    }

    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn wait(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&self.host).is_err() {
            let ended = self.child.try_wait().unwrap();
            let log = || std::fs::read_to_string(self.directory.path().join("log")).unwrap();
            assert!(ended.is_none(), "docker-registry ended: {}", log());
            assert!(Instant::now() < deadline, "docker-registry does not listen: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program of a package that the tests need.
pub(crate) fn command(program: &str) -> Command {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|directory| directory.join(program).is_file()));
    assert!(found, "{program} is not installed: run `make deps`");
    Command::new(program)
}

/// An address below the range that the kernel picks from, so that no other test is given it meanwhile.
fn free_address() -> String {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() * 37 % 10_000).unwrap();
    loop {
        let port = 20_000 + (first + TAKEN.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let address = format!("127.0.0.1:{port}");
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}
