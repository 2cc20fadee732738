//! How steps end, and what they print.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cooperage_llb::ports::CancelToken;
use cooperage_llb::ports::step_runner::*;

use crate::Case;
use crate::bench::{Bench, Log, run, sh, try_run};

pub(crate) const CASES: &[Case] = &[
    ("exit codes", exit_codes),
    ("signals", signals),
    ("commands that cannot be executed", bad_commands),
    ("output is complete", complete_output),
    ("background processes end with the step", background),
    ("cancel", cancel),
    ("timeout", timeout),
    ("out of memory", out_of_memory),
    ("limits of processes and CPU", other_limits),
    ("many at once", many_at_once),
    ("no descriptor leaks", descriptors),
];

fn outcome(runner: &dyn StepRunner, script: &str) -> StepOutcome {
    run(runner, &Bench::new().step(script)).outcome
}

fn exit_codes(runner: &dyn StepRunner) {
    for code in [0, 1, 7, 255] {
        assert_eq!(outcome(runner, &format!("exit {code}")), StepOutcome::Exited(code));
    }
}

fn signals(runner: &dyn StepRunner) {
    assert_eq!(outcome(runner, "sh -c 'kill -TERM $$'; exit $?"), StepOutcome::Exited(143));
    // As process 1 a shell is deaf to itself, as in a container.
    assert_eq!(outcome(runner, "kill -9 $$; exit 3"), StepOutcome::Exited(3));
}

