//! The rules of each op by itself (buildkit: solver/llbsolver/vertex.go, solver/pb/ops.proto).

mod exec;
mod file;

use crate::pb;
use crate::pb::op::Op;

pub use file::action_order;
pub(crate) use file::owner;

/// The rule that an op breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpError {
    /// Something that has to be there is not.
    #[error("{op} op without {what}")]
    Missing {
        /// Kind of op.
        op: &'static str,
        /// What is missing.
        what: &'static str,
    },
    /// An index of an input (or of a file action's result) that does not exist.
    #[error("{what} is input {index}, of {inputs}")]
    Input {
        /// Who refers to it.
        what: &'static str,
        /// The index.
        index: i64,
        /// How many there are.
        inputs: usize,
    },
    /// Outputs have to be numbered from 0 without gaps.
    #[error("missing output index {0}")]
    MissingOutput(u32),
    /// An output number that cannot be, or is taken.
    #[error("output index {0} is negative or given twice")]
    Output(i64),
    /// File actions that need each other.
    #[error("file action {0} needs its own result")]
    Loop(usize),
    /// A value out of its enumeration.
    #[error("{what} {value} is unknown")]
    Unknown {
        /// Which enumeration.
        what: &'static str,
        /// The number.
        value: i32,
    },
    /// A value or combination that has no meaning.
    #[error("{0}")]
    Invalid(String),
}

impl OpError {
    fn missing(op: &'static str, what: &'static str) -> Self {
        Self::Missing { op, what }
    }
}

/// Checks all that can be checked of an op without its neighbours.
pub(super) fn op(op: &pb::Op) -> Result<(), OpError> {
    let inputs = op.inputs.len();
    match op.op.as_ref().ok_or(OpError::missing("an", "body"))? {
        Op::Exec(exec) => exec::check(exec, inputs),
        Op::Source(source) => check_source(source, inputs),
        Op::File(file) => file::check(file, inputs),
        Op::Build(build) => check_build(build, inputs),
        Op::Merge(merge) => check_merge(merge, inputs),
        Op::Diff(diff) => check_diff(diff, inputs),
        Op::Passthrough(pass) => check_passthrough(pass, inputs),
    }
}

/// How many outputs a checked op has.
pub(super) fn outputs(op: &Op) -> u32 {
    match op {
        Op::Exec(exec) => count(exec::outputs(exec)),
        Op::File(file) => count(file.actions.iter().map(|action| action.output)),
        Op::Passthrough(pass) => count(pass.outputs.iter().copied()),
        Op::Source(_) | Op::Build(_) | Op::Merge(_) | Op::Diff(_) => 1,
    }
}

fn count(outputs: impl Iterator<Item = i64>) -> u32 {
    u32::try_from(outputs.filter(|output| *output >= 0).count())
        .expect("bounded by a message's length, 2 GiB")
}

/// Outputs are -1 or a permutation of `0..n`.
fn check_outputs(outputs: impl Iterator<Item = i64>) -> Result<(), OpError> {
    let mut used: Vec<i64> = Vec::new();
    for output in outputs {
        if output < -1 {
            return Err(OpError::Output(output));
        }
        if output >= 0 {
            used.push(output);
        }
    }
    used.sort_unstable();
    for (expected, &output) in (0u32..).zip(&used) {
        if output < i64::from(expected) {
            return Err(OpError::Output(output));
        }
        if output > i64::from(expected) {
            return Err(OpError::MissingOutput(expected));
        }
    }
    Ok(())
}

/// `index` is -1 (scratch) or one of `count` things.
fn check_optional(what: &'static str, index: i64, count: usize) -> Result<(), OpError> {
    if index == -1 { Ok(()) } else { check_index(what, index, count) }
}

fn check_index(what: &'static str, index: i64, count: usize) -> Result<(), OpError> {
    match usize::try_from(index) {
        Ok(at) if at < count => Ok(()),
        Ok(_) | Err(_) => Err(OpError::Input { what, index, inputs: count }),
    }
}

fn check_source(source: &pb::SourceOp, inputs: usize) -> Result<(), OpError> {
    if inputs > 0 {
        return Err(OpError::Invalid("a source has no inputs".to_owned()));
    }
    match source.identifier.split_once("://") {
        Some((scheme, rest)) if !scheme.is_empty() && !rest.is_empty() => Ok(()),
        Some(_) | None => Err(OpError::Invalid(format!(
            "{:?} is not scheme://name, as a source has to be",
            source.identifier
        ))),
    }
}

fn check_build(build: &pb::BuildOp, inputs: usize) -> Result<(), OpError> {
    check_optional("the builder", build.builder, inputs)?;
    build.inputs.values().try_for_each(|input| check_index("an input of the build", input.input, inputs))
}

fn check_merge(merge: &pb::MergeOp, inputs: usize) -> Result<(), OpError> {
    if merge.inputs.is_empty() {
        return Err(OpError::missing("merge", "inputs"));
    }
    merge.inputs.iter().try_for_each(|input| check_optional("an input of the merge", input.input, inputs))
}

fn check_diff(diff: &pb::DiffOp, inputs: usize) -> Result<(), OpError> {
    let lower = diff.lower.as_ref().ok_or(OpError::missing("diff", "lower"))?;
    let upper = diff.upper.as_ref().ok_or(OpError::missing("diff", "upper"))?;
    check_optional("the diff's lower", lower.input, inputs)?;
    check_optional("the diff's upper", upper.input, inputs)
}

fn check_passthrough(pass: &pb::PassthroughOp, inputs: usize) -> Result<(), OpError> {
    if pass.outputs.is_empty() {
        return Err(OpError::missing("passthrough", "outputs"));
    }
    pass.outputs.iter().try_for_each(|output| check_index("an output of the passthrough", *output, inputs))
}
