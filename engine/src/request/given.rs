//! `--secret`, `--ssh` and `--allow`, as they are written (cli.md, section 3).

use std::path::PathBuf;
use std::str::FromStr;

use super::{Entitlement, RequestError, SecretSource};
use crate::csv;

impl SecretSource {
    /// `[type=file|env,]id=ID[,src=FILE][,env=VARIABLE]`: the ID, and where the secret is. With an ID alone it
    /// is the environment variable of that name, if there is one, else the file.
    pub fn parse(text: &str) -> Result<(String, Self), RequestError> {
        parse_secret(text, |name| std::env::var_os(name).is_some())
    }
}

fn parse_secret(
    text: &str,
    is_variable: impl Fn(&str) -> bool,
) -> Result<(String, SecretSource), RequestError> {
    let wrong = |reason: String| RequestError::option("--secret", text, reason);
    let (mut kind, mut id, mut src, mut env) = (None, None, None, None);
    for field in csv::fields(text).map_err(|reason| wrong(reason.to_owned()))? {
        let (key, value) =
            field.split_once('=').ok_or_else(|| wrong(format!("{field:?} is not key=value")))?;
        let slot = match key.to_ascii_lowercase().as_str() {
            "type" if !matches!(value, "file" | "env") => {
                return Err(wrong(format!("unknown type {value:?}: expected file or env")));
            }
            "type" => &mut kind,
            "id" => &mut id,
            "src" | "source" => &mut src,
            "env" => &mut env,
            key => return Err(wrong(format!("unknown key {key:?}: expected id, src, env or type"))),
        };
        *slot = Some(value.to_owned());
    }
    let id = id.filter(|id| !id.is_empty()).ok_or_else(|| wrong("the id is missing".to_owned()))?;
    if kind.as_deref() == Some("env") && env.is_none() {
        env = src.take();
    }
    let source = match (src, env) {
        // As with buildx, a file wins.
        (Some(path), _) => SecretSource::File(PathBuf::from(path)),
        (None, Some(name)) => SecretSource::Env(name),
        (None, None) if kind.as_deref() != Some("file") && is_variable(&id) => SecretSource::Env(id.clone()),
        (None, None) if kind.as_deref() == Some("env") => SecretSource::Env(id.clone()),
        (None, None) => SecretSource::File(PathBuf::from(&id)),
    };
    Ok((id, source))
}

/// `default` or `ID[=SOCKET]`: the ID, and the agent's socket, by default `$SSH_AUTH_SOCK`.
pub fn parse_ssh(text: &str) -> Result<(String, PathBuf), RequestError> {
    parse_agent(text, std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from))
}

fn parse_agent(text: &str, default: Option<PathBuf>) -> Result<(String, PathBuf), RequestError> {
    let wrong = |reason: &str| RequestError::option("--ssh", text, reason.to_owned());
    let (id, path) = match text.split_once('=') {
        Some((id, path)) => (id, Some(PathBuf::from(path))),
        None => (text, default),
    };
    if id.is_empty() {
        return Err(wrong("the id is missing"));
    }
    let path = path.filter(|path| !path.as_os_str().is_empty());
    let path = path.ok_or_else(|| wrong("SSH_AUTH_SOCK is not set: start ssh-agent, or write ID=SOCKET"))?;
    Ok((id.to_owned(), path))
}

impl FromStr for Entitlement {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        match text {
            "network.host" => Ok(Self::NetworkHost),
            "security.insecure" => Ok(Self::SecurityInsecure),
            _ => {
                let reason = "unknown entitlement: expected network.host or security.insecure".to_owned();
                Err(RequestError::option("--allow", text, reason))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets() {
        let parse = |text| parse_secret(text, |name| name == "SET");
        let file = |path: &str| SecretSource::File(path.into());
        let env = |name: &str| SecretSource::Env(name.to_owned());
        for (text, id, source) in [
            ("id=a,src=/f", "a", file("/f")),
            ("ID=a,Source=/f", "a", file("/f")),
            ("\"id=a,b\",src=f", "a,b", file("f")),
            ("id=a,env=X", "a", env("X")),
            ("type=env,id=a,src=X", "a", env("X")),
            ("type=env,id=a", "a", env("a")),
            ("id=SET", "SET", env("SET")),
            ("type=file,id=SET", "SET", file("SET")),
            ("id=a", "a", file("a")),
        ] {
            assert_eq!(parse(text).unwrap(), (id.to_owned(), source), "{text}");
        }
        for (text, says) in [
            ("src=f", "the id is missing"),
            ("id=a,file=f", "unknown key \"file\": expected id, src, env or type"),
            ("id=a,type=x", "unknown type \"x\""),
            ("a", "\"a\" is not key=value"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with("--secret") && error.contains(says), "{error}");
        }
    }

    #[test]
    fn agents() {
        let parse = |text| parse_agent(text, Some("/agent".into()));
        assert_eq!(parse("default").unwrap(), ("default".to_owned(), "/agent".into()));
        assert_eq!(parse("a=/b=c").unwrap(), ("a".to_owned(), "/b=c".into()));
        assert!(parse("=x").is_err() && parse("a=").is_err());
        assert!(parse_agent("default", None).unwrap_err().to_string().contains("SSH_AUTH_SOCK is not set"));
    }
}
