//! The database of a root: connections, transactions, and what its errors mean.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cooperage_llb::ports::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior, ffi};

/// The version of the database's tables, as `PRAGMA user_version`.
pub(crate) const VERSION: u32 = 1;

/// How long a writer waits for the writers of other processes.
const BUSY_TRIES: i32 = 60_000;
const BUSY_PAUSE: Duration = Duration::from_millis(1);

/// A database that any number of threads and processes use: one writing connection a process, since
/// SQLite has one writer anyway, and as many reading ones as there were readers at once.
pub(crate) struct Index {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

/// Why a closure over a connection stopped.
pub(crate) enum Fault {
    Sql(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Index {
    /// Opens or makes the database. Not safe against another process that does the same: the caller
    /// holds the entry lock.
    pub(crate) fn open(root: &Path, path: PathBuf) -> Result<Self, StoreError> {
        let connection = connect(&path)?;
        let failed = |error| translate("open", &path, error);
        let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
        match found {
            VERSION => {}
            0 => {
                let tables = format!("BEGIN IMMEDIATE; {}", include_str!("schema.sql"));
                connection.execute_batch(&tables).map_err(failed)?;
                connection.pragma_update(None, "user_version", VERSION).map_err(failed)?;
                connection.execute_batch("COMMIT").map_err(failed)?;
            }
            found => return Err(StoreError::Newer { root: root.to_owned(), found, known: VERSION }),
        }
        Ok(Self { path, writer: Mutex::new(connection), readers: Mutex::default() })
    }

    /// Runs `work` on a connection of its own, which sees one moment of the database a statement.
    pub(crate) fn read<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path)?,
        };
        let result = work(&connection).map_err(|fault| self.failed(action, fault));
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        result
    }

    /// Runs `work` in a transaction that excludes every other writer of the root; an error undoes it.
    pub(crate) fn write<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        // A panic under the lock dropped its transaction, which rolled it back.
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = writer
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| translate(action, &self.path, error))?;
        let value = work(&transaction).map_err(|fault| self.failed(action, fault))?;
        transaction.commit().map_err(|error| translate(action, &self.path, error))?;
        Ok(value)
    }

    fn failed(&self, action: &'static str, fault: Fault) -> StoreError {
        match fault {
            Fault::Sql(error) => translate(action, &self.path, error),
            Fault::Store(error) => error,
        }
    }
}

/// A connection with the settings that every process uses.
///
/// `synchronous=NORMAL` syncs at checkpoints alone: after a power failure the last transactions may be
/// missing, and none is half there. Closing does not checkpoint, so that a build does not end in a sync.
fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let set_up = || {
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_handler(Some(|tries| {
            std::thread::sleep(BUSY_PAUSE);
            tries < BUSY_TRIES
        }))?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        Ok(connection)
    };
    set_up().map_err(|error| translate("open", path, error))
}

fn translate(action: &'static str, path: &Path, error: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    let Some(found) = error.sqlite_error() else {
        return StoreError::Index { action, path, source: Box::new(error) };
    };
    match (found.code, found.extended_code) {
        (ErrorCode::DiskFull, _) | (_, ffi::SQLITE_IOERR_SHMSIZE) => StoreError::Full { path },
        (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) => StoreError::Damaged {
            what: path.display().to_string(),
            detail: format!(
                "{error}; remove it and the files named {}-*: cached steps are lost, images are not",
                path.display()
            ),
        },
        _ => StoreError::Index { action, path, source: Box::new(error) },
    }
}
