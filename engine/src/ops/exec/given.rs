//! What a step gets of the caller: secrets and ssh agents. None of it is in a key or in a layer.

use std::path::PathBuf;

use cooperage_llb::pb;
use cooperage_llb::ports::step_runner::{MountSource, SecretBytes};

use super::agent::ForwardedAgent;
use crate::error::Kind;
use crate::ops::{OpFailure, Workshop};

/// Secrets are files of their own, so these bits are all that count.
const MODE_BITS: u32 = 0o7777;

impl Workshop {
    /// The file of a secret mount; `None` if the build was not given it and the step can do without.
    pub(super) fn secret_file(&self, mount: &pb::Mount) -> Result<Option<MountSource>, OpFailure> {
        let options = mount.secret_opt.clone().unwrap_or_default();
        let secret = self.secret(&options.id, options.optional)?;
        Ok(secret.map(|bytes| MountSource::Secret {
            bytes: SecretBytes(bytes),
            mode: options.mode & MODE_BITS,
            uid: options.uid,
            gid: options.gid,
        }))
    }

    /// `NAME=value` of the secrets that are environment variables. One that the step can do without and that the build
    /// was not given is set to nothing, as BuildKit has it.
    pub(super) fn secret_variables(&self, secrets: &[pb::SecretEnv]) -> Result<Vec<String>, OpFailure> {
        let mut variables = Vec::new();
        for one in secrets {
            let bytes = self.secret(&one.id, one.optional)?.unwrap_or_default();
            let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
            let text = text.ok_or_else(|| OpFailure::Step {
                message: format!("secret {} cannot be the environment variable {}", one.id, one.name),
                help: Some("it is not text: mount it as a file".to_owned()),
                kind: Kind::Usage,
            })?;
            variables.push(format!("{}={text}", one.name));
        }
        Ok(variables)
    }

    fn secret(&self, id: &str, optional: bool) -> Result<Option<Vec<u8>>, OpFailure> {
        match self.secrets.get(id)? {
            Some(bytes) => Ok(Some(bytes)),
            None if optional => Ok(None),
            None => Err(OpFailure::Step {
                message: format!("secret {id}: not found"),
                help: Some(format!(
                    "give it with --secret id={id},src=FILE or --secret id={id},env=VARIABLE"
                )),
                kind: Kind::Usage,
            }),
        }
    }

    /// A socket that leads to the caller's agent; `None` if there is none and the step can do without.
    pub(super) fn agent(&self, mount: &pb::Mount) -> Result<Option<ForwardedAgent>, OpFailure> {
        let options = mount.ssh_opt.clone().unwrap_or_default();
        let id = if options.id.is_empty() { "default" } else { &options.id };
        let Some(socket): Option<&PathBuf> = self.agents.get(id) else {
            if options.optional {
                return Ok(None);
            }
            return Err(OpFailure::Step {
                message: format!("no SSH agent {id:?} is forwarded to this build"),
                help: Some(format!("give one with --ssh {id}")),
                kind: Kind::Usage,
            });
        };
        let place = self.layers.store().workspace()?;
        let owner = (options.uid, options.gid);
        Ok(Some(ForwardedAgent::start(socket.clone(), place, options.mode & MODE_BITS, owner)?))
    }
}
