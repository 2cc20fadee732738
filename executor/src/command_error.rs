//! What the user reads when a call of a plan failed.

use cooperage_llb::ports::step_runner::{RunError, Step};

use crate::plan::{Call, Plan};
use crate::sys::Detail;

/// The error of call number `index`.
pub(crate) fn of(step: &Step, plan: &Plan, index: usize, errno: i32, detail: Detail) -> RunError {
    let source = std::io::Error::from_raw_os_error(errno);
    match plan.calls.get(index) {
        Some(Call::Execute { candidates, .. }) => RunError::Command {
            command: step.args[0].clone(),
            reason: reason(step, candidates.len(), errno, detail),
        },
        call => RunError::System {
            call: call.map_or_else(|| "execve".to_owned(), ToString::to_string),
            tier: plan.tier.name(),
            source,
        },
    }
}

fn reason(step: &Step, candidates: usize, errno: i32, detail: Detail) -> String {
    let searched = candidates > 1 || !step.args[0].contains('/');
    match errno {
        libc::ENOENT if detail == Detail::FileExists => {
            "the file exists, but not the interpreter or loader that it names".to_owned()
        }
        libc::ENOENT if searched => {
            format!("not found in PATH ({})", crate::plan::search_path(&step.env))
        }
        libc::ENOENT | libc::ENOTDIR => "no such file in the step's root".to_owned(),
        libc::EACCES => "permission denied".to_owned(),
        libc::ENOEXEC => format!(
            "exec format error: it is no program for {}, nor a script with a #! line; is the base image of another platform?",
            std::env::consts::ARCH
        ),
        libc::E2BIG => "its arguments and environment are too long".to_owned(),
        _ => std::io::Error::from_raw_os_error(errno).to_string(),
    }
}
