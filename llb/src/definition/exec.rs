//! Exec ops (llb.md, section 2): mounts sorted by destination, outputs numbered in that order, then
//! secrets and ssh sockets.

use cooperage_image::Platform;

use super::{Caps, Edge, Inputs};
use crate::pb;

/// A process to run on mounts.
#[derive(Debug, Clone, PartialEq)]
pub struct Exec {
    /// The command.
    pub args: Vec<String>,
    /// `K=V`, in order.
    pub env: Vec<String>,
    /// Working directory, absolute.
    pub cwd: String,
    /// `user[:group]`; empty is root.
    pub user: String,
    /// Proxies: in the environment of the process, not in its key.
    pub proxy: Option<pb::ProxyEnv>,
    /// Names and addresses added to `/etc/hosts`.
    pub extra_hosts: Vec<(String, String)>,
    /// Name of the machine; empty is the default.
    pub hostname: String,
    /// Limits of resources: name (`nofile`), soft, hard; -1 is none.
    pub ulimits: Vec<(String, i64, i64)>,
    /// Network.
    pub network: pb::NetMode,
    /// Security mode.
    pub security: pb::SecurityMode,
    /// The root file system (`dest` is `/`) and what is mounted on it, in any order.
    pub mounts: Vec<Mount>,
    /// Secrets.
    pub secrets: Vec<Secret>,
    /// Sockets of ssh agents.
    pub ssh: Vec<Ssh>,
    /// Devices of the machine.
    pub devices: Vec<Device>,
    /// On which platform it runs.
    pub platform: Option<Platform>,
}

impl Exec {
    /// Nothing to run yet, in `cwd`.
    pub fn new(cwd: &str) -> Self {
        Self {
            args: Vec::new(),
            env: Vec::new(),
            cwd: cwd.to_owned(),
            user: String::new(),
            proxy: None,
            extra_hosts: Vec::new(),
            hostname: String::new(),
            ulimits: Vec::new(),
            network: pb::NetMode::Unset,
            security: pb::SecurityMode::Sandbox,
            mounts: Vec::new(),
            secrets: Vec::new(),
            ssh: Vec::new(),
            devices: Vec::new(),
            platform: None,
        }
    }

    /// Destination and output index of the mounts that have one. The mounts are sorted.
    pub(super) fn outputs(&self) -> Vec<(String, i64)> {
        let writable = self.mounts.iter().filter(|mount| mount.has_output());
        writable.map(|mount| mount.dest.clone()).zip(0..).collect()
    }
}

/// The edges of what an exec op's writable mounts hold afterwards, by destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutputs(pub(super) Vec<(String, Edge)>);

impl ExecOutputs {
    /// The root file system afterwards; `None` if it was mounted read-only.
    pub fn root(&self) -> Option<Edge> {
        self.mount("/")
    }

    /// What the mount at `dest` holds afterwards; `None` if it has no output.
    pub fn mount(&self, dest: &str) -> Option<Edge> {
        self.0.iter().find(|(known, _)| known == dest).map(|(_, edge)| *edge)
    }
}

/// Something mounted for a process.
#[derive(Debug, Clone, PartialEq)]
pub struct Mount {
    /// Where.
    pub dest: String,
    /// Not to be written.
    pub readonly: bool,
    /// What.
    pub kind: MountKind,
}

/// Kinds of [`Mount`].
#[derive(Debug, Clone, PartialEq)]
pub enum MountKind {
    /// A tree.
    Bind {
        /// Which; `None` is an empty one.
        input: Option<Edge>,
        /// Path in it; empty is its root.
        selector: String,
        /// Whether what was written is thrown away: the mount has no output.
        discard: bool,
    },
    /// A directory that is kept between builds.
    Cache {
        /// What it starts as; `None` is empty.
        input: Option<Edge>,
        /// Path in it; empty is its root.
        selector: String,
        /// Its name.
        id: String,
        /// How it is shared.
        sharing: CacheSharing,
    },
    /// Memory.
    Tmpfs {
        /// Limit in bytes; 0 is none.
        size_bytes: i64,
    },
}

