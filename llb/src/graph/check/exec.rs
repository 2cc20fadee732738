//! Rules of exec ops (llb.md §2).

use super::{OpError, check_optional, check_outputs};
use crate::pb::{self, MountContentCache, MountType};

pub(super) fn check(exec: &pb::ExecOp, inputs: usize) -> Result<(), OpError> {
    let meta = exec.meta.as_ref().ok_or(OpError::missing("exec", "meta"))?;
    if meta.args.is_empty() {
        return Err(OpError::missing("exec", "args"));
    }
    if !meta.cwd.starts_with('/') {
        return Err(OpError::Invalid(format!("the working directory {:?} is not absolute", meta.cwd)));
    }
    known::<pb::NetMode>("network", exec.network)?;
    known::<pb::SecurityMode>("security mode", exec.security)?;
    for mount in &exec.mounts {
        check_mount(mount, inputs)?;
    }
    let mut roots = exec.mounts.iter().filter(|mount| mount.dest == "/");
    let root = roots.next().ok_or(OpError::missing("exec", "root mount"))?;
    if root.mount_type() != MountType::Bind {
        return Err(OpError::Invalid("the root mount is not a bind".to_owned()));
    }
    if roots.next().is_some() {
        return Err(OpError::Invalid("there are two root mounts".to_owned()));
    }
    check_outputs(outputs(exec))
}

/// The output numbers of the mounts. Those of secrets and agents are none: BuildKit's client leaves the field
/// at 0 in them, and its daemon does not look.
pub(super) fn outputs(exec: &pb::ExecOp) -> impl Iterator<Item = i64> {
    let mounts = exec.mounts.iter();
    let written = mounts.filter(|mount| !matches!(mount.mount_type(), MountType::Secret | MountType::Ssh));
    written.map(|mount| mount.output)
}

fn check_mount(mount: &pb::Mount, inputs: usize) -> Result<(), OpError> {
    let kind = known::<MountType>("mount type", mount.mount_type)?;
    let content = known::<MountContentCache>("content cache mode", mount.content_cache)?;
    let invalid = |why: &str| OpError::Invalid(format!("mount {:?} {why}", mount.dest));
    if mount.dest.is_empty() {
        return Err(OpError::missing("exec", "destination of a mount"));
    }
    if !mount.result_id.is_empty() {
        return Err(invalid("names a result of a gateway, of which there is none"));
    }
    check_optional("a mount's source", mount.input, inputs)?;
    let options_missing = match kind {
        MountType::Bind | MountType::Tmpfs => false,
        MountType::Secret => mount.secret_opt.is_none(),
        MountType::Ssh => mount.ssh_opt.is_none(),
        MountType::Cache => mount.cache_opt.is_none(),
    };
    if options_missing {
        return Err(invalid("has no options, which its type needs"));
    }
    if let Some(cache) = &mount.cache_opt {
        known::<pb::CacheSharingOpt>("cache sharing", cache.sharing)?;
    }
    if mount.output >= 0 && matches!(kind, MountType::Cache | MountType::Tmpfs) {
        return Err(invalid("cannot have an output, only binds can"));
    }
    let all = matches!(mount.selector.as_str(), "" | "/");
    if content == MountContentCache::On && !mount.readonly && mount.output >= 0 && !all {
        return Err(invalid("cannot be matched by content: a part of it is written to and is an output"));
    }
    Ok(())
}

fn known<E: TryFrom<i32>>(what: &'static str, value: i32) -> Result<E, OpError> {
    E::try_from(value).map_err(|_| OpError::Unknown { what, value })
}
