//! Repositories that a test makes, and how they are served.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::server::Server;

/// A folder of repositories.
pub(crate) struct Repositories {
    folder: tempfile::TempDir,
}

impl Repositories {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// An empty one, with `main` as its branch.
    pub(crate) fn make(&self, name: &str) -> Repository {
        let repository = Repository { path: self.folder.path().join(format!("{name}.git")) };
        std::fs::create_dir(&repository.path).unwrap();
        repository.git(&["init", "-q", "-b", "main"]);
        repository
    }

    /// The commit that a repository is at.
    pub(crate) fn commit_of(&self, name: &str) -> String {
        Repository { path: self.folder.path().join(format!("{name}.git")) }.git(&["rev-parse", "HEAD"])
    }

    /// Serves them as files, and returns the URL of one.
    pub(crate) fn on(&self, server: &Server, name: &str) -> String {
        let path = self.folder.path().join(format!("{name}.git"));
        let repository = Repository { path: path.clone() };
        repository.git(&["update-server-info"]);
        server.put_directory(&format!("/{name}.git"), &path.join(".git"));
        server.url(&format!("/{name}.git"))
    }

    /// Serves them by git's own protocol.
    pub(crate) fn daemon(&self) -> Daemon {
        Daemon::start(self.folder.path())
    }
}

pub(crate) struct Repository {
    path: PathBuf,
}

impl Repository {
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.path.join(below)
    }

    pub(crate) fn write(&self, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = self.path.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }

    /// Commits everything; the commit. The clock of commits stands still, so that commits have the same names in each run.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(args).current_dir(&self.path).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", "/dev/null");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Ada").env(format!("GIT_{who}_EMAIL"), "ada@example");
            command.env(format!("GIT_{who}_DATE"), "1000000000 +0000");
        }
        let output = command.env("GIT_ALLOW_PROTOCOL", "file").output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// `git daemon`, until it is dropped.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) host: String,
}

impl Daemon {
    fn start(folder: &Path) -> Self {
        // Freed for the daemon, which cannot say which port it took.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // Not by way of git, which would leave it behind when it is killed.
        let programs = Command::new("git").arg("--exec-path").output().unwrap().stdout;
        let programs = PathBuf::from(String::from_utf8(programs).unwrap().trim());
        let mut command = Command::new(programs.join("git-daemon"));
        command.args(["--export-all", "--reuseaddr", "--verbose", "--log-destination=stderr"]);
        command.args(["--listen=127.0.0.1", &format!("--port={port}")]);
        command.arg(format!("--base-path={}", folder.display())).arg(folder);
        command.env("GIT_CONFIG_COUNT", "2");
        command.env("GIT_CONFIG_KEY_0", "uploadpack.allowAnySHA1InWant").env("GIT_CONFIG_VALUE_0", "true");
        command.env("GIT_CONFIG_KEY_1", "safe.directory").env("GIT_CONFIG_VALUE_1", "*");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("Ready") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "git daemon ended");
        }
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { child, host: format!("127.0.0.1:{port}") }
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("git://{}/{name}.git/.git", self.host)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
