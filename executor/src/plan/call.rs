//! The system calls of a plan, as data that can be printed.

use std::ffi::{CStr, CString};
use std::fmt;

/// Where the interpreter keeps a mount that is not attached yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(pub(crate) usize);

/// One parameter of a file system (fsconfig(2)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// Without a value.
    Flag(CString),
    /// With one.
    Text(CString, CString),
}

/// Attributes of a mount (mount_setattr(2)); only what is true is set, nothing is cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes {
    /// Nothing can be written.
    pub read_only: bool,
    /// Set-id bits and file capabilities have no effect.
    pub nosuid: bool,
    /// Device nodes cannot be opened.
    pub nodev: bool,
    /// Nothing can be executed.
    pub noexec: bool,
}

/// A step of a plan: one system call, or a few that mean one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// No mount made from here on is seen outside, nor the other way round.
    PrivateMounts,
    /// A new file system, not attached yet.
    NewMount {
        /// Its type.
        fs: CString,
        /// Its parameters, in order.
        settings: Vec<Setting>,
        /// Its attributes.
        attributes: Attributes,
        /// Where it is kept.
        slot: Slot,
    },
    /// An overlay by mount(2), for kernels that take no `lowerdir+`; paths are relative to `base`.
    OldOverlay {
        /// The directory of the short names in `data`.
        base: CString,
        /// Where it is attached, below `base`.
        target: CString,
        /// Its parameters.
        data: CString,
        /// Where it is kept.
        slot: Slot,
    },
    /// A copy of the mounts at a path, as a bind mount is.
    ClonePath {
        /// The path.
        path: CString,
        /// Where it is kept.
        slot: Slot,
    },
    /// The same of a path that is resolved below another mount and does not leave it.
    CloneBelow {
        /// The mount; attached.
        from: Slot,
        /// The path, relative.
        path: CString,
        /// Where it is kept.
        slot: Slot,
    },
    /// Sets attributes of a kept mount, and of all below it.
    SetAttributes {
        /// The mount.
        slot: Slot,
        /// What is set.
        attributes: Attributes,
    },
    /// Attaches a kept mount.
    Attach {
        /// The mount.
        slot: Slot,
        /// Where.
        at: CString,
    },
    /// A mount point that the root does not have: an empty directory or file, whose parent keeps its mtime.
    Stub {
        /// Absolute path, no symbolic link in it.
        at: CString,
        /// The directory above it.
        parent: CString,
        /// A directory, else a file.
        directory: bool,
    },
    /// A directory, unless there is one.
    MakeDirectory {
        /// Path.
        at: CString,
        /// Permission bits.
        mode: u32,
        /// Owner, group.
        owner: (u32, u32),
    },
    /// A file, unless there is one.
    MakeFile {
        /// Path.
        at: CString,
        /// Permission bits.
        mode: u32,
        /// Owner, group.
        owner: (u32, u32),
        /// What is in it; not printed.
        bytes: Vec<u8>,
    },
    /// A symbolic link.
    Symlink {
        /// Path.
        at: CString,
        /// What it says.
        target: CString,
    },
    /// A character device.
    Device {
        /// Path.
        at: CString,
        /// Permission bits.
        mode: u32,
        /// Major, minor.
        number: (u32, u32),
    },
    /// Makes a kept, attached mount the root, and takes the old root out of sight.
    EnterRoot {
        /// The mount.
        slot: Slot,
    },
    /// The same where pivot_root(2) is refused: moves the mount over the old root, of which only what was
    /// opened before can be reached (switch_root(8)).
    CoverRoot {
        /// The mount.
        slot: Slot,
    },
    /// Makes a path read-only, if it exists.
    ReadOnlyPath(CString),
    /// Hides a path, if it exists.
    MaskPath(CString),
    /// Sets the attributes of the mount at a path.
    Restrict {
        /// The path.
        at: CString,
        /// What is set.
        attributes: Attributes,
    },
    /// The host name.
    Hostname(CString),
    /// Brings the loopback interface up.
    LoopbackUp,
    /// A session of its own, without a terminal.
    NewSession,
    /// The file mode mask.
    Umask(u32),
    /// A resource limit.
    Limit {
        /// Its name, without `RLIMIT_`.
        name: &'static str,
        /// Its number.
        resource: u32,
        /// Soft limit.
        soft: u64,
        /// Hard limit.
        hard: u64,
    },
    /// The working directory.
    WorkingDirectory(CString),
    /// A system call filter: a classic BPF program.
    Seccomp(Vec<BpfInstruction>),
    /// What may ever be gained: the bounding set, a bit a capability.
    BoundingSet(u64),
    /// Supplementary groups.
    Groups(Vec<u32>),
    /// User and group; permitted capabilities stay.
    User {
        /// User.
        uid: u32,
        /// Group.
        gid: u32,
    },
    /// The effective and permitted capabilities; none is inheritable or ambient.
    Capabilities(u64),
    /// Becomes the command: the first candidate that exists.
    Execute {
        /// Absolute paths, or the one path as it is written.
        candidates: Vec<CString>,
        /// Arguments, the first included.
        arguments: Vec<CString>,
        /// Environment; not printed, since it may hold secrets.
        environment: Vec<CString>,
    },
}

