//! A socket for one step that leads to the caller's ssh agent.
//!
//! The agent's own socket is the caller's alone; the step's user needs one with the owner and mode that the
//! mount asks for. Bytes are passed on as they are.

use std::fs::{File, Permissions};
use std::io;
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use cooperage_llb::ports::Workspace;

use crate::Error;

/// Forwards until it is dropped.
pub(super) struct ForwardedAgent {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
    _place: Box<dyn Workspace>,
}

impl ForwardedAgent {
    /// Listens in `place` for a step, and connects to the agent at `to` for each of its connections.
    pub(super) fn start(
        to: PathBuf,
        place: Box<dyn Workspace>,
        mode: u32,
        owner: (u32, u32),
    ) -> Result<Self, Error> {
        let path = place.path().join("agent");
        let listener = listen(place.path(), &path, mode, owner).map_err(Error::file("listen on", &path))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let listening = std::thread::Builder::new()
            .name("cooper-agent".to_owned())
            .spawn(move || accept(&listener, &to, &stopped))
            .map_err(|e| Error::Environment(format!("starting a thread: {e}")))?;
        Ok(Self { path, stop, listening: Some(listening), _place: place })
    }

    /// The socket.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// A socket's address holds 107 bytes, and a store's path may be longer, so it is bound through a descriptor.
fn listen(place: &Path, path: &Path, mode: u32, (uid, gid): (u32, u32)) -> io::Result<UnixListener> {
    let directory = File::open(place)?;
    let listener = UnixListener::bind(short(&directory))?;
    if uid != 0 || gid != 0 {
        std::os::unix::fs::chown(path, Some(uid), Some(gid))?;
    }
    std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok(listener)
}

fn short(directory: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/agent", directory.as_raw_fd()))
}

fn accept(listener: &UnixListener, to: &Path, stop: &AtomicBool) {
    while let Ok((step, _)) = listener.accept() {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let to = to.to_owned();
        // A step that cannot be served sees its connection closed, as from an agent that refuses.
        drop(std::thread::Builder::new().name("cooper-agent".to_owned()).spawn(move || forward(step, &to)));
    }
}

/// Passes on both ways until either side ends.
fn forward(step: UnixStream, to: &Path) -> io::Result<()> {
    let agent = UnixStream::connect(to)?;
    let (from_agent, to_step) = (agent.try_clone()?, step.try_clone()?);
    let back = std::thread::Builder::new().spawn(move || pass(from_agent, to_step))?;
    pass(step, agent);
    // It ends without a result.
    drop(back.join());
    Ok(())
}

fn pass(mut from: UnixStream, mut to: UnixStream) {
    // However it ends, the other side is told that nothing more comes.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

impl Drop for ForwardedAgent {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // A connection wakes the thread; one that cannot be woken ends with the process.
        let place = self.path.parent().map(File::open);
        let woken =
            place.is_some_and(|place| place.is_ok_and(|place| UnixStream::connect(short(&place)).is_ok()));
        if let (true, Some(listening)) = (woken, self.listening.take()) {
            drop(listening.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::fs::MetadataExt;

    use super::*;

    struct Place {
        path: PathBuf,
        _folder: tempfile::TempDir,
    }

    impl Workspace for Place {
        fn path(&self) -> &Path {
            &self.path
        }
    }

    #[test]
    fn bytes_go_both_ways_and_the_socket_ends_with_the_step() {
        let folder = tempfile::tempdir().unwrap();
        let agent = UnixListener::bind(folder.path().join("real")).unwrap();
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = agent.accept().unwrap();
            let mut asked = String::new();
            stream.read_to_string(&mut asked).unwrap();
            write!(stream, "you said {asked}").unwrap();
        });
        let deep = tempfile::tempdir().unwrap();
        let path = deep.path().join("x".repeat(200));
        std::fs::create_dir(&path).unwrap();
        let forwarded = ForwardedAgent::start(
            folder.path().join("real"),
            Box::new(Place { path: path.clone(), _folder: deep }),
            0o640,
            (0, 0),
        )
        .unwrap();
        assert_eq!(std::fs::metadata(forwarded.path()).unwrap().mode() & 0o777, 0o640);
        let mut step = UnixStream::connect(short(&File::open(&path).unwrap())).unwrap();
        step.write_all(b"hello").unwrap();
        step.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        step.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "you said hello");
        answering.join().unwrap();
        drop(forwarded);
    }
}
