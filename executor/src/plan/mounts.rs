//! Mounts: put together while the machine's files can be seen, attached once the new root is entered.

use std::path::{Path, PathBuf};

use oci_spec::runtime::{Mount, Spec};

use super::{
    Attributes, Call, Draft, Facts, PlanError, Setting, Slot, Source, c_path, c_text, devices, overlay,
};
use crate::Tier;

/// Mounts kept for the new root.
pub(super) struct Prepared {
    root: Slot,
    mounts: Vec<Kept>,
    devices: Vec<Slot>,
    masked: Vec<String>,
    read_only: Vec<String>,
    root_read_only: bool,
}

struct Kept {
    target: PathBuf,
    slot: Slot,
    /// Set if the mount point lies in another mount: whether it is to be a directory.
    inner: Option<bool>,
}

/// Everything that needs paths of the machine.
pub(super) fn prepare(draft: &mut Draft, spec: &Spec, facts: &Facts) -> Result<Prepared, PlanError> {
    let mounts = spec.mounts().as_deref().unwrap_or_default();
    if mounts.len() != facts.sources.len() {
        return Err(PlanError::Spec("a mount without a source".into()));
    }
    let root = stage_and_root(draft, facts)?;
    let mut kept: Vec<Kept> = vec![];
    for (n, (mount, source)) in mounts.iter().zip(&facts.sources).enumerate() {
        let slot = one(draft, facts, mount, source, n)?;
        let target = mount.destination().clone();
        let outer = kept.iter().any(|other| target != other.target && target.starts_with(&other.target));
        let inner = outer.then(|| is_directory(source));
        kept.push(Kept { target, slot, inner });
    }
    let linux = spec.linux().as_ref();
    Ok(Prepared {
        root,
        mounts: kept,
        devices: devices::prepare(draft)?,
        masked: linux.and_then(|linux| linux.masked_paths().clone()).unwrap_or_default(),
        read_only: linux.and_then(|linux| linux.readonly_paths().clone()).unwrap_or_default(),
        root_read_only: spec.root().as_ref().and_then(|root| root.readonly()).unwrap_or(false),
    })
}

/// The stage, and the root's overlay attached on it.
fn stage_and_root(draft: &mut Draft, facts: &Facts) -> Result<Slot, PlanError> {
    draft.push(Call::PrivateMounts);
    draft.push(Call::Umask(0));
    let stage = draft.slot();
    draft.push(Call::NewMount {
        fs: c_text("tmpfs")?,
        settings: vec![Setting::Text(c_text("mode")?, c_text("0755")?)],
        attributes: Attributes::default(),
        slot: stage,
    });
    draft.push(Call::Attach { slot: stage, at: c_path(&facts.stage)? });
    overlay::mount(draft, facts, &facts.root, "r")
}

/// The least that shows whether mounts, overlays, /proc and a change of root can be had.
pub(super) fn trial(draft: &mut Draft, facts: &Facts) -> Result<(), PlanError> {
    let root = stage_and_root(draft, facts)?;
    let attributes = Attributes { nosuid: true, nodev: true, noexec: true, read_only: false };
    if facts.machine.fresh_proc {
        let slot = draft.slot();
        draft.push(Call::NewMount { fs: c_text("proc")?, settings: vec![], attributes, slot });
    } else {
        clone_path(draft, &c_text("/proc")?, attributes);
    }
    draft.push(enter_root(facts, root));
    Ok(())
}

fn enter_root(facts: &Facts, slot: Slot) -> Call {
    match facts.machine.pivot_root {
        true => Call::EnterRoot { slot },
        false => Call::CoverRoot { slot },
    }
}

fn is_directory(source: &Source) -> bool {
    match source {
        Source::File { .. } => false,
        Source::Spec { file } | Source::Layers { file, .. } | Source::Below { file, .. } => !file,
    }
}

fn options(mount: &Mount) -> impl Iterator<Item = &str> {
    mount.options().iter().flatten().map(String::as_str)
}

fn one(
    draft: &mut Draft,
    facts: &Facts,
    mount: &Mount,
    source: &Source,
    n: usize,
) -> Result<Slot, PlanError> {
    let (attributes, settings) = split(options(mount))?;
    match source {
        Source::File { bytes, mode, owner } => {
            let at = c_path(&facts.stage.join(format!("f{n}")))?;
            draft.push(Call::MakeFile { at: at.clone(), mode: *mode, owner: *owner, bytes: bytes.clone() });
            let slot = clone_path(draft, &at, attributes);
            Ok(slot)
        }
        Source::Layers { stack, selector, .. } => {
            let whole = overlay::mount(draft, facts, stack, &format!("m{n}-"))?;
            let path = if selector.is_empty() { "." } else { selector };
            clone_below(draft, whole, path, attributes)
        }
        Source::Below { directory, selector, .. } => {
            // Attached, since a mount that is not cannot be cloned from.
            let at = facts.stage.join(format!("m{n}"));
            draft.make_directory(&at)?;
            let whole = clone_path(draft, &c_path(directory)?, Attributes::default());
            draft.push(Call::Attach { slot: whole, at: c_path(&at)? });
            clone_below(draft, whole, selector, attributes)
        }
        Source::Spec { .. } => from_spec(draft, facts, mount, attributes, settings),
    }
}

