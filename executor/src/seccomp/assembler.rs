//! Classic BPF over `struct seccomp_data` (seccomp(2)): little-endian, 64-bit arguments in two words.

use std::collections::BTreeMap;

use oci_spec::runtime::{LinuxSeccompArg, LinuxSeccompOperator as Operator};

use super::{Decision, SeccompError};
use crate::plan::BpfInstruction;

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
const EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const GREATER: u16 = 0x25; // BPF_JMP | BPF_JGT | BPF_K
const GREATER_OR_EQUAL: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCH: u32 = 4;
const OFFSET_ARGUMENTS: u32 = 16;

/// What the kernel takes (BPF_MAXINSNS).
const MAX_INSTRUCTIONS: usize = 4096;

/// A comparison of one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Test {
    index: u32,
    mask: u64,
    value: u64,
    comparison: Comparison,
    negated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Greater,
    GreaterOrEqual,
}

impl Test {
    /// The spec's comparison.
    pub(super) fn of(arg: &LinuxSeccompArg) -> Result<Self, SeccompError> {
        let index = u32::try_from(arg.index()).ok().filter(|index| *index < 6);
        let index = index.ok_or(SeccompError::Argument(arg.index()))?;
        let (comparison, negated) = match arg.op() {
            Operator::ScmpCmpEq | Operator::ScmpCmpMaskedEq => (Comparison::Equal, false),
            Operator::ScmpCmpNe => (Comparison::Equal, true),
            Operator::ScmpCmpGt => (Comparison::Greater, false),
            Operator::ScmpCmpLe => (Comparison::Greater, true),
            Operator::ScmpCmpGe => (Comparison::GreaterOrEqual, false),
            Operator::ScmpCmpLt => (Comparison::GreaterOrEqual, true),
        };
        let (mask, value) = match arg.op() {
            Operator::ScmpCmpMaskedEq => (arg.value(), arg.value_two().unwrap_or(0)),
            _ => (u64::MAX, arg.value()),
        };
        Ok(Self { index, mask, value, comparison, negated })
    }

    /// Falls through if the test holds, else jumps `beyond` instructions past its own end.
    fn assemble(self, beyond: usize) -> Result<Vec<BpfInstruction>, SeccompError> {
        let low_offset = OFFSET_ARGUMENTS + 8 * self.index;
        let high = |word: u64| (word >> 32) as u32;
        let low = |word: u64| word as u32;
        let code = match self.comparison {
            Comparison::Equal => EQUAL,
            Comparison::Greater => GREATER,
            Comparison::GreaterOrEqual => GREATER_OR_EQUAL,
        };
        // Seven instructions, each jump's target counted from the one after it.
        let fail = jump_length(beyond)?;
        let (hold, not) = if self.negated { (fail, 0) } else { (0, fail) };
        let far = |end: u8, after: u8| end.checked_add(after).ok_or(SeccompError::TooLarge(beyond));
        // High word above decides an order; high word different decides equality.
        let above = if self.comparison == Comparison::Equal { not } else { hold };
        Ok(vec![
            plain(LOAD, low_offset + 4),
            plain(AND, high(self.mask)),
            branch(GREATER, high(self.value), far(above, 4)?, 0),
            branch(EQUAL, high(self.value), 0, far(not, 3)?),
            plain(LOAD, low_offset),
            plain(AND, low(self.mask)),
            branch(code, low(self.value), hold, not),
        ])
    }
}

/// A decision for each number, in one instruction set: runs of equal decisions in ascending order.
pub(super) fn block(
    rules: &BTreeMap<u32, Decision>,
    default: u32,
    unknown: u32,
) -> Result<Vec<BpfInstruction>, SeccompError> {
    let mut code = vec![plain(LOAD, OFFSET_NUMBER)];
    for (end, decision) in runs(rules) {
        let body = body(&decision, default)?;
        code.push(branch(GREATER_OR_EQUAL, end, jump_length(body.len())?, 0));
        code.extend(body);
    }
    code.push(plain(RETURN, unknown));
    Ok(code)
}

/// Each with the number it ends before.
fn runs(rules: &BTreeMap<u32, Decision>) -> Vec<(u32, Decision)> {
    let mut runs: Vec<(u32, Decision)> = vec![];
    let mut add = |end: u32, decision: &Decision| match runs.last_mut() {
        Some(last) if last.1 == *decision => last.0 = end,
        _ => runs.push((end, decision.clone())),
    };
    let mut next = 0;
    for (&number, decision) in rules {
        if number > next {
            add(number, &Decision::default());
        }
        next = number + 1;
        add(next, decision);
    }
    runs
}

fn body(decision: &Decision, default: u32) -> Result<Vec<BpfInstruction>, SeccompError> {
    let mut code = vec![];
    for (tests, verdict) in &decision.conditional {
        // A test is 7 long, and a verdict follows them.
        for (n, test) in tests.iter().enumerate() {
            code.extend(test.assemble((tests.len() - n - 1) * 7 + 1)?);
        }
        code.push(plain(RETURN, *verdict));
    }
    code.push(plain(RETURN, decision.plain.unwrap_or(default)));
    Ok(code)
}

/// The blocks behind a switch over the instruction set.
pub(super) fn program(
    blocks: Vec<(u32, Vec<BpfInstruction>)>,
    other: u32,
) -> Result<Vec<BpfInstruction>, SeccompError> {
    let mut code = vec![plain(LOAD, OFFSET_ARCH)];
    for (audit, block) in blocks {
        code.push(branch(EQUAL, audit, 1, 0));
        code.push(plain(JUMP, block.len() as u32));
        code.extend(block);
    }
    code.push(plain(RETURN, other));
    if code.len() > MAX_INSTRUCTIONS { Err(SeccompError::TooLarge(code.len())) } else { Ok(code) }
}

fn plain(code: u16, operand: u32) -> BpfInstruction {
    BpfInstruction { code, jump_true: 0, jump_false: 0, operand }
}

fn branch(code: u16, operand: u32, jump_true: u8, jump_false: u8) -> BpfInstruction {
    BpfInstruction { code, jump_true, jump_false, operand }
}

fn jump_length(length: usize) -> Result<u8, SeccompError> {
    u8::try_from(length).map_err(|_| SeccompError::TooLarge(length))
}
