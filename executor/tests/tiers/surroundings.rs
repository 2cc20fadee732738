//! What a step finds: user, directory, host name, mounts, files of the network.

use cooperage_llb::ports::step_runner::*;

use crate::Case;
use crate::bench::{Bench, run, sh, try_run};

pub(crate) const CASES: &[Case] = &[
    ("environment", environment),
    ("users", users),
    ("unknown users", unknown_users),
    ("working directory", working_directory),
    ("host name and hosts", names),
    ("mounts of layers", layer_mounts),
    ("mounts of the machine", host_mounts),
    ("mounts below a directory", mounts_below),
    ("memory file systems", tmpfs),
    ("secrets", secrets),
    ("a read-only root", read_only_root),
    ("ulimits", ulimits),
    ("standard input is empty", standard_input),
];

fn environment(runner: &dyn StepRunner) {
    let bench = Bench::new();
    let mut step = bench.step("");
    step.args = vec!["env".into()];
    step.env = vec!["B=2".into(), "PATH=/nowhere:/bin".into(), "A=1 x".into()];
    assert_eq!(run(runner, &step).out, "B=2\nPATH=/nowhere:/bin\nA=1 x\nHOME=/root\n");
    step.env = vec![];
    step.root = bench.stack();
    let default = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nHOME=/root\n";
    assert_eq!(run(runner, &step).out, default);
}

fn users(runner: &dyn StepRunner) {
    let bench = Bench::new();
    let id = |user: &str| {
        let mut step = bench.step("echo $(id -u) $(id -g) $(id -G) $HOME; grep CapEff /proc/self/status");
        step.user = user.into();
        run(runner, &step).out
    };
    let caps = |line: &str, set: &str| format!("{line}\nCapEff:\t{set}\n");
    let none = "0000000000000000";
    assert_eq!(id(""), caps("0 0 0 /root", "00000000a80425fb"));
    assert_eq!(id("app"), caps("1000 1001 1001 29 44 /home/app", none));
    assert_eq!(id("1000"), caps("1000 1001 1001 29 44 /home/app", none));
    assert_eq!(id("app:video"), caps("1000 44 44 /home/app", none));
    assert_eq!(id("4242:4343"), caps("4242 4343 4343 /", none));
}

fn unknown_users(runner: &dyn StepRunner) {
    let mut bench = Bench::new();
    let mut step = bench.step("true");
    step.user = "nobody".into();
    assert!(matches!(try_run(runner, &step), Err(RunError::User(user)) if user == "nobody"));
    // A link in the root leads nowhere else.
    bench.layer(|layer| {
        std::fs::create_dir(layer.join("etc")).unwrap();
        std::os::unix::fs::symlink("../../../../../../../../etc/passwd", layer.join("etc/passwd")).unwrap();
    });
    let mut step = bench.step("true");
    step.user = "daemon".into();
    assert!(matches!(try_run(runner, &step), Err(RunError::User(_))));
}

fn working_directory(runner: &dyn StepRunner) {
    let bench = Bench::new();
    let mut step = bench.step("pwd; stat -c '%u:%g %a' . ..");
    (step.cwd, step.user) = ("/srv/a/b".into(), "app".into());
    let ran = run(runner, &step);
    assert_eq!(ran.out, "/srv/a/b\n1000:1001 755\n1000:1001 755\n", "{}", ran.err);
    assert_eq!(ran.listing(), "+ srv/\n+ srv/a/\n+ srv/a/b/");
    let mut step = bench.step("pwd");
    step.cwd = "relative".into();
    assert!(matches!(try_run(runner, &step), Err(RunError::Malformed(_))));
}

fn names(runner: &dyn StepRunner) {
    let bench = Bench::new();
    let mut step = bench.step(
        "hostname; grep -c buildkitsandbox /etc/hosts; grep db.example /etc/hosts; cat /etc/resolv.conf",
    );
    step.extra_hosts = vec![("db.example".into(), "10.1.2.3".into())];
    let ran = run(runner, &step);
    let resolv = std::fs::read_to_string("/etc/resolv.conf").unwrap();
    assert_eq!(ran.out, format!("buildkitsandbox\n1\n10.1.2.3\tdb.example\n{resolv}"));
    assert_eq!(ran.listing(), "", "neither file is in the layer");
    let mut step = bench.step("hostname; echo x > /etc/hosts");
    step.hostname = "other".into();
    let ran = run(runner, &step);
    assert_eq!((ran.out.as_str(), ran.outcome), ("other\n", StepOutcome::Exited(1)));
}

fn mount(target: &str, source: MountSource, read_only: bool) -> StepMount {
    StepMount { target: target.into(), source, read_only }
}

pub(crate) fn layer_mounts(runner: &dyn StepRunner) {
    let (bench, other) = (Bench::new(), Bench::new());
    let layers = |selector: &str, output: bool| MountSource::Layers {
        layers: other.stack(),
        selector: selector.into(),
        output,
    };
    let mut step = bench.step("cat /all/lib/one /sub/three /file; echo new > /sub/new; touch /all/x");
    step.mounts = vec![
        mount("/all", layers("", false), true),
        mount("/sub", layers("lib/sub", true), false),
        mount("/file", layers("lib/two", false), true),
    ];
    let ran = run(runner, &step);
    assert_eq!(ran.out, "1\n3\n2\n", "{}", ran.err);
    assert!(ran.err.contains("Read-only file system"), "{}", ran.err);
    assert_eq!(ran.changes.len(), 2);
    assert_eq!(ran.listing(), "");
    assert!(format!("{:?}", ran.changes[1]).contains("\"new\""));
}

