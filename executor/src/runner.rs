//! The runner of both tiers: plan, clone, watch, collect.

use std::io;
use std::os::fd::AsFd;

use cooperage_llb::ports::CancelToken;
use cooperage_llb::ports::step_runner::{
    Layers, Limits, MountSource, RunError, Step, StepLog, StepOutcome, StepReport, StepRunner, Stream,
};
use oci_spec::runtime::Spec;

use crate::cgroup::Cgroup;
use crate::overlay_upper;
use crate::plan::{Facts, Machine, Plan, Stub, plan};
use crate::prepare;
use crate::sys::{self, Child, Namespaces, Report};
use crate::watch::{self, Ended};
use crate::{Tier, command_error, id_map, scratch, spec};

/// Runs steps in namespaces, on overlays.
pub(crate) struct NamespaceRunner {
    tier: Tier,
    machine: Machine,
}

impl NamespaceRunner {
    pub(crate) fn new(tier: Tier, machine: Machine) -> Self {
        Self { tier, machine }
    }

    fn system(&self, call: impl Into<String>) -> impl FnOnce(io::Error) -> RunError {
        let (call, tier) = (call.into(), self.tier.name());
        move |source| RunError::System { call, tier, source }
    }

    fn prepare(&self, step: &Step) -> Result<(Plan, Vec<Stub>), RunError> {
        prepare::check(step)?;
        let who = prepare::identity(step)?;
        let spec: Spec = spec::of_step(step, &who, spec::own_network(step))?;
        let facts: Facts = prepare::facts(step, self.machine)?;
        let plan = plan(&spec, &facts, self.tier).map_err(|e| RunError::Malformed(e.to_string()))?;
        for (layers, scratch) in scratches(step) {
            scratch::prepare(scratch, &layers.tree.root().meta)
                .map_err(self.system(format!("prepare {}", scratch.display())))?;
        }
        Ok((plan, facts.stubs))
    }

    fn cgroup(&self, step: &Step) -> Result<Cgroup, RunError> {
        Cgroup::create(&step.id, step.limits).map_err(|e| RunError::Unsupported {
            what: wanted(step.limits),
            tier: self.tier.name(),
            why: e.to_string(),
        })
    }

    fn start(
        &self,
        plan: &Plan,
        cgroup: &Cgroup,
        output: [&rustix::fd::OwnedFd; 2],
    ) -> Result<Child, RunError> {
        let namespaces = Namespaces { user: self.tier == Tier::Userns, network: plan.own_network };
        let null = std::fs::File::open("/dev/null").map_err(self.system("open /dev/null"))?;
        let child = sys::spawn(plan, namespaces, [null.as_fd(), output[0].as_fd(), output[1].as_fd()])
            .map_err(|errno| self.system("clone")(errno.into()))?;
        if self.tier == Tier::Userns {
            id_map::write(child.pid()).map_err(self.system("write id map"))?;
        }
        cgroup
            .add(child.pid())
            .map_err(|e| self.system(e.to_string())(io::Error::other("the step's cgroup")))?;
        child.go().map_err(|errno| self.system("write to the clone")(errno.into()))?;
        Ok(child)
    }

    fn outcome(
        &self,
        step: &Step,
        plan: &Plan,
        seen: &watch::Seen,
        cgroup: &Cgroup,
    ) -> Result<StepOutcome, RunError> {
        for report in &seen.reports {
            match report {
                Report::CallFailed { index, errno, detail } => {
                    return Err(command_error::of(step, plan, *index as usize, *errno, *detail));
                }
                Report::CloneFailed { errno } => {
                    return Err(self.system("clone of the step")(io::Error::from_raw_os_error(*errno)));
                }
                Report::Exited(_) | Report::Signaled(_) => {}
            }
        }
        match seen.ended {
            Some(Ended::Cancelled) => return Ok(StepOutcome::Cancelled),
            Some(Ended::TimedOut(after)) => return Ok(StepOutcome::TimedOut { after }),
            None => {}
        }
        let killed = libc::SIGKILL;
        let outcome = match seen.reports.last() {
            Some(Report::Exited(status)) => StepOutcome::Exited(*status),
            Some(Report::Signaled(signal)) => StepOutcome::Signaled(*signal),
            // Our own process was killed, and the step with it.
            _ => StepOutcome::Signaled(killed),
        };
        let by_kill = [StepOutcome::Signaled(killed), StepOutcome::Exited(128 + killed)].contains(&outcome);
        // A shell whose command was killed says so with a status of its own; some go on with another.
        if outcome != StepOutcome::Exited(0)
            && (by_kill || step.limits.memory_bytes.is_some())
            && cgroup.out_of_memory()
        {
            return Ok(StepOutcome::OutOfMemory { limit_bytes: step.limits.memory_bytes });
        }
        Ok(outcome)
    }

