//! What of an op enters its keys (buildkit: solver/llbsolver/ops/*.go).

use cooperage_image::Digest;
use cooperage_image::digest::Hasher;
use prost::Message;

use super::reads::{Slot, reads};
use crate::pb;
use crate::pb::file_action::Action;
use crate::pb::op::Op;

/// The digest of what an op does, whatever it does it to: its body without what must not decide over
/// a hit, and without which inputs it has.
///
/// Left out: of exec the proxy environment, addresses of extra hosts, id and sharing of cache mounts, and
/// the selectors of mounts known by content; of file the directories of a copy's source, when the source is known by
/// content; the platform of all but exec and sources; constraints. What is read of an input ([`reads`])
/// enters the keys by the input instead.
pub fn op_digest(op: &pb::Op) -> Digest {
    let slots = reads(op);
    let mut essence = pb::Op { op: op.op.clone(), ..pb::Op::default() };
    match &mut essence.op {
        Some(Op::Exec(exec)) => {
            reduce_exec(exec, &slots);
            essence.platform = op.platform.clone();
        }
        Some(Op::File(file)) => reduce_file(file, &slots),
        Some(Op::Source(_)) => essence.platform = op.platform.clone(),
        Some(Op::Build(_) | Op::Merge(_) | Op::Diff(_) | Op::Passthrough(_)) | None => {}
    }
    let mut hasher = Hasher::new();
    hasher.field(b"op v1");
    hasher.field(&(slots.len() as u64).to_le_bytes());
    hasher.field(&essence.encode_to_vec());
    hasher.finish()
}

fn reduce_exec(exec: &mut pb::ExecOp, slots: &[Slot]) {
    if let Some(meta) = &mut exec.meta {
        meta.proxy_env = None;
        meta.extra_hosts.iter_mut().for_each(|host| host.ip.clear());
    }
    for mount in &mut exec.mounts {
        if is_by_content(slots, mount.input) {
            mount.selector.clear();
        }
        if let Some(cache) = &mut mount.cache_opt {
            // A cache is no part of the result; that there is one, and where, is in the mount.
            *cache = pb::CacheOpt::default();
        }
    }
}

fn reduce_file(file: &mut pb::FileOp, slots: &[Slot]) {
    for action in &mut file.actions {
        let by_content = is_by_content(slots, action.secondary_input);
        if let (Some(Action::Copy(copy)), true) = (&mut action.action, by_content) {
            copy.src = base_name(&copy.src);
        }
    }
}

fn is_by_content(slots: &[Slot], input: i64) -> bool {
    usize::try_from(input).is_ok_and(|index| matches!(slots.get(index), Some(Slot::Paths(_))))
}

/// The last component with the slash that ends it, since that decides whether a directory itself counts.
fn base_name(path: &str) -> String {
    let trimmed = path.trim_end_matches('/');
    let base = trimmed.rsplit('/').next().unwrap_or_default();
    let slash = if trimmed.len() < path.len() { "/" } else { "" };
    format!("{base}{slash}")
}
