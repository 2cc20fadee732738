//! Paths that a copy will name, with the symbolic links on them: what else a walk has to take.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::super::path::{clean, components, join, split};
use super::WalkError;
use crate::pattern::{Glob, has_wildcard};

/// Include patterns for `paths` (patterns, too) below `root`, and for all that links on them lead to,
/// sorted. `None` if one of them is the root: everything.
pub(super) fn follow_links(root: &Path, paths: &[String]) -> Result<Option<Vec<String>>, WalkError> {
    let mut follow = Follow { root, found: BTreeSet::new(), everything: false };
    for path in paths {
        follow.add(path.as_bytes())?;
    }
    if follow.everything {
        return Ok(None);
    }
    // A name that is no text cannot be a pattern; taking everything takes it too.
    Ok(follow.found.into_iter().map(String::from_utf8).collect::<Result<_, _>>().ok())
}

struct Follow<'a> {
    root: &'a Path,
    found: BTreeSet<Vec<u8>>,
    everything: bool,
}

impl Follow<'_> {
    fn add(&mut self, path: &[u8]) -> Result<(), WalkError> {
        let parts = components(path);
        self.everything |= parts.is_empty();
        if self.everything {
            return Ok(());
        }
        let mut here = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            here = join(&here, part);
            let targets = self.targets(&here)?;
            let is_last = at + 1 == parts.len();
            if !targets.is_empty() || is_last {
                // What was found before has been followed, too; so a loop ends.
                if !self.found.insert(here.clone()) {
                    return Ok(());
                }
            }
            if !targets.is_empty() {
                let rest = parts[at + 1..].join(&b'/');
                for target in targets {
                    // A target is no pattern, but would be taken for one.
                    self.everything |= target.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\'));
                    self.add(&join(&target, &rest))?;
                }
                // A pattern may have matched more than links.
                if !has_wildcard(part) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Where the links lead that `path` names; its last component may be a pattern.
    fn targets(&self, path: &[u8]) -> Result<Vec<Vec<u8>>, WalkError> {
        let Some((dir, base)) = split(path) else { return Ok(Vec::new()) };
        if !has_wildcard(base) {
            return Ok(self.target(path)?.into_iter().collect());
        }
        let glob = Glob::new(base)?;
        let mut targets = Vec::new();
        for name in self.names(dir)?.iter().filter(|name| glob.matches(name)) {
            targets.extend(self.target(&join(dir, name))?);
        }
        Ok(targets)
    }

    fn target(&self, path: &[u8]) -> Result<Option<Vec<u8>>, WalkError> {
        let Ok(target) = std::fs::read_link(self.absolute(path)) else {
            // No link, or nothing there: whoever copies it will say so.
            return Ok(None);
        };
        let target = target.as_os_str().as_bytes();
        let above = split(path).map_or(&b""[..], |(dir, _)| dir);
        Ok(Some(if target.starts_with(b"/") { clean(target) } else { clean(&join(above, target)) }))
    }

    fn names(&self, dir: &[u8]) -> Result<Vec<Vec<u8>>, WalkError> {
        let path = self.absolute(dir);
        let listed = std::fs::read_dir(&path).and_then(|entries| {
            entries.map(|entry| Ok(entry?.file_name().as_bytes().to_vec())).collect::<io::Result<Vec<_>>>()
        });
        match listed {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(Vec::new())
            }
            other => other.map_err(|source| WalkError::Read { path, source }),
        }
    }

    fn absolute(&self, path: &[u8]) -> PathBuf {
        self.root.join(OsStr::from_bytes(path))
    }
}
