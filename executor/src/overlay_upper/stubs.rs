//! Removing mount points that only the mounts needed.

use std::io;
use std::path::Path;

use super::{UpperError, at, mtime, stat};
use crate::plan::Stub;
use crate::scratch::set_mtime;

/// Mount points that every root has after a step.
const KEPT: [&str; 3] = ["/proc", "/dev", "/sys"];

/// Removes each stub that is still empty, innermost first; the directory above keeps the time the
/// step left it with.
pub(super) fn remove(upper: &Path, stubs: &[Stub]) -> Result<(), UpperError> {
    let passing = |stub: &&Stub| !KEPT.iter().any(|kept| stub.path == Path::new(kept));
    for stub in stubs.iter().rev().filter(passing) {
        let path = upper.join(stub.path.strip_prefix("/").unwrap_or(&stub.path));
        let found = match stat(&path) {
            Ok(found) => found,
            Err(e) if matches!(e.source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                continue;
            }
            Err(e) => return Err(e),
        };
        let above = path.parent().unwrap_or(upper);
        let time = mtime(&stat(above)?);
        let removed = if stub.directory && found.is_dir() {
            std::fs::remove_dir(&path)
        } else if !stub.directory && found.is_file() && found.len() == 0 {
            std::fs::remove_file(&path)
        } else {
            continue;
        };
        match removed {
            Ok(()) => set_mtime(above, time).map_err(at("set the time of", above))?,
            Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            Err(e) => return Err(at("remove", &path)(e)),
        }
    }
    Ok(())
}
