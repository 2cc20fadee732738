//! Docker's `config.json`: `auths`, `credHelpers`, `credsStore`.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cooperage_llb::ports::registry::CredentialSource;
use serde_json::{Map, Value};

use super::{Credentials, Place, Secret};
use crate::failure::Failure;

/// Where a configuration was read.
pub(super) enum Origin {
    /// A variable's name.
    Environment(String),
    /// A file.
    File(PathBuf),
}

impl Origin {
    /// The failure that says what is wrong with it.
    pub(super) fn wrong(&self, detail: impl Into<String>) -> Failure {
        let path = match self {
            Self::Environment(name) => PathBuf::from(format!("${name}")),
            Self::File(path) => path.clone(),
        };
        Failure::Config { path, detail: detail.into() }
    }

    fn source(&self, key: &str) -> CredentialSource {
        match self {
            Self::Environment(name) => CredentialSource::Environment(name.clone()),
            Self::File(path) => CredentialSource::File(path.clone(), key.to_owned()),
        }
    }
}

/// A parsed configuration. Only what a lookup needs is looked at: a wrong entry of another host is none of
/// our business. Values are never shown, since they may be secrets.
pub(super) struct DockerConfig<'a> {
    origin: &'a Origin,
    top: Map<String, Value>,
}

impl<'a> DockerConfig<'a> {
    pub(super) fn parse(origin: &'a Origin, bytes: &[u8]) -> Result<Self, Failure> {
        if bytes.trim_ascii().is_empty() {
            return Ok(Self { origin, top: Map::new() });
        }
        // Errors of a `Value` are of syntax: they tell line and column, and no content.
        let value = serde_json::from_slice(bytes).map_err(|error| origin.wrong(error.to_string()))?;
        match value {
            Value::Object(top) => Ok(Self { origin, top }),
            _ => Err(origin.wrong("expected a JSON object at the top")),
        }
    }

    /// The entry of `auths` that fits `place` best, if it holds anything.
    pub(super) fn auth(&self, place: &Place<'_>) -> Result<Option<Credentials>, Failure> {
        let Some((key, entry)) = self.best("auths", place)? else { return Ok(None) };
        let Value::Object(entry) = entry else {
            return Err(self.origin.wrong(format!("auths[{key:?}]: expected an object")));
        };
        let secret = self.secret(key, entry)?;
        Ok(secret.map(|secret| Credentials { secret, source: self.origin.source(key) }))
    }

    /// The name of the credential helper for `place`: its own, else the store for all hosts.
    pub(super) fn helper(&self, place: &Place<'_>) -> Result<Option<String>, Failure> {
        let (at, name) = match self.best("credHelpers", place)? {
            Some((key, name)) => (format!("credHelpers[{key:?}]"), name),
            None => match self.top.get("credsStore") {
                Some(name) => ("credsStore".to_owned(), name),
                None => return Ok(None),
            },
        };
        match name {
            Value::String(name) if name.is_empty() => Ok(None),
            Value::String(name) if !name.contains('/') => Ok(Some(name.clone())),
            _ => Err(self.origin.wrong(format!("{at}: expected the name of a credential helper"))),
        }
    }

    fn best(&self, section: &str, place: &Place<'_>) -> Result<Option<(&str, &Value)>, Failure> {
        let entries = match self.top.get(section) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Object(entries)) => entries,
            Some(_) => return Err(self.origin.wrong(format!("{section}: expected an object"))),
        };
        let fits = entries.iter().filter_map(|(key, value)| Some((place.fit(key)?, key, value)));
        // The longest path wins; among equals the first of the file, which `rev` makes the last maximum.
        let best = fits.rev().max_by_key(|(length, ..)| *length);
        Ok(best.map(|(_, key, value)| (key.as_str(), value)))
    }

    fn secret(&self, key: &str, entry: &Map<String, Value>) -> Result<Option<Secret>, Failure> {
        let text = |name: &str| match entry.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(_) => Err(self.origin.wrong(format!("auths[{key:?}].{name}: expected a string"))),
        };
        if let Some(token) = text("identitytoken")? {
            return Ok(Some(Secret::Identity(token)));
        }
        if let Some(token) = text("registrytoken")? {
            return Ok(Some(Secret::Bearer(token)));
        }
        let Some(auth) = text("auth")? else {
            return Ok(match (text("username")?, text("password")?) {
                (Some(user), Some(password)) => Some(Secret::Password { user, password }),
                _ => None,
            });
        };
        let malformed =
            || self.origin.wrong(format!("auths[{key:?}].auth: expected the base64 of user:password"));
        let decoded = STANDARD.decode(auth.trim()).map_err(|_| malformed())?;
        let decoded = String::from_utf8(decoded).map_err(|_| malformed())?;
        let (user, password) = decoded.split_once(':').ok_or_else(malformed)?;
        let password = password.trim_end_matches('\0');
        Ok(Some(Secret::Password { user: user.to_owned(), password: password.to_owned() }))
    }
}