/// One instruction of classic BPF (`struct sock_filter`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct BpfInstruction {
    /// Operation.
    pub code: u16,
    /// Instructions skipped if true.
    pub jump_true: u8,
    /// Instructions skipped if false.
    pub jump_false: u8,
    /// Operand.
    pub operand: u32,
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names =
            [(self.read_only, "ro"), (self.nosuid, "nosuid"), (self.nodev, "nodev"), (self.noexec, "noexec")];
        let set: Vec<&str> = names.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
        f.write_str(&if set.is_empty() { "rw".to_owned() } else { set.join(",") })
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(key) => f.write_str(&text(key)),
            Self::Text(key, value) => write!(f, "{}={}", text(key), text(value)),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrivateMounts => f.write_str("mount / private"),
            Self::NewMount { fs, settings, attributes, slot } => {
                write!(f, "new {slot} {} {attributes}", text(fs))?;
                settings.iter().try_for_each(|setting| write!(f, " {setting}"))
            }
            Self::OldOverlay { base, target, data, slot } => {
                write!(f, "mount overlay {slot} {}/{} {}", text(base), text(target), text(data))
            }
            Self::ClonePath { path, slot } => write!(f, "clone {slot} {}", text(path)),
            Self::CloneBelow { from, path, slot } => write!(f, "clone {slot} {from}/{}", text(path)),
            Self::SetAttributes { slot, attributes } => write!(f, "set {slot} {attributes}"),
            Self::Attach { slot, at } => write!(f, "attach {slot} {}", text(at)),
            Self::Stub { at, directory, .. } => {
                write!(f, "stub {}{}", text(at), if *directory { "/" } else { "" })
            }
            Self::MakeDirectory { at, mode, owner } => {
                write!(f, "mkdir {} {mode:o} {}:{}", text(at), owner.0, owner.1)
            }
            Self::MakeFile { at, mode, owner, bytes } => {
                write!(f, "write {} {mode:o} {}:{} {} bytes", text(at), owner.0, owner.1, bytes.len())
            }
            Self::Symlink { at, target } => write!(f, "symlink {} {}", text(at), text(target)),
            Self::Device { at, mode, number } => {
                write!(f, "mknod {} {mode:o} c {} {}", text(at), number.0, number.1)
            }
            Self::EnterRoot { slot } => write!(f, "pivot_root {slot}"),
            Self::CoverRoot { slot } => write!(f, "move {slot} over /"),
            Self::ReadOnlyPath(path) => write!(f, "read-only {}", text(path)),
            Self::MaskPath(path) => write!(f, "mask {}", text(path)),
            Self::Restrict { at, attributes } => write!(f, "restrict {} {attributes}", text(at)),
            Self::Hostname(name) => write!(f, "sethostname {}", text(name)),
            Self::LoopbackUp => f.write_str("interface lo up"),
            Self::NewSession => f.write_str("setsid"),
            Self::Umask(mask) => write!(f, "umask {mask:04o}"),
            Self::Limit { name, soft, hard, .. } => write!(f, "setrlimit {name} {soft}:{hard}"),
            Self::WorkingDirectory(path) => write!(f, "chdir {}", text(path)),
            Self::Seccomp(program) => write!(f, "seccomp {} instructions", program.len()),
            Self::BoundingSet(set) => write!(f, "bounding set {set:#x}"),
            Self::Groups(groups) => {
                let list: Vec<String> = groups.iter().map(u32::to_string).collect();
                write!(f, "setgroups {}", list.join(","))
            }
            Self::User { uid, gid } => write!(f, "setuid {uid}:{gid}"),
            Self::Capabilities(set) => write!(f, "capset {set:#x}"),
            Self::Execute { candidates, arguments, .. } => {
                let list = |items: &[CString], by: &str| {
                    items.iter().map(|item| text(item)).collect::<Vec<_>>().join(by)
                };
                write!(f, "execve {} {:?}", list(candidates, ":"), list(arguments, " "))
            }
        }
    }
}

fn text(bytes: &CStr) -> String {
    bytes.to_string_lossy().into_owned()
}
