//! Plans as text. No privilege is needed; `UPDATE_PLANS=1` rewrites the expected files.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::path::{Path, PathBuf};

use cooperage_executor::Tier;
use cooperage_executor::plan::{Facts, Machine, Plan, PlanError, Source, Stack, Stub, plan};
use oci_spec::runtime::Spec;
use serde_json::json;

fn spec(network: bool, read_only: bool) -> Spec {
    let mut namespaces = vec![json!({ "type": "pid" }), json!({ "type": "mount" })];
    if network {
        namespaces.push(json!({ "type": "network" }));
    }
    serde_json::from_value(json!({
        "ociVersion": "1.2.0",
        "process": {
            "user": { "uid": 1000, "gid": 1001, "additionalGids": [29, 44], "umask": 18 },
            "args": ["make", "all"], "env": ["PATH=/usr/bin:/bin", "TOKEN=hush"], "cwd": "/src/app",
            "capabilities": { "bounding": ["CAP_CHOWN", "CAP_KILL"] },
            "rlimits": [{ "type": "RLIMIT_NOFILE", "soft": 100, "hard": 200 }],
        },
        "root": { "path": "rootfs", "readonly": read_only },
        "hostname": "box",
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "nodev", "noexec"] },
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] },
            { "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro", "nosuid"] },
            { "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"] },
            { "destination": "/cache", "type": "bind", "source": "/var/cooper/cache/1", "options": ["rbind", "rw"] },
            { "destination": "/cache/deps", "type": "bind", "source": "cooper:layers", "options": ["rbind", "ro"] },
            { "destination": "/run/secrets/a", "type": "bind", "source": "cooper:file", "options": ["rbind", "ro", "noexec"] },
        ],
        "linux": {
            "namespaces": namespaces,
            "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"],
            "seccomp": { "defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"],
                "syscalls": [{ "names": ["read", "execve"], "action": "SCMP_ACT_ALLOW" }] },
        },
    }))
    .unwrap()
}

fn stack(lower: &[&str], scratch: Option<&str>) -> Stack {
    Stack { lower: lower.iter().map(PathBuf::from).collect(), scratch: scratch.map(PathBuf::from) }
}

fn facts(lowerdir_plus: bool, scratch: Option<&str>) -> Facts {
    let machine = Source::Spec { file: false };
    let layers = Source::Layers { stack: stack(&["/l/c"], None), selector: "deps/x".into(), file: false };
    let file = Source::File { bytes: b"hush".to_vec(), mode: 0o400, owner: (0, 0) };
    let stub = |path: &str, directory| Stub { path: path.into(), directory };
    Facts {
        stage: "/proc".into(),
        machine: Machine {
            lowerdir_plus,
            fresh_proc: true,
            pivot_root: true,
            hostname: true,
            unified_cgroup: true,
        },
        root: stack(&["/l/a", "/l/b"], scratch),
        sources: vec![
            machine.clone(),
            machine.clone(),
            machine.clone(),
            machine.clone(),
            machine,
            layers,
            file,
        ],
        stubs: vec![stub("/cache", true), stub("/run/secrets", true), stub("/run/secrets/a", false)],
    }
}

fn assert_plan(name: &str, plan: &Plan) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans").join(name);
    let text = plan.to_string();
    if std::env::var_os("UPDATE_PLANS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&path).unwrap_or_default(), "{}", path.display());
}

#[test]
fn root() {
    assert_plan("root.txt", &plan(&spec(false, false), &facts(true, Some("/s")), Tier::Root).unwrap());
}

#[test]
fn userns() {
    assert_plan("userns.txt", &plan(&spec(false, false), &facts(true, Some("/s")), Tier::Userns).unwrap());
}

#[test]
fn old_overlay_and_own_network() {
    assert_plan(
        "old-overlay.txt",
        &plan(&spec(true, false), &facts(false, Some("/s")), Tier::Userns).unwrap(),
    );
}

#[test]
fn masked_container() {
    let mut facts = Facts { stage: "/mnt".into(), ..facts(true, Some("/s")) };
    facts.machine.fresh_proc = false;
    assert_plan("masked-container.txt", &plan(&spec(false, false), &facts, Tier::Userns).unwrap());
}

#[test]
fn filtered_container() {
    let mut facts = facts(true, Some("/s"));
    facts.machine = Machine { pivot_root: false, hostname: false, ..facts.machine };
    assert_plan("filtered-container.txt", &plan(&spec(false, false), &facts, Tier::Root).unwrap());
}

#[test]
fn read_only_root() {
    assert_plan("read-only.txt", &plan(&spec(false, true), &facts(true, None), Tier::Root).unwrap());
}

#[test]
fn secrets_are_not_printed() {
    let text = plan(&spec(false, false), &facts(true, None), Tier::Root).unwrap().to_string();
    assert!(!text.contains("hush"), "{text}");
}

#[test]
fn what_cannot_be_planned() {
    let many: Vec<String> = (0..501).map(|n| format!("/l/{n}")).collect();
    let mut facts = facts(true, None);
    facts.root.lower = many.iter().map(PathBuf::from).collect();
    let error = plan(&spec(false, false), &facts, Tier::Root).unwrap_err();
    assert_eq!(error.to_string(), "501 layers, an overlay takes 500");
    facts.root.lower = vec!["/a\0b".into()];
    assert!(matches!(plan(&spec(false, false), &facts, Tier::Root), Err(PlanError::Nul(_))));
    facts.sources.pop();
    assert!(matches!(plan(&spec(false, false), &facts, Tier::Root), Err(PlanError::Spec(_))));
}

/// The interpreter relies on it: a slot is filled by an earlier call than any that uses it.
#[test]
fn slots_are_filled_before_they_are_used() {
    use cooperage_executor::plan::Call;
    for (lowerdir_plus, tier) in [(true, Tier::Root), (false, Tier::Userns), (true, Tier::Userns)] {
        let plan = plan(&spec(true, false), &facts(lowerdir_plus, None), tier).unwrap();
        let mut filled = vec![];
        for call in &plan.calls {
            let (fills, uses) = match call {
                Call::NewMount { slot, .. }
                | Call::OldOverlay { slot, .. }
                | Call::ClonePath { slot, .. } => (Some(slot), None),
                Call::CloneBelow { from, slot, .. } => (Some(slot), Some(from)),
                Call::SetAttributes { slot, .. }
                | Call::Attach { slot, .. }
                | Call::EnterRoot { slot }
                | Call::CoverRoot { slot } => (None, Some(slot)),
                _ => (None, None),
            };
            assert!(uses.is_none_or(|slot| filled.contains(slot)), "{call}");
            filled.extend(fills.copied());
        }
        assert_eq!(filled.len(), plan.slots);
    }
}
