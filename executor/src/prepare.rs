//! From a step to the facts its plan needs: what can be known before anything is mounted.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use cooperage_image::tree::{Node, Tree};
use cooperage_llb::ports::step_runner::{Layers, MountSource, RunError, Step};

use rustix::fs::{Mode, OFlags, ResolveFlags};

use crate::accounts::{self, Identity};
use crate::plan::{Facts, Machine, Source, Stack, Stub};
use crate::{layer_file, network_files, spec, tree_path};

/// Refuses a step that no runner could run.
pub(crate) fn check(step: &Step) -> Result<(), RunError> {
    let malformed = |what: String| Err(RunError::Malformed(what));
    if step.args.is_empty() {
        return malformed("no command".into());
    }
    if !step.cwd.starts_with('/') {
        return malformed(format!("the working directory {:?} is not absolute", step.cwd));
    }
    for mount in &step.mounts {
        let plain = Path::new(&mount.target)
            .components()
            .all(|part| matches!(part, std::path::Component::RootDir | std::path::Component::Normal(_)));
        if !mount.target.starts_with('/') || mount.target == "/" || !plain {
            return malformed(format!("the mount target {:?} is no absolute path below /", mount.target));
        }
    }
    Ok(())
}

/// Looks the step's user up in its root.
pub(crate) fn identity(step: &Step) -> Result<Identity, RunError> {
    let read = |path: &str| -> Result<Vec<u8>, RunError> {
        let Some(found) = tree_path::resolve(&step.root.tree, path.as_bytes()) else { return Ok(vec![]) };
        layer_file::read(&step.root.directories, &found.names)
            .map_err(|e| RunError::Malformed(format!("read {path} of the step's root: {e}")))
    };
    accounts::resolve(&step.user, &read("/etc/passwd")?, &read("/etc/group")?)
        .map_err(|e| RunError::User(e.0))
}

/// Everything the plan needs besides the spec.
pub(crate) fn facts(step: &Step, machine: Machine) -> Result<Facts, RunError> {
    let mut sources = vec![Source::Spec { file: false }; spec::defaults_of(step).count()];
    let mut targets: Vec<(PathBuf, bool)> =
        ["/proc", "/dev", "/sys"].map(|path| (path.into(), false)).to_vec();
    for mount in &step.mounts {
        let source = source(&mount.source)?;
        targets.push(((&mount.target).into(), is_file(&source)));
        sources.push(source);
    }
    for path in spec::generated(step) {
        let bytes = match path {
            "/etc/hosts" => network_files::hosts(spec::hostname(step), &step.extra_hosts),
            _ => network_files::resolv_conf(),
        };
        targets.push((path.into(), true));
        sources.push(Source::File { bytes, mode: 0o644, owner: (0, 0) });
    }
    Ok(Facts {
        stage: stage(step, machine)?,
        machine,
        root: stack(&step.root),
        sources,
        stubs: stubs(&step.root.tree, &targets)?,
    })
}

fn source(source: &MountSource) -> Result<Source, RunError> {
    Ok(match source {
        MountSource::Layers { layers, selector, .. } => {
            let found = tree_path::resolve(&layers.tree, selector.as_bytes());
            let names = found.map(|found| found.names).unwrap_or_default();
            let file = names.split_last().is_some_and(|(last, above)| {
                let node = tree_path::directory(&layers.tree, above)
                    .and_then(|dir| dir.entries.get(last.as_slice()));
                !matches!(node, Some(Node::Dir(_)))
            });
            Source::Layers { stack: stack(layers), selector: selector.clone(), file }
        }
        MountSource::Host(path) => {
            let found = std::fs::metadata(path)
                .map_err(|e| RunError::Malformed(format!("mount source {}: {e}", path.display())))?;
            Source::Spec { file: !found.is_dir() }
        }
        MountSource::Below { directory, selector } => {
            let file = is_file_below(directory, selector).map_err(|e| {
                RunError::Malformed(format!("mount source {selector} of {}: {e}", directory.display()))
            })?;
            Source::Below { directory: directory.clone(), selector: selector.clone(), file }
        }
        MountSource::Tmpfs { .. } => Source::Spec { file: false },
        MountSource::Secret { bytes, mode, uid, gid } => {
            Source::File { bytes: bytes.0.clone(), mode: *mode, owner: (*uid, *gid) }
        }
    })
}

fn is_file(source: &Source) -> bool {
    match source {
        Source::File { .. } => true,
        Source::Spec { file } | Source::Layers { file, .. } | Source::Below { file, .. } => *file,
    }
}

/// Looks as the mount will: links lead nowhere outside of `directory`.
fn is_file_below(directory: &Path, selector: &str) -> std::io::Result<bool> {
    let root = rustix::fs::open(directory, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let found = rustix::fs::openat2(&root, selector, flags, Mode::empty(), resolve)?;
    Ok(!rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&found)?.st_mode).is_dir())
}

fn stack(layers: &Layers) -> Stack {
    Stack { lower: layers.directories.clone(), scratch: layers.scratch.clone() }
}

/// Where mounts may be put together, best first.
pub(crate) fn stages(machine: Machine) -> impl Iterator<Item = PathBuf> {
    let places: &[&str] = match machine.fresh_proc {
        true => &["/proc", "/mnt", "/run", "/tmp", "/var"],
        false => &["/mnt", "/run", "/tmp", "/var"], // the step needs this one
    };
    places.iter().map(PathBuf::from)
}

/// A directory that exists on every Linux and that no path of the step goes through.
fn stage(step: &Step, machine: Machine) -> Result<PathBuf, RunError> {
    let mut used: Vec<PathBuf> = vec![];
    let mut add = |layers: &Layers| used.extend(layers.directories.iter().chain(&layers.scratch).cloned());
    add(&step.root);
    for mount in &step.mounts {
        match &mount.source {
            MountSource::Layers { layers, .. } => add(layers),
            MountSource::Host(_)
            | MountSource::Below { .. }
            | MountSource::Tmpfs { .. }
            | MountSource::Secret { .. } => {}
        }
    }
    for mount in &step.mounts {
        if let MountSource::Host(path) | MountSource::Below { directory: path, .. } = &mount.source {
            used.extend([path.clone()].into_iter().chain(std::fs::canonicalize(path).ok()));
        }
    }
    stages(machine)
        .find(|stage| stage.is_dir() && !used.iter().any(|path| path.starts_with(stage)))
        .ok_or_else(|| {
            RunError::Malformed("its layers and mounts leave no directory to put mounts together".into())
        })
}

/// What is missing in the root of the mount points in `targets` that do not lie in another mount.
fn stubs(tree: &Tree, targets: &[(PathBuf, bool)]) -> Result<Vec<Stub>, RunError> {
    let mut stubs: Vec<Stub> = vec![];
    let mut seen = BTreeSet::new();
    for (target, file) in targets {
        if targets.iter().any(|(other, _)| target != other && target.starts_with(other)) {
            continue;
        }
        let found = tree_path::resolve(tree, target.as_os_str().as_bytes()).ok_or_else(|| {
            RunError::Malformed(format!("{} is a loop of symbolic links", target.display()))
        })?;
        let mut path = PathBuf::from("/");
        for (n, name) in found.names.iter().enumerate() {
            path.push(OsStr::from_bytes(name));
            if n >= found.existing && seen.insert(path.clone()) {
                stubs.push(Stub { path: path.clone(), directory: n + 1 < found.names.len() || !file });
            }
        }
    }
    Ok(stubs)
}
