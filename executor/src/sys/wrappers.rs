//! System calls that rustix does not have: one call and its errno each. No allocation, no lock.

use std::ffi::{CStr, c_char, c_int, c_long};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use rustix::io::Errno;

use crate::plan::{Attributes, BpfInstruction};

fn check(result: c_long) -> Result<c_long, Errno> {
    if result >= 0 {
        return Ok(result);
    }
    // SAFETY: the address of this thread's errno, always valid (errno(3)).
    Err(Errno::from_raw_os_error(unsafe { *libc::__errno_location() }))
}

/// mount_setattr(2): sets, never clears; with all mounts below if `recursive`.
pub(crate) fn set_mount_attributes(
    dir: RawFd,
    path: &CStr,
    attributes: Attributes,
    recursive: bool,
) -> Result<(), Errno> {
    let bits = attribute_bits(attributes);
    let request: [u64; 4] = [bits, 0, 0, 0]; // struct mount_attr: set, clear, propagation, user namespace
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path ends in NUL and the structure is whole; both live through the call.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            dir,
            path.as_ptr(),
            flags,
            request.as_ptr(),
            size_of_val(&request),
        )
    })
    .map(drop)
}

/// The bits of fsmount(2) and mount_setattr(2).
pub(crate) fn attribute_bits(attributes: Attributes) -> u64 {
    let Attributes { read_only, nosuid, nodev, noexec } = attributes;
    u64::from(read_only) | u64::from(nosuid) << 1 | u64::from(nodev) << 2 | u64::from(noexec) << 3
}

/// Loads a filter for this process without no_new_privs; needs CAP_SYS_ADMIN (seccomp(2)).
pub(crate) fn load_filter(program: &[BpfInstruction]) -> Result<(), Errno> {
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_ptr().cast_mut().cast::<libc::sock_filter>(),
    };
    // SAFETY: BpfInstruction has the layout of sock_filter; the kernel copies the program.
    check(unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const filter) })
        .map(drop)
}

/// Takes a capability out of the bounding set (prctl(2)); EINVAL for one the kernel does not know.
pub(crate) fn drop_bounding(capability: u32) -> Result<(), Errno> {
    // SAFETY: takes numbers only.
    check(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) }.into()).map(drop)
}

/// Clears the ambient set (prctl(2)).
pub(crate) fn clear_ambient() -> Result<(), Errno> {
    // SAFETY: takes numbers only.
    check(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) }.into())
        .map(drop)
}

/// Whether permitted capabilities survive the change of user (prctl(2)); cleared by execve.
pub(crate) fn keep_capabilities() -> Result<(), Errno> {
    // SAFETY: takes numbers only.
    check(unsafe { libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0) }.into()).map(drop)
}

/// Effective and permitted sets (capset(2), version 3); inheritable becomes empty.
pub(crate) fn set_capabilities(set: u64) -> Result<(), Errno> {
    let header: [u32; 2] = [0x2008_0522, 0];
    let (low, high) = (set as u32, (set >> 32) as u32);
    let data: [u32; 6] = [low, low, 0, high, high, 0];
    // SAFETY: header and two data elements, as version 3 wants them.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) }).map(drop)
}

/// setgroups(2) of this thread, which is the process.
pub(crate) fn set_groups(groups: &[u32]) -> Result<(), Errno> {
    // SAFETY: pointer and length of one slice.
    check(unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) }).map(drop)
}

/// setresgid(2) and setresuid(2), raw: libc's would signal threads that a clone does not have.
pub(crate) fn set_user(uid: u32, gid: u32) -> Result<(), Errno> {
    // SAFETY: takes numbers only.
    check(unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) })?;
    // SAFETY: as above.
    check(unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) }).map(drop)
}

/// setrlimit by prlimit64(2).
pub(crate) fn set_limit(resource: u32, soft: u64, hard: u64) -> Result<(), Errno> {
    let limit: [u64; 2] = [soft, hard];
    // SAFETY: struct rlimit64 is two 64-bit words; the old limit is not asked for.
    check(unsafe {
        libc::syscall(libc::SYS_prlimit64, 0, resource, limit.as_ptr(), std::ptr::null_mut::<u64>())
    })
    .map(drop)
}

/// sethostname(2).
pub(crate) fn set_hostname(name: &CStr) -> Result<(), Errno> {
    let bytes = name.to_bytes();
    // SAFETY: pointer and length of one slice.
    check(unsafe { libc::syscall(libc::SYS_sethostname, bytes.as_ptr(), bytes.len()) }).map(drop)
}

