//! Secrets of a build: read when something asks for them, never logged, never in a key.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

use crate::Error;
use crate::request::SecretSource;

/// Larger ones are refused, as by buildx.
const LIMIT_BYTES: u64 = 500 << 10;

/// Where each secret is, by ID.
#[derive(Debug, Clone, Default)]
pub(crate) struct Secrets(BTreeMap<String, SecretSource>);

impl Secrets {
    pub(crate) fn new(given: &BTreeMap<String, SecretSource>) -> Self {
        Self(given.clone())
    }

    /// The contents of a secret; `None` if this build was not given it.
    pub(crate) fn get(&self, id: &str) -> Result<Option<Vec<u8>>, Error> {
        let bytes = match self.0.get(id) {
            None => return Ok(None),
            Some(SecretSource::Env(name)) => {
                use std::os::unix::ffi::OsStringExt;
                let value = std::env::var_os(name).ok_or_else(|| {
                    Error::Usage(format!("secret {id}: the environment variable {name} is not set"))
                })?;
                value.into_vec()
            }
            Some(SecretSource::File(path)) => {
                let opened = File::open(path).map_err(|e| match e.kind() {
                    std::io::ErrorKind::NotFound => {
                        Error::Usage(format!("secret {id}: the file {} does not exist", path.display()))
                    }
                    _ => Error::File { action: "open", path: path.clone(), source: e },
                })?;
                let mut bytes = Vec::new();
                opened
                    .take(LIMIT_BYTES + 1)
                    .read_to_end(&mut bytes)
                    .map_err(Error::file("read", path.clone()))?;
                bytes
            }
        };
        if bytes.len() as u64 > LIMIT_BYTES {
            return Err(Error::Usage(format!("secret {id} is larger than 500 KiB")));
        }
        Ok(Some(bytes))
    }

    /// A secret that is text for a header, without the newline that editors leave.
    pub(crate) fn text(&self, id: &str) -> Result<Option<String>, Error> {
        let Some(bytes) = self.get(id)? else { return Ok(None) };
        let text = String::from_utf8(bytes)
            .map_err(|_| Error::Usage(format!("secret {id} is not UTF-8: it cannot be a header")))?;
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
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
        assert!(told(secrets.get("missing").map(drop)).contains("does not exist"));
    }
}
