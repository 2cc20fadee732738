//! Making the keeper, from a process that may have any number of threads.

use std::ffi::{c_int, c_void};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::io::Errno;
use rustix::pipe::PipeFlags;

use super::keeper::{self, Duty};
use super::program::Program;
use super::wrappers as raw;
use crate::plan::Plan;

/// Enough for the interpreter, whose frames are small and whose depth is fixed.
const STACK_BYTES: usize = 128 * 1024;

/// Which namespaces are new, besides PID, mount, IPC and host name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Namespaces {
    /// A user namespace, owner of the others.
    pub(crate) user: bool,
    /// A network namespace.
    pub(crate) network: bool,
}

/// A keeper that waits for [`Child::go`], and with it the step. Dropping it kills both.
pub(crate) struct Child {
    pidfd: OwnedFd,
    pid: c_int,
    control: OwnedFd,
    /// Kept open so that writing to a keeper that has ended raises no SIGPIPE in a host program.
    _control_end: OwnedFd,
    /// Reads records of [`super::Report`], then end of file.
    pub(crate) report: OwnedFd,
    reaped: bool,
}

/// Clones the keeper. `stdio` become the step's descriptors 0, 1 and 2.
///
/// The keeper ends with the thread that calls, at the latest: the caller stays until the step's end.
pub(crate) fn spawn(plan: &Plan, namespaces: Namespaces, stdio: [BorrowedFd<'_>; 3]) -> Result<Child, Errno> {
    let (report, report_end) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    let (control_end, control) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    let caller =
        rustix::process::pidfd_open(rustix::process::getpid(), rustix::process::PidfdFlags::empty())?;
    let mut stack: Vec<u128> = vec![0; STACK_BYTES / size_of::<u128>()];
    let duty = Duty {
        fds: [stdio[0], stdio[1], stdio[2], report_end.as_fd(), control_end.as_fd(), caller.as_fd()],
        namespaces: step_flags(namespaces),
        // SAFETY: one past the end of the vector, 16-byte aligned; the stack grows down from it.
        stack_top: unsafe { stack.as_mut_ptr().add(stack.len()) }.cast::<c_void>(),
        program: Program::of(plan),
    };
    let (pid, pidfd) = clone_keeper(namespaces.user, duty)?;
    Ok(Child { pidfd, pid, control, _control_end: control_end, report, reaped: false })
}

fn step_flags(namespaces: Namespaces) -> c_int {
    libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP
        | if namespaces.network { libc::CLONE_NEWNET } else { 0 }
}

/// A fork: the keeper has a copy of our memory and goes on in [`keeper::keep`].
fn clone_keeper(user: bool, duty: Duty<'_>) -> Result<(c_int, OwnedFd), Errno> {
    let mut pidfd: RawFd = -1;
    let flags = libc::CLONE_PIDFD | libc::CLONE_NEWPID | if user { libc::CLONE_NEWUSER } else { 0 };
    // No exit signal: a host program that waits for its own children is not disturbed.
    let arguments: [u64; 8] = [flags as u64, (&raw mut pidfd).expose_provenance() as u64, 0, 0, 0, 0, 0, 0];
    // A handler of the host's must not run in the clone before it resets them.
    let mask = raw::set_signal_mask(u64::MAX);
    // SAFETY: clone3 without CLONE_VM and without a stack forks: the child runs on its copy of this
    // stack, in a process of one thread, and calls only what does not allocate or lock
    // (signal-safety(7)). It does not return from keep().
    let pid = unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), size_of_val(&arguments)) };
    if pid == 0 {
        keeper::keep(duty);
    }
    // SAFETY: errno of this thread, read before anything else can set it.
    let errno = unsafe { *libc::__errno_location() };
    raw::set_signal_mask(mask);
    if pid < 0 {
        return Err(Errno::from_raw_os_error(errno));
    }
    // SAFETY: CLONE_PIDFD made it for us.
    Ok((pid as c_int, unsafe { OwnedFd::from_raw_fd(pidfd) }))
}

impl Child {
    /// The keeper's process id, in the caller's namespace.
    pub(crate) fn pid(&self) -> c_int {
        self.pid
    }

    /// Readable once the keeper, and so everything of the step, has ended.
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Lets the keeper begin.
    pub(crate) fn go(&self) -> Result<(), Errno> {
        self.control(keeper::GO)
    }

    /// Sends a signal to all processes of the step.
    pub(crate) fn signal_all(&self, signal: rustix::process::Signal) -> Result<(), Errno> {
        self.control(signal.as_raw() as u8)
    }

    /// Kills the keeper, and by that everything of the step.
    pub(crate) fn kill(&self) -> Result<(), Errno> {
        rustix::process::pidfd_send_signal(&self.pidfd, rustix::process::Signal::KILL)
    }

    /// Waits for the keeper's end. After that no process of the step exists.
    pub(crate) fn wait(&mut self) -> Result<(), Errno> {
        if !self.reaped {
            raw::wait_for(self.pid)?;
            self.reaped = true;
        }
        Ok(())
    }

    fn control(&self, byte: u8) -> Result<(), Errno> {
        rustix::io::write(&self.control, &[byte]).map(drop)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped {
            // It can only be gone already.
            let _ = self.kill();
            let _ = self.wait();
        }
    }
}