/// SIOCSIFFLAGS of `lo` (netdevice(7)).
pub(crate) fn loopback_up() -> Result<(), Errno> {
    // SAFETY: takes numbers only.
    let socket = check(unsafe {
        libc::syscall(libc::SYS_socket, libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0)
    })?;
    // SAFETY: all zero is a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l' as c_char;
    request.ifr_name[1] = b'o' as c_char;
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as i16;
    // SAFETY: the request is an ifreq that lives through the call.
    check(unsafe { libc::syscall(libc::SYS_ioctl, socket, libc::SIOCSIFFLAGS, &raw const request) }).map(drop)
}

/// Makes `fd` the descriptor number `to`, open across execve (dup3(2)); they differ.
pub(crate) fn duplicate_to(fd: BorrowedFd<'_>, to: RawFd) -> Result<(), Errno> {
    // SAFETY: takes numbers only; the caller owns its whole descriptor table.
    check(unsafe { libc::syscall(libc::SYS_dup3, fd.as_raw_fd(), to, 0) }).map(drop)
}

/// Closes all descriptors from `first` on (close_range(2)).
pub(crate) fn close_from(first: RawFd) -> Result<(), Errno> {
    // SAFETY: takes numbers only; called in a cloned process, whose table no other code uses.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) }).map(drop)
}

/// Sets close-on-exec on all descriptors from `first` on (close_range(2)).
pub(crate) fn close_on_exec_from(first: RawFd) -> Result<(), Errno> {
    // SAFETY: takes numbers only; no descriptor is closed before execve.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) })
        .map(drop)
}

/// Default dispositions for all signals, and none blocked: what a program expects at its start (signal(7)).
pub(crate) fn reset_signals() {
    /// As the kernel has it (not libc's, which refuses the signals it uses itself).
    #[repr(C)]
    struct KernelAction {
        handler: usize,
        flags: u64,
        restorer: usize,
        mask: u64,
    }
    let default = KernelAction { handler: libc::SIG_DFL, flags: 0, restorer: 0, mask: 0 };
    for signal in 1..=64 {
        // SAFETY: KERNEL sigaction with an 8-byte mask; KILL and STOP answer EINVAL, which changes nothing.
        unsafe {
            libc::syscall(libc::SYS_rt_sigaction, signal, &raw const default, std::ptr::null_mut::<u8>(), 8)
        };
    }
    set_signal_mask(0);
}

/// Sets the calling thread's signal mask and returns the old one (rt_sigprocmask(2)).
pub(crate) fn set_signal_mask(mask: u64) -> u64 {
    let mut old = 0_u64;
    // SAFETY: two 8-byte masks; with valid arguments the call does not fail.
    unsafe {
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const mask, &raw mut old, 8);
    }
    old
}

/// kill(2); `pid` as there: -1 is everybody but the caller.
pub(crate) fn signal(pid: c_int, signal: c_int) -> Result<(), Errno> {
    // SAFETY: takes numbers only.
    check(unsafe { libc::syscall(libc::SYS_kill, pid, signal) }).map(drop)
}

/// execve(2); returns only to say why not.
///
/// # Safety
/// Both arrays end in a null pointer and hold pointers to strings that end in NUL.
pub(crate) unsafe fn execute(
    path: &CStr,
    arguments: *const *const c_char,
    environment: *const *const c_char,
) -> Errno {
    // SAFETY: by this function's own contract.
    let result = unsafe { libc::syscall(libc::SYS_execve, path.as_ptr(), arguments, environment) };
    check(result).err().unwrap_or(Errno::NOEXEC)
}

/// Ends the process at once (exit_group(2)).
pub(crate) fn exit_now(status: c_int) -> ! {
    // SAFETY: runs no destructor or handler, as a cloned process must (signal-safety(7)).
    unsafe { libc::_exit(status) }
}

/// The end of a child: waitid(2) for this process's child `pid`, of any exit signal.
pub(crate) fn wait_for(pid: c_int) -> Result<super::Report, Errno> {
    // SAFETY: all zero is a valid siginfo_t.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: the structure lives through the call; no usage is asked for.
        let result = check(unsafe {
            libc::syscall(
                libc::SYS_waitid,
                libc::P_PID,
                pid,
                &raw mut info,
                libc::WEXITED | libc::__WALL,
                std::ptr::null_mut::<u8>(),
            )
        });
        match result {
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
            Ok(_) => break,
        }
    }
    // SAFETY: waitid filled the part of the union that a child's end has.
    let status = unsafe { info.si_status() };
    Ok(if info.si_code == libc::CLD_EXITED {
        super::Report::Exited(status)
    } else {
        super::Report::Signaled(status)
    })
}
