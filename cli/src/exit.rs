//! Exit codes (docs/exit-codes.md) and the last words before them.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use cooperage::{Error, Kind};

use crate::interrupt::Interrupt;

/// A check found something. All is said; the exit code tells it once more.
#[derive(Debug, thiserror::Error)]
#[error("the check found something")]
pub(crate) struct Found;

/// Clap's own message: help and version are no errors.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // Nothing can be said where the message itself cannot be written.
    drop(error.print());
    if error.use_stderr() { ExitCode::from(Kind::Usage.exit_code()) } else { ExitCode::SUCCESS }
}

/// Prints an error and gives its code.
pub(crate) fn code(result: anyhow::Result<()>, interrupt: &Interrupt) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if let Some(io) = error.downcast_ref::<io::Error>()
        && io.kind() == io::ErrorKind::BrokenPipe
    {
        // Whoever read our output has enough of it.
        return ExitCode::SUCCESS;
    }
    if error.is::<Found>() {
        return ExitCode::from(Kind::Build.exit_code());
    }
    let kind = kind(&error);
    if kind == Kind::Cancelled
        && let Some(signal) = interrupt.signal()
    {
        say(&format!("cancelled by signal {signal}"));
        return ExitCode::from(128 + signal);
    }
    match error.downcast_ref::<Error>() {
        Some(Error::Step(failure)) => step(failure),
        Some(Error::Dockerfile { rendered } | Error::Base { rendered, .. }) => {
            write(&format!("\n{}\n", rendered.trim_end()))
        }
        _ => say(&chain(&error)),
    }
    ExitCode::from(kind.exit_code())
}

/// A panic, after its message.
pub(crate) fn panicked() -> ExitCode {
    say("internal error: this is a bug of cooper, please report it");
    ExitCode::from(Kind::Internal.exit_code())
}

/// Whose turn it is: what is not the library's error is one of the arguments, unless the machine failed us.
fn kind(error: &anyhow::Error) -> Kind {
    if let Some(error) = error.downcast_ref::<Error>() {
        return error.kind();
    }
    let io = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
    match io.map(io::Error::kind) {
        None | Some(io::ErrorKind::NotFound | io::ErrorKind::IsADirectory) => Kind::Usage,
        Some(_) => Kind::Environment,
    }
}

fn step(failure: &cooperage::StepFailure) {
    let mut text = String::from("\n");
    if !failure.log_tail.is_empty() {
        text.push_str(&format!("------\n > {}:\n{}\n------\n", failure.step, failure.log_tail.trim_end()));
    }
    if !failure.excerpt.is_empty() {
        text.push_str(&format!("{}\n", failure.excerpt.trim_end()));
    }
    write(&text);
    say(&format!("{}: {}", failure.step, failure.message));
    if let Some(help) = &failure.help {
        write(&format!("help: {help}\n"));
    }
}

/// The error with its causes, each said once.
fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(&format!(": {cause}"));
        }
    }
    text
}

fn say(message: &str) {
    let word = match io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        true => "\x1b[1;31mERROR\x1b[0m",
        false => "ERROR",
    };
    write(&format!("{word}: {message}\n"));
}

fn write(text: &str) {
    // Standard error is the last place to say something; if it is closed, the code still tells.
    drop(io::stderr().lock().write_all(text.as_bytes()));
}
