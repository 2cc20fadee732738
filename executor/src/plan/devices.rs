//! What is in `/dev` (OCI runtime-spec config-linux.md, "Default Devices").

use std::path::Path;

use super::{Call, Draft, PlanError, Slot, c_path, c_text};
use crate::Tier;

const DEVICES: [(&str, (u32, u32)); 6] = [
    ("null", (1, 3)),
    ("zero", (1, 5)),
    ("full", (1, 7)),
    ("random", (1, 8)),
    ("urandom", (1, 9)),
    ("tty", (5, 0)),
];

const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Before the old root is gone: in a user namespace nobody may make nodes, so the machine's own are taken.
pub(super) fn prepare(draft: &mut Draft) -> Result<Vec<Slot>, PlanError> {
    let mut slots = vec![];
    if draft.tier == Tier::Userns {
        for (name, _) in DEVICES {
            let slot = draft.slot();
            draft.push(Call::ClonePath { path: c_path(&Path::new("/dev").join(name))?, slot });
            slots.push(slot);
        }
    }
    Ok(slots)
}

/// Once `/dev` is there.
pub(super) fn make(draft: &mut Draft, machine: &[Slot]) -> Result<(), PlanError> {
    for (n, (name, number)) in DEVICES.into_iter().enumerate() {
        let at = c_text(&format!("/dev/{name}"))?;
        match machine.get(n) {
            None => draft.push(Call::Device { at, mode: 0o666, number }),
            Some(&slot) => {
                draft.push(Call::MakeFile { at: at.clone(), mode: 0o666, owner: (0, 0), bytes: vec![] });
                draft.push(Call::Attach { slot, at });
            }
        }
    }
    for (name, target) in LINKS {
        draft.push(Call::Symlink { at: c_text(&format!("/dev/{name}"))?, target: c_text(target)? });
    }
    Ok(())
}
