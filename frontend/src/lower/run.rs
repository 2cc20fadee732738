//! RUN (dockerfile reference, section 6).

use cooperage_llb::definition::{Device, Exec, Metadata, Mount, MountKind};
use cooperage_llb::pb;

use super::report::{Report, Reported};
use super::script::{self, Script};
use super::stage::Step;
use super::work::Work;
use super::{Network, arguments, device, slash_path, step_name};
use crate::ast::{Command, Flag, Run};
use crate::diagnostic::did_you_mean;

impl Work<'_, '_> {
    pub(super) fn run(&mut self, step: &Step<'_>, run: &Run) -> Result<(), Reported> {
        self.use_own_tree();
        let mut exec = self.environment_of_run(run)?;
        let script = script::of(run, self.state.config.os == "windows");
        if let Some(file) = &script.file {
            let tree = self.document(&file.name, 0o755, &file.text, None);
            exec.mounts.push(script::mount(tree));
        }
        exec.args = self.args(&script);
        if exec.args.is_empty() {
            let message = "RUN requires a command";
            let help = Some("RUN [\"PROGRAM\", \"ARGUMENT\"]".to_owned());
            let span = step.instruction.span;
            return Err(self.shared.report.error_with_help(span, message, "the array is empty", help));
        }
        self.mounts(step, run, &mut exec)?;

        let masked: Vec<String> = exec.secrets.iter().filter_map(|secret| secret.env.clone()).collect();
        let shown = step_name::instruction(&step.instruction.original, &self.state.environment, &masked);
        let summary = script.summary.map(|line| format!(" ({line})")).unwrap_or_default();
        let name = format!("{}{shown}{summary}", self.numbers.next(step.trigger.is_some()));
        let metadata = Metadata {
            command: Some(step.instruction.original.clone()),
            ignore_cache: self.plan.inputs.no_cache,
            ..self.metadata(step, name)
        };
        self.shared.report.spend(self.state.environment.bytes(), self.here)?;
        let created_by = format!("RUN {}{} # buildkit", self.state.args_in_history(), exec.args.join(" "));
        self.state.tree = self.shared.graph.exec(exec, metadata).root();
        self.state.record(created_by, true);
        Ok(())
    }

    fn args(&self, script: &Script) -> Vec<String> {
        match &script.command {
            Command::Exec(words) => words.clone(),
            Command::Shell(line) => self.state.in_shell(&line.value),
        }
    }

    /// All of the op but its command and its further mounts.
    fn environment_of_run(&mut self, run: &Run) -> Result<Exec, Reported> {
        let inputs = self.plan.inputs;
        let mut exec = Exec::new(&slash_path::absolute("/", self.state.cwd()));
        self.shared.report.spend(self.state.environment.bytes(), self.here)?;
        exec.env = self.state.environment.to_list();
        exec.user.clone_from(&self.state.config.config.user);
        exec.proxy = arguments::proxies(&self.plan.build_args);
        exec.extra_hosts.clone_from(&inputs.extra_hosts);
        exec.ulimits.clone_from(&inputs.ulimits);
        exec.hostname = self.plan.build_args.get("BUILDKIT_SANDBOX_HOSTNAME").cloned().unwrap_or_default();
        exec.platform = Some(self.state.platform.clone());
        exec.mounts = vec![Mount::root(self.state.tree)];
        // As BuildKit has it, so that it is in the key.
        exec.mounts.extend(inputs.shm_size_bytes.map(|size_bytes| Mount {
            dest: "/dev/shm".to_owned(),
            readonly: false,
            kind: MountKind::Tmpfs { size_bytes },
        }));
        exec.network = match inputs.network {
            Network::Default => pb::NetMode::Unset,
            Network::Host => pb::NetMode::Host,
            Network::None => pb::NetMode::None,
        };
        let Settings { network, security, devices } = settings(run, self.shared.report)?;
        exec.network = network.unwrap_or(exec.network);
        exec.security = security;
        exec.devices = devices;
        Ok(exec)
    }
}

/// What flags say of a step besides its mounts.
pub(super) struct Settings {
    /// `None` is that of the build.
    network: Option<pb::NetMode>,
    security: pb::SecurityMode,
    devices: Vec<Device>,
}

/// Reads the flags that have no variables. What is wrong in them is wrong in stages that nobody needs, too.
pub(super) fn settings(run: &Run, report: &mut Report) -> Result<Settings, Reported> {
    const NETWORKS: [(&str, Option<pb::NetMode>); 3] =
        [("default", None), ("none", Some(pb::NetMode::None)), ("host", Some(pb::NetMode::Host))];
    const SECURITY: [(&str, pb::SecurityMode); 2] =
        [("sandbox", pb::SecurityMode::Sandbox), ("insecure", pb::SecurityMode::Insecure)];
    let mut settings = Settings { network: None, security: pb::SecurityMode::Sandbox, devices: Vec::new() };
    for flag in &run.flags {
        match flag.name.as_str() {
            "network" => settings.network = one_of(flag, "network mode", &NETWORKS, report)?,
            "security" => settings.security = one_of(flag, "security", &SECURITY, report)?,
            "device" => settings.devices.push(device(flag, report)?),
            _ => {}
        }
    }
    Ok(settings)
}

fn device(flag: &Flag, report: &mut Report) -> Result<Device, Reported> {
    device::parse(flag.value.as_deref().unwrap_or_default()).map_err(|error| {
        report.error_with_help(flag.span, error.to_string(), "expected NAME[,required]", error.help())
    })
}

fn one_of<T: Copy>(flag: &Flag, what: &str, known: &[(&str, T)], report: &mut Report) -> Result<T, Reported> {
    let value = flag.value.as_deref().unwrap_or_default();
    if let Some((_, found)) = known.iter().find(|(name, _)| *name == value) {
        return Ok(*found);
    }
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    let label = format!("expected {}", names.join(" or "));
    let help = did_you_mean(value, names).map(|name| format!("did you mean {name}?"));
    Err(report.error_with_help(flag.span, format!("unsupported {what} {value:?}"), label, help))
}

/// A bind mount that is only read.
pub(super) fn readonly(dest: &str, input: cooperage_llb::definition::Edge, selector: &str) -> Mount {
    let kind = MountKind::Bind { input: Some(input), selector: selector.to_owned(), discard: false };
    Mount { dest: dest.to_owned(), readonly: true, kind }
}
