//! Ops in one line, for people.

use crate::pb::file_action::Action;
use crate::pb::op::Op;
use crate::pb::{self};

/// Longer summaries are cut here, in characters.
const LONGEST: usize = 120;

pub(super) fn summary(op: &Op) -> String {
    let whole = match op {
        Op::Exec(exec) => command(exec),
        Op::Source(source) => source.identifier.clone(),
        Op::File(file) => file.actions.iter().map(action).collect::<Vec<_>>().join(", "),
        Op::Build(_) => "build".to_owned(),
        Op::Merge(merge) => format!("merge of {}", merge.inputs.len()),
        Op::Diff(_) => "diff".to_owned(),
        Op::Passthrough(pass) => format!("passthrough {}", pass.id),
    };
    let line: String = whole.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

/// A shell's script stands for the shell's whole command line.
fn command(exec: &pb::ExecOp) -> String {
    let args = exec.meta.as_ref().map(|meta| meta.args.as_slice()).unwrap_or_default();
    match args {
        [_, flag, script] if flag == "-c" => script.clone(),
        _ => args.join(" "),
    }
}

fn action(action: &pb::FileAction) -> String {
    match &action.action {
        Some(Action::Copy(copy)) => format!("copy {} {}", copy.src, copy.dest),
        Some(Action::Mkfile(file)) => format!("mkfile {}", file.path),
        Some(Action::Mkdir(dir)) => format!("mkdir {}", dir.path),
        Some(Action::Rm(rm)) => format!("rm {}", rm.path),
        Some(Action::Symlink(link)) => format!("symlink {} {}", link.oldpath, link.newpath),
        None => "nothing".to_owned(),
    }
}