fn from_spec(
    draft: &mut Draft,
    facts: &Facts,
    mount: &Mount,
    attributes: Attributes,
    settings: Vec<Setting>,
) -> Result<Slot, PlanError> {
    let kind = mount.typ().as_deref().unwrap_or("bind");
    match kind {
        "bind" => {
            let source =
                mount.source().as_deref().ok_or_else(|| PlanError::Spec("a bind without a source".into()))?;
            Ok(clone_path(draft, &c_path(source)?, attributes))
        }
        // Only the owner of the network namespace may mount sysfs (sysfs(5)).
        "sysfs" if draft.tier == Tier::Userns && !draft.own_network => {
            Ok(clone_path(draft, &c_text("/sys")?, attributes))
        }
        "proc" if !facts.machine.fresh_proc => Ok(clone_path(draft, &c_text("/proc")?, attributes)),
        _ => {
            // Version 1 has a hierarchy a controller; a step that looks for limits finds none.
            let fs = match kind {
                "cgroup" if facts.machine.unified_cgroup => "cgroup2",
                "cgroup" => "tmpfs",
                other => other,
            };
            let slot = draft.slot();
            draft.push(Call::NewMount { fs: c_text(fs)?, settings, attributes, slot });
            Ok(slot)
        }
    }
}

fn clone_path(draft: &mut Draft, path: &std::ffi::CStr, attributes: Attributes) -> Slot {
    let slot = draft.slot();
    draft.push(Call::ClonePath { path: path.to_owned(), slot });
    restrict(draft, slot, attributes);
    slot
}

/// What `path` leads to within the mount `from`.
fn clone_below(draft: &mut Draft, from: Slot, path: &str, attributes: Attributes) -> Result<Slot, PlanError> {
    let slot = draft.slot();
    draft.push(Call::CloneBelow { from, path: c_text(path)?, slot });
    restrict(draft, slot, attributes);
    Ok(slot)
}

fn restrict(draft: &mut Draft, slot: Slot, attributes: Attributes) {
    if attributes != Attributes::default() {
        draft.push(Call::SetAttributes { slot, attributes });
    }
}

/// Splits a spec's options into the mount's attributes and the file system's parameters.
fn split<'a>(options: impl Iterator<Item = &'a str>) -> Result<(Attributes, Vec<Setting>), PlanError> {
    let (mut attributes, mut settings) = (Attributes::default(), vec![]);
    for option in options {
        match option {
            "ro" => attributes.read_only = true,
            "nosuid" => attributes.nosuid = true,
            "nodev" => attributes.nodev = true,
            "noexec" => attributes.noexec = true,
            "rw" | "rbind" | "strictatime" => {}
            other => settings.push(match other.split_once('=') {
                Some((key, value)) => Setting::Text(c_text(key)?, c_text(value)?),
                None => Setting::Flag(c_text(other)?),
            }),
        }
    }
    Ok((attributes, settings))
}

/// Everything after: in the step's root, no path leads out.
pub(super) fn enter(draft: &mut Draft, facts: &Facts, prepared: Prepared) -> Result<(), PlanError> {
    draft.push(enter_root(facts, prepared.root));
    for stub in &facts.stubs {
        draft.push(Call::Stub {
            at: c_path(&stub.path)?,
            parent: c_path(stub.path.parent().unwrap_or(Path::new("/")))?,
            directory: stub.directory,
        });
    }
    for mount in &prepared.mounts {
        if let Some(directory) = mount.inner {
            make_mount_point(draft, &prepared.mounts, &mount.target, directory)?;
        }
        draft.push(Call::Attach { slot: mount.slot, at: c_path(&mount.target)? });
        if mount.target == Path::new("/dev") {
            devices::make(draft, &prepared.devices)?;
        }
    }
    for path in &prepared.read_only {
        draft.push(Call::ReadOnlyPath(c_text(path)?));
    }
    for path in &prepared.masked {
        draft.push(Call::MaskPath(c_text(path)?));
    }
    if prepared.root_read_only {
        let attributes = Attributes { read_only: true, ..Attributes::default() };
        draft.push(Call::Restrict { at: c_text("/")?, attributes });
    }
    Ok(())
}

/// A mount point inside another mount, whose entries a plan does not know: what exists stays.
fn make_mount_point(
    draft: &mut Draft,
    mounts: &[Kept],
    target: &Path,
    directory: bool,
) -> Result<(), PlanError> {
    let outer = mounts
        .iter()
        .map(|mount| &mount.target)
        .filter(|other| *other != target && target.starts_with(other))
        .max_by_key(|other| other.components().count());
    let Some(outer) = outer else { return Ok(()) };
    let mut missing: Vec<&Path> =
        target.ancestors().take_while(|path| path.as_os_str().len() > outer.as_os_str().len()).collect();
    missing.reverse();
    let Some((last, above)) = missing.split_last() else { return Ok(()) };
    above.iter().try_for_each(|path| draft.make_directory(path))?;
    if directory {
        return draft.make_directory(last);
    }
    draft.push(Call::MakeFile { at: c_path(last)?, mode: 0o644, owner: (0, 0), bytes: vec![] });
    Ok(())
}