/// How builds share a cache directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CacheSharing {
    /// All at once.
    #[default]
    Shared,
    /// Each its own.
    Private,
    /// One after the other.
    Locked,
}

/// A secret of the client, as a file or as a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The client's name for it.
    pub id: String,
    /// Path of the file.
    pub dest: Option<String>,
    /// Name of the variable.
    pub env: Option<String>,
    /// Owner of the file.
    pub uid: u32,
    /// Group of the file.
    pub gid: u32,
    /// Permissions of the file.
    pub mode: u32,
    /// Whether it may be missing.
    pub optional: bool,
}

/// A socket of the client's ssh agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssh {
    /// The client's name for the agent.
    pub id: String,
    /// Path of the socket; `None` is `/run/buildkit/ssh_agent.N`.
    pub dest: Option<String>,
    /// Owner of the socket.
    pub uid: u32,
    /// Group of the socket.
    pub gid: u32,
    /// Permissions of the socket.
    pub mode: u32,
    /// Whether it may be missing.
    pub optional: bool,
}

/// A device by its CDI name, `vendor.com/class=name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Whether it may be missing.
    pub optional: bool,
}

impl Mount {
    /// The root file system, writable.
    pub fn root(input: Option<Edge>) -> Self {
        let kind = MountKind::Bind { input, selector: String::new(), discard: false };
        Self { dest: "/".to_owned(), readonly: false, kind }
    }

    pub(super) fn input(&self) -> Option<Edge> {
        match &self.kind {
            MountKind::Bind { input, .. } | MountKind::Cache { input, .. } => *input,
            MountKind::Tmpfs { .. } => None,
        }
    }

    fn has_output(&self) -> bool {
        !self.readonly && matches!(self.kind, MountKind::Bind { discard: false, .. })
    }

    fn to_pb(&self, inputs: &mut Inputs<'_>, next_output: &mut i64, caps: &mut Caps) -> pb::Mount {
        let mut mount = pb::Mount {
            input: inputs.index(self.input()),
            dest: self.dest.clone(),
            output: -1,
            readonly: self.readonly,
            ..pb::Mount::default()
        };
        if self.has_output() {
            mount.output = *next_output;
            *next_output += 1;
        }
        match &self.kind {
            MountKind::Bind { input, selector, discard } => {
                mount.selector.clone_from(selector);
                caps.extend(input.map(|_| "exec.mount.bind"));
                caps.extend((*discard && !self.readonly).then_some("exec.mount.bind.readwrite-nooutput"));
            }
            MountKind::Cache { selector, id, sharing, .. } => {
                mount.selector.clone_from(selector);
                mount.set_mount_type(pb::MountType::Cache);
                let sharing = match sharing {
                    CacheSharing::Shared => pb::CacheSharingOpt::Shared,
                    CacheSharing::Private => pb::CacheSharingOpt::Private,
                    CacheSharing::Locked => pb::CacheSharingOpt::Locked,
                };
                mount.cache_opt = Some(pb::CacheOpt { id: id.clone(), sharing: sharing.into() });
                caps.extend(["exec.mount.cache", "exec.mount.cache.sharing"]);
            }
            MountKind::Tmpfs { size_bytes } => {
                mount.set_mount_type(pb::MountType::Tmpfs);
                mount.tmpfs_opt = Some(pb::TmpfsOpt { size: *size_bytes });
                caps.insert("exec.mount.tmpfs");
                caps.extend((*size_bytes > 0).then_some("exec.mount.tmpfs.size"));
            }
        }
        caps.extend((!mount.selector.is_empty()).then_some("exec.mount.selector"));
        mount
    }
}

