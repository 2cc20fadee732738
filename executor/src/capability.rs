//! Capabilities: names and bits.

use oci_spec::runtime::Capability;

/// Docker's default set (moby `oci/caps/defaults.go`): what a step has without `--security=insecure`.
pub(crate) const DEFAULT: [Capability; 14] = [
    Capability::Chown,
    Capability::DacOverride,
    Capability::Fsetid,
    Capability::Fowner,
    Capability::Mknod,
    Capability::NetRaw,
    Capability::Setgid,
    Capability::Setuid,
    Capability::Setfcap,
    Capability::Setpcap,
    Capability::NetBindService,
    Capability::SysChroot,
    Capability::Kill,
    Capability::AuditWrite,
];

/// All of them, by number (capability.h).
pub(crate) const ALL: [Capability; 41] = [
    Capability::Chown,
    Capability::DacOverride,
    Capability::DacReadSearch,
    Capability::Fowner,
    Capability::Fsetid,
    Capability::Kill,
    Capability::Setgid,
    Capability::Setuid,
    Capability::Setpcap,
    Capability::LinuxImmutable,
    Capability::NetBindService,
    Capability::NetBroadcast,
    Capability::NetAdmin,
    Capability::NetRaw,
    Capability::IpcLock,
    Capability::IpcOwner,
    Capability::SysModule,
    Capability::SysRawio,
    Capability::SysChroot,
    Capability::SysPtrace,
    Capability::SysPacct,
    Capability::SysAdmin,
    Capability::SysBoot,
    Capability::SysNice,
    Capability::SysResource,
    Capability::SysTime,
    Capability::SysTtyConfig,
    Capability::Mknod,
    Capability::Lease,
    Capability::AuditWrite,
    Capability::AuditControl,
    Capability::Setfcap,
    Capability::MacOverride,
    Capability::MacAdmin,
    Capability::Syslog,
    Capability::WakeAlarm,
    Capability::BlockSuspend,
    Capability::AuditRead,
    Capability::Perfmon,
    Capability::Bpf,
    Capability::CheckpointRestore,
];

/// The bits of some capabilities.
pub(crate) fn set<'a>(capabilities: impl Iterator<Item = &'a Capability>) -> u64 {
    capabilities
        .filter_map(|one| ALL.iter().position(|other| other == one))
        .fold(0, |set, bit| set | 1 << bit)
}

/// The capabilities of a set of bits.
pub(crate) fn list(set: u64) -> Vec<Capability> {
    (0..ALL.len()).filter(|bit| set >> bit & 1 == 1).map(|bit| ALL[bit]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_set_is_dockers() {
        assert_eq!(set(DEFAULT.iter()), 0xa804_25fb);
        assert_eq!(set(list(0xa804_25fb).iter()), 0xa804_25fb);
        assert_eq!(set(ALL.iter()), 0x1ff_ffff_ffff);
    }
}
