//! Makes a plan's calls in the step's process. Nothing here allocates, locks or unwinds.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};

use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, ResolveFlags, Uid};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags,
    OpenTreeFlags, UnmountFlags,
};

use super::program::Program;
use super::report::{Detail, Report};
use super::wrappers as raw;
use crate::plan::{Attributes, Call, Setting, Slot};

type Done = Result<(), Errno>;

/// Descriptors that the step's process is started with.
pub(super) const REPORT_FD: RawFd = 3;

/// Runs the calls; the last becomes the command, so it returns only what failed.
pub(super) fn run(program: &mut Program<'_>) -> Report {
    for (index, call) in program.calls.iter().enumerate() {
        if let Call::Execute { candidates, .. } = call {
            let (errno, detail) = execute(program, candidates);
            return failed(index, errno, detail);
        }
        if let Err(errno) = make(call, &mut program.slots) {
            return failed(index, errno, Detail::None);
        }
    }
    failed(program.calls.len(), Errno::NOEXEC, Detail::None)
}

fn failed(index: usize, errno: Errno, detail: Detail) -> Report {
    Report::CallFailed { index: index as u32, errno: errno.raw_os_error(), detail }
}

fn make(call: &Call, slots: &mut [RawFd]) -> Done {
    match call {
        Call::PrivateMounts => {
            rustix::mount::mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        }
        Call::NewMount { fs, settings, attributes, slot } => {
            keep(slots, *slot, new_mount(fs, settings, *attributes)?)
        }
        Call::OldOverlay { base, target, data, slot } => {
            rustix::process::chdir(base.as_c_str())?;
            rustix::mount::mount(
                c"overlay",
                target.as_c_str(),
                c"overlay",
                MountFlags::empty(),
                Some(data.as_c_str()),
            )?;
            keep(slots, *slot, rustix::fs::open(target.as_c_str(), OFlags::PATH, Mode::empty())?)
        }
        Call::ClonePath { path, slot } => keep(slots, *slot, clone_tree(CWD, path, OpenTreeFlags::empty())?),
        Call::CloneBelow { from, path, slot } => {
            let below = rustix::fs::openat2(
                kept(slots, *from),
                path.as_c_str(),
                OFlags::PATH,
                Mode::empty(),
                ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
            )?;
            keep(slots, *slot, clone_tree(below.as_fd(), c"", OpenTreeFlags::AT_EMPTY_PATH)?)
        }
        Call::SetAttributes { slot, attributes } => {
            raw::set_mount_attributes(slots[slot.0], c"", *attributes, true)
        }
        Call::Attach { slot, at } => attach(kept(slots, *slot), at),
        Call::Stub { at, parent, directory } => stub(at, parent, *directory),
        Call::MakeDirectory { at, mode, owner } => make_directory(at, *mode, *owner),
        Call::MakeFile { at, mode, owner, bytes } => make_file(at, *mode, *owner, bytes),
        Call::Symlink { at, target } => rustix::fs::symlink(target.as_c_str(), at.as_c_str()),
        Call::Device { at, mode, number } => rustix::fs::mknodat(
            CWD,
            at.as_c_str(),
            rustix::fs::FileType::CharacterDevice,
            Mode::from_raw_mode(*mode),
            rustix::fs::makedev(number.0, number.1),
        ),
        Call::EnterRoot { slot } => enter_root(kept(slots, *slot)),
        Call::CoverRoot { slot } => cover_root(kept(slots, *slot)),
        Call::ReadOnlyPath(path) => read_only_path(path),
        Call::MaskPath(path) => mask_path(path),
        Call::Restrict { at, attributes } => {
            raw::set_mount_attributes(libc::AT_FDCWD, at, *attributes, false)
        }
        Call::Hostname(name) => raw::set_hostname(name),
        Call::LoopbackUp => raw::loopback_up(),
        Call::NewSession => rustix::process::setsid().map(drop),
        Call::Umask(mask) => {
            rustix::process::umask(Mode::from_raw_mode(*mask));
            Ok(())
        }
        Call::Limit { resource, soft, hard, .. } => raw::set_limit(*resource, *soft, *hard),
        Call::WorkingDirectory(path) => rustix::process::chdir(path.as_c_str()),
        Call::Seccomp(filter) => raw::load_filter(filter),
        Call::BoundingSet(set) => bounding_set(*set),
        Call::Groups(groups) => raw::set_groups(groups),
        Call::User { uid, gid } => {
            raw::keep_capabilities()?;
            raw::set_user(*uid, *gid)
        }
        Call::Capabilities(set) => {
            match raw::clear_ambient() {
                Ok(()) | Err(Errno::INVAL) => {}
                Err(errno) => return Err(errno),
            }
            raw::set_capabilities(*set)
        }
        Call::Execute { .. } => Ok(()), // run() does it
    }
}

fn keep(slots: &mut [RawFd], slot: Slot, fd: OwnedFd) -> Done {
    // Kept until execve closes it.
    slots[slot.0] = fd.into_raw_fd();
    Ok(())
}

fn kept(slots: &[RawFd], slot: Slot) -> BorrowedFd<'static> {
    // SAFETY: a plan uses a slot only after a call that fills it (held by a test of plans), and
    // nothing closes it before execve.
    unsafe { BorrowedFd::borrow_raw(slots[slot.0]) }
}