fn bad_commands(runner: &dyn StepRunner) {
    let mut bench = Bench::new();
    bench.layer(|layer| {
        use std::os::unix::fs::PermissionsExt;
        let file = |name: &str, bytes: &[u8], mode: u32| {
            std::fs::write(layer.join(name), bytes).unwrap();
            std::fs::set_permissions(layer.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        file("plain", b"no program", 0o755);
        file("foreign", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x15\0", 0o755);
        file("closed", b"#!/bin/sh\n", 0o644);
        file("script", b"#!/bin/nothing\n", 0o755);
    });
    let error = |command: &str| {
        let mut step = bench.step("");
        step.args = vec![command.into()];
        try_run(runner, &step).map(|ran| ran.outcome).unwrap_err().to_string()
    };
    assert_eq!(error("nothing"), "nothing: not found in PATH (/bin)");
    assert_eq!(error("/nothing"), "/nothing: no such file in the step's root");
    assert_eq!(error("/closed"), "/closed: permission denied");
    assert_eq!(error("/script"), "/script: the file exists, but not the interpreter or loader that it names");
    assert!(error("/plain").starts_with("/plain: exec format error: "));
    assert!(error("/foreign").starts_with("/foreign: exec format error: "));
}

fn complete_output(runner: &dyn StepRunner) {
    let ran = run(runner, &Bench::new().step("seq 1 700000; seq 700000 1400000 >&2; printf end"));
    assert_eq!(ran.outcome, StepOutcome::Exited(0));
    let count = |text: &str| text.lines().count();
    assert!(ran.out.len() + ran.err.len() > 10_000_000);
    assert_eq!((count(&ran.out), count(&ran.err)), (700_001, 700_001));
    assert!(ran.out.starts_with("1\n2\n") && ran.out.ends_with("700000\nend"));
    assert!(ran.err.ends_with("1400000\n"));
}

fn background(runner: &dyn StepRunner) {
    let begin = Instant::now();
    let bench = Bench::new();
    let marker = format!("{}", 100_000 + std::process::id());
    let ran = sh(runner, &bench, &format!("setsid sleep {marker} & (sleep {marker} &); echo started"));
    assert_eq!(ran.out, "started\n");
    assert!(begin.elapsed() < Duration::from_secs(60));
    assert_eq!(processes_with(&marker), 0);
}

fn processes_with(marker: &str) -> usize {
    let lines = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("cmdline")).ok());
    lines.filter(|line| line.contains(marker) && line.starts_with("sleep")).count()
}

fn cancelled(runner: &dyn StepRunner, script: &str) -> (StepOutcome, Duration, String) {
    struct Trigger(CancelToken, Log);
    impl StepLog for Trigger {
        fn write(&self, stream: Stream, bytes: &[u8]) {
            self.1.write(stream, bytes);
            self.0.cancel();
        }
    }
    let bench = Bench::new();
    let token = CancelToken::new();
    let trigger = Trigger(token.clone(), Log::default());
    let begin = Instant::now();
    let report = runner.run(&bench.step(script), &trigger, &token).unwrap();
    assert!(report.changes.is_empty());
    (report.outcome, begin.elapsed(), trigger.1.stdout())
}

fn cancel(runner: &dyn StepRunner) {
    let soon = Duration::from_secs(8);
    // Process 1 without a handler; a shell that waits for a child; one that cleans up.
    for script in ["echo x; exec sleep 1000", "echo x; sleep 1000; echo no"] {
        let (outcome, took, _) = cancelled(runner, script);
        assert_eq!(outcome, StepOutcome::Cancelled);
        assert!(took < soon, "{script}: {took:?}");
    }
    let (outcome, took, out) = cancelled(
        runner,
        "trap 'echo cleaned; exit 1' TERM; (sleep 0.3; echo x) & while true; do sleep 1000; done",
    );
    assert_eq!((outcome, out.as_str()), (StepOutcome::Cancelled, "x\ncleaned\n"));
    assert!(took < soon, "{took:?}");
    // One that refuses gets KILL after the grace.
    let (outcome, took, _) = cancelled(runner, "trap '' TERM; echo x; while true; do sleep 1000; done");
    assert_eq!(outcome, StepOutcome::Cancelled);
    assert!(took >= Duration::from_secs(10), "{took:?}");
}

fn timeout(runner: &dyn StepRunner) {
    let mut step = Bench::new().step("");
    let bench = Bench::new();
    step.root = bench.stack();
    step.args = ["/bin/sleep", "1000"].map(String::from).to_vec();
    step.timeout = Some(Duration::from_millis(50));
    let ran = run(runner, &step);
    assert_eq!(ran.outcome, StepOutcome::TimedOut { after: Duration::from_millis(50) });
}

fn out_of_memory(runner: &dyn StepRunner) {
    let bench = Bench::new();
    let limit_bytes = Some(32 << 20);
    let mut step = bench.step("dd if=/dev/zero of=/dev/null bs=200M count=1; exit $?");
    step.limits = Limits { memory_bytes: limit_bytes, ..Limits::default() };
    match try_run(runner, &step) {
        Ok(ran) => assert_eq!(ran.outcome, StepOutcome::OutOfMemory { limit_bytes }, "{}", ran.err),
        Err(RunError::Unsupported { what, why, .. }) => {
            println!("no memory limits here: {why}");
            assert_eq!(what, "a memory limit");
        }
        Err(e) => panic!("{e}"),
    }
}

fn other_limits(runner: &dyn StepRunner) {
    let bench = Bench::new();
    let mut step = bench.step("for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; echo no");
    step.limits = Limits { pids: Some(4), cpu_millis: Some(500), ..Limits::default() };
    match try_run(runner, &step) {
        Ok(ran) => assert_ne!(ran.outcome, StepOutcome::Exited(0), "{}", ran.err),
        Err(RunError::Unsupported { what, why, .. }) => {
            println!("no limits of processes here: {why}");
            assert_eq!(what, "a CPU and process limit");
        }
        Err(e) => panic!("{e}"),
    }
}

fn many_at_once(runner: &dyn StepRunner) {
    let bench = Arc::new(Bench::new());
    std::thread::scope(|scope| {
        for n in 0..16 {
            let bench = Arc::clone(&bench);
            scope.spawn(move || {
                let ran = sh(runner, &bench, &format!("echo {n} > /n; sleep 0.1; cat /n"));
                assert_eq!(ran.out, format!("{n}\n"));
                assert_eq!(ran.listing(), "+ n");
            });
        }
    });
}

fn descriptors(runner: &dyn StepRunner) {
    let bench = Bench::new();
    let ran = sh(runner, &bench, "ls /proc/self/fd");
    assert_eq!(ran.out.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"], "3 is ls's own");
    let count = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = count();
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    for _ in 0..200 {
        let ran = sh(runner, &bench, "true");
        std::fs::remove_dir_all(ran.scratch).unwrap();
    }
    // Other tests of this process may hold a few at this moment; a leak would be hundreds.
    assert!(count() < before + 100, "{} and then {}", before, count());
    assert_eq!(std::fs::read_to_string("/proc/self/mounts").unwrap(), mounts);
}
