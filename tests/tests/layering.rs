//! The rooms and the arrows between them (ARCHITECTURE.md): any other arrow fails here.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Each room, and the rooms that it may name. Development dependencies count.
const ARROWS: [(&str, &[&str]); 10] = [
    ("cooperage-image", &[]),
    ("cooperage-llb", &["cooperage-image"]),
    ("cooperage-frontend", &["cooperage-image", "cooperage-llb"]),
    ("cooperage-solver", &["cooperage-image", "cooperage-llb"]),
    ("cooperage-executor", &["cooperage-image", "cooperage-llb"]),
    ("cooperage-cache", &["cooperage-image", "cooperage-llb"]),
    ("cooperage-registry", &["cooperage-image", "cooperage-llb"]),
    (
        "cooperage",
        &[
            "cooperage-cache",
            "cooperage-executor",
            "cooperage-frontend",
            "cooperage-image",
            "cooperage-llb",
            "cooperage-registry",
            "cooperage-solver",
        ],
    ),
    ("cooperage-cli", &["cooperage"]),
    ("cooperage-tests", &[]),
];

/// The lock file may hold this many packages (ARCHITECTURE.md, "Dependencies").
const PACKAGES_MAX: usize = 350;

fn metadata() -> serde_json::Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

#[test]
fn arrows_go_down() {
    let metadata = metadata();
    let members: BTreeSet<&str> =
        metadata["workspace_members"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let packages = metadata["packages"].as_array().unwrap();
    let rooms: Vec<_> = packages.iter().filter(|p| members.contains(p["id"].as_str().unwrap())).collect();
    let names: BTreeSet<&str> = rooms.iter().map(|p| p["name"].as_str().unwrap()).collect();
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    assert_eq!(names, allowed.keys().copied().collect(), "the rooms");
    let mut wrong = Vec::new();
    for room in rooms {
        let name = room["name"].as_str().unwrap();
        for dependency in room["dependencies"].as_array().unwrap() {
            let target = dependency["name"].as_str().unwrap();
            if names.contains(target) && !allowed[name].contains(&target) {
                wrong.push(format!("{name} -> {target}"));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that must not be: {wrong:?}");
}

#[test]
fn the_lock_file_stays_small() {
    let lock = include_str!("../../Cargo.lock");
    let packages = lock.lines().filter(|line| *line == "[[package]]").count();
    assert!(packages <= PACKAGES_MAX, "{packages} packages; the budget is {PACKAGES_MAX}");
}

/// Unsafe code is in one folder; every crate root but the executor's forbids it.
#[test]
fn unsafe_is_in_one_folder() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let mut roots = Vec::new();
    for (room, _) in ARROWS {
        let folder = match room {
            "cooperage" => "engine",
            other => other.strip_prefix("cooperage-").unwrap(),
        };
        let file = if folder == "cli" { "main.rs" } else { "lib.rs" };
        roots.push((folder, std::fs::read_to_string(format!("{root}/{folder}/src/{file}")).unwrap()));
    }
    for (folder, text) in roots {
        let forbids = text.contains("#![forbid(unsafe_code)]");
        assert_eq!(forbids, folder != "executor", "{folder} and #![forbid(unsafe_code)]");
    }
}
