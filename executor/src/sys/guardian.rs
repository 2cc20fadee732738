//! Programs of the machine that end with us, with all that they start.
//!
//! A program becomes the leader of a process group and is killed by the kernel when the thread that started
//! it ends. What it starts itself is not: so a *guardian* is made beside it, a process that does nothing but wait
//! for the program's end, however that comes, and then kills the group, itself included. As a member of the group
//! it keeps the group's number from being used again.

use std::ffi::c_int;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Pid, Signal};

use super::wrappers as raw;

/// What tells the guardian of the program's end: nobody else sends it.
const ENDED: Signal = Signal::USR1;

/// Makes `command` such a program. Its group's number is its process id.
pub(crate) fn guard(command: &mut Command) {
    let prepare = || -> io::Result<()> {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        rustix::process::setpgid(None, None)?;
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        start_guardian()
    };
    // SAFETY: runs in the child, a process of one thread, before it becomes the program; it makes system calls
    // and does not allocate or lock (signal-safety(7)).
    unsafe { command.pre_exec(prepare) };
}

fn start_guardian() -> io::Result<()> {
    let program = rustix::process::getpid();
    // No exit signal: the program never hears of a child that it did not make.
    // SAFETY: clone without flags and without a stack forks (clone(2)); the arguments that count are all 0, so that their
    // order, which differs between machines, does not matter. The child does not return from watch().
    let pid = unsafe { libc::syscall(libc::SYS_clone, 0, 0, 0, 0, 0) };
    match pid {
        0 => watch(program),
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// The guardian's whole life.
fn watch(program: Pid) -> ! {
    raw::set_signal_mask(u64::MAX);
    // A pipe that stayed open here would never come to its end.
    let ready =
        raw::close_from(0).and_then(|()| rustix::process::set_parent_process_death_signal(Some(ENDED)));
    // It may have ended before that was asked for.
    if ready.is_ok() && rustix::process::getppid() == Some(program) {
        wait_for_signal(ENDED.as_raw());
    }
    // The group has at least us in it.
    let _ = rustix::process::kill_process_group(program, Signal::KILL);
    raw::exit_now(0)
}

/// Waits for a signal that is blocked.
fn wait_for_signal(signal: c_int) {
    let set: u64 = 1 << (signal - 1);
    // SAFETY: the set is 8 bytes, as long as the kernel's; neither information nor a time-out is asked for
    // (rt_sigtimedwait(2)).
    while unsafe {
        libc::syscall(
            libc::SYS_rt_sigtimedwait,
            &raw const set,
            std::ptr::null::<libc::siginfo_t>(),
            std::ptr::null::<libc::timespec>(),
            size_of::<u64>(),
        )
    } != i64::from(signal)
    {}
}
