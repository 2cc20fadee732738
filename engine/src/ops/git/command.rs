//! `git`, as we run it: nothing of the user's configuration, hooks, helpers or prompts, and no way for a
//! repository to name a program or a file of the machine.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cooperage_llb::ports::HostCommands;
use cooperage_llb::ports::host_commands::{HostCommand, HostError};

use super::identity::GitSource;
use crate::Error;
use crate::ops::kept::StopOnDrop;
use crate::secrets::Secrets;

/// Set for every command. `safe.directory` counts in a global file only, and in no environment of git's own
/// children; the store may belong to another user.
const CONFIG: &str = "\
[core]
\thooksPath = /dev/null
\tfsmonitor = false
[init]
\tdefaultBranch = master
[gc]
\tauto = 0
[maintenance]
\tauto = false
[advice]
\tdetachedHead = false
[safe]
\tdirectory = *
[fetch]
\tunpackLimit = 1
[http]
\tlowSpeedLimit = 1
\tlowSpeedTime = 60
";
/// Of the machine's environment: how its network is reached.
const PASSED: [&str; 10] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];
/// Protocols of remotes. A file's is for our own mirror alone.
const REMOTE_PROTOCOLS: &str = "https:http:git:ssh";

/// Attempts of what asks a remote, with the pauses between them.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];
/// Words of failures that may pass.
const TRANSIENT: [&str; 9] = [
    "Could not resolve host",
    "Connection reset",
    "Connection timed out",
    "timed out",
    "early EOF",
    "unexpected disconnect",
    "the remote end hung up",
    "returned error: 5",
    "returned error: 429",
];

/// Runs git for one source. Its `scratch` has the configuration, and the keys of hosts.
pub(super) struct Git {
    runner: Arc<dyn HostCommands>,
    scratch: PathBuf,
    env: Vec<(String, OsString)>,
    shown_remote: String,
}

/// One command.
#[derive(Clone, Default)]
pub(super) struct Call<'a> {
    pub(super) args: Vec<&'a OsStr>,
    /// Where it runs, by default in the scratch.
    pub(super) directory: Option<&'a Path>,
    /// Whether our own mirror may be read by its path.
    pub(super) reads_mirror: bool,
}

/// What git said to a command that it did not do.
#[derive(Debug)]
pub(super) enum GitFailure {
    /// Its words.
    Refused(String),
    /// It could not be run, or the build was cancelled.
    Error(Error),
}

impl From<Error> for GitFailure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Git {
    pub(super) fn new(
        runner: Arc<dyn HostCommands>,
        scratch: &Path,
        source: &GitSource,
        secrets: &Secrets,
        agent: Option<&Path>,
    ) -> Result<Self, Error> {
        let config = scratch.join("gitconfig");
        std::fs::write(&config, CONFIG).map_err(Error::file("write", &config))?;
        let mut ssh = "ssh -F /dev/null -o BatchMode=yes".to_owned();
        if source.known_hosts.is_empty() {
            ssh.push_str(" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR");
        } else {
            let path = scratch.join("known_hosts");
            std::fs::write(&path, &source.known_hosts).map_err(Error::file("write", &path))?;
            // Run by a shell: a path of ours may have anything in it.
            ssh.push_str(" -o UserKnownHostsFile=\"$COOPER_KNOWN_HOSTS\"");
        }
        let mut env: Vec<(String, OsString)> = vec![
            ("HOME".into(), scratch.into()),
            ("GIT_CONFIG_NOSYSTEM".into(), "1".into()),
            ("GIT_ATTR_NOSYSTEM".into(), "1".into()),
            ("GIT_CONFIG_GLOBAL".into(), config.into()),
            ("GIT_TERMINAL_PROMPT".into(), "0".into()),
            ("GIT_NO_REPLACE_OBJECTS".into(), "1".into()),
            ("GIT_SSH_COMMAND".into(), ssh.into()),
            ("GIT_SSH_VARIANT".into(), "ssh".into()),
            ("COOPER_KNOWN_HOSTS".into(), scratch.join("known_hosts").into()),
            // Messages are told apart by their words.
            ("LC_ALL".into(), "C".into()),
        ];
        for name in PASSED {
            env.extend(std::env::var_os(name).map(|value| (name.to_owned(), value)));
        }
        env.extend(std::env::var_os("SSL_CERT_FILE").map(|file| ("GIT_SSL_CAINFO".to_owned(), file)));
        env.extend(agent.map(|socket| ("SSH_AUTH_SOCK".to_owned(), socket.into())));
        env.extend(credentials(source, secrets)?);
        Ok(Self { runner, scratch: scratch.to_owned(), env, shown_remote: source.shown_remote() })
    }

