//! What the caller gives a build and can be refused before anything is built.

use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;

use crate::request::SecretSource;
use crate::{BuildRequest, Error};

/// Secrets must be there, and agents must be sockets.
pub(super) fn check(request: &BuildRequest) -> Result<(), Error> {
    for (id, source) in &request.secrets {
        let SecretSource::File(path) = source else { continue };
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => {
                return Err(Error::Usage(format!("secret {id}: {} is a directory", path.display())));
            }
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => {
                return Err(Error::Usage(format!("secret {id}: the file {} does not exist", path.display())));
            }
            Err(e) => return Err(Error::File { action: "open", path: path.clone(), source: e }),
        }
    }
    for (id, path) in &request.ssh {
        match std::fs::metadata(path) {
            Ok(found) if found.file_type().is_socket() => {}
            Ok(_) => {
                return Err(Error::Usage(format!(
                    "--ssh {id}: {} is no agent's socket: start ssh-agent, add the key with ssh-add, and leave the path out",
                    path.display()
                )));
            }
            Err(e) => return Err(Error::Usage(format!("--ssh {id}: {}: {e}", path.display()))),
        }
    }
    Ok(())
}
