//! Image references: `host/repository:tag@digest`, normalised as Docker does.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Digest;

/// A fully normalised reference (distribution/reference, "Grammar").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    host: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is not a [`Reference`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an image reference: {reason}")]
pub struct ReferenceError {
    text: String,
    reason: &'static str,
}

impl Reference {
    /// Registry host and port, `docker.io` for Docker Hub.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Repository below the host: `library/busybox`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; `latest` was filled in when the text had neither tag nor digest.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, when the reference is pinned.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same repository, pinned to `digest`; the tag is kept for people.
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// The same repository under another tag, unpinned.
    pub fn with_tag(&self, tag: &str) -> Result<Self, ReferenceError> {
        if !is_tag(tag) {
            return Err(ReferenceError { text: tag.to_owned(), reason: "the tag is malformed" });
        }
        Ok(Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() })
    }

    /// What the registry is asked for: the digest if there is one, else the tag.
    pub fn version(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }

    /// The short form that people write: `busybox`, without Docker Hub's host and `library/`.
    pub fn familiar(&self) -> String {
        let name = match (self.host.as_str(), self.repository.strip_prefix("library/")) {
            ("docker.io", Some(short)) if !short.contains('/') => short.to_owned(),
            ("docker.io", _) => self.repository.clone(),
            _ => format!("{}/{}", self.host, self.repository),
        };
        self.versioned(name)
    }

    fn versioned(&self, mut name: String) -> String {
        if let Some(tag) = &self.tag {
            name = format!("{name}:{tag}");
        }
        if let Some(digest) = &self.digest {
            name = format!("{name}@{digest}");
        }
        name
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.versioned(format!("{}/{}", self.host, self.repository)))
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

impl TryFrom<String> for Reference {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let error = |reason| ReferenceError { text: text.to_owned(), reason };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                (rest, Some(digest.parse().map_err(|_| error("the digest after @ is malformed"))?))
            }
            None => (text, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(error("the tag is malformed"));
        }
        if name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()) {
            return Err(error("64 hexadecimal digits are an image ID, not a name"));
        }
        let (host, path) = match name.split_once('/') {
            Some((first, path)) if is_host(first) => (first, path),
            _ => ("docker.io", name),
        };
        if !is_valid_host(host) {
            return Err(error("the registry's host is malformed"));
        }
        let host = if host == "index.docker.io" { "docker.io" } else { host };
        let repository = match (host, path.contains('/')) {
            ("docker.io", false) => format!("library/{path}"),
            _ => path.to_owned(),
        };
        if path.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(error("repository names are lower case"));
        }
        if !repository.split('/').all(is_component) {
            return Err(error("expected [host/]name[:tag][@sha256:digest]"));
        }
        if repository.len() > 255 {
            return Err(error("the name is longer than 255 characters"));
        }
        let tag = match (tag, &digest) {
            (None, None) => Some("latest"),
            (tag, _) => tag,
        };
        Ok(Self { host: host.to_owned(), repository, tag: tag.map(str::to_owned), digest })
    }
}

/// A first component is a host if it has a dot, a port or capitals, or is `localhost`.
fn is_host(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.bytes().any(|b| b.is_ascii_uppercase())
}

/// Names or numbers with dots, or an IPv6 address in brackets; then perhaps a port.
fn is_valid_host(host: &str) -> bool {
    let is_word = |word: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        !word.is_empty() && word.bytes().all(allowed) && !word.starts_with('-') && !word.ends_with('-')
    };
    let is_address =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let (is_name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (is_address(address), port),
        None => {
            let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
            (name.split('.').all(is_word), port)
        }
    };
    is_name && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`
fn is_tag(tag: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    (1..=128).contains(&tag.len()) && tag.bytes().all(allowed) && !tag.starts_with(['.', '-'])
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(component: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let mut rest = bytes;
    loop {
        let run = rest.iter().take_while(|b| alphanumeric(**b)).count();
        if run == 0 {
            return false;
        }
        rest = &rest[run..];
        if rest.is_empty() {
            return true;
        }
        let separator = rest.iter().take_while(|b| !alphanumeric(**b)).count();
        match &rest[..separator] {
            b"." | b"_" | b"__" => {}
            dashes if dashes.iter().all(|b| *b == b'-') => {}
            _ => return false,
        }
        rest = &rest[separator..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalised_and_familiar() {
        let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        for (text, full, familiar) in [
            ("busybox", "docker.io/library/busybox:latest".to_owned(), "busybox:latest".to_owned()),
            ("a/b:1", "docker.io/a/b:1".to_owned(), "a/b:1".to_owned()),
            ("localhost/x", "localhost/x:latest".to_owned(), "localhost/x:latest".to_owned()),
            ("h:5000/a/b/c", "h:5000/a/b/c:latest".to_owned(), "h:5000/a/b/c:latest".to_owned()),
            (&format!("x.y/a@{digest}"), format!("x.y/a@{digest}"), format!("x.y/a@{digest}")),
            ("index.docker.io/library/a", "docker.io/library/a:latest".to_owned(), "a:latest".to_owned()),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), full);
            assert_eq!(reference.familiar(), familiar);
            assert_eq!(full.parse::<Reference>().unwrap(), reference);
        }
    }

    #[test]
    fn malformed() {
        for bad in
            ["", ":", "a:", "A", "a/B", "a//b", "a_-b", "-a", "a:-b", "a@sha256:1", "x/", &"a".repeat(256)]
        {
            assert!(bad.parse::<Reference>().is_err(), "{bad}");
        }
        for bad in [
            "h}.io/a",
            "-h.io/a",
            "h..io/a",
            "h.io:/a",
            "h.io:x/a",
            "h.io:1:2/a",
            "[::g]/a",
            "[]:1/a",
            "é.io/a",
        ] {
            assert!(bad.parse::<Reference>().is_err(), "{bad}");
        }
        for good in ["h.io:5000/a", "10.0.0.1/a", "[::1]/a", "[fe80::1]:5000/a", "a-b.c-d/e"] {
            assert!(good.parse::<Reference>().is_ok(), "{good}");
        }
        for good in ["a__b", "a---b", "a.b_c", "a:A.b-c", "HOST/a"] {
            assert!(good.parse::<Reference>().is_ok(), "{good}");
        }
    }
}
