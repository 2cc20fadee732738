//! Secrets of a build: read when something asks for them, never logged, never in a key.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::sync::{Arc, OnceLock};

use crate::Error;
use crate::request::SecretSource;

/// Larger ones are refused, as by buildx.
const LIMIT_BYTES: u64 = 500 << 10;

/// Where each secret is, by ID. No `Debug`: contents must not reach a log.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Arc<BTreeMap<String, Secret>>);

struct Secret {
    source: SecretSource,
    /// A file is read once: it may be a pipe.
    contents: OnceLock<Vec<u8>>,
}

impl Secrets {
    pub(crate) fn new(given: &BTreeMap<String, SecretSource>) -> Self {
        let secret = |source: &SecretSource| Secret { source: source.clone(), contents: OnceLock::new() };
        Self(Arc::new(given.iter().map(|(id, source)| (id.clone(), secret(source))).collect()))
    }

    /// The contents of a secret; `None` if this build was not given it.
    pub(crate) fn get(&self, id: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(secret) = self.0.get(id) else { return Ok(None) };
        if let Some(contents) = secret.contents.get() {
            return Ok(Some(contents.clone()));
        }
        let bytes = read(&secret.source)?;
        if bytes.len() as u64 > LIMIT_BYTES {
            return Err(Error::Usage(format!("secret {id} is larger than 500 KiB")));
        }
        Ok(Some(secret.contents.get_or_init(|| bytes).clone()))
    }

    /// A secret that is text for a header, without the newline that editors leave.
    pub(crate) fn text(&self, id: &str) -> Result<Option<String>, Error> {
        let Some(bytes) = self.get(id)? else { return Ok(None) };
        let text = String::from_utf8(bytes)
            .map_err(|_| Error::Usage(format!("secret {id} is not UTF-8: it cannot be a header")))?;
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

/// An unset variable is an empty secret, as with buildx.
fn read(source: &SecretSource) -> Result<Vec<u8>, Error> {
    match source {
        SecretSource::Env(name) => Ok(std::env::var_os(name).unwrap_or_default().into_vec()),
        SecretSource::File(path) => {
            let opened = File::open(path).map_err(Error::file("open", path))?;
            let mut bytes = Vec::new();
            opened.take(LIMIT_BYTES + 1).read_to_end(&mut bytes).map_err(Error::file("read", path))?;
            Ok(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_late_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a"), b"x\n\xff").unwrap();
        std::fs::write(path("header"), "Bearer x\n").unwrap();
        std::fs::write(path("large"), vec![0; (LIMIT_BYTES + 1) as usize]).unwrap();
        let files = ["a", "header", "large", "missing"];
        let given = files.map(|name| (name.to_owned(), SecretSource::File(path(name))));
        let secrets = Secrets::new(&given.into_iter().collect());
        assert_eq!(secrets.get("a").unwrap().unwrap(), b"x\n\xff");
        assert_eq!(secrets.text("header").unwrap().unwrap(), "Bearer x");
        assert_eq!(secrets.get("other").unwrap(), None);
        let told = |result: Result<_, Error>| result.unwrap_err().to_string();
        assert_eq!(told(secrets.text("a").map(drop)), "secret a is not UTF-8: it cannot be a header");
        assert_eq!(told(secrets.get("large").map(drop)), "secret large is larger than 500 KiB");
        assert!(told(secrets.get("missing").map(drop)).contains("No such file"));
        std::fs::remove_file(path("a")).unwrap();
        assert!(secrets.get("a").unwrap().is_some(), "a pipe can be read only once");
    }
}
