//! What is remembered of a URL from build to build: `record.json` in its kept directory.

use std::path::Path;

use cooperage_image::Digest;
use cooperage_image::tree::Timestamp;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::Error;

const NAME: &str = "record.json";
/// A record of ours is far smaller.
const LIMIT_BYTES: u64 = 64 << 10;

/// The answer that was got last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Its entity tag, without `W/`.
    pub(super) etag: String,
    /// The key of what it became.
    pub(super) key: Digest,
    /// The name of the file in it.
    pub(super) file_name: String,
}

impl Record {
    /// What is remembered; a record that cannot be understood is none.
    pub(super) fn read(directory: &Path) -> Result<Option<Self>, Error> {
        let path = directory.join(NAME);
        match std::fs::metadata(&path) {
            Ok(found) if found.len() > LIMIT_BYTES => return Ok(None),
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::File { action: "look at", path, source: e }),
        }
        let bytes = std::fs::read(&path).map_err(Error::file("read", &path))?;
        Ok(serde_json::from_slice(&bytes).ok())
    }

    /// Remembers an answer; one without an entity tag cannot be asked about again, and what was known before
    /// is not what is there any more.
    pub(super) fn replace(
        directory: &Path,
        etag: Option<String>,
        key: Digest,
        file_name: String,
    ) -> Result<(), Error> {
        let path = directory.join(NAME);
        let Some(etag) = etag else {
            return match std::fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    Err(Error::File { action: "remove", path, source: e })
                }
                _ => Ok(()),
            };
        };
        let record = Self { etag, key, file_name };
        let bytes = serde_json::to_vec(&record).map_err(|e| Error::Internal(e.to_string()))?;
        let temporary = super::temporary(directory, NAME);
        std::fs::write(&temporary, bytes).map_err(Error::file("write", &temporary))?;
        std::fs::rename(&temporary, &path).map_err(Error::file("rename", &path))
    }
}

/// The time of a `Last-Modified` header (RFC 9110, section 5.6.7, its preferred form); any other text is none.
pub(super) fn http_time(text: &str) -> Option<Timestamp> {
    let time = OffsetDateTime::parse(text.trim(), &Rfc2822).ok()?;
    Some(Timestamp { secs: time.unix_timestamp(), nanos: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let seconds = |text| http_time(text).map(|time| time.secs);
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(seconds("yesterday"), None);
    }

    #[test]
    fn the_last_answer_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Record::read(folder.path()).unwrap(), None);
        let key = Digest::of(b"x");
        Record::replace(folder.path(), Some("\"1\"".into()), key, "a".into()).unwrap();
        let record = Record { etag: "\"1\"".into(), key, file_name: "a".into() };
        assert_eq!(Record::read(folder.path()).unwrap(), Some(record));
        Record::replace(folder.path(), None, key, "a".into()).unwrap();
        assert_eq!(Record::read(folder.path()).unwrap(), None);
        std::fs::write(folder.path().join(NAME), "{").unwrap();
        assert_eq!(Record::read(folder.path()).unwrap(), None);
    }
}
