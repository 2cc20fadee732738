//! Builds an image through the library and prints what happens.
//!
//! ```console
//! $ cargo run --example embed -p cooperage -- path/to/context app:latest
//! ```

use std::process::ExitCode;

use cooperage::{BuildRequest, Engine, EngineOptions, Error, Event};

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn build() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let context = arguments.next().unwrap_or_else(|| ".".to_owned());
    let name = arguments.next().unwrap_or_else(|| "embedded:latest".to_owned());

    let engine = Engine::open(EngineOptions::default())?;
    let request = BuildRequest::new(context).tag(&name)?;
    let report = engine.build(&request, &print)?;

    if let Some(image) = &report.image {
        println!("{name} is {}, {} layers", image.digest, image.layers);
    }
    println!("{} steps ran, {} were cached", report.ran(), report.cached());
    Ok(())
}

fn print(event: Event) {
    match event {
        Event::Planned { steps } => println!("{} steps", steps.len()),
        Event::Log { step, bytes, .. } => print!("{step:?}: {}", String::from_utf8_lossy(&bytes)),
        other => println!("{other:?}"),
    }
}
