//! `cooper`, the command: arguments in, one call of the library, an exit code out.

#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]

mod args;
mod call;
mod command;
mod exit;
mod interrupt;
mod progress;
mod table;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(error) => return exit::usage(&error),
    };
    let interrupt = interrupt::Interrupt::default();
    match std::panic::catch_unwind(AssertUnwindSafe(|| command::run(args, &interrupt))) {
        Ok(result) => exit::code(result, &interrupt),
        // What happened was said where it happened.
        Err(_) => exit::panicked(),
    }
}
