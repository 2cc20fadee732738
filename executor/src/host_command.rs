//! Running programs of the machine.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use cooperage_llb::ports::CancelToken;
use cooperage_llb::ports::host_commands::{HostCommand, HostCommands, HostError, HostOutput};
use rustix::process::{Pid, Signal};

use crate::sys;

/// More on standard output is refused.
const STDOUT_LIMIT_BYTES: usize = 64 << 20;
/// What is kept of the end of standard error.
const STDERR_KEPT_BYTES: usize = 64 << 10;
/// Between TERM and KILL.
const GRACE: Duration = Duration::from_secs(5);

/// Runs programs that end with us.
#[derive(Debug, Default, Clone, Copy)]
pub struct HostRunner;

impl HostCommands for HostRunner {
    fn run(&self, command: &HostCommand, cancel: &CancelToken) -> Result<HostOutput, HostError> {
        if cancel.is_cancelled() {
            return Err(HostError::Cancelled);
        }
        let program = command.program;
        let failed = |source: io::Error| HostError::Io { program, source };
        let mut child = start(command)?;
        let group = Pid::from_child(&child);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (ended, is_ended) = mpsc::channel();
        let output = std::thread::scope(|scope| {
            let stopping = scope.spawn(|| stop_when(cancel, group, is_ended));
            let errors = scope.spawn(|| stderr.map_or(Ok(Vec::new()), tail));
            let text = stdout.map_or(Ok(Vec::new()), whole);
            if text.is_err() {
                // It may have gone already.
                let _ = rustix::process::kill_process_group(group, Signal::KILL);
            }
            // Waited for here, since the thread that started it must outlive it.
            let status = child.wait();
            drop(ended);
            let errors = errors.join().unwrap_or_else(|_| Err(io::Error::other("a reader stopped")));
            // It ends without a result.
            drop(stopping.join());
            (text, status, errors)
        });
        let (text, status, errors) = output;
        if cancel.is_cancelled() {
            return Err(HostError::Cancelled);
        }
        let stdout = match text {
            Err(e) if e.kind() == io::ErrorKind::FileTooLarge => {
                return Err(HostError::TooMuch { program, limit_bytes: STDOUT_LIMIT_BYTES });
            }
            text => text.map_err(failed)?,
        };
        Ok(HostOutput { success: status.map_err(failed)?.success(), stdout, stderr: errors.map_err(failed)? })
    }
}

fn start(command: &HostCommand) -> Result<Child, HostError> {
    let program = command.program;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(program))
        .find(|file| rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok() && file.is_file());
    let mut prepared = Command::new(found.ok_or(HostError::NotFound(program))?);
    prepared.arg0(program).args(&command.args);
    prepared.env_clear().env("PATH", path).envs(command.env.iter().map(|(name, value)| (name, value)));
    prepared.current_dir(&command.directory);
    prepared.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    sys::guard(&mut prepared);
    prepared.spawn().map_err(|source| HostError::Io { program, source })
}

/// TERM when `cancel` says so, KILL if that does not help.
fn stop_when(cancel: &CancelToken, group: Pid, is_ended: mpsc::Receiver<()>) {
    let (wake, woken) = mpsc::channel();
    let wake_too = wake.clone();
    let _guard = cancel.on_cancel(move || {
        // Nobody waits any more if the program has ended.
        let _ = wake_too.send(true);
    });
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // Ends when the other side is dropped.
            let _ = is_ended.recv();
            let _ = wake.send(false);
        });
        if let Ok(true) = woken.recv() {
            // It may have gone already.
            let _ = rustix::process::kill_process_group(group, Signal::TERM);
            if woken.recv_timeout(GRACE).is_err() {
                let _ = rustix::process::kill_process_group(group, Signal::KILL);
            }
        }
    });
}

fn whole(stream: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(STDOUT_LIMIT_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > STDOUT_LIMIT_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

fn tail(mut stream: impl Read) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let mut buffer = [0; 8 << 10];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(kept);
        }
        kept.extend_from_slice(&buffer[..count]);
        kept.drain(..kept.len().saturating_sub(STDERR_KEPT_BYTES));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> HostCommand {
        HostCommand {
            program: "sh",
            args: vec!["-c".into(), script.into()],
            env: vec![("ONE".to_owned(), "1".into())],
            directory: "/".into(),
        }
    }

    fn run(script: &str) -> HostOutput {
        HostRunner.run(&shell(script), &CancelToken::new()).unwrap()
    }

    #[test]
    fn output_status_and_surroundings() {
        let output = run("echo $ONE $HOME; umask; pwd; echo no >&2; exit 3");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "1\n0022\n/\n");
        assert_eq!((output.success, output.stderr), (false, b"no\n".to_vec()));
        assert!(run("cat").success, "standard input is empty");
    }

    #[test]
    fn a_missing_program() {
        let missing = HostCommand { program: "cooper-no-such-program", ..shell("") };
        let error = HostRunner.run(&missing, &CancelToken::new()).unwrap_err();
        assert_eq!(error.to_string(), "cooper-no-such-program is not in PATH");
    }

    #[test]
    fn what_it_left_behind_ends_with_it() {
        // The background process holds neither pipe, so only its end makes the file's lock free.
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("lock");
        let script = format!("exec 9>{}; flock 9; sleep 1000 >/dev/null 2>&1 & true", lock.display());
        assert!(run(&script).success);
        let file = std::fs::File::open(&lock).unwrap();
        file.lock().unwrap();
    }

    #[test]
    fn a_cancelled_program_ends_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let started = folder.path().join("started");
        let made = Command::new("mkfifo").arg(&started).status().unwrap();
        assert!(made.success());
        let script = format!("trap 'exit 1' TERM; sleep 1000 & echo > {}; wait", started.display());
        let cancel = CancelToken::new();
        let token = cancel.clone();
        let running = std::thread::spawn(move || HostRunner.run(&shell(&script), &token));
        std::fs::read(&started).unwrap();
        cancel.cancel();
        assert!(matches!(running.join().unwrap(), Err(HostError::Cancelled)));
    }
}