fn new_mount(fs: &CStr, settings: &[Setting], attributes: Attributes) -> Result<OwnedFd, Errno> {
    let context = rustix::mount::fsopen(fs, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for setting in settings {
        match setting {
            Setting::Flag(key) => rustix::mount::fsconfig_set_flag(&context, key.as_c_str())?,
            Setting::Text(key, value) => {
                rustix::mount::fsconfig_set_string(&context, key.as_c_str(), value.as_c_str())?;
            }
        }
    }
    rustix::mount::fsconfig_create(&context)?;
    let attributes = MountAttrFlags::from_bits_retain(raw::attribute_bits(attributes) as u32);
    rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

fn clone_tree(dir: BorrowedFd<'_>, path: &CStr, flags: OpenTreeFlags) -> Result<OwnedFd, Errno> {
    let flags = flags
        | OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    rustix::mount::open_tree(dir, path, flags)
}

fn attach(mount: BorrowedFd<'_>, at: &CStr) -> Done {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_SYMLINKS;
    rustix::mount::move_mount(mount, c"", CWD, at, flags)
}

fn stub(at: &CStr, parent: &CStr, directory: bool) -> Done {
    let before = rustix::fs::stat(parent)?;
    if directory {
        rustix::fs::mkdir(at, Mode::from_raw_mode(0o755))?;
    } else {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        rustix::fs::open(at, flags, Mode::from_raw_mode(0o644))?;
    }
    let time = |tv_sec, tv_nsec| rustix::fs::Timespec { tv_sec, tv_nsec };
    let times = rustix::fs::Timestamps {
        last_access: time(before.st_atime as _, before.st_atime_nsec as _),
        last_modification: time(before.st_mtime as _, before.st_mtime_nsec as _),
    };
    rustix::fs::utimensat(CWD, parent, &times, AtFlags::empty())
}

fn make_directory(at: &CStr, mode: u32, owner: (u32, u32)) -> Done {
    match rustix::fs::mkdir(at, Mode::from_raw_mode(mode)) {
        Ok(()) if owner != (0, 0) => rustix::fs::chown(at, uid(owner.0), gid(owner.1)),
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn make_file(at: &CStr, mode: u32, owner: (u32, u32), bytes: &[u8]) -> Done {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = match rustix::fs::open(at, flags, Mode::from_raw_mode(mode)) {
        Ok(file) => file,
        Err(Errno::EXIST) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    let mut rest = bytes;
    while !rest.is_empty() {
        let written = rustix::io::write(&file, rest)?;
        rest = rest.get(written..).ok_or(Errno::IO)?;
    }
    if owner != (0, 0) { rustix::fs::fchown(&file, uid(owner.0), gid(owner.1)) } else { Ok(()) }
}

fn uid(id: u32) -> Option<Uid> {
    Some(Uid::from_raw(id))
}

fn gid(id: u32) -> Option<Gid> {
    Some(Gid::from_raw(id))
}

/// pivot_root(2), "pivot_root(".", ".")": the old root lands on top of the new one and is detached.
fn enter_root(root: BorrowedFd<'_>) -> Done {
    rustix::process::fchdir(root)?;
    rustix::process::pivot_root(c".", c".")?;
    rustix::mount::unmount(c".", UnmountFlags::DETACH)?;
    rustix::process::chdir(c"/")
}

/// As switch_root(8): the root of the mount namespace stays, below.
fn cover_root(root: BorrowedFd<'_>) -> Done {
    rustix::process::fchdir(root)?;
    attach(root, c"/")?;
    rustix::process::chroot(c".")?;
    rustix::process::chdir(c"/")
}

fn read_only_path(path: &CStr) -> Done {
    let copy = match clone_tree(CWD, path, OpenTreeFlags::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        other => other?,
    };
    let attributes = Attributes { read_only: true, nosuid: true, nodev: true, noexec: true };
    raw::set_mount_attributes(std::os::fd::AsRawFd::as_raw_fd(&copy), c"", attributes, true)?;
    attach(copy.as_fd(), path)
}

fn mask_path(path: &CStr) -> Done {
    let found = match rustix::fs::stat(path) {
        Err(Errno::NOENT) => return Ok(()),
        other => other?,
    };
    let cover = if rustix::fs::FileType::from_raw_mode(found.st_mode).is_dir() {
        new_mount(c"tmpfs", &[], Attributes { read_only: true, nosuid: true, nodev: true, noexec: true })?
    } else {
        clone_tree(CWD, c"/dev/null", OpenTreeFlags::empty())?
    };
    attach(cover.as_fd(), path)
}

fn bounding_set(set: u64) -> Done {
    for capability in (0..64).filter(|bit| set >> bit & 1 == 0) {
        match raw::drop_bounding(capability) {
            Ok(()) => {}
            Err(Errno::INVAL) => break, // the kernel's last capability was before
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// execvp(3), over candidates that were put together before.
fn execute(program: &Program<'_>, candidates: &[std::ffi::CString]) -> (Errno, Detail) {
    if let Err(errno) = raw::close_on_exec_from(REPORT_FD) {
        return (errno, Detail::None);
    }
    let mut best = Errno::NOENT;
    for path in candidates {
        // SAFETY: the program's arrays end in null and point to the plan's strings.
        let errno = unsafe { raw::execute(path, program.arguments.as_ptr(), program.environment.as_ptr()) };
        match errno {
            Errno::NOENT if rustix::fs::access(path.as_c_str(), rustix::fs::Access::EXISTS).is_ok() => {
                return (errno, Detail::FileExists);
            }
            Errno::NOENT | Errno::NOTDIR => {}
            Errno::ACCESS => best = errno,
            _ => return (errno, Detail::None),
        }
    }
    (best, Detail::None)
}
