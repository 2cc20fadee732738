//! From the set-up to the command: limits, filter, rights, execve.

use std::ffi::CString;

use oci_spec::runtime::{Process, Spec};

use super::{Call, Draft, Machine, PlanError, c_text};
use crate::{capability, limits, seccomp};

pub(super) fn become_command(draft: &mut Draft, machine: Machine, spec: &Spec) -> Result<(), PlanError> {
    let process =
        spec.process().as_ref().ok_or_else(|| PlanError::Spec("a spec without a process".into()))?;
    if let Some(name) = spec.hostname().as_ref().filter(|_| machine.hostname) {
        draft.push(Call::Hostname(c_text(name)?));
    }
    if draft.own_network {
        draft.push(Call::LoopbackUp);
    }
    draft.push(Call::NewSession);
    draft.push(Call::Umask(process.user().umask().unwrap_or(0o022)));
    for limit in process.rlimits().iter().flatten() {
        let (name, resource) = limits::of_spec(limit.typ());
        draft.push(Call::Limit { name, resource, soft: limit.soft(), hard: limit.hard() });
    }
    working_directory(draft, process)?;
    // The filter first: loading it without no_new_privs takes rights that are given up after.
    if let Some(filter) = spec.linux().as_ref().and_then(|linux| linux.seccomp().as_ref()) {
        draft.push(Call::Seccomp(seccomp::compile(filter).map_err(|e| PlanError::Spec(e.to_string()))?));
    }
    rights(draft, process);
    execute(draft, process)
}

fn working_directory(draft: &mut Draft, process: &Process) -> Result<(), PlanError> {
    let owner = (process.user().uid(), process.user().gid());
    let mut above: Vec<_> = process.cwd().ancestors().filter(|path| path.parent().is_some()).collect();
    above.reverse();
    for path in above {
        draft.push(Call::MakeDirectory { at: super::c_path(path)?, mode: 0o755, owner });
    }
    draft.push(Call::WorkingDirectory(super::c_path(process.cwd())?));
    Ok(())
}

fn rights(draft: &mut Draft, process: &Process) {
    let set =
        process.capabilities().as_ref().map_or(0, |sets| capability::set(sets.bounding().iter().flatten()));
    draft.push(Call::BoundingSet(set));
    let user = process.user();
    draft.push(Call::Groups(user.additional_gids().clone().unwrap_or_default()));
    draft.push(Call::User { uid: user.uid(), gid: user.gid() });
    // Another user than root has none after execve anyway; setting them needs no case of its own.
    draft.push(Call::Capabilities(set));
}

fn execute(draft: &mut Draft, process: &Process) -> Result<(), PlanError> {
    let strings = |list: &[String]| list.iter().map(|text| c_text(text)).collect::<Result<Vec<CString>, _>>();
    let arguments = process.args().as_deref().unwrap_or_default();
    let environment = process.env().as_deref().unwrap_or_default();
    let command = arguments.first().ok_or_else(|| PlanError::Spec("a process without arguments".into()))?;
    let candidates = if command.contains('/') {
        vec![command.clone()]
    } else {
        // An empty part of PATH is the working directory (execvp(3)).
        search_path(environment)
            .split(':')
            .map(|dir| if dir.is_empty() { format!("./{command}") } else { format!("{dir}/{command}") })
            .collect()
    };
    draft.push(Call::Execute {
        candidates: strings(&candidates)?,
        arguments: strings(arguments)?,
        environment: strings(environment)?,
    });
    Ok(())
}

/// The last `PATH` of an environment.
pub(crate) fn search_path(environment: &[String]) -> &str {
    environment
        .iter()
        .rev()
        .find_map(|entry| entry.strip_prefix("PATH="))
        .unwrap_or(crate::spec::DEFAULT_PATH)
}
