//! Resource limits: Docker's names, the spec's, and the kernel's numbers.

use oci_spec::runtime::PosixRlimitType as Kind;

/// One row a limit: the name of `--ulimit`, the spec's type, the kernel's number (getrlimit(2), x86 and arm).
const TABLE: [(&str, Kind, u32); 16] = [
    ("cpu", Kind::RlimitCpu, 0),
    ("fsize", Kind::RlimitFsize, 1),
    ("data", Kind::RlimitData, 2),
    ("stack", Kind::RlimitStack, 3),
    ("core", Kind::RlimitCore, 4),
    ("rss", Kind::RlimitRss, 5),
    ("nproc", Kind::RlimitNproc, 6),
    ("nofile", Kind::RlimitNofile, 7),
    ("memlock", Kind::RlimitMemlock, 8),
    ("as", Kind::RlimitAs, 9),
    ("locks", Kind::RlimitLocks, 10),
    ("sigpending", Kind::RlimitSigpending, 11),
    ("msgqueue", Kind::RlimitMsgqueue, 12),
    ("nice", Kind::RlimitNice, 13),
    ("rtprio", Kind::RlimitRtprio, 14),
    ("rttime", Kind::RlimitRttime, 15),
];

/// Name and number of a spec's limit.
pub(crate) fn of_spec(kind: Kind) -> (&'static str, u32) {
    TABLE.iter().find(|row| row.1 == kind).map_or(("cpu", 0), |row| (row.0, row.2))
}

/// The spec's type of a name; `None` if there is no such limit.
pub(crate) fn by_name(name: &str) -> Option<Kind> {
    TABLE.iter().find(|row| row.0 == name).map(|row| row.1)
}
