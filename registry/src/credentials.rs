//! Who we are at a registry: where credentials are looked for, and in which order (`docs/registry.md`).

mod docker_config;
mod helper;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use cooperage_llb::ports::registry::CredentialSource;

use crate::failure::Failure;
use docker_config::{DockerConfig, Origin};

/// The key under which Docker files Docker Hub's credentials.
const HUB_KEY: &str = "https://index.docker.io/v1/";
/// Docker Hub's names, the one of references first.
const HUB_HOSTS: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// Where credentials are looked for, first to last: the environment's JSON, then the file. The default is
/// nowhere. Nothing is read before a registry is spoken to.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CredentialSources {
    /// Name and value of an environment variable that holds a `config.json`'s `auths`.
    pub environment: Option<(String, String)>,
    /// A `config.json` as Docker writes it; it need not exist.
    pub docker_config: Option<PathBuf>,
    /// The search path (as `PATH`) for credential helpers.
    pub helper_path: Option<OsString>,
}

impl CredentialSources {
    /// What a process with the environment `variable` uses: `DOCKER_AUTH_CONFIG`, then
    /// `$DOCKER_CONFIG/config.json` or else `$HOME/.docker/config.json`, with helpers from `PATH`.
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let auth_config = "DOCKER_AUTH_CONFIG";
        let directory = set("DOCKER_CONFIG").map(PathBuf::from);
        let directory = directory.or_else(|| set("HOME").map(|home| Path::new(&home).join(".docker")));
        Self {
            environment: set(auth_config)
                .map(|value| (auth_config.to_owned(), value.to_string_lossy().into_owned())),
            docker_config: directory.map(|directory| directory.join("config.json")),
            helper_path: set("PATH"),
        }
    }

    /// The credentials for `repository` on `host` (as in references). Reads files and may run a helper:
    /// it blocks.
    pub(crate) fn find(&self, host: &str, repository: &str) -> Result<Credentials, Failure> {
        let place = Place { host, repository };
        if let Some((name, text)) = &self.environment {
            let origin = Origin::Environment(name.clone());
            let config = DockerConfig::parse(&origin, text.as_bytes())?;
            if let Some(found) = config.auth(&place)? {
                return Ok(found);
            }
        }
        let Some(path) = &self.docker_config else { return Ok(Credentials::anonymous()) };
        let origin = Origin::File(path.clone());
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if is_absent(&error) => return Ok(Credentials::anonymous()),
            Err(error) => return Err(origin.wrong(format!("it cannot be read: {error}"))),
        };
        let config = DockerConfig::parse(&origin, &bytes)?;
        if let Some(name) = config.helper(&place)? {
            let server = if place.is_hub() { HUB_KEY } else { host };
            let search = self.helper_path.as_deref();
            let secret =
                helper::get(&name, server, search).map_err(|detail| origin.wrong(detail.to_string()))?;
            if let Some(secret) = secret {
                return Ok(Credentials { secret, source: CredentialSource::Helper(name) });
            }
        }
        Ok(config.auth(&place)?.unwrap_or_else(Credentials::anonymous))
    }
}

/// A missing file, and one below something that is not a directory, are the same: no file.
fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

impl fmt::Debug for CredentialSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let environment = self.environment.as_ref().map(|(name, _)| name);
        f.debug_struct("CredentialSources")
            .field("environment", &environment)
            .field("docker_config", &self.docker_config)
            .field("helper_path", &self.helper_path)
            .finish()
    }
}

/// What credentials are wanted for.
pub(crate) struct Place<'a> {
    host: &'a str,
    repository: &'a str,
}

impl Place<'_> {
    fn is_hub(&self) -> bool {
        HUB_HOSTS.contains(&self.host)
    }

    /// How well a key of `auths` or `credHelpers` fits: the length of the path that it shares with the
    /// repository, 0 for the whole host; `None` if it is for something else.
    fn fit(&self, key: &str) -> Option<usize> {
        let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
        let (host, path) = key.split_once('/').unwrap_or((key, ""));
        let ours = if self.is_hub() { HUB_HOSTS.contains(&host) } else { host == self.host };
        let path = match path.trim_matches('/') {
            "v1" | "v2" => "",
            path => path,
        };
        let below = self.repository.strip_prefix(path);
        let fits = path.is_empty() || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        (ours && fits).then_some(path.len())
    }
}

/// What proves who we are. No `Debug`: it must not reach a log.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    /// Nothing.
    None,
    /// For basic authentication, or for a token server.
    Password { user: String, password: String },
    /// A refresh token for the token server (`identitytoken`).
    Identity(String),
    /// A token for the registry itself (`registrytoken`).
    Bearer(String),
}

/// A secret and where it came from.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) secret: Secret,
    pub(crate) source: CredentialSource,
}

impl Credentials {
    /// No credentials.
    pub(crate) fn anonymous() -> Self {
        Self { secret: Secret::None, source: CredentialSource::Anonymous }
    }
}

#[cfg(test)]
mod tests;
