//! Where two builds of one case part.

use std::collections::BTreeSet;

use serde_json::Value;

use super::flatten::{Entry, Tree};
use super::listing::{config_of, described, shown, time, twins};
use super::{Built, Case, Differs, Image};

/// A difference: what `differs.what` names, and the two sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `PATH mode`, `config.Env`, `history`, `fails`, ...
    pub key: String,
    /// Ours and theirs.
    pub sides: String,
}

/// A longer side is cut.
const SIDE_CHARS_MAX: usize = 600;

/// Compares our build of `case` with `theirs`. `exact` compares the history and nothing as nothing, too: for
/// BuildKit, whose output ours is.
pub fn between(case: &Case, ours: &Built, theirs: &Built, exact: bool) -> Vec<Difference> {
    match (ours, theirs) {
        (Built::Failed(..), Built::Failed(..)) => Vec::new(),
        (Built::Image(..), Built::Failed(_, said)) => vec![difference("fails", "builds", &last_lines(said))],
        (Built::Failed(_, said), Built::Image(..)) => vec![difference("builds", &last_lines(said), "builds")],
        (Built::Image(ours, _), Built::Image(theirs, _)) => {
            let mut found = configs(case, ours, theirs, exact);
            found.extend(trees(case, &ours.tree, &theirs.tree));
            found
        }
    }
}

/// What `found` has that neither `case` nor `always` explains, and what `case` names that is not in `found`.
pub fn unexplained<'a>(
    found: &'a [Difference],
    case: &[&'a Differs],
    always: &[&Differs],
) -> (Vec<&'a Difference>, Vec<&'a str>) {
    let new = found.iter().filter(|found| !case.iter().chain(always).any(|differs| differs.explains(found)));
    let patterns = case
        .iter()
        .filter(|differs| !differs.sometimes)
        .flat_map(|differs| differs.what.iter().map(String::as_str));
    let old = patterns.filter(|pattern| !found.iter().any(|found| matches(pattern, &found.key)));
    (new.collect(), old.collect())
}

impl Differs {
    /// Whether `found` is one of them.
    pub fn explains(&self, found: &Difference) -> bool {
        self.what.iter().any(|pattern| matches(pattern, &found.key))
    }
}

/// Whether `key` is `pattern`, whose stars stand for anything.
fn matches(pattern: &str, key: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == key,
        Some((start, rest)) => key.strip_prefix(start).is_some_and(|left| {
            (0..=left.len()).any(|at| left.get(at..).is_some_and(|left| matches(rest, left)))
        }),
    }
}

fn difference(key: &str, ours: &str, theirs: &str) -> Difference {
    let short = |side: &str| side.chars().take(SIDE_CHARS_MAX).collect::<String>();
    Difference { key: key.to_owned(), sides: format!("ours {}, theirs {}", short(ours), short(theirs)) }
}

fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(2)..].join(" | ")
}

fn configs(case: &Case, ours: &Image, theirs: &Image, exact: bool) -> Vec<Difference> {
    let (a, b) = (config_of(ours, case.spec.times), config_of(theirs, case.spec.times));
    let mut found = Vec::new();
    let nothing = Value::Object(serde_json::Map::new());
    for (prefix, a, b) in
        [("", &a, &b), ("config.", a.get("config").unwrap_or(&nothing), b.get("config").unwrap_or(&nothing))]
    {
        for key in keys(a).union(&keys(b)) {
            let (a, b) = (&a[key.as_str()], &b[key.as_str()]);
            let same = a == b || (!exact && empty(a) && empty(b));
            if same || (prefix.is_empty() && key == "config") {
                continue;
            }
            found.push(difference(&format!("{prefix}{key}"), &a.to_string(), &b.to_string()));
        }
    }
    let (a, b) = (ours.history(), theirs.history());
    if exact && a != b {
        found.push(difference("history", &format!("{a:#?}"), &format!("{b:#?}")));
    }
    found
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().into_iter().flat_map(|map| map.keys().cloned()).collect()
}

fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Number(_) => false,
    }
}

fn trees(case: &Case, ours: &Tree, theirs: &Tree) -> Vec<Difference> {
    let (our_twins, their_twins) = (twins(ours), twins(theirs));
    let mut found = Vec::new();
    let paths: BTreeSet<_> = ours.entries.keys().chain(theirs.entries.keys()).collect();
    for path in paths {
        let name = shown(path);
        match (ours.entries.get(path), theirs.entries.get(path)) {
            (Some(a), Some(b)) => {
                found.extend(entries(case, &name, a, b));
                let (a, b) = (our_twins.get(&a.inode), their_twins.get(&b.inode));
                if a != b {
                    let side = |twin: Option<&Vec<u8>>| twin.map_or("none".to_owned(), |twin| shown(twin));
                    found.push(difference(&format!("{name} links"), &side(a), &side(b)));
                }
            }
            (Some(a), None) => found.push(difference(&format!("{name} missing"), &whole(a), "nothing")),
            (None, Some(b)) => found.push(difference(&format!("{name} extra"), "nothing", &whole(b))),
            (None, None) => {}
        }
    }
    found
}

fn whole(entry: &Entry) -> String {
    let (kind, more) = described(&entry.kind);
    format!("{kind} {:04o} {}:{}{more}", entry.mode, entry.owner.0, entry.owner.1)
}

fn entries(case: &Case, name: &str, a: &Entry, b: &Entry) -> Vec<Difference> {
    let owner = |entry: &Entry| format!("{}:{}", entry.owner.0, entry.owner.1);
    let mode = |entry: &Entry| format!("{:04o}", entry.mode);
    let xattrs = |entry: &Entry| format!("{:?}", entry.xattrs);
    let time = |entry: &Entry| if case.spec.times { time(entry.mtime) } else { String::new() };
    let kind = |entry: &Entry| {
        let (kind, more) = described(&entry.kind);
        format!("{kind}{more}")
    };
    let sides = [
        ("is", kind(a), kind(b)),
        ("mode", mode(a), mode(b)),
        ("owner", owner(a), owner(b)),
        ("xattrs", xattrs(a), xattrs(b)),
        ("time", time(a), time(b)),
    ];
    let other = sides.iter().filter(|(_, a, b)| a != b);
    other.map(|(what, a, b)| difference(&format!("{name} {what}"), a, b)).collect()
}
