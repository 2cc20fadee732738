//! Files that the user named for something to be written to.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::Error;

/// What is held back before it is written.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes the file `path` by `write`. Who reads it sees the old file or the whole new one; a link stays, and
/// what it leads to is replaced. A device, a pipe or a socket is written to as it is: it must not be replaced.
pub fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
) -> Result<(), Error> {
    match replaced(path).map_err(Error::file("write", path))? {
        Some(target) => write_and_rename(path, &target, write),
        None => {
            let file = OpenOptions::new().append(true).create(true).open(path);
            let file = file.map_err(Error::file("open", path))?;
            buffered(path, &file, write)
        }
    }
}

/// The regular file that is to be replaced, or made; `None` if `path` is to be written to as it is.
fn replaced(path: &Path) -> io::Result<Option<PathBuf>> {
    // /dev/stdout may be a file that others append to.
    if path.starts_with("/dev") || path.starts_with("/proc") {
        return Ok(None);
    }
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(ErrorKind::IsADirectory.into()),
        Ok(metadata) if metadata.is_file() => std::fs::canonicalize(path).map(Some),
        Ok(_) => Ok(None),
        // A link to nothing is followed by whoever opens it.
        Err(error) if error.kind() == ErrorKind::NotFound && std::fs::symlink_metadata(path).is_ok() => {
            Ok(None)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Some(path.to_owned())),
        Err(error) => Err(error),
    }
}

fn write_and_rename(
    path: &Path,
    target: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
) -> Result<(), Error> {
    let parent = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let temporary = tempfile::Builder::new()
        .prefix(".cooper-")
        .permissions(Permissions::from_mode(0o666)) // less the umask
        .tempfile_in(parent)
        .map_err(Error::file("create a file in", parent))?;
    buffered(path, temporary.as_file(), write)?;
    let renamed = temporary.persist(target);
    renamed.map(drop).map_err(|error| Error::File {
        action: "rename to",
        path: path.to_owned(),
        source: error.error,
    })
}

fn buffered(
    path: &Path,
    file: &File,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
    write(&mut out)?;
    out.flush().map_err(Error::file("write", path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileTypeExt, symlink};

    use super::*;

    fn put(path: &Path, text: &str) -> Result<(), Error> {
        write_whole(path, |out| out.write_all(text.as_bytes()).map_err(Error::file("write", path)))
    }

    #[test]
    fn a_file_is_made_and_replaced_and_a_link_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        symlink("file", &link).unwrap();
        for text in ["first and longer", "second"] {
            put(&link, text).unwrap();
            assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
            std::fs::remove_file(&file).unwrap();
            put(&file, text).unwrap();
        }
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside them");
    }

    #[test]
    fn a_pipe_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();
        let reading = {
            let pipe = pipe.clone();
            std::thread::spawn(move || std::fs::read_to_string(pipe).unwrap())
        };
        put(&pipe, "through it").unwrap();
        assert_eq!(reading.join().unwrap(), "through it");
        assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());
    }

    #[test]
    fn what_fails_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        put(&file, "old").unwrap();
        let failed = write_whole(&file, |out| {
            out.write_all(b"half").map_err(Error::file("write", &file))?;
            Err(Error::Cancelled)
        });
        assert!(matches!(failed, Err(Error::Cancelled)));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "old");
        assert!(put(folder.path(), "x").unwrap_err().to_string().contains("directory"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
