//! `RUN --mount`: what is mounted where (dockerfile reference, section 6).

use cooperage_llb::definition::{
    Action, Edge, Exec, FileChain, Metadata, Mount, MountKind, Owner, Secret, Ssh,
};

use super::mount_spec::{self, MountSpec, MountType};
use super::origin::Origin;
use super::report::Reported;
use super::slash_path::{self, base_name};
use super::stage::Step;
use super::work::Work;
use crate::ast::{Flag, Run};

impl Work<'_, '_> {
    /// Adds the mounts of `run` to `exec`.
    pub(super) fn mounts(&mut self, step: &Step<'_>, run: &Run, exec: &mut Exec) -> Result<(), Reported> {
        let flags = run.flags.iter().filter(|flag| flag.name == "mount");
        for (flag, source) in flags.zip(&step.sources) {
            let spec = self.mount_spec(flag)?;
            match spec.kind {
                MountType::Secret => {
                    let secret = self.secret(&spec, flag)?;
                    self.shared.found.secrets.add(&secret.id, spec.required, step.span());
                    exec.secrets.push(secret);
                }
                MountType::Ssh => {
                    let id = if spec.id.is_empty() { "default" } else { &spec.id };
                    self.shared.found.ssh.add(id, spec.required, step.span());
                    exec.ssh.push(ssh(&spec));
                }
                MountType::Bind | MountType::Cache | MountType::Tmpfs => {
                    if spec.kind == MountType::Cache {
                        self.shared.found.caches.add(&cache_id(&spec), false, step.span());
                    }
                    exec.mounts.push(self.mount(&spec, flag, source.as_ref())?);
                }
            }
        }
        Ok(())
    }

    fn mount_spec(&mut self, flag: &Flag) -> Result<MountSpec, Reported> {
        let text = flag.value.as_deref().unwrap_or_default();
        let expand = |value: &str| self.expand_at(value, flag.span).ok();
        match mount_spec::parse(text, expand) {
            Ok(Some(spec)) => Ok(spec),
            Ok(None) => Err(Reported),
            Err(error) => {
                Err(self.shared.report.error_with_help(flag.span, error.message, error.label, error.help))
            }
        }
    }

    fn mount(&mut self, spec: &MountSpec, flag: &Flag, source: Option<&Origin>) -> Result<Mount, Reported> {
        let dest = match spec.target.starts_with('/') {
            true => spec.target.clone(),
            false => slash_path::absolute(self.state.cwd(), &spec.target),
        };
        if slash_path::clean(&dest) == "/" {
            let message = format!("invalid mount target {:?}", spec.target);
            let label = "expected a directory below the root";
            let help = Some("a mount covers a directory; the root is the stage itself".to_owned());
            return Err(self.shared.report.error_with_help(flag.span, message, label, help));
        }
        let path = slash_path::absolute("/", &spec.source);
        let selector = if path == "/" { String::new() } else { path.clone() };
        let kind = match spec.kind {
            MountType::Tmpfs => MountKind::Tmpfs { size_bytes: spec.size_bytes },
            MountType::Cache => {
                let input = match source {
                    None => None,
                    Some(_) => self.source_tree(source, &path, "mount", flag.span)?,
                };
                self.cache(spec, input, selector)
            }
            _ => MountKind::Bind {
                input: self.source_tree(source, &path, "mount", flag.span)?,
                selector,
                discard: !spec.readonly,
            },
        };
        Ok(Mount { dest, readonly: spec.readonly, kind })
    }

    fn cache(&mut self, spec: &MountSpec, input: Option<Edge>, selector: String) -> MountKind {
        let namespace = self.plan.build_args.get("BUILDKIT_CACHE_MOUNT_NS");
        let namespace = namespace.map(String::as_str).unwrap_or_default();
        let id = format!("{namespace}/{}", cache_id(spec));
        let sharing = spec.sharing.unwrap_or_default();
        let has_attributes = spec.uid.is_some() || spec.gid.is_some() || spec.mode.is_some();
        if !selector.is_empty() || !has_attributes {
            return MountKind::Cache { input, selector, id, sharing };
        }
        let action = Action::MakeDir {
            path: "/cache".to_owned(),
            mode: spec.mode.unwrap_or(0o755),
            parents: false,
            owner: Owner::ids(spec.uid.unwrap_or(0), spec.gid.unwrap_or(0)),
            time_ns: None,
        };
        let metadata = Metadata::named("[internal] setting cache mount permissions");
        let made = self.shared.graph.file(FileChain { base: input, actions: vec![action] }, metadata);
        MountKind::Cache { input: Some(made), selector: "/cache".to_owned(), id, sharing }
    }

    fn secret(&mut self, spec: &MountSpec, flag: &Flag) -> Result<Secret, Reported> {
        let named = [&spec.source, &spec.id].into_iter().find(|id| !id.is_empty()).cloned();
        let id = named.unwrap_or_else(|| base_name(&spec.target).to_owned());
        if id.is_empty() {
            let message = "the secret has no id";
            let help = Some(MountType::Secret.usage().to_owned());
            let label = "expected id or source";
            return Err(self.shared.report.error_with_help(flag.span, message, label, help));
        }
        let dest = match (&spec.env, spec.target.is_empty()) {
            (_, false) => Some(spec.target.clone()),
            (None, true) => Some(format!("/run/secrets/{}", base_name(&id))),
            (Some(_), true) => None,
        };
        Ok(Secret {
            dest: dest.map(|dest| slash_path::absolute(self.state.cwd(), &dest)),
            env: spec.env.clone(),
            uid: spec.uid.unwrap_or(0),
            gid: spec.gid.unwrap_or(0),
            mode: spec.mode.unwrap_or(0o400),
            optional: !spec.required,
            id,
        })
    }
}

/// The target as it is written, if there is no id: relative ones of different directories share a cache
/// (trap 76).
fn cache_id(spec: &MountSpec) -> String {
    if spec.id.is_empty() { slash_path::clean(&spec.target) } else { spec.id.clone() }
}

fn ssh(spec: &MountSpec) -> Ssh {
    Ssh {
        id: spec.id.clone(),
        dest: (!spec.target.is_empty()).then(|| spec.target.clone()),
        uid: spec.uid.unwrap_or(0),
        gid: spec.gid.unwrap_or(0),
        mode: spec.mode.unwrap_or(0o600),
        optional: !spec.required,
    }
}
