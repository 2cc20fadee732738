//! What a step cannot do.

use cooperage_llb::ports::step_runner::*;

use crate::Case;
use crate::bench::{Bench, run, sh};

pub(crate) const CASES: &[Case] = &[
    ("processes of others are not seen", processes),
    ("killing everybody", kill_all),
    ("masked and read-only paths", masked),
    ("mount and unshare are refused", refused),
    ("an insecure step", insecure),
    ("network none", network),
    ("set-id programs work", set_id),
    ("devices", devices),
    ("mounts are the step's own", own_mounts),
];

fn processes(runner: &dyn StepRunner) {
    let ran = sh(runner, &Bench::new(), "echo $$; ls -d /proc/[0-9]*");
    let mut lines = ran.out.lines();
    assert_eq!(lines.next(), Some("1"));
    assert!(lines.count() <= 2, "{}", ran.out);
}

fn kill_all(runner: &dyn StepRunner) {
    let ran = sh(runner, &Bench::new(), "sleep 1000 & kill -9 -1; echo alive");
    assert_eq!(ran.out, "alive\n");
}

fn masked(runner: &dyn StepRunner) {
    let script = "wc -c < /proc/kcore; wc -c < /proc/timer_list; ls /sys/firmware | wc -l; \
        for f in /proc/sys/kernel/hostname /proc/irq/default_smp_affinity /sys/kernel/uevent_helper; do \
        (echo x > $f) 2>&1 | grep -c 'Read-only'; done";
    assert_eq!(sh(runner, &Bench::new(), script).out, "0\n0\n0\n1\n1\n1\n");
}

fn refused(runner: &dyn StepRunner) {
    for script in [
        "mount -t tmpfs x /tmp",
        "unshare -U true",
        "unshare -m true",
        "umount /proc",
        "mount -o remount,rw /sys",
    ] {
        let ran = run(runner, &Bench::new().step(script));
        assert_eq!(ran.outcome, StepOutcome::Exited(1), "{script}: {}", ran.err);
    }
    let status =
        sh(runner, &Bench::new(), "grep -E 'Seccomp:|NoNewPrivs|CapBnd|CapAmb|CapInh' /proc/self/status").out;
    let expected = "CapInh:\t0000000000000000\nCapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t2\n";
    assert_eq!(status, expected);
}

fn insecure(runner: &dyn StepRunner) {
    let mut step = Bench::new().step("");
    let bench = Bench::new();
    step.root = bench.stack();
    step.args[2] = "mount -t tmpfs x /tmp && grep Seccomp: /proc/self/status && touch /tmp/x".into();
    step.insecure = true;
    let ran = run(runner, &step);
    assert_eq!(
        (ran.outcome.clone(), ran.out.as_str()),
        (StepOutcome::Exited(0), "Seccomp:\t0\n"),
        "{}",
        ran.err
    );
    assert_eq!(ran.listing(), "");
}

fn network(runner: &dyn StepRunner) {
    let bench = Bench::new();
    let mut step = bench.step("ls /sys/class/net; ip addr show lo | grep -c 'inet 127.0.0.1'");
    step.network = Network::None;
    let ran = run(runner, &step);
    assert_eq!(ran.out, "lo\n1\n", "{}", ran.err);
}

fn set_id(runner: &dyn StepRunner) {
    let mut bench = Bench::new();
    bench.layer(|layer| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::copy("/bin/busybox", layer.join("su")).unwrap();
        std::fs::set_permissions(layer.join("su"), std::fs::Permissions::from_mode(0o4755)).unwrap();
        std::fs::create_dir(layer.join("etc")).unwrap();
        let passwd = "root::0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n";
        std::fs::write(layer.join("etc/passwd"), passwd).unwrap();
    });
    let mut step = bench.step("exec /su root -c 'id -u; grep CapEff /proc/self/status'");
    step.user = "app".into();
    assert_eq!(run(runner, &step).out, "0\nCapEff:\t00000000a80425fb\n");
}

fn devices(runner: &dyn StepRunner) {
    let script = "echo x > /dev/null; head -c 3 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c; \
        ls /dev/pts/ptmx; readlink /dev/fd; stat -c %a /dev/shm; echo x > /dev/shm/x; \
        echo $(ls /dev)";
    let names = "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero";
    let expected =
        format!("3\n3\n/dev/pts/ptmx\n/proc/self/fd\n1777\n{}\n", names.trim_start_matches("core "));
    assert_eq!(sh(runner, &Bench::new(), script).out, expected);
}

fn own_mounts(runner: &dyn StepRunner) {
    let bench = Bench::new();
    let out = sh(runner, &bench, "cat /proc/self/mounts").out;
    let here = bench.dir.path().to_string_lossy().into_owned();
    let targets: Vec<&str> = out.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(targets[0], "/");
    assert!(!targets.iter().any(|target| target.starts_with("/work") || target.starts_with(&here)), "{out}");
    assert!(!std::fs::read_to_string("/proc/self/mounts").unwrap().contains(&here));
}
