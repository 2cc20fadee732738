//! Several processes on one root, some of them killed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cooperage_cache::DiskStore;
use cooperage_llb::ports::upkeep::{PruneRequest, UsageKind};
use cooperage_llb::ports::{StoreError, Upkeep};

use crate::faults::as_root;
use crate::samples::Disk;
use crate::workload::{build, verify};

const STEPS: u64 = 12;
const CHILD_JOB: &str = "COOPER_TEST_CHILD_JOB";
const CHILD_ROOT: &str = "COOPER_TEST_CHILD_ROOT";
const CHILD_MILLIS: &str = "COOPER_TEST_CHILD_MILLIS";

#[test]
#[ignore = "it is what the tests below start as processes of their own"]
fn child() {
    let variable = |name| std::env::var(name).unwrap();
    let root = std::path::PathBuf::from(variable(CHILD_ROOT));
    let end = Instant::now() + Duration::from_millis(variable(CHILD_MILLIS).parse().unwrap());
    let job = variable(CHILD_JOB);
    while Instant::now() < end {
        match job.as_str() {
            "build" => drop(build(&DiskStore::open(&root).unwrap(), STEPS)),
            "build in threads" => {
                let store = DiskStore::open(&root).unwrap();
                std::thread::scope(|scope| {
                    for _ in 0..3 {
                        scope.spawn(|| build(&store, STEPS));
                    }
                });
            }
            "prune" => {
                let store = DiskStore::open(&root).unwrap();
                store.prune(&PruneRequest { all: false, keep_bytes: None }).unwrap();
                store.prune(&PruneRequest { all: false, keep_bytes: Some(100_000) }).unwrap();
                store.prune(&PruneRequest { all: true, keep_bytes: Some(50_000) }).unwrap();
            }
            "be refused" => {
                let error = DiskStore::open(&root).map(drop).unwrap_err();
                assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
                return;
            }
            other => panic!("{other}"),
        }
    }
}

fn spawn(job: &str, root: &Path, millis: u64) -> Child {
    command(job, root, millis).spawn().unwrap()
}

fn command(job: &str, root: &Path, millis: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "processes::child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(CHILD_JOB, job)
        .env(CHILD_ROOT, root)
        .env(CHILD_MILLIS, millis.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

fn join(child: Child) {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Everybody's results stay theirs while others build the same and remove all that is not held.
#[test]
fn builds_and_collections_side_by_side() {
    let disk = Disk::new();
    let jobs = ["build in threads", "build", "build", "prune", "prune"];
    let children: Vec<_> = jobs.iter().map(|job| spawn(job, &disk.root(), 2000)).collect();
    children.into_iter().for_each(join);
    let store = disk.open();
    verify(&store, STEPS);
    build(&store, STEPS);
    assert_eq!(build(&store, STEPS), 0);
    assert_eq!(fs::read_dir(disk.root().join("locks/keys")).unwrap().count(), 0);
}

/// Processes that are killed at any moment leave a root that the next one uses as it is.
#[test]
fn killed_at_random() {
    let disk = Disk::new();
    let mut kept = 0;
    for round in 0..40u64 {
        // Spread over what a child's whole build takes, however fast the machine is.
        let pause = Duration::from_millis(3 + (round * 37) % 90);
        let mut children = vec![spawn("build", &disk.root(), 60_000), spawn("build", &disk.root(), 60_000)];
        if round % 3 == 0 {
            children.push(spawn("prune", &disk.root(), 60_000));
        }
        std::thread::sleep(pause);
        for child in &mut children {
            child.kill().unwrap();
        }
        for mut child in children {
            child.wait().unwrap();
        }
        let store = disk.open();
        let found = verify(&store, STEPS);
        kept += found;
        let left = store.usage().unwrap().into_iter().filter(|record| record.kind == UsageKind::Leftover);
        assert_eq!(left.count(), 0, "round {round}");
        assert_eq!(fs::read_dir(disk.root().join("locks/keys")).unwrap().count(), 0);
        drop(store);
        if found == STEPS {
            // Nothing is left to write: begin again.
            disk.open().prune(&PruneRequest { all: true, keep_bytes: None }).unwrap();
        }
    }
    assert!(kept > 0, "no round got as far as one step");
    let store = disk.open();
    build(&store, STEPS);
    store.prune(&PruneRequest { all: false, keep_bytes: None }).unwrap();
    assert_eq!(verify(&store, STEPS), STEPS);
}

#[test]
fn tier_root_a_root_of_somebody_else_is_said_to_be_read_only() {
    let Some(disk) = as_root(Disk::new) else { return };
    build(&disk.open(), 1);
    // Once a store that may be entered, once one that may not, once a place where none can be made.
    for (mode, root) in
        [(0o711, disk.root()), (0o700, disk.root()), (0o711, disk.directory.path().join("new"))]
    {
        fs::set_permissions(disk.directory.path(), fs::Permissions::from_mode(mode)).unwrap();
        join(command("be refused", &root, 60_000).uid(65534).gid(65534).spawn().unwrap());
    }
}
