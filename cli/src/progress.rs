//! How a build is shown while it runs. Everything goes to standard error.

use std::io::{self, IsTerminal, Write};

use anyhow::{Result, bail};
use cooperage::Event;

use crate::args::Progress;

mod lines;
mod plain;
mod tty;
mod warnings;

/// Shows events; called from several threads.
pub(crate) trait Display: Sync {
    /// Shows one.
    fn show(&self, event: Event);
    /// No more will come.
    fn finish(&self);
    /// Whether only the image's ID is wanted.
    fn is_quiet(&self) -> bool {
        false
    }
}

/// `BUILDKIT_PROGRESS`, else auto.
pub(crate) fn mode_from_environment() -> Result<Progress> {
    match std::env::var("BUILDKIT_PROGRESS").as_deref() {
        Err(_) | Ok("" | "auto") => Ok(Progress::Auto),
        Ok("plain") => Ok(Progress::Plain),
        Ok("tty") => Ok(Progress::Tty),
        Ok("quiet") => Ok(Progress::Quiet),
        Ok(other) => bail!("BUILDKIT_PROGRESS={other}: expected auto, plain, tty or quiet"),
    }
}

/// The display of a mode.
pub(crate) fn display(mode: Progress) -> Result<Box<dyn Display>> {
    let terminal = io::stderr().is_terminal();
    Ok(match mode {
        Progress::Quiet => Box::new(Silent),
        Progress::Tty if !terminal => bail!("--progress=tty needs a terminal: use plain"),
        Progress::Tty => Box::new(tty::Tty::new()),
        Progress::Auto if terminal => Box::new(tty::Tty::new()),
        Progress::Auto | Progress::Plain => Box::new(plain::Plain::new(io::stderr())),
    })
}

/// Says something beside the events.
pub(crate) fn say(text: &str) {
    // Where standard error is closed, nobody listens.
    drop(io::stderr().lock().write_all(text.as_bytes()));
}

struct Silent;

impl Display for Silent {
    fn show(&self, _: Event) {}

    fn finish(&self) {}

    fn is_quiet(&self) -> bool {
        true
    }
}
