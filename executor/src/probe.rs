//! Which tiers this machine allows, found by running something in each.

use cooperage_llb::ports::step_runner::StepRunner;
use rustix::io::Errno;

use crate::plan::{Call, Facts, Plan, Stack};
use crate::prepare::Machine;
use crate::runner::NamespaceRunner;
use crate::sys::{self, Namespaces, Report};
use crate::{Tier, cgroup, id_map, plan, prepare};

/// What a tier's trial said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierReport {
    /// The tier.
    pub tier: Tier,
    /// `None`: it works. Else the call that was refused, and why.
    pub missing: Option<String>,
}

/// A tier that this machine does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tier {tier} does not work here: {why}")]
pub struct TierError {
    /// The tier.
    pub tier: Tier,
    /// The call that was refused, and why.
    pub why: String,
}

/// Tries each tier, best first: namespaces, an overlay in memory, pivot_root. Leaves nothing behind.
pub fn probe() -> Vec<TierReport> {
    Tier::ALL.into_iter().map(|tier| TierReport { tier, missing: machine(tier).err() }).collect()
}

/// A runner of `tier`; [`TierError`] if this machine does not allow it.
pub fn runner(tier: Tier) -> Result<Box<dyn StepRunner>, TierError> {
    match machine(tier) {
        Ok(machine) => Ok(Box::new(NamespaceRunner::new(tier, machine))),
        Err(why) => Err(TierError { tier, why }),
    }
}

/// A runner of `tier` that mounts overlays as Linux before 6.5 needs it, to test that on a later one.
#[doc(hidden)]
pub fn runner_with_old_overlays(tier: Tier) -> Result<Box<dyn StepRunner>, TierError> {
    let machine = machine(tier).map_err(|why| TierError { tier, why })?;
    Ok(Box::new(NamespaceRunner::new(tier, Machine { lowerdir_plus: false, ..machine })))
}

/// What the tier can do here; else why it cannot be.
fn machine(tier: Tier) -> Result<Machine, String> {
    let mut machine = Machine { lowerdir_plus: true, fresh_proc: true, unified_cgroup: cgroup::is_unified() };
    // Each thing that has another way is given up once, at the call that was refused for it.
    loop {
        match attempt(tier, machine) {
            Ok(()) => return Ok(machine),
            Err((call, Errno::INVAL)) if machine.lowerdir_plus && call.contains("lowerdir+") => {
                machine.lowerdir_plus = false;
            }
            Err((call, Errno::PERM))
                if machine.fresh_proc && tier == Tier::Userns && call.contains(" proc ") =>
            {
                machine.fresh_proc = false;
            }
            Err((call, errno)) => return Err(explain(&call, errno)),
        }
    }
}

fn explain(call: &str, errno: Errno) -> String {
    format!("{call}: {}", std::io::Error::from(errno))
}

/// Runs the calls that no tier of this crate can do without.
fn attempt(tier: Tier, machine: Machine) -> Result<(), (String, Errno)> {
    let plan = trial(tier, machine).map_err(|e| (e.to_string(), Errno::INVAL))?;
    let null = std::fs::File::open("/dev/null").map_err(|e| ("open /dev/null".to_owned(), errno(&e)))?;
    let fd = std::os::fd::AsFd::as_fd(&null);
    let namespaces = Namespaces { user: tier == Tier::Userns, network: false };
    let mut child = sys::spawn(&plan, namespaces, [fd, fd, fd])
        .map_err(|errno| ("clone of namespaces".to_owned(), errno))?;
    if tier == Tier::Userns {
        id_map::write(child.pid()).map_err(|e| ("write id map".to_owned(), errno(&e)))?;
    }
    child.go().and_then(|()| child.wait()).map_err(|errno| ("wait for the trial".to_owned(), errno))?;
    let mut record = [0; 16];
    let length = rustix::io::read(&child.report, &mut record).map_err(|errno| ("read".to_owned(), errno))?;
    match Report::decode(&record[..length]) {
        Some(Report::CloneFailed { errno }) => {
            Err(("clone of namespaces".to_owned(), Errno::from_raw_os_error(errno)))
        }
        Some(Report::CallFailed { index, errno, .. }) => match plan.calls.get(index as usize) {
            // Nothing is executed in an empty root: having come so far is the answer.
            Some(Call::Execute { .. }) => Ok(()),
            call => {
                Err((call.map_or_else(String::new, ToString::to_string), Errno::from_raw_os_error(errno)))
            }
        },
        _ => Err(("the trial".to_owned(), Errno::CHILD)),
    }
}

fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error)
}

fn trial(tier: Tier, machine: Machine) -> Result<Plan, plan::PlanError> {
    let facts = Facts {
        stage: prepare::stages(machine).find(|path| path.is_dir()).unwrap_or_else(|| "/".into()),
        lowerdir_plus: machine.lowerdir_plus,
        fresh_proc: machine.fresh_proc,
        unified_cgroup: machine.unified_cgroup,
        root: Stack { lower: vec![], scratch: None },
        sources: vec![],
        stubs: vec![],
    };
    plan::trial(&facts, tier)
}
