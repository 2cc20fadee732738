//! What a system call's errno means to a user of the store.

use std::io::{Error, ErrorKind};
use std::path::Path;

use cooperage_llb::ports::StoreError;

/// Says that `action` on `path` did not work; a full file system or quota has its own error.
pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(Error) -> StoreError {
    move |source| match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full { path: path.to_owned() },
        _ => StoreError::Io { action, path: path.to_owned(), source },
    }
}

/// As [`failed`], while a root is opened: what cannot be written then makes the whole root read-only.
pub(crate) fn open_failed(root: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Io { source, .. }
            if matches!(source.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied) =>
        {
            StoreError::ReadOnly { root: root.to_owned(), source }
        }
        other => other,
    }
}

/// `None` for what is not there.
pub(crate) fn present<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
