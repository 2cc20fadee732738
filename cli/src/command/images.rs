//! Images of the local store.

use anyhow::Result;
use cooperage::Engine;
use cooperage::image::{Platform, Reference};

use super::print;
use crate::args::{Images, Progress};
use crate::interrupt::Interrupt;
use crate::{progress, table};

pub(super) fn list(engine: &Engine, how: &Images) -> Result<()> {
    let images = engine.images()?;
    if how.json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&images)?));
    }
    if how.quiet {
        let names: String = images.iter().map(|image| format!("{}\n", image.name.familiar())).collect();
        return print(&names);
    }
    let mut rows = vec![["NAME", "DIGEST", "PLATFORM", "CREATED", "SIZE"].map(str::to_owned).to_vec()];
    for image in images {
        let platforms: Vec<String> = image.platforms.iter().map(ToString::to_string).collect();
        rows.push(vec![
            image.name.familiar(),
            image.digest.short(),
            platforms.join(","),
            image
                .created
                .map_or("-".to_owned(), |time| time.chars().take(19).collect::<String>().replace('T', " ")),
            table::size(image.size_bytes),
        ]);
    }
    print(&table::columns(&rows))
}

pub(super) fn inspect(engine: &Engine, image: &Reference) -> Result<()> {
    let details = engine.inspect(image)?;
    print(&format!("{}\n", serde_json::to_string_pretty(&details)?))
}

pub(super) fn remove(engine: &Engine, images: &[Reference]) -> Result<()> {
    for image in images {
        engine.remove(image)?;
        print(&format!("removed {}\n", image.familiar()))?;
    }
    Ok(())
}

pub(super) fn pull(
    engine: &Engine,
    image: &Reference,
    platform: Option<&Platform>,
    interrupt: &Interrupt,
) -> Result<()> {
    let display = progress::display(Progress::Auto)?;
    let pulled = engine.pull(image, platform, &|event| display.show(event), interrupt.catch());
    display.finish();
    print(&format!("{} {}\n", image.familiar(), pulled?.digest))
}

pub(super) fn push(engine: &Engine, image: &Reference, interrupt: &Interrupt) -> Result<()> {
    let display = progress::display(Progress::Auto)?;
    let pushed = engine.push(image, &|event| display.show(event), interrupt.catch());
    display.finish();
    print(&format!("{} {}\n", image.familiar(), pushed?.digest))
}
