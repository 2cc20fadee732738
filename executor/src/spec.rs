//! From a step to an OCI runtime spec (runtime-spec config.md): what an external runtime could be given too.

use cooperage_llb::ports::step_runner::{MountSource, Network, RunError, Step, StepMount};
use oci_spec::runtime::Spec;
use serde_json::{Value, json};

use crate::accounts::Identity;
use crate::{capability, limits, seccomp};

/// BuildKit's, for a step without a `PATH`.
pub(crate) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Docker's default host name of a build.
const DEFAULT_HOSTNAME: &str = "buildkitsandbox";

/// Hidden from a step (moby `oci/defaults.go`).
const MASKED: [&str; 13] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/devices/system/cpu/cpu0/thermal_throttle",
];

const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The spec of `step`, run as `who`. Mounts whose source is no path of the machine have a source that
/// begins with `cooper:`; the plan gets it another way.
pub(crate) fn of_step(step: &Step, who: &Identity, own_network: bool) -> Result<Spec, RunError> {
    let mut namespaces = vec!["pid", "ipc", "uts", "mount", "cgroup"];
    if own_network {
        namespaces.push("network");
    }
    let profile = match step.insecure {
        true => None,
        false => Some(profile()?),
    };
    let hidden = |paths: &[&str]| if step.insecure { json!([]) } else { json!(paths) };
    let spec = json!({
        "ociVersion": "1.2.0",
        "process": process(step, who)?,
        "root": { "path": "rootfs", "readonly": step.root.scratch.is_none() },
        "hostname": hostname(step),
        "mounts": mounts(step),
        "linux": {
            "namespaces": namespaces.iter().map(|kind| json!({ "type": kind })).collect::<Vec<_>>(),
            "seccomp": profile,
            "maskedPaths": hidden(&MASKED),
            "readonlyPaths": hidden(&READ_ONLY),
        },
    });
    serde_json::from_value(spec).map_err(|e| RunError::Malformed(format!("no runtime spec: {e}")))
}

fn profile() -> Result<Value, RunError> {
    static PROFILE: std::sync::OnceLock<Result<Value, String>> = std::sync::OnceLock::new();
    let make = || {
        let filter = seccomp::docker_default().map_err(|e| e.to_string())?;
        serde_json::to_value(filter).map_err(|e| e.to_string())
    };
    PROFILE.get_or_init(make).clone().map_err(RunError::Malformed)
}

/// The name a step sees.
pub(crate) fn hostname(step: &Step) -> &str {
    if step.hostname.is_empty() { DEFAULT_HOSTNAME } else { &step.hostname }
}

fn process(step: &Step, who: &Identity) -> Result<Value, RunError> {
    let mut env = step.env.clone();
    let has = |name: &str| step.env.iter().any(|entry| entry.starts_with(name));
    if !has("PATH=") {
        env.push(format!("PATH={DEFAULT_PATH}"));
    }
    if !has("HOME=") {
        env.push(format!("HOME={}", who.home));
    }
    let capabilities = if step.insecure { held() } else { capability::DEFAULT.to_vec() };
    let mut rlimits = vec![];
    for (name, soft, hard) in &step.ulimits {
        let kind = limits::by_name(name)
            .ok_or_else(|| RunError::Malformed(format!("{name:?} is no resource limit")))?;
        rlimits.push(json!({ "type": kind, "soft": soft, "hard": hard }));
    }
    Ok(json!({
        "user": { "uid": who.uid, "gid": who.gid, "additionalGids": who.groups, "umask": 0o022 },
        "args": step.args,
        "env": env,
        "cwd": step.cwd,
        "capabilities": { "bounding": capabilities, "effective": capabilities, "permitted": capabilities },
        "rlimits": rlimits,
        "noNewPrivileges": false,
    }))
}

/// What an insecure step gets: all that we have.
fn held() -> Vec<oci_spec::runtime::Capability> {
    let sets = rustix::thread::capabilities(None);
    capability::list(sets.map_or(0, |sets| sets.permitted.bits()))
}

fn mounts(step: &Step) -> Vec<Value> {
    let access = if step.insecure { "rw" } else { "ro" };
    let defaults = [
        mount("/proc", "proc", &["nosuid", "nodev", "noexec"]),
        mount("/dev", "tmpfs", &["nosuid", "mode=755", "size=65536k"]),
        mount(
            "/dev/pts",
            "devpts",
            &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        ),
        mount("/dev/shm", "tmpfs", &["nosuid", "nodev", "noexec", "mode=1777", "size=65536k"]),
        mount("/dev/mqueue", "mqueue", &["nosuid", "nodev", "noexec"]),
        mount("/sys", "sysfs", &["nosuid", "nodev", "noexec", access]),
        mount("/sys/fs/cgroup", "cgroup", &["nosuid", "nodev", "noexec", access]),
    ];
    let mut mounts: Vec<Value> = defaults
        .into_iter()
        .filter(|mount| defaults_of(step).any(|target| mount["destination"] == *target))
        .collect();
    mounts.extend(step.mounts.iter().map(step_mount));
    mounts.extend(generated(step).map(|path| {
        json!({ "destination": path, "type": "bind", "source": "cooper:file", "options": ["rbind", "ro", "nosuid", "nodev", "noexec"] })
    }));
    mounts
}

/// Mount points that every step has, but for those where it mounts something itself. In the spec they come
/// first, then the step's own, then [`generated`].
pub(crate) fn defaults_of(step: &Step) -> impl Iterator<Item = &'static str> {
    ["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/sys/fs/cgroup"]
        .into_iter()
        .filter(|path| !step.mounts.iter().any(|mount| mount.target == *path))
}

/// Files that we make for a step, where it does not bring its own.
pub(crate) fn generated(step: &Step) -> impl Iterator<Item = &'static str> {
    ["/etc/resolv.conf", "/etc/hosts"]
        .into_iter()
        .filter(|path| !step.mounts.iter().any(|mount| mount.target == *path))
}

fn mount(at: &str, kind: &str, options: &[&str]) -> Value {
    json!({ "destination": at, "type": kind, "source": kind, "options": options })
}

fn step_mount(mount: &StepMount) -> Value {
    let access = if mount.read_only { "ro" } else { "rw" };
    let (kind, source, options) = match &mount.source {
        MountSource::Layers { .. } => {
            ("bind", "cooper:layers".to_owned(), vec!["rbind".into(), access.into()])
        }
        MountSource::Below { .. } => ("bind", "cooper:below".to_owned(), vec!["rbind".into(), access.into()]),
        MountSource::Host(path) => {
            ("bind", path.to_string_lossy().into_owned(), vec!["rbind".into(), access.into()])
        }
        MountSource::Tmpfs { size_bytes } => {
            let mut options = vec!["nosuid".to_owned(), access.into(), "mode=1777".into()];
            options.extend(size_bytes.map(|size| format!("size={size}")));
            ("tmpfs", "tmpfs".to_owned(), options)
        }
        MountSource::Secret { mode, .. } => {
            let mut options: Vec<String> = ["rbind", "ro", "nosuid", "nodev"].map(String::from).to_vec();
            if mode & 0o111 == 0 {
                options.push("noexec".into());
            }
            ("bind", "cooper:file".to_owned(), options)
        }
    };
    json!({ "destination": mount.target, "type": kind, "source": source, "options": options })
}

/// Whether the step gets a network namespace.
pub(crate) fn own_network(step: &Step) -> bool {
    step.network == Network::None
}
