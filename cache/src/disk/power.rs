//! What a power failure may have taken.
//!
//! Files are not synced one by one: the page cache outlives a process, and a sync costs more than most
//! steps. So each row that stands for a file names the boot in which the file was written. A row of another
//! boot is believed only after the file was read and verified (blobs and change sets, by digest), or its
//! file is dropped (directories: nobody knows the digests of all that is in them). A `syncfs` of the whole
//! file system takes the name of the boot away: those files are on the disk.

use std::fs::File;
use std::path::Path;

use cooperage_image::Digest;
use cooperage_llb::ports::StoreError;

use super::failure::failed;
use super::index::Index;
use super::layout::Layout;
use super::root::now_ms;

/// Names the running kernel's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Boot(String);

/// Pages older than this were written back by the kernel anyway (`vm.dirty_expire_centisecs` is 30 s),
/// so that a sync of them costs little.
const SETTLED_MS: i64 = 60_000;

impl Boot {
    /// The running boot. Without `/proc` every process counts as one: slower, and never wrong.
    pub(crate) fn current() -> Self {
        let known = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        Self(match known {
            Ok(id) => id.trim_end().to_owned(),
            Err(_) => format!("process {} at {}", std::process::id(), now_ms()),
        })
    }

    /// What the database is told of a file that is written now.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a file written in `boot` (`None`: synced since) is still what was written.
    pub(crate) fn vouches_for(&self, boot: Option<&str>) -> bool {
        boot.is_none_or(|boot| boot == self.0)
    }
}

/// Rows that stand for files, and the column that names the boot in which the file was written.
const COLUMNS: [(&str, &str, &str); 3] =
    [("blob", "digest", "boot"), ("layer", "id", "changes_boot"), ("layer", "id", "directory_boot")];

/// Files that are on the disk by now, or nearly, without the database knowing.
pub(crate) struct Settled {
    before_ms: i64,
    rows: Vec<Vec<[u8; 32]>>,
}

/// Looks for files that a sync would be cheap and of use for; `None` if there are none.
pub(crate) fn settled(index: &Index, boot: &Boot) -> Result<Option<Settled>, StoreError> {
    let before_ms = now_ms() - SETTLED_MS;
    let rows = index.read("find unsynced files", |connection| {
        let mut rows = Vec::new();
        for (table, key, column) in COLUMNS {
            let sql = format!("SELECT {key} FROM {table} WHERE {column} = ?1 AND used < ?2");
            let mut statement = connection.prepare(&sql)?;
            let found = statement.query_map((boot.as_str(), before_ms), |row| row.get(0))?;
            rows.push(found.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(rows)
    })?;
    Ok(rows.iter().any(|rows| !rows.is_empty()).then_some(Settled { before_ms, rows }))
}

/// Syncs the root's file system and notes which files are on the disk since. A file that was replaced
/// meanwhile was also used meanwhile, and is left out.
pub(crate) fn make_durable(layout: &Layout, boot: &Boot, settled: Settled) -> Result<(), StoreError> {
    sync_file_system(layout.root())?;
    let index = Index::open(layout.root(), layout.database())?;
    index.write("note synced files", |transaction| {
        for ((table, key, column), rows) in COLUMNS.into_iter().zip(settled.rows) {
            let sql = format!(
                "UPDATE {table} SET {column} = NULL WHERE {key} = ?1 AND {column} = ?2 AND used < ?3"
            );
            let mut statement = transaction.prepare(&sql)?;
            for row in rows {
                statement.execute((row, boot.as_str(), settled.before_ms))?;
            }
        }
        Ok(())
    })
}

fn sync_file_system(root: &Path) -> Result<(), StoreError> {
    let directory = File::open(root).map_err(failed("open", root))?;
    rustix::fs::syncfs(&directory).map_err(|errno| failed("sync", root)(errno.into()))
}

/// The digest of all that is in `file`, and its length.
pub(crate) fn digest_of(file: &mut File) -> std::io::Result<(Digest, u64)> {
    let mut hasher = cooperage_image::Hasher::new();
    let length = std::io::copy(file, &mut hasher)?;
    Ok((hasher.finish(), length))
}
