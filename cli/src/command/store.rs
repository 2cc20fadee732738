//! `cooper du` and `cooper prune`.

use std::io::{self, BufRead, IsTerminal};

use anyhow::{Result, bail};
use cooperage::{Engine, PruneRequest, UsageKind, UsageRecord};

use super::print;
use crate::args::Prune;
use crate::{progress, table};

pub(super) fn usage(engine: &Engine, verbose: bool) -> Result<()> {
    let records = engine.usage()?;
    if verbose {
        let mut rows = vec![["ID", "KIND", "SIZE", "IN USE", "DESCRIPTION"].map(str::to_owned).to_vec()];
        rows.extend(records.iter().map(row));
        print(&table::columns(&rows))?;
        print("\n")?;
    }
    let sum =
        |of: &dyn Fn(&&UsageRecord) -> bool| -> u64 { records.iter().filter(of).map(|r| r.size_bytes).sum() };
    let kinds = [
        ("layers", UsageKind::Layer),
        ("blobs", UsageKind::Blob),
        ("cache mounts", UsageKind::CacheMount),
        ("left over", UsageKind::Leftover),
    ];
    let mut rows = Vec::new();
    for (name, kind) in kinds {
        let count = records.iter().filter(|record| record.kind == kind).count();
        rows.push(vec![name.to_owned(), count.to_string(), table::size(sum(&|record| record.kind == kind))]);
    }
    rows.push(vec!["total".to_owned(), records.len().to_string(), table::size(sum(&|_| true))]);
    rows.push(vec!["reclaimable".to_owned(), String::new(), table::size(sum(&|record| !record.in_use))]);
    print(&table::columns(&rows))
}

pub(super) fn prune(engine: &Engine, how: &Prune) -> Result<()> {
    let what = match how.all {
        true => "all images and everything else that no running build uses",
        false => "everything that no image and no running build uses",
    };
    if !how.force && !confirmed(what)? {
        return print("nothing removed\n");
    }
    let report = engine.prune(&PruneRequest { all: how.all, keep_bytes: how.keep })?;
    let rows: Vec<_> = report.removed.iter().map(row).collect();
    print(&table::columns(&rows))?;
    print(&format!("freed {}\n", table::size(report.freed_bytes)))
}

fn confirmed(what: &str) -> Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("prune removes {what}: add --force where nobody can be asked");
    }
    progress::say(&format!("Remove {what}? [y/N] "));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn row(record: &UsageRecord) -> Vec<String> {
    let kind = match record.kind {
        UsageKind::Layer => "layer",
        UsageKind::Blob => "blob",
        UsageKind::CacheMount => "cache mount",
        UsageKind::Leftover => "leftover",
    };
    let id: String = record.id.chars().take(19).collect();
    let in_use = if record.in_use { "yes" } else { "no" };
    vec![id, kind.to_owned(), table::size(record.size_bytes), in_use.to_owned(), record.description.clone()]
}
