//! Credential helpers: `docker-credential-NAME get` (docker-credential-helpers, "Protocol").

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Secret;

/// What a helper may take, since it may ask a cloud.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// What a helper says when it has nothing.
const NOT_FOUND: &str = "credentials not found in native keychain";
/// User name of an identity token.
const TOKEN_USER: &str = "<token>";

/// Why a helper gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HelperError {
    /// It is named, but not installed.
    #[error("the credential helper docker-credential-{0} is not in PATH")]
    Missing(String),
    /// A system call.
    #[error("running docker-credential-{name}: {source}")]
    Run { name: String, source: std::io::Error },
    /// It took too long and was killed.
    #[error("docker-credential-{0} gave no answer within {limit} s", limit = TIME_LIMIT.as_secs())]
    TimedOut(String),
    /// It says that it cannot.
    #[error("docker-credential-{name} ended with {status}: {said}")]
    Refused { name: String, status: ExitStatus, said: String },
    /// What it wrote is not an answer.
    #[error("docker-credential-{0} answered something that is not its protocol")]
    Answer(String),
}

/// Asks the helper `name` for the credentials of `server`; `None` if it has none. Blocks.
pub(super) fn get(name: &str, server: &str, search: Option<&OsStr>) -> Result<Option<Secret>, HelperError> {
    let program = find(name, search).ok_or_else(|| HelperError::Missing(name.to_owned()))?;
    let io = |source| HelperError::Run { name: name.to_owned(), source };
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(io)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that knows its answer may be gone before it is asked; its exit status tells.
        match stdin.write_all(server.as_bytes()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(io(error)),
            _ => {}
        }
    }
    let status = wait(&mut child).map_err(io)?.ok_or_else(|| HelperError::TimedOut(name.to_owned()))?;
    let mut said = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(64 << 10).read_to_end(&mut said).map_err(io)?;
    }
    if status.success() {
        return parse(&said).ok_or_else(|| HelperError::Answer(name.to_owned()));
    }
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    if said == NOT_FOUND {
        return Ok(None);
    }
    Err(HelperError::Refused { name: name.to_owned(), status, said: crate::refusal::tame(&said) })
}

/// Waits for the end, and kills what does not end. An answer longer than a pipe holds (64 KiB) is no answer
/// and ends here too.
fn wait(child: &mut Child) -> std::io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + TIME_LIMIT;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn find(name: &str, search: Option<&OsStr>) -> Option<PathBuf> {
    let file = format!("docker-credential-{name}");
    std::env::split_paths(search?).map(|directory| directory.join(&file)).find(|path| path.is_file())
}

/// `None` for a malformed answer, `Some(None)` for one that holds nothing.
fn parse(answer: &[u8]) -> Option<Option<Secret>> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let user = answer.get("Username")?.as_str()?.to_owned();
    let password = answer.get("Secret")?.as_str()?.to_owned();
    Some(match (user.as_str(), password.as_str()) {
        ("", _) | (_, "") => None,
        (TOKEN_USER, _) => Some(Secret::Identity(password)),
        _ => Some(Secret::Password { user, password }),
    })
}
