//! kill -9 of the program that runs a step: the step ends with it, and nothing stays mounted.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cooperage_executor::{Tier, runner};
use cooperage_llb::ports::CancelToken;
use cooperage_llb::ports::step_runner::{StepLog, Stream};

use crate::bench::Bench;

const ROLE: &str = "COOPER_TEST_CALLER";

/// Says on the program's own stdout that the step runs.
struct Announce;

impl StepLog for Announce {
    fn write(&self, _: Stream, _: &[u8]) {
        println!("the step runs");
    }
}

pub(crate) fn check(tier: Tier) {
    let Some(runner) = crate::available(tier, runner(tier)) else { return };
    let marker = format!("{}", 200_000 + std::process::id());
    if let Ok(marker) = std::env::var(ROLE) {
        use std::os::unix::fs::PermissionsExt;
        let mut bench = Bench::new();
        bench.layer(|layer| {
            std::fs::copy("/bin/busybox", layer.join("su")).unwrap();
            std::fs::set_permissions(layer.join("su"), std::fs::Permissions::from_mode(0o4755)).unwrap();
            std::fs::create_dir(layer.join("etc")).unwrap();
            std::fs::write(layer.join("etc/passwd"), "root::0:0::/:/bin/sh\napp:x:1000:1001::/:/bin/sh\n")
                .unwrap();
        });
        // A set-id program as process 1 loses any "die with my parent" of its own.
        let mut step = bench.step(&format!("exec /su root -c 'echo; sleep {marker} & exec sleep {marker}'"));
        step.user = "app".into();
        let _ = runner.run(&step, &Announce, &CancelToken::new());
        return;
    }
    let name = format!("tier_{tier}_killed_caller");
    let mut caller = Command::new(std::env::current_exe().unwrap())
        .args([&name, "--exact", "--nocapture"])
        .env(ROLE, &marker)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(caller.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("the step runs")));
    let begin = Instant::now();
    while sleepers(&marker) < 2 && begin.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(sleepers(&marker), 2);
    caller.kill().unwrap();
    caller.wait().unwrap();
    let begin = Instant::now();
    while sleepers(&marker) > 0 && begin.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(sleepers(&marker), 0, "processes of the step are alive");
    println!("tier {tier}: 1 tests ran");
}

fn sleepers(marker: &str) -> usize {
    let commands = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("cmdline")).ok());
    commands.filter(|line| line.starts_with("sleep") && line.contains(marker)).count()
}
