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

/// Limits that Linux has (setrlimit(2)).
const LIMITS: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// `NAME=SOFT[:HARD]`: name, soft, hard, which is the soft one if there is none.
pub fn parse_ulimit(text: &str) -> Result<(String, i64, i64), RequestError> {
    let wrong = |reason: String| RequestError::option("--ulimit", text, reason);
    let (name, values) = text.split_once('=').ok_or_else(|| wrong("expected NAME=SOFT[:HARD]".to_owned()))?;
    if !LIMITS.contains(&name) {
        return Err(wrong(format!("unknown limit {name:?}: expected {}", LIMITS.join(", "))));
    }
    let number = |text: &str| {
        let number = text.parse::<i64>().ok().filter(|number| *number >= -1);
        number.ok_or_else(|| wrong(format!("{text:?} is no number, and not -1 for unlimited")))
    };
    let (soft, hard) = values.split_once(':').unwrap_or((values, values));
    let (soft, hard) = (number(soft)?, number(hard)?);
    if hard != -1 && (soft == -1 || soft > hard) {
        return Err(wrong("the soft limit is above the hard one".to_owned()));
    }
    Ok((name.to_owned(), soft, hard))
}

/// A number of bytes with a suffix `b`, `k`, `m`, `g` or `t`, of 1024 each (go-units, `RAMInBytes`).
pub fn parse_bytes(option: &'static str, text: &str) -> Result<i64, RequestError> {
    let wrong = || RequestError::option(option, text, "expected bytes, for example 64m or 2g".to_owned());
    let lower = text.trim().to_ascii_lowercase();
    let bare = lower.strip_suffix('b').unwrap_or(&lower);
    let bare = bare.strip_suffix('i').unwrap_or(bare);
    let (digits, power) = match bare.char_indices().next_back() {
        Some((at, unit)) => match "kmgt".find(unit) {
            Some(place) => (&bare[..at], place as i32 + 1),
            None => (bare, 0),
        },
        None => return Err(wrong()),
    };
    let number: f64 = digits.trim_end().parse().map_err(|_| wrong())?;
    let bytes = number * 1024f64.powi(power);
    if !(0.0..i64::MAX as f64).contains(&bytes) {
        return Err(wrong());
    }
    Ok(bytes as i64)
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
    fn limits() {
        assert_eq!(parse_ulimit("nofile=10:20").unwrap(), ("nofile".to_owned(), 10, 20));
        assert_eq!(parse_ulimit("core=-1").unwrap(), ("core".to_owned(), -1, -1));
        for bad in ["nofile", "nofiles=1", "nofile=x", "nofile=2:1", "nofile=-1:5", "nofile=-2"] {
            assert!(parse_ulimit(bad).is_err(), "{bad}");
        }
        for (text, bytes) in [("64m", 64 << 20), ("1.5K", 1536), ("2GiB", 2 << 30), ("7", 7), ("7b", 7)] {
            assert_eq!(parse_bytes("--shm-size", text).unwrap(), bytes, "{text}");
        }
        for bad in ["", "m", "x", "-1", "1z", "nan"] {
            assert!(parse_bytes("--shm-size", bad).is_err(), "{bad}");
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