    fn changes(&self, step: &Step, stubs: &[Stub]) -> Result<Vec<cooperage_image::tree::Changes>, RunError> {
        let mut changes = vec![];
        for (layers, stubs) in outputs(step, stubs) {
            let Some(scratch) = &layers.scratch else { continue };
            let found = overlay_upper::collect(&scratch.join("fs"), &layers.tree, &layers.directories, stubs)
                .map_err(|e| self.system(format!("{} {}", e.action, e.path.display()))(e.source))?;
            scratch::remove_work(scratch)
                .map_err(self.system(format!("remove {}/work", scratch.display())))?;
            changes.push(found);
        }
        Ok(changes)
    }
}

impl StepRunner for NamespaceRunner {
    fn tier(&self) -> &'static str {
        self.tier.name()
    }

    fn run(&self, step: &Step, log: &dyn StepLog, cancel: &CancelToken) -> Result<StepReport, RunError> {
        if cancel.is_cancelled() {
            return Ok(StepReport { outcome: StepOutcome::Cancelled, changes: vec![] });
        }
        let (plan, stubs) = self.prepare(step)?;
        let cgroup = self.cgroup(step)?;
        let pipes = || watch::output_pipe().map_err(self.system("pipe"));
        let ((out, out_end), (err, err_end)) = (pipes()?, pipes()?);
        let mut child = self.start(&plan, &cgroup, [&out_end, &err_end])?;
        drop((out_end, err_end));
        let output = [(Stream::Stdout, out), (Stream::Stderr, err)];
        let seen =
            watch::watch(&mut child, output, step.timeout, log, cancel).map_err(self.system("poll"))?;
        let outcome = self.outcome(step, &plan, &seen, &cgroup)?;
        let changes = match outcome {
            StepOutcome::Exited(_) => self.changes(step, &stubs)?,
            _ => vec![],
        };
        Ok(StepReport { outcome, changes })
    }
}

fn wanted(limits: Limits) -> String {
    let named = [
        (limits.memory_bytes.is_some(), "memory"),
        (limits.cpu_millis.is_some(), "CPU"),
        (limits.pids.is_some(), "process"),
    ];
    let names: Vec<&str> = named.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
    format!("a {} limit", names.join(" and "))
}

fn scratches(step: &Step) -> impl Iterator<Item = (&Layers, &std::path::Path)> {
    let mounted = step.mounts.iter().filter_map(|mount| match &mount.source {
        MountSource::Layers { layers, .. } => Some(layers),
        MountSource::Host(_)
        | MountSource::Below { .. }
        | MountSource::Tmpfs { .. }
        | MountSource::Secret { .. } => None,
    });
    [&step.root].into_iter().chain(mounted).filter_map(|layers| Some((layers, layers.scratch.as_deref()?)))
}

/// The root, then each mount with an output. Only the root is known to have stubs.
fn outputs<'a>(step: &'a Step, stubs: &'a [Stub]) -> impl Iterator<Item = (&'a Layers, &'a [Stub])> {
    let mounted = step.mounts.iter().filter_map(|mount| match &mount.source {
        MountSource::Layers { layers, output: true, .. } => Some((layers, &[][..])),
        _ => None,
    });
    [(&step.root, stubs)].into_iter().chain(mounted)
}
