//! The commands, one file a group.

use std::io::{self, Write};

use anyhow::Result;
use cooperage::{Engine, EngineOptions};

use crate::args::{self, Args, Command, Debug};
use crate::interrupt::Interrupt;

mod build;
mod call;
mod debug;
mod images;
mod input;
mod request;
mod store;

/// Runs a command.
pub(crate) fn run(args: Args, interrupt: &Interrupt) -> Result<()> {
    let options =
        EngineOptions { root: args.root, insecure_registries: args.insecure_registry, ..Default::default() };
    let open = |options: EngineOptions| Engine::open(options);
    match args.command {
        Command::Build(what) => {
            let engine = open(of_build(&what, options))?;
            match what.call() {
                None => build::run(&engine, &what, interrupt),
                Some(call) => call::run(&engine, &what, call, interrupt),
            }
        }
        Command::Images(how) => images::list(&open(options)?, &how),
        Command::Inspect { image } => images::inspect(&open(options)?, &image),
        Command::Rmi { images } => images::remove(&open(options)?, &images),
        Command::Tag { source, target } => Ok(open(options)?.tag(&source, &target)?),
        Command::Pull { image, platform } => {
            images::pull(&open(options)?, &image, platform.as_ref(), interrupt)
        }
        Command::Push { image } => images::push(&open(options)?, &image, interrupt),
        Command::Prune(how) => store::prune(&open(options)?, &how),
        Command::Du { verbose } => store::usage(&open(options)?, verbose),
        Command::Debug(Debug::DumpLlb { format, build }) => {
            debug::dump_llb(&open(options)?, &build, format, interrupt)
        }
        Command::Debug(Debug::Solve { definition, build }) => {
            debug::solve(&open(of_build(&build, options))?, &definition, &build, interrupt)
        }
        Command::Debug(Debug::Tiers) => debug::tiers(),
    }
}

/// With what a build says about the engine.
fn of_build(build: &args::Build, options: EngineOptions) -> EngineOptions {
    let max_parallel = build.max_parallelism.map(|n| n as usize);
    EngineOptions { tier: build.isolation, max_parallel, ..options }
}

/// Writes to standard output; a closed one is an error that ends us quietly.
fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}
