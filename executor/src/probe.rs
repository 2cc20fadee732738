//! Which tiers this machine allows, found by running something in each.

use std::fmt;

use cooperage_llb::ports::step_runner::StepRunner;
use rustix::io::Errno;

use crate::plan::{Call, Facts, Machine, Plan, Setting, Stack};
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

/// A runner of `tier` on a machine that lacks what `take` takes away, to test that where nothing lacks.
#[doc(hidden)]
pub fn runner_lacking(tier: Tier, take: fn(&mut Machine)) -> Result<Box<dyn StepRunner>, TierError> {
    let mut machine = machine(tier).map_err(|why| TierError { tier, why })?;
    take(&mut machine);
    Ok(Box::new(NamespaceRunner::new(tier, machine)))
}

/// What the tier can do here; else why it cannot be.
fn machine(tier: Tier) -> Result<Machine, String> {
    let mut machine = Machine {
        lowerdir_plus: true,
        fresh_proc: true,
        pivot_root: true,
        hostname: true,
        unified_cgroup: cgroup::is_unified(),
    };
    // Each thing that has another way is given up once, at the call that was refused for it.
    loop {
        match attempt(tier, machine) {
            Ok(()) => return Ok(machine),
            Err(refusal) => machine = refusal.without(tier, machine).ok_or_else(|| refusal.to_string())?,
        }
    }
}

/// Why a trial did not come to its end.
struct Refusal {
    /// The call of the plan, if it came so far.
    call: Option<Call>,
    /// What was tried.
    what: String,
    errno: Errno,
}

impl Refusal {
    fn of(what: impl Into<String>) -> impl FnOnce(Errno) -> Self {
        let what = what.into();
        move |errno| Self { call: None, what, errno }
    }

    /// The machine without what was refused; `None` if that has no other way, or was the other way.
    fn without(&self, tier: Tier, had: Machine) -> Option<Machine> {
        let filtered = matches!(self.errno, Errno::PERM | Errno::NOSYS);
        let machine = match self.call.as_ref()? {
            Call::NewMount { settings, .. } if self.errno == Errno::INVAL && is_per_layer(settings) => {
                Machine { lowerdir_plus: false, ..had }
            }
            Call::NewMount { fs, .. }
                if self.errno == Errno::PERM && tier == Tier::Userns && **fs == *c"proc" =>
            {
                Machine { fresh_proc: false, ..had }
            }
            Call::EnterRoot { .. } if filtered => Machine { pivot_root: false, ..had },
            Call::Hostname(_) if filtered => Machine { hostname: false, ..had },
            _ => had,
        };
        (machine != had).then_some(machine)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, std::io::Error::from(self.errno))
    }
}

fn is_per_layer(settings: &[Setting]) -> bool {
    settings.iter().any(|setting| matches!(setting, Setting::Text(key, _) if **key == *c"lowerdir+"))
}

/// Runs the calls that no tier of this crate can do without.
fn attempt(tier: Tier, machine: Machine) -> Result<(), Refusal> {
    let plan = trial(tier, machine).map_err(|e| Refusal::of(e.to_string())(Errno::INVAL))?;
    let null = std::fs::File::open("/dev/null").map_err(|e| Refusal::of("open /dev/null")(errno(&e)))?;
    let fd = std::os::fd::AsFd::as_fd(&null);
    let namespaces = Namespaces { user: tier == Tier::Userns, network: false };
    let mut child =
        sys::spawn(&plan, namespaces, [fd, fd, fd]).map_err(Refusal::of("clone of namespaces"))?;
    if tier == Tier::Userns {
        id_map::write(child.pid()).map_err(|e| Refusal::of("write id map")(errno(&e)))?;
    }
    child.go().and_then(|()| child.wait()).map_err(Refusal::of("wait for the trial"))?;
    let mut record = [0; 16];
    let length = rustix::io::read(&child.report, &mut record).map_err(Refusal::of("read"))?;
    match Report::decode(&record[..length]) {
        Some(Report::CloneFailed { errno }) => {
            Err(Refusal::of("clone of namespaces")(Errno::from_raw_os_error(errno)))
        }
        Some(Report::CallFailed { index, errno, .. }) => match plan.calls.get(index as usize) {
            // Nothing is executed in an empty root: having come so far is the answer.
            Some(Call::Execute { .. }) => Ok(()),
            call => Err(Refusal {
                call: call.cloned(),
                what: call.map_or_else(String::new, ToString::to_string),
                errno: Errno::from_raw_os_error(errno),
            }),
        },
        _ => Err(Refusal::of("the trial")(Errno::CHILD)),
    }
}

fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error)
}

fn trial(tier: Tier, machine: Machine) -> Result<Plan, plan::PlanError> {
    let facts = Facts {
        stage: prepare::stages(machine).find(|path| path.is_dir()).unwrap_or_else(|| "/".into()),
        machine,
        root: Stack { lower: vec![], scratch: None },
        sources: vec![],
        stubs: vec![],
    };
    plan::trial(&facts, tier)
}