fn host_mounts(runner: &dyn StepRunner) {
    let bench = Bench::new();
    let cache = tempfile::tempdir().unwrap();
    std::fs::write(cache.path().join("kept"), "kept\n").unwrap();
    let mut step = bench.step("cat /var/cache/x/kept /ro; echo more > /var/cache/x/more; echo no > /ro");
    step.mounts = vec![
        mount("/var/cache/x", MountSource::Host(cache.path().into()), false),
        mount("/ro", MountSource::Host(cache.path().join("kept")), true),
        mount("/var/cache/x/in/side", MountSource::Tmpfs { size_bytes: None }, false),
    ];
    let ran = run(runner, &step);
    assert_eq!(ran.out, "kept\nkept\n", "{}", ran.err);
    assert!(ran.err.contains("Read-only"), "{}", ran.err);
    assert_eq!(std::fs::read_to_string(cache.path().join("more")).unwrap(), "more\n");
    assert_eq!(ran.listing(), "", "the mount points are gone");
    assert!(!ran.on_disk("var").exists() && !ran.on_disk("ro").exists());
}

fn mounts_below(runner: &dyn StepRunner) {
    let bench = Bench::new();
    let cache = tempfile::tempdir().unwrap();
    std::fs::create_dir(cache.path().join("sub")).unwrap();
    std::fs::write(cache.path().join("sub/file"), "kept\n").unwrap();
    std::os::unix::fs::symlink("/sub", cache.path().join("link")).unwrap();
    std::os::unix::fs::symlink("/etc", cache.path().join("outside")).unwrap();
    let below =
        |selector: &str| MountSource::Below { directory: cache.path().into(), selector: selector.into() };
    let mut step = bench.step("cat /a/file /f; echo x > /a/new");
    step.mounts = vec![mount("/a", below("link"), false), mount("/f", below("link/file"), true)];
    let ran = run(runner, &step);
    assert_eq!(
        (ran.out.as_str(), ran.outcome.clone()),
        ("kept\nkept\n", StepOutcome::Exited(0)),
        "{}",
        ran.err
    );
    assert!(cache.path().join("sub/new").exists());
    // The machine has it, the directory has not.
    let mut step = bench.step("true");
    step.mounts = vec![mount("/a", below("outside"), false)];
    assert!(matches!(try_run(runner, &step), Err(RunError::Malformed(why)) if why.contains("outside")));
}

fn tmpfs(runner: &dyn StepRunner) {
    let bench = Bench::new();
    let mut step =
        bench.step("echo x > /tmp/x; dd if=/dev/zero of=/tmp/large bs=1M count=2 2>&1 | grep -c 'No space'");
    step.mounts = vec![mount("/tmp", MountSource::Tmpfs { size_bytes: Some(1 << 20) }, false)];
    let ran = run(runner, &step);
    assert_eq!((ran.out.as_str(), ran.listing().as_str()), ("1\n", ""));
    // One's own is in the place of the usual one, not on top of it.
    let mut step = bench.step("grep -c ' /dev/shm ' /proc/self/mounts");
    step.mounts = vec![mount("/dev/shm", MountSource::Tmpfs { size_bytes: None }, false)];
    assert_eq!(run(runner, &step).out, "1\n");
}

fn secrets(runner: &dyn StepRunner) {
    let bench = Bench::new();
    let secret = |mode, uid| MountSource::Secret { bytes: SecretBytes(b"hush".to_vec()), mode, uid, gid: 0 };
    let mut step = bench.step("cat /run/secrets/a; stat -c ' %a %u' /run/secrets/a /own; echo no > /own");
    step.mounts =
        vec![mount("/run/secrets/a", secret(0o400, 0), true), mount("/own", secret(0o440, 1000), true)];
    let ran = run(runner, &step);
    assert_eq!(ran.out, "hush 400 0\n 440 1000\n", "{}", ran.err);
    assert_eq!(ran.outcome, StepOutcome::Exited(1));
    assert_eq!(ran.listing(), "");
    let mut step = bench.step("cat /run/secrets/a");
    step.user = "app".into();
    step.mounts = vec![mount("/run/secrets/a", secret(0o400, 0), true)];
    assert_eq!(run(runner, &step).outcome, StepOutcome::Exited(1));
}

fn read_only_root(runner: &dyn StepRunner) {
    let bench = Bench::new();
    let mut step = bench.step("cat /lib/one; ls -d /proc/self; touch /x");
    step.root.scratch = None;
    let ran = run(runner, &step);
    assert_eq!((ran.out.as_str(), ran.changes.len()), ("1\n/proc/self\n", 0));
    assert!(ran.err.contains("Read-only"), "{}", ran.err);
}

fn ulimits(runner: &dyn StepRunner) {
    let bench = Bench::new();
    let mut step = bench.step("ulimit -Sn; ulimit -Hn");
    step.ulimits = vec![("nofile".into(), 100, 200)];
    assert_eq!(run(runner, &step).out, "100\n200\n");
    let mut step = bench.step("true");
    step.ulimits = vec![("nothing".into(), 1, 1)];
    assert!(matches!(try_run(runner, &step), Err(RunError::Malformed(_))));
}

fn standard_input(runner: &dyn StepRunner) {
    assert_eq!(sh(runner, &Bench::new(), "cat; readlink /proc/self/fd/0").out, "/dev/null\n");
}
