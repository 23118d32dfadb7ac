//! Where a database is: in a file, or in a directory of its own that nobody keeps.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rusqlite::{Connection, OpenFlags};

/// Of private directories.
const PREFIX: &str = "pgtls-memory-";
const DATA: &str = "data";
/// Held for as long as the directory is used, so it tells whether its process is alive.
const LOCK: &str = "lock";
/// Memory file systems with less room are not used. Containers often have 64 MiB.
#[cfg(target_os = "linux")]
const ROOM: u64 = 256 << 20;
/// As PostgreSQL's: a large table is read in half the time that SQLite's own 4 KiB take.
const PAGE: u32 = 8 << 10;
/// What SQLite keeps of the write-ahead log when it starts it anew.
const JOURNAL: i64 = 4 << 20;

/// How a session gets at the data.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    path: PathBuf,
    /// Whether a commit is to be on the disk before anybody hears of it.
    durable: bool,
}

impl Opening {
    /// A connection with its journal in WAL mode, as far as the file system can do it.
    pub(super) fn file(path: &Path) -> rusqlite::Result<(Self, Connection)> {
        let opening = Self {
            path: path.to_owned(),
            durable: true,
        };
        let connection = opening.first()?;
        Ok((opening, connection))
    }

    fn first(&self) -> rusqlite::Result<Connection> {
        let connection = self.connect()?;
        // A database that is there already keeps its own.
        connection.pragma_update(None, "page_size", PAGE)?;
        let mode: String = connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0))?;
        // Some file systems cannot do it; SQLite then keeps to what it had.
        tracing::debug!(target: "pgtls::sqlite", %mode, "journal mode");
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(connection)
    }

    pub(super) fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        if self.durable {
            connection.pragma_update(None, "synchronous", "FULL")?;
        } else {
            connection.pragma_update(None, "synchronous", "OFF")?;
            connection.query_row(&format!("PRAGMA journal_size_limit={JOURNAL}"), [], |_| {
                Ok(())
            })?;
        }
        Ok(connection)
    }
}

/// A directory that only this process uses. What another one left is removed when the next is
/// made: a process that is killed cannot do it.
pub(super) struct Private {
    directory: PathBuf,
    /// Keeps SQLite from tidying up each time that the last session leaves.
    first: Mutex<Option<Connection>>,
    _lock: File,
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("in memory")
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        if let Ok(first) = self.first.get_mut() {
            drop(first.take());
        }
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            let path = self.directory.display();
            tracing::warn!(target: "pgtls::sqlite", %path, %error, "left behind");
        }
    }
}

/// Why there is no private database.
#[derive(Debug, thiserror::Error)]
pub(super) enum PrivateError {
    #[error("{directory}: {source}")]
    Directory {
        directory: String,
        source: io::Error,
    },
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
}

impl Private {
    /// A new and empty database: where files are memory, else where they are temporary.
    pub(super) fn new() -> Result<(Self, Opening), PrivateError> {
        if let Some(base) = memory()
            && let Ok(made) = Self::within(base)
        {
            return Ok(made);
        }
        Self::within(&std::env::temp_dir())
    }

    fn within(base: &Path) -> Result<(Self, Opening), PrivateError> {
        sweep(base);
        let (directory, lock) = make(base).map_err(|source| PrivateError::Directory {
            directory: base.display().to_string(),
            source,
        })?;
        let opening = Opening {
            path: directory.join(DATA),
            durable: false,
        };
        let mut private = Self {
            directory,
            first: Mutex::new(None),
            _lock: lock,
        };
        let first = opening.first()?;
        private.first = Mutex::new(Some(first));
        Ok((private, opening))
    }
}

/// The directory is locked before it has its name.
fn make(base: &Path) -> io::Result<(PathBuf, File)> {
    let made = tempfile::Builder::new()
        .prefix("pgtls-new-")
        .tempdir_in(base)?;
    let lock = File::create_new(made.path().join(LOCK))?;
    lock.try_lock()?;
    if cfg!(not(unix)) {
        // A directory with an open file in it may not be renamed.
        return Ok((made.keep(), lock));
    }
    let name = made.path().file_name().unwrap_or_default();
    let name = name.to_string_lossy().replace("pgtls-new-", PREFIX);
    let directory = base.join(name);
    fs::rename(made.path(), &directory)?;
    drop(made.keep());
    Ok((directory, lock))
}

/// A file system in memory, with room.
#[cfg(target_os = "linux")]
fn memory() -> Option<&'static Path> {
    let path = Path::new("/dev/shm");
    let facts = rustix::fs::statvfs(path).ok()?;
    (facts.f_bavail.saturating_mul(facts.f_frsize) >= ROOM).then_some(path)
}

#[cfg(not(target_os = "linux"))]
fn memory() -> Option<&'static Path> {
    None
}

/// Removes what processes left that are no more.
#[cfg(unix)]
fn sweep(base: &Path) {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = fs::read_dir(base) else {
        return;
    };
    let user = rustix::process::geteuid().as_raw();
    for entry in entries.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry
                .metadata()
                .is_ok_and(|m| m.is_dir() && m.uid() == user);
        if ours
            && let Ok(lock) = File::open(entry.path().join(LOCK))
            && lock.try_lock().is_ok()
        {
            let gone = fs::remove_dir_all(entry.path());
            tracing::debug!(target: "pgtls::sqlite", path = %entry.path().display(), ?gone, "left by another process");
        }
    }
}

#[cfg(not(unix))]
fn sweep(_: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(base: &Path) -> Vec<String> {
        fs::read_dir(base)
            .unwrap()
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn a_private_database_goes_with_its_value() {
        let base = tempfile::tempdir().unwrap();
        let (private, opening) = Private::within(base.path()).unwrap();
        let session = opening.connect().unwrap();
        session.execute_batch("CREATE TABLE t(a)").unwrap();
        assert_eq!(names(base.path()).len(), 1);
        drop(private);
        assert!(names(base.path()).is_empty());
        drop(session);
        assert!(names(base.path()).is_empty());
    }

    #[test]
    fn pages_are_large_but_in_what_is_there_already() {
        let place = tempfile::tempdir().unwrap();
        let size = |c: &Connection| {
            c.query_row("PRAGMA page_size", [], |row| row.get::<_, u32>(0))
                .unwrap()
        };
        let (opening, first) = Opening::file(&place.path().join("new")).unwrap();
        first.execute_batch("CREATE TABLE t(a)").unwrap();
        assert_eq!(size(&opening.connect().unwrap()), PAGE);
        let old = place.path().join("old");
        let made = Connection::open(&old).unwrap();
        made.execute_batch("PRAGMA page_size=4096; CREATE TABLE t(a)")
            .unwrap();
        let (opening, first) = Opening::file(&old).unwrap();
        first.execute_batch("VACUUM").unwrap();
        assert_eq!(size(&opening.connect().unwrap()), 4096);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_left_of_others_is_removed_and_what_is_in_use_is_not() {
        let base = tempfile::tempdir().unwrap();
        let (used, _) = Private::within(base.path()).unwrap();
        let left = base.path().join(format!("{PREFIX}dead"));
        fs::create_dir(&left).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        fs::write(left.join(DATA), "old").unwrap();
        let other = base.path().join(format!("{PREFIX}of-somebody"));
        fs::create_dir(&other).unwrap();
        let (more, _) = Private::within(base.path()).unwrap();
        assert!(!left.exists());
        assert!(other.exists() && used.directory.exists() && more.directory.exists());
        assert_eq!(names(base.path()).len(), 3);
    }
}
