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
    ("32-bit calls are filtered too", calls_of_32_bits),
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
    // Which of them there are depends on the kernel; none that is there shows anything.
    let script = "for f in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts; do \
        if [ -e $f ]; then wc -c < $f; fi; done; ls -A /sys/firmware 2>/dev/null | wc -l";
    let out = sh(runner, &Bench::new(), script).out;
    assert!(out.lines().count() > 1 && out.lines().all(|line| line == "0"), "{out}");
    let script = "for f in /proc/sys/kernel/hostname /proc/irq/default_smp_affinity /sys/kernel/profiling; do \
        (echo x > $f) 2>&1 | grep -c 'Read-only'; done";
    assert_eq!(sh(runner, &Bench::new(), script).out, "1\n1\n1\n");
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

/// unshare(0), which always succeeds, by the 32-bit entry; exits with the errno.
#[cfg(target_arch = "x86_64")]
fn program_of_32_bit_calls() -> Vec<u8> {
    let code: &[u8] = &[
        0xb8, 0x36, 0x01, 0, 0, // mov eax, 310
        0x31, 0xdb, // xor ebx, ebx
        0xcd, 0x80, // int 0x80
        0xf7, 0xd8, // neg eax
        0x89, 0xc3, // mov ebx, eax
        0xb8, 1, 0, 0, 0, // mov eax, 1 (exit)
        0xcd, 0x80, // int 0x80
    ];
    let (base, start) = (0x40_0000_u64, 0x78_u64);
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    for half in [2_u16, 62] {
        elf.extend(half.to_le_bytes());
    }
    elf.extend(1_u32.to_le_bytes());
    for word in [base + start, 64, 0] {
        elf.extend(word.to_le_bytes());
    }
    elf.extend(0_u32.to_le_bytes());
    for half in [64_u16, 56, 1, 0, 0, 0] {
        elf.extend(half.to_le_bytes());
    }
    elf.extend([1_u32, 5].into_iter().flat_map(u32::to_le_bytes));
    let size = start + code.len() as u64;
    elf.extend([0, base, base, size, size, 0x1000].into_iter().flat_map(u64::to_le_bytes));
    elf.extend(code);
    elf
}

#[cfg(target_arch = "x86_64")]
fn calls_of_32_bits(runner: &dyn StepRunner) {
    use std::os::unix::fs::PermissionsExt;
    let mut bench = Bench::new();
    bench.layer(|layer| {
        std::fs::write(layer.join("old"), program_of_32_bit_calls()).unwrap();
        std::fs::set_permissions(layer.join("old"), std::fs::Permissions::from_mode(0o755)).unwrap();
    });
    let outside = std::process::Command::new(bench.layers[1].join("old")).status().unwrap();
    if outside.code() != Some(0) {
        println!("this kernel has no 32-bit calls: {outside}");
        return;
    }
    let mut step = bench.step("");
    step.args = vec!["/old".into()];
    assert_eq!(run(runner, &step).outcome, StepOutcome::Exited(1), "EPERM, as by the 64-bit entry");
}

#[cfg(not(target_arch = "x86_64"))]
fn calls_of_32_bits(_: &dyn StepRunner) {}
