//! An image as text: what `expect.txt` holds.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value};

use super::{Entry, Image, Kind, Tree};

/// `image` as text: config, history and files, less what is as in `base`. `times` adds the times.
pub fn listing(image: &Image, base: &Image, times: bool) -> String {
    let on_base = image.tree.entries.contains_key(b"bin/busybox".as_slice());
    let mut text = String::from("config\n");
    let config = serde_json::to_string_pretty(&config_of(image, times)).expect("JSON");
    config.lines().for_each(|line| writeln!(text, "  {line}").expect("a string grows"));
    let (history, known) = (image.history(), base.history());
    let own = history.strip_prefix(known.as_slice());
    text.push_str(if own.is_some() { "history after that of busybox:test\n" } else { "history\n" });
    for line in own.unwrap_or(&history) {
        writeln!(text, "  {line}").expect("a string grows");
    }
    text.push_str(if on_base { "files over those of busybox:test\n" } else { "files\n" });
    let nothing = Tree::default();
    for line in files(&image.tree, if on_base { &base.tree } else { &nothing }, times) {
        writeln!(text, "  {line}").expect("a string grows");
    }
    text
}

/// The config document with its keys in order, without what is not of the language: digests and, unless `times`
/// is set, times. This machine's architecture is called `this`.
pub(super) fn config_of(image: &Image, times: bool) -> Value {
    let mut config = sorted(&image.config);
    let top = config.as_object_mut().expect("a config is an object");
    top.remove("rootfs");
    top.remove("history");
    let created = top.get("created").and_then(Value::as_str).unwrap_or_default();
    if !times || created >= RECENT_DATE {
        top.remove("created");
    }
    if top.get("architecture").and_then(Value::as_str) == Some(this_architecture()) {
        top.insert("architecture".to_owned(), "this".into());
    }
    config
}

fn this_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let sorted_map: BTreeMap<_, _> =
                map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            Value::Object(sorted_map.into_iter().collect::<Map<_, _>>())
        }
        Value::Array(values) => Value::Array(values.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// A line per path that is not in `base` or differs there; `gone` for those that are only there.
fn files(tree: &Tree, base: &Tree, times: bool) -> Vec<String> {
    let twins = twins(tree);
    let base_twins = super::listing::twins(base);
    let mut lines = Vec::new();
    let paths: std::collections::BTreeSet<_> = tree.entries.keys().chain(base.entries.keys()).collect();
    for path in paths {
        let line = tree.entries.get(path).map(|entry| entry_line(path, entry, &twins, times));
        let below = base.entries.get(path).map(|entry| entry_line(path, entry, &base_twins, times));
        match (line, below) {
            (Some(line), below) if below.as_ref() != Some(&line) => lines.push(line),
            (None, Some(_)) => lines.push(format!("{} gone", shown(path))),
            _ => {}
        }
    }
    lines
}

/// The first name of each file that has several.
pub(super) fn twins(tree: &Tree) -> BTreeMap<usize, Vec<u8>> {
    let mut names: BTreeMap<usize, Vec<&Vec<u8>>> = BTreeMap::new();
    for (path, entry) in &tree.entries {
        names.entry(entry.inode).or_default().push(path);
    }
    names.retain(|_, names| names.len() > 1);
    names.into_iter().map(|(inode, names)| (inode, names[0].clone())).collect()
}

fn entry_line(path: &[u8], entry: &Entry, twins: &BTreeMap<usize, Vec<u8>>, times: bool) -> String {
    let (kind, more) = described(&entry.kind);
    let mut line =
        format!("{} {kind} {:04o} {}:{}{more}", shown(path), entry.mode, entry.owner.0, entry.owner.1);
    for (name, value) in &entry.xattrs {
        write!(line, " {name}=\"{}\"", value.escape_ascii()).expect("a string grows");
    }
    if let Some(twin) = twins.get(&entry.inode).filter(|twin| *twin != path) {
        write!(line, " same file as {}", shown(twin)).expect("a string grows");
    }
    if entry.implied {
        line.push_str(" implied");
    }
    if times {
        line.push_str(&time(entry.mtime));
    }
    line
}

/// The kind's name, and what goes with it.
pub(super) fn described(kind: &Kind) -> (&'static str, String) {
    match kind {
        Kind::Directory => ("dir", String::new()),
        Kind::File(content) => match &content.text {
            Some(text) => ("file", format!(" {} {text:?}", content.size)),
            None => ("file", format!(" {} sha256:{}", content.size, content.sha256)),
        },
        Kind::Symlink(target) => ("link", format!(" -> {}", target.escape_ascii())),
        Kind::Character(major, minor) => ("char", format!(" {major}:{minor}")),
        Kind::Block(major, minor) => ("block", format!(" {major}:{minor}")),
        Kind::Fifo => ("fifo", String::new()),
    }
}

/// A path as it is written in a listing and in the keys of differences.
pub(super) fn shown(path: &[u8]) -> String {
    format!("/{}", path.escape_ascii().to_string().replace(' ', "\\x20"))
}

/// Times from here on are those of the run, and are not the same twice.
const RECENT: u64 = 1_735_689_600;
/// The same as a date.
const RECENT_DATE: &str = "2025-01-01";

/// A time, told apart only if it is not the run's.
pub(super) fn time(mtime: u64) -> String {
    if mtime < RECENT { format!(" @{mtime}") } else { " @now".to_owned() }
}