impl Exec {
    pub(super) fn to_op(&self, inputs: &mut Inputs<'_>, caps: &mut Caps) -> pb::op::Op {
        caps.extend(["exec.meta.base", "exec.meta.setsdefaultpath"]);
        caps.insert("exec.meta.removemountstubs.recursive");
        caps.extend(self.proxy.as_ref().map(|_| "exec.meta.proxyenv"));
        caps.extend((!self.ulimits.is_empty()).then_some("exec.meta.ulimit"));
        caps.extend((self.network != pb::NetMode::Unset).then_some("exec.meta.network"));
        caps.extend((self.security != pb::SecurityMode::Sandbox).then_some("exec.meta.security"));
        caps.extend((!self.secrets.is_empty()).then_some("exec.mount.secret"));
        caps.extend(self.secrets.iter().any(|secret| secret.env.is_some()).then_some("exec.secretenv"));
        caps.extend((!self.ssh.is_empty()).then_some("exec.mount.ssh"));
        caps.extend((!self.devices.is_empty()).then_some("exec.meta.cdi"));
        let mut next_output = 0;
        let mut mounts: Vec<pb::Mount> =
            self.mounts.iter().map(|mount| mount.to_pb(inputs, &mut next_output, caps)).collect();
        mounts.extend(self.secrets.iter().filter_map(Secret::to_mount));
        mounts.extend(self.ssh.iter().enumerate().map(|(index, ssh)| ssh.to_mount(index)));
        pb::op::Op::Exec(pb::ExecOp {
            meta: Some(self.meta()),
            mounts,
            network: self.network.into(),
            security: self.security.into(),
            secretenv: self.secrets.iter().filter_map(Secret::to_variable).collect(),
            cdi_devices: self.devices.iter().map(Device::to_pb).collect(),
        })
    }

    fn meta(&self) -> pb::Meta {
        let mut env = self.env.clone();
        if let Some(ssh) = self.ssh.first()
            && !env.iter().any(|variable| variable.starts_with("SSH_AUTH_SOCK="))
        {
            env.push(format!("SSH_AUTH_SOCK={}", ssh.path(0)));
        }
        let limit = |(name, soft, hard): &(String, i64, i64)| pb::Ulimit {
            name: name.clone(),
            soft: *soft,
            hard: *hard,
        };
        let host = |(host, ip): &(String, String)| pb::HostIp { host: host.clone(), ip: ip.clone() };
        pb::Meta {
            args: self.args.clone(),
            env,
            cwd: self.cwd.clone(),
            user: self.user.clone(),
            proxy_env: self.proxy.clone(),
            extra_hosts: self.extra_hosts.iter().map(host).collect(),
            hostname: self.hostname.clone(),
            ulimit: self.ulimits.iter().map(limit).collect(),
            remove_mount_stubs_recursive: true,
            ..pb::Meta::default()
        }
    }
}

impl Device {
    fn to_pb(&self) -> pb::CdiDevice {
        pb::CdiDevice { name: self.name.clone(), optional: self.optional }
    }
}

impl Secret {
    fn to_mount(&self) -> Option<pb::Mount> {
        let mut mount = pb::Mount { input: super::EMPTY, dest: self.dest.clone()?, ..pb::Mount::default() };
        mount.set_mount_type(pb::MountType::Secret);
        mount.secret_opt = Some(pb::SecretOpt {
            id: self.id.clone(),
            uid: self.uid,
            gid: self.gid,
            mode: self.mode,
            optional: self.optional,
        });
        Some(mount)
    }

    fn to_variable(&self) -> Option<pb::SecretEnv> {
        let name = self.env.clone()?;
        Some(pb::SecretEnv { id: self.id.clone(), name, optional: self.optional })
    }
}

impl Ssh {
    fn path(&self, index: usize) -> String {
        self.dest.clone().unwrap_or_else(|| format!("/run/buildkit/ssh_agent.{index}"))
    }

    fn to_mount(&self, index: usize) -> pb::Mount {
        let mut mount = pb::Mount { input: super::EMPTY, dest: self.path(index), ..pb::Mount::default() };
        mount.set_mount_type(pb::MountType::Ssh);
        mount.ssh_opt = Some(pb::SshOpt {
            id: self.id.clone(),
            uid: self.uid,
            gid: self.gid,
            mode: self.mode,
            optional: self.optional,
        });
        mount
    }
}
