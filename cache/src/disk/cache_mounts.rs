//! Cache mounts: `mounts/<sha256 of the ID>/<number>`, each with a lock file beside it.

use std::fs::{self, DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cooperage_image::Digest;
use cooperage_llb::ports::{CacheMount, CacheMounts, CancelToken, Sharing, StoreError};

use super::DiskStore;
use super::failure::{failed, present};
use super::locking::{self, Share};
use super::root::{Root, place};

impl CacheMounts for DiskStore {
    fn cache_mount(
        &self,
        id: &str,
        sharing: Sharing,
        stop: &CancelToken,
    ) -> Result<Option<Box<dyn CacheMount>>, StoreError> {
        let root = &self.root;
        let group = root.layout.mounts().join(Digest::of(id.as_bytes()).hex());
        let guard = |(path, lock)| Box::new(DiskMount { path, lock }) as Box<dyn CacheMount>;
        match sharing {
            Sharing::Shared => Ok(root.wait_instance(&group, id, Share::Shared, stop)?.map(guard)),
            Sharing::Locked => Ok(root.wait_instance(&group, id, Share::Exclusive, stop)?.map(guard)),
            Sharing::Private => {
                for number in 0.. {
                    if stop.is_cancelled() {
                        break;
                    }
                    if let Some(lock) = root.try_instance(&group, id, number, Share::Exclusive)? {
                        return Ok(Some(guard((instance(&group, number), lock))));
                    }
                }
                Ok(None)
            }
        }
    }
}

impl Root {
    /// Waits for the directory that users of one cache mount share.
    fn wait_instance(
        &self,
        group: &Path,
        id: &str,
        share: Share,
        stop: &CancelToken,
    ) -> Result<Option<(PathBuf, File)>, StoreError> {
        self.make_group(group, id)?;
        let Some(lock) = locking::wait_removable(&lock_path(group, 0), share, stop)? else { return Ok(None) };
        make(&instance(group, 0))?;
        Ok(Some((instance(group, 0), lock)))
    }

    /// Takes one directory of a cache mount if nobody is in the way.
    fn try_instance(
        &self,
        group: &Path,
        id: &str,
        number: u32,
        share: Share,
    ) -> Result<Option<File>, StoreError> {
        self.make_group(group, id)?;
        let lock = locking::try_removable(&lock_path(group, number), share)?;
        if lock.is_some() {
            make(&instance(group, number))?;
        }
        Ok(lock)
    }

    fn make_group(&self, group: &Path, id: &str) -> Result<(), StoreError> {
        if !group.is_dir() {
            make(group)?;
        }
        let name = group.join("id");
        if !name.exists() {
            place(&self.session, &name, id.as_bytes())?;
        }
        Ok(())
    }
}

fn make(path: &Path) -> Result<(), StoreError> {
    match DirBuilder::new().mode(0o755).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(failed("create", path)(error)),
        _ => Ok(()),
    }
}

fn instance(group: &Path, number: u32) -> PathBuf {
    group.join(number.to_string())
}

fn lock_path(group: &Path, number: u32) -> PathBuf {
    group.join(format!("{number}.lock"))
}

struct DiskMount {
    path: PathBuf,
    lock: File,
}

impl CacheMount for DiskMount {
    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DiskMount {
    fn drop(&mut self) {
        // The lock file's time is the mount's last use; without it the mount goes a little earlier.
        let _ = self.lock.set_modified(SystemTime::now());
    }
}

/// A directory of a cache mount, as it is listed.
pub(crate) struct Instance {
    /// `<sha256 of the ID>/<number>`
    pub(crate) name: String,
    /// The cache mount's ID.
    pub(crate) id: String,
    pub(crate) path: PathBuf,
    pub(crate) lock_path: PathBuf,
    pub(crate) used_ms: i64,
}

/// Every directory of every cache mount.
pub(crate) fn instances(root: &Root) -> Result<Vec<Instance>, StoreError> {
    let mounts = root.layout.mounts();
    let mut found = Vec::new();
    for group in fs::read_dir(&mounts).map_err(failed("list", &mounts))? {
        let group = group.map_err(failed("list", &mounts))?.path();
        let id = fs::read(group.join("id")).unwrap_or_default();
        let id = String::from_utf8_lossy(&id).into_owned();
        let Some(entries) = present(fs::read_dir(&group)).map_err(failed("list", &group))? else { continue };
        for entry in entries {
            let path = entry.map_err(failed("list", &group))?.path();
            let Some(number) = path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()) else {
                continue;
            };
            let lock_path = lock_path(&group, number);
            let used =
                fs::metadata(&lock_path).or_else(|_| fs::metadata(&path)).and_then(|meta| meta.modified());
            let since = used.ok().and_then(|used| used.duration_since(SystemTime::UNIX_EPOCH).ok());
            let used_ms = since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
            let group_name = group.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{group_name}/{number}");
            found.push(Instance { name, id: id.clone(), path, lock_path, used_ms });
        }
    }
    Ok(found)
}
