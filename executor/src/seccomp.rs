//! The system call filter of a step: Docker's profile, resolved for this machine, as classic BPF.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use oci_spec::runtime::{Arch, LinuxSeccomp, LinuxSeccompAction as Action, LinuxSyscall};

use crate::plan::BpfInstruction;

mod assembler;
mod profile;
mod syscalls;

pub(crate) use profile::docker_default;

/// Why a filter cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SeccompError {
    /// An action that no step may have, or that this assembler does not know.
    #[error("seccomp action {0:?} cannot be had")]
    Action(Action),
    /// An argument that is no system call argument.
    #[error("seccomp rule for argument {0}: there are six")]
    Argument(usize),
    /// The kernel takes 4096 instructions, and jumps over 255.
    #[error("the seccomp filter of {0} instructions is too large")]
    TooLarge(usize),
    /// The profile is not what it should be.
    #[error("seccomp profile: {0}")]
    Profile(String),
}

/// An instruction set whose calls a kernel may take.
struct Machine {
    arch: Arch,
    /// `AUDIT_ARCH_*` (linux/audit.h).
    audit: u32,
    /// Column of the table of calls.
    column: usize,
}

/// Those whose numbers are known; the filter ends a process of any other.
const MACHINES: [Machine; 4] = [
    Machine { arch: Arch::ScmpArchX86_64, audit: 0xc000_003e, column: 0 },
    Machine { arch: Arch::ScmpArchX86, audit: 0x4000_0003, column: 1 },
    Machine { arch: Arch::ScmpArchAarch64, audit: 0xc000_00b7, column: 2 },
    Machine { arch: Arch::ScmpArchArm, audit: 0x4000_0028, column: 3 },
];

const ENOSYS: u32 = 38;
const KILL_PROCESS: u32 = 0x8000_0000;
const ERRNO: u32 = 0x0005_0000;
const ALLOW: u32 = 0x7fff_0000;

/// The filter as a program for the kernel. Calls newer than all that the profile names fail with
/// ENOSYS, as if the kernel were older, so that programs fall back.
pub(crate) fn compile(filter: &LinuxSeccomp) -> Result<Vec<BpfInstruction>, SeccompError> {
    // Every step has the same one.
    static LAST: std::sync::Mutex<Option<(LinuxSeccomp, Vec<BpfInstruction>)>> = std::sync::Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some((_, program)) = last.as_ref().filter(|(known, _)| known == filter) {
        return Ok(program.clone());
    }
    let program = compile_anew(filter)?;
    *last = Some((filter.clone(), program.clone()));
    Ok(program)
}

fn compile_anew(filter: &LinuxSeccomp) -> Result<Vec<BpfInstruction>, SeccompError> {
    let wanted = filter.architectures().as_deref().unwrap_or_default();
    let default = verdict(filter.default_action(), filter.default_errno_ret())?;
    let mut blocks = vec![];
    for machine in MACHINES.iter().filter(|machine| wanted.contains(&machine.arch)) {
        let rules = rules_by_number(filter, machine)?;
        // x32 shares x86_64's mark, with a bit in the number that is beyond all its calls: ENOSYS.
        blocks.push((machine.audit, assembler::block(&rules, default, ERRNO | ENOSYS)?));
    }
    assembler::program(blocks, KILL_PROCESS)
}

/// What to do about one call number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Decision {
    /// If these arguments hold, in this order.
    conditional: Vec<(Vec<assembler::Test>, u32)>,
    /// Else this; `None` is the default action.
    plain: Option<u32>,
}

fn rules_by_number(
    filter: &LinuxSeccomp,
    machine: &Machine,
) -> Result<BTreeMap<u32, Decision>, SeccompError> {
    static TABLE: OnceLock<syscalls::Table> = OnceLock::new();
    let table = TABLE.get_or_init(syscalls::Table::load);
    let mut rules: BTreeMap<u32, Decision> = BTreeMap::new();
    for rule in filter.syscalls().iter().flatten() {
        let verdict = verdict(rule.action(), rule.errno_ret())?;
        let tests = tests(rule)?;
        for number in rule.names().iter().filter_map(|name| table.number(name, machine.column)) {
            let decision = rules.entry(number).or_default();
            if tests.is_empty() {
                decision.plain.get_or_insert(verdict);
            } else {
                decision.conditional.push((tests.clone(), verdict));
            }
        }
    }
    Ok(rules)
}

fn verdict(action: Action, errno: Option<u32>) -> Result<u32, SeccompError> {
    match action {
        Action::ScmpActAllow => Ok(ALLOW),
        Action::ScmpActErrno => Ok(ERRNO | (errno.unwrap_or(1) & 0xffff)),
        Action::ScmpActKillProcess => Ok(KILL_PROCESS),
        other => Err(SeccompError::Action(other)),
    }
}

fn tests(rule: &LinuxSyscall) -> Result<Vec<assembler::Test>, SeccompError> {
    rule.args().iter().flatten().map(assembler::Test::of).collect()
}

#[cfg(test)]
mod tests;