    /// Runs a command that asks a remote, again if it failed by what may pass.
    pub(super) async fn ask(&self, call: Call<'_>) -> Result<String, GitFailure> {
        for pause in PAUSES {
            match self.run(call.clone()).await {
                Err(GitFailure::Refused(said)) if TRANSIENT.iter().any(|words| said.contains(words)) => {
                    tokio::time::sleep(pause).await;
                }
                other => return other,
            }
        }
        self.run(call).await
    }

    /// Runs a command; what it wrote.
    pub(super) async fn run(&self, call: Call<'_>) -> Result<String, GitFailure> {
        let mut env = self.env.clone();
        let protocols = if call.reads_mirror { "file" } else { REMOTE_PROTOCOLS };
        env.push(("GIT_ALLOW_PROTOCOL".into(), protocols.into()));
        let command = HostCommand {
            program: "git",
            args: call.args.into_iter().map(OsStr::to_owned).collect(),
            env,
            directory: call.directory.unwrap_or(&self.scratch).to_owned(),
        };
        let stop = StopOnDrop::default();
        let (runner, token) = (Arc::clone(&self.runner), stop.0.clone());
        let ran = tokio::task::spawn_blocking(move || runner.run(&command, &token));
        let output = match ran.await.map_err(|e| Error::Internal(e.to_string()))? {
            Ok(output) => output,
            Err(HostError::Cancelled) => return Err(Error::Cancelled.into()),
            Err(HostError::NotFound(_)) => {
                return Err(Error::Environment(format!(
                    "{} needs the program git, which is not in PATH: install it (apt-get install git)",
                    self.shown_remote
                ))
                .into());
            }
            Err(error) => return Err(Error::disk(format!("{}: git", self.shown_remote), &error).into()),
        };
        if !output.success {
            return Err(GitFailure::Refused(words(&output.stderr)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The words of git fit for a message: without what progress writes over, and without hints.
fn words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines = text.lines().map(|line| line.rsplit('\r').next().unwrap_or_default().trim());
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("hint:"));
    let lines: Vec<String> = lines.map(without_secrets).collect();
    let text: String = lines.join("; ");
    text.chars().filter(|c| !c.is_control()).collect()
}

/// A line without users and passwords of URLs.
fn without_secrets(line: &str) -> String {
    let words: Vec<String> = line
        .split(' ')
        .map(|word| match word.split_once("://") {
            Some((scheme, rest)) => {
                let end = rest.find('/').unwrap_or(rest.len());
                match rest[..end].rsplit_once('@') {
                    Some((_, host)) => format!("{scheme}://{host}{}", &rest[end..]),
                    None => word.to_owned(),
                }
            }
            None => word.to_owned(),
        })
        .collect();
    words.join(" ")
}

/// The header for the remote: the secret of its host, else the one for all. In the environment, since
/// arguments are seen by everybody.
fn credentials(source: &GitSource, secrets: &Secrets) -> Result<Vec<(String, OsString)>, Error> {
    if !source.is_http() {
        return Ok(Vec::new());
    }
    let host = source.host();
    let named = |id: &str| -> Result<Option<String>, Error> {
        if id.is_empty() { Ok(None) } else { secrets.text(id) }
    };
    let mut header = None;
    for suffix in [format!(".{host}"), String::new()] {
        let id = |id: &str| if id.is_empty() { String::new() } else { format!("{id}{suffix}") };
        if header.is_none() {
            header = named(&id(&source.auth_header))?;
        }
        if header.is_none() {
            header = named(&id(&source.auth_token))?.map(|token| basic(&token));
        }
    }
    let Some(header) = header else { return Ok(Vec::new()) };
    // Submodules of GitHub are mostly of the same owner (buildkit: tokenScope).
    let scope = ["https://github.com/", "https://www.github.com/"]
        .into_iter()
        .find(|scope| source.remote.starts_with(scope))
        .map_or_else(|| source.shown_remote(), str::to_owned);
    Ok(vec![
        ("GIT_CONFIG_COUNT".into(), "1".into()),
        ("GIT_CONFIG_KEY_0".into(), format!("http.{scope}.extraHeader").into()),
        ("GIT_CONFIG_VALUE_0".into(), format!("Authorization: {header}").into()),
    ])
}

/// A token as the password of GitHub's user for tokens (RFC 7617).
fn basic(token: &str) -> String {
    format!("basic {}", STANDARD.encode(format!("x-access-token:{token}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_git() {
        let said = "Cloning\rDone\nhint: no\nfatal: unable to access 'x' at https://ada:secret@h/a: no\n\n";
        assert_eq!(words(said.as_bytes()), "Done; fatal: unable to access 'x' at https://h/a: no");
        assert_eq!(words(b"fatal: 'https://u:p@h/x' is odd"), "fatal: 'https://h/x' is odd");
    }
}
