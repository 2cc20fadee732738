//! The keeper: makes the step's process, waits for it, and ends with us.

use std::ffi::{c_int, c_void};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use super::interpreter::{self, REPORT_FD};
use super::program::Program;
use super::report::Report;
use super::wrappers as raw;

/// Bytes on the control pipe that are no signal number.
pub(super) const GO: u8 = 0;

const CONTROL_FD: RawFd = 4;
const CALLER_FD: RawFd = 5;
const FIRST_FREE_FD: RawFd = 6;

/// What the keeper is given.
pub(super) struct Duty<'a> {
    /// The step's descriptors 0, 1, 2, then report pipe, control pipe, and the pidfd of our process.
    pub(super) fds: [BorrowedFd<'a>; 6],
    /// Namespaces of the step's process, as clone(2) flags.
    pub(super) namespaces: c_int,
    /// The end of the stack for it: a vfork-like clone must not run on ours.
    pub(super) stack_top: *mut c_void,
    /// What it does.
    pub(super) program: Program<'a>,
}

/// The keeper's whole life.
pub(super) fn keep(mut duty: Duty<'_>) -> ! {
    raw::reset_signals();
    if take_descriptors(&duty.fds).is_err()
        || rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).is_err()
    {
        raw::exit_now(1);
    }
    // Nothing begins before the caller has put us where we belong (cgroup, id map). End of file: it died.
    if next_control() != Some(GO) {
        raw::exit_now(1);
    }
    match start(&mut duty) {
        Ok((pid, pidfd)) => {
            watch(&pidfd);
            tell(raw::wait_for(pid).unwrap_or(Report::Signaled(libc::SIGKILL)));
        }
        Err(errno) => tell(Report::CloneFailed { errno: errno.raw_os_error() }),
    }
    raw::exit_now(0)
}

/// Puts the descriptors at 0 to 5 and closes all others: a pipe of another step that stayed open here
/// would never come to its end.
fn take_descriptors(fds: &[BorrowedFd<'_>; 6]) -> Result<(), Errno> {
    // Two passes, since a source may lie where another one goes.
    let mut high = [-1; 6];
    for (copy, fd) in high.iter_mut().zip(fds) {
        *copy = std::os::fd::IntoRawFd::into_raw_fd(rustix::io::fcntl_dupfd_cloexec(fd, FIRST_FREE_FD + 6)?);
    }
    for (to, fd) in high.iter().enumerate() {
        // SAFETY: just made, closed below.
        raw::duplicate_to(unsafe { BorrowedFd::borrow_raw(*fd) }, to as RawFd)?;
    }
    raw::close_from(FIRST_FREE_FD)
}

/// The step's process, sharing our memory until it becomes the command.
fn start(duty: &mut Duty<'_>) -> Result<(c_int, OwnedFd), Errno> {
    let mut pidfd: RawFd = -1;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD | duty.namespaces;
    // SAFETY: the stack is ours alone and large enough for the interpreter; the argument outlives the
    // child's use of our memory, since CLONE_VFORK suspends us until it executes or ends (clone(2)).
    let pid = unsafe {
        libc::clone(
            step_main,
            duty.stack_top,
            flags,
            (&raw mut duty.program).cast::<c_void>(),
            &raw mut pidfd,
        )
    };
    if pid < 0 {
        // SAFETY: errno of this thread.
        return Err(Errno::from_raw_os_error(unsafe { *libc::__errno_location() }));
    }
    // SAFETY: CLONE_PIDFD made it for us.
    Ok((pid, unsafe { OwnedFd::from_raw_fd(pidfd) }))
}

extern "C" fn step_main(program: *mut c_void) -> c_int {
    // SAFETY: start() passes a Program that nobody else uses meanwhile.
    let program = unsafe { &mut *program.cast::<Program<'_>>() };
    tell(interpreter::run(program));
    raw::exit_now(127)
}

/// Until the step ends: passes signals on, and ends everything when our caller is gone.
fn watch(step: &OwnedFd) {
    // SAFETY: put there by take_descriptors and never closed.
    let (control, caller) =
        unsafe { (BorrowedFd::borrow_raw(CONTROL_FD), BorrowedFd::borrow_raw(CALLER_FD)) };
    loop {
        let mut polled = [
            PollFd::new(step, PollFlags::IN),
            PollFd::new(&control, PollFlags::IN),
            PollFd::new(&caller, PollFlags::IN),
        ];
        match rustix::event::poll(&mut polled, None) {
            Err(Errno::INTR) => continue,
            Err(_) => raw::exit_now(1),
            Ok(_) => {}
        }
        if !polled[2].revents().is_empty() {
            raw::exit_now(1);
        }
        if !polled[0].revents().is_empty() {
            return;
        }
        match next_control() {
            // Everybody in our namespace but us. ESRCH: all are gone.
            Some(number) => drop(raw::signal(-1, number.into())),
            None => raw::exit_now(1),
        }
    }
}

fn next_control() -> Option<u8> {
    // SAFETY: put there by take_descriptors and never closed.
    let control = unsafe { BorrowedFd::borrow_raw(CONTROL_FD) };
    let mut byte = [0];
    loop {
        match rustix::io::read(control, &mut byte) {
            Err(Errno::INTR) => {}
            Ok(1) => return Some(byte[0]),
            Ok(_) | Err(_) => return None,
        }
    }
}

fn tell(report: Report) {
    // SAFETY: put there by take_descriptors and never closed.
    let pipe = unsafe { BorrowedFd::borrow_raw(REPORT_FD) };
    debug_assert_eq!(pipe.as_raw_fd(), REPORT_FD);
    // If nobody reads any more there is nobody to tell.
    let _ = rustix::io::write(pipe, &report.encode());
}
