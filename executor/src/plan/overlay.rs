//! Overlay mounts.

use std::path::Path;

use super::{Attributes, Call, Draft, Facts, PlanError, Setting, Slot, Stack, c_path, c_text};
use crate::Tier;

/// What Linux takes (OVL_MAX_STACK).
const MAX_LAYERS: usize = 500;

/// Mounts `stack` and attaches it at `stage/name`.
pub(super) fn mount(draft: &mut Draft, facts: &Facts, stack: &Stack, name: &str) -> Result<Slot, PlanError> {
    if stack.lower.len() > MAX_LAYERS {
        return Err(PlanError::TooManyLayers(stack.lower.len()));
    }
    let at = facts.stage.join(name);
    draft.make_directory(&at)?;
    let (upper, work) = match &stack.scratch {
        Some(scratch) => (scratch.join("fs"), scratch.join("work")),
        None => {
            let own = (facts.stage.join(format!("{name}-fs")), facts.stage.join(format!("{name}-work")));
            draft.make_directory(&own.0)?;
            draft.make_directory(&own.1)?;
            own
        }
    };
    let mut lower: Vec<&Path> = stack.lower.iter().rev().map(|path| path.as_path()).collect();
    let empty = facts.stage.join(format!("{name}-empty"));
    if lower.is_empty() {
        draft.make_directory(&empty)?;
        lower.push(&empty);
    }
    let paths = Paths { lower, upper: &upper, work: &work };
    if facts.machine.lowerdir_plus {
        by_context(draft, &paths, &at)
    } else {
        by_mount(draft, facts, &paths, name)
    }
}

/// Topmost first, as the kernel wants them.
struct Paths<'a> {
    lower: Vec<&'a Path>,
    upper: &'a Path,
    work: &'a Path,
}

/// Nothing of these may depend on the machine's defaults: the upper directory becomes a layer.
/// `volatile`: nobody needs a half-written step after a power cut, so fsync is free.
fn fixed_options(tier: Tier) -> Vec<(&'static str, Option<&'static str>)> {
    let mut options = vec![
        ("redirect_dir", Some("nofollow")),
        ("metacopy", Some("off")),
        ("index", Some("off")),
        ("xino", Some("off")),
        ("volatile", None),
    ];
    if tier == Tier::Userns {
        options.push(("userxattr", None));
    }
    options
}

fn by_context(draft: &mut Draft, paths: &Paths<'_>, at: &Path) -> Result<Slot, PlanError> {
    let mut settings = vec![Setting::Text(c_text("source")?, c_text("overlay")?)];
    for lower in &paths.lower {
        settings.push(Setting::Text(c_text("lowerdir+")?, c_path(lower)?));
    }
    settings.push(Setting::Text(c_text("upperdir")?, c_path(paths.upper)?));
    settings.push(Setting::Text(c_text("workdir")?, c_path(paths.work)?));
    for (key, value) in fixed_options(draft.tier) {
        settings.push(match value {
            Some(value) => Setting::Text(c_text(key)?, c_text(value)?),
            None => Setting::Flag(c_text(key)?),
        });
    }
    let slot = draft.slot();
    draft.push(Call::NewMount { fs: c_text("overlay")?, settings, attributes: Attributes::default(), slot });
    draft.push(Call::Attach { slot, at: c_path(at)? });
    Ok(slot)
}

/// All parameters must fit in a page, so each path gets a short name: a symbolic link on the stage.
fn by_mount(draft: &mut Draft, facts: &Facts, paths: &Paths<'_>, name: &str) -> Result<Slot, PlanError> {
    let mut link = |short: String, target: &Path| -> Result<String, PlanError> {
        draft.push(Call::Symlink { at: c_path(&facts.stage.join(&short))?, target: c_path(target)? });
        Ok(short)
    };
    let mut lower = vec![];
    for (n, path) in paths.lower.iter().enumerate() {
        lower.push(link(format!("{name}{n}"), path)?);
    }
    let upper = link(format!("{name}u"), paths.upper)?;
    let work = link(format!("{name}w"), paths.work)?;
    let mut data = format!("lowerdir={},upperdir={upper},workdir={work}", lower.join(":"));
    for (key, value) in fixed_options(draft.tier) {
        data.push(',');
        data.push_str(key);
        if let Some(value) = value {
            data.push('=');
            data.push_str(value);
        }
    }
    let slot = draft.slot();
    draft.push(Call::OldOverlay {
        base: c_path(&facts.stage)?,
        target: c_text(name)?,
        data: c_text(&data)?,
        slot,
    });
    Ok(slot)
}
