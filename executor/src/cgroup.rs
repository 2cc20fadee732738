//! A cgroup of its own for a step with limits, version 1 or 2, below the caller's.
//!
//! Only for limits: that nothing of a step stays alive is the PID namespace's business.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cooperage_llb::ports::step_runner::Limits;

const ROOT: &str = "/sys/fs/cgroup";

/// Why a limit cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("{action} {path}: {source}")]
pub(crate) struct CgroupError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// The directories of one step; removed on drop.
#[derive(Debug, Default)]
pub(crate) struct Cgroup {
    directories: Vec<PathBuf>,
    /// Counts kills for want of memory, as `oom_kill N`.
    memory_events: Option<PathBuf>,
    kills_before: u64,
}

/// Whether `/sys/fs/cgroup` itself is version 2.
pub(crate) fn is_unified() -> bool {
    Path::new(ROOT).join("cgroup.controllers").exists()
}

impl Cgroup {
    /// For a step with `limits`; without any, only watches the caller's own for kills.
    pub(crate) fn create(id: &str, limits: Limits) -> Result<Self, CgroupError> {
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let mut cgroup = Self::default();
        if limits == Limits::default() {
            cgroup.memory_events = own_memory_events(&own);
        } else if is_unified() {
            cgroup.create_unified(id, limits, &own)?;
        } else {
            cgroup.create_separate(id, limits, &own)?;
        }
        cgroup.kills_before = cgroup.kills();
        Ok(cgroup)
    }

    fn create_unified(&mut self, id: &str, limits: Limits, own: &str) -> Result<(), CgroupError> {
        let parent = below(Path::new(ROOT), path_of(own, "").unwrap_or("/"));
        let wanted = [
            (limits.memory_bytes.is_some(), "+memory"),
            (limits.cpu_millis.is_some(), "+cpu"),
            (limits.pids.is_some(), "+pids"),
        ];
        for (_, controller) in wanted.into_iter().filter(|(wanted, _)| *wanted) {
            write(&parent.join("cgroup.subtree_control"), controller)?;
        }
        let directory = self.make(&parent, id)?;
        if let Some(bytes) = limits.memory_bytes {
            write(&directory.join("memory.max"), &bytes.to_string())?;
            write_if_there(&directory.join("memory.swap.max"), "0")?;
            self.memory_events = Some(directory.join("memory.events"));
        }
        if let Some(millis) = limits.cpu_millis {
            write(&directory.join("cpu.max"), &format!("{} 100000", millis.saturating_mul(100)))?;
        }
        if let Some(pids) = limits.pids {
            write(&directory.join("pids.max"), &pids_max(pids))?;
        }
        Ok(())
    }

    fn create_separate(&mut self, id: &str, limits: Limits, own: &str) -> Result<(), CgroupError> {
        let parent = |controller: &str| {
            below(&Path::new(ROOT).join(controller), path_of(own, controller).unwrap_or("/"))
        };
        if let Some(bytes) = limits.memory_bytes {
            let directory = self.make(&parent("memory"), id)?;
            write(&directory.join("memory.limit_in_bytes"), &bytes.to_string())?;
            write_if_there(&directory.join("memory.memsw.limit_in_bytes"), &bytes.to_string())?;
            self.memory_events = Some(directory.join("memory.oom_control"));
        }
        if let Some(millis) = limits.cpu_millis {
            let directory = self.make(&parent("cpu"), id)?;
            write(&directory.join("cpu.cfs_period_us"), "100000")?;
            write(&directory.join("cpu.cfs_quota_us"), &millis.saturating_mul(100).to_string())?;
        }
        if let Some(pids) = limits.pids {
            let directory = self.make(&parent("pids"), id)?;
            write(&directory.join("pids.max"), &pids_max(pids))?;
        }
        Ok(())
    }

    fn make(&mut self, parent: &Path, id: &str) -> Result<PathBuf, CgroupError> {
        let plain: String = id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let directory = parent.join(format!("cooper-{}-{plain}", std::process::id()));
        fs::create_dir(&directory).map_err(failed("make", &directory))?;
        self.directories.push(directory.clone());
        Ok(directory)
    }

    /// Moves a process in; what it makes from then on is in it too.
    pub(crate) fn add(&self, pid: i32) -> Result<(), CgroupError> {
        self.directories.iter().try_for_each(|dir| write(&dir.join("cgroup.procs"), &pid.to_string()))
    }

    /// Whether a process was killed for want of memory since the step began.
    pub(crate) fn out_of_memory(&self) -> bool {
        self.kills() > self.kills_before
    }

    fn kills(&self) -> u64 {
        let text =
            self.memory_events.as_ref().and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for directory in &self.directories {
            // Empty since the step's last process was reaped; the kernel may lag behind for a moment.
            for _ in 0..20 {
                match fs::remove_dir(directory) {
                    Err(e) if e.raw_os_error() == Some(libc::EBUSY) => {
                        std::thread::sleep(std::time::Duration::from_millis(1));
                    }
                    _ => break,
                }
            }
        }
    }
}

fn pids_max(pids: u64) -> String {
    // Our own process in front of the step counts too.
    pids.saturating_add(1).to_string()
}

/// The line `N:controllers:path` of /proc/self/cgroup; version 2 has no controllers.
fn path_of<'a>(own: &'a str, controller: &str) -> Option<&'a str> {
    own.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let controllers = fields.nth(1)?;
        let path = fields.next()?;
        controllers.split(',').any(|one| one == controller).then_some(path)
    })
}

fn below(root: &Path, path: &str) -> PathBuf {
    let whole = root.join(path.trim_start_matches('/'));
    // Without a cgroup namespace a container sees its own cgroup at the root of the mount.
    if whole.is_dir() { whole } else { root.to_owned() }
}

fn own_memory_events(own: &str) -> Option<PathBuf> {
    let path = if is_unified() {
        below(Path::new(ROOT), path_of(own, "")?).join("memory.events")
    } else {
        below(&Path::new(ROOT).join("memory"), path_of(own, "memory")?).join("memory.oom_control")
    };
    path.exists().then_some(path)
}

fn write(path: &Path, text: &str) -> Result<(), CgroupError> {
    fs::write(path, text).map_err(failed("write", path))
}

fn write_if_there(path: &Path, text: &str) -> Result<(), CgroupError> {
    if path.exists() { write(path, text) } else { Ok(()) }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CgroupError {
    let path = path.to_owned();
    move |source| CgroupError { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_cgroup_is_read_from_proc() {
        let own = "4:memory:/jobs/1\n1:cpu,cpuacct:/\n0::/system.slice/x\n";
        assert_eq!(path_of(own, "memory"), Some("/jobs/1"));
        assert_eq!(path_of(own, "cpu"), Some("/"));
        assert_eq!(path_of(own, ""), Some("/system.slice/x"));
        assert_eq!(path_of(own, "pids"), None);
    }
}
