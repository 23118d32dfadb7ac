//! `EmbeddedDatabase`: SQLite behind the door. Each session has a thread, because SQLite blocks.

mod array;
mod authorize;
mod catalog;
mod context;
mod convert;
mod datetime;
mod dialect;
mod error;
mod functions;
mod number;
mod portal;
mod schema;
mod thread;
mod transaction;
mod value;
mod worker;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};

use crate::error_response::{ErrorResponse, SqlState};
use crate::server::{Client, Database};
use catalog::Facts;
use functions::SessionInfo;
pub use thread::{EmbeddedPortal, EmbeddedSession, EmbeddedStatement};

/// An SQLite database, in memory or in a file, shared by all sessions.
///
/// Clients speak PostgreSQL's dialect: statements are parsed, their names and types resolved, and
/// written anew for SQLite. What has no counterpart there is refused with 0A000 and named.
/// `pg_catalog` and `information_schema` tell of the tables there are, as far as psql and drivers
/// ask. Clients cannot reach other files. Without [`EmbeddedDatabase::with_name`] it goes by any
/// database name.
///
/// # How values are kept
///
/// Integers, floats and `bytea` as SQLite's own; everything else as text in PostgreSQL's form, so
/// that `numeric` is exact, and dates and times sort (in UTC, years 1 to 9999). `jsonb` keeps the
/// order of its keys. Collation is that of `"C"`.
///
/// # Concurrency
///
/// Each session has a connection and a thread of its own. Transactions are serializable, whatever
/// level is asked for: one that writes on old knowledge gets 40001, and one that waits more than
/// five seconds for another's lock 55P03. In a file (WAL mode) readers and a writer do not wait
/// for each other; in memory they do.
#[derive(Debug)]
pub struct EmbeddedDatabase {
    location: Location,
    name: Option<String>,
    /// `pg_postmaster_start_time()`.
    started: Timestamp,
}

/// The database could not be opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "could not open database {location}: {source}; check that the path is an SQLite database or a new file in a writable directory"
)]
pub struct OpenError {
    location: String,
    source: rusqlite::Error,
}

/// Where the data is.
pub(crate) enum Location {
    File(PathBuf),
    /// SQLite's `memdb` under a name of its own. It lives as long as this connection.
    Memory {
        uri: String,
        _keep: Mutex<Connection>,
    },
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Memory { .. } => f.write_str("in memory"),
        }
    }
}

impl EmbeddedDatabase {
    /// An empty database in memory; it is gone when the value is dropped.
    ///
    /// # Errors
    /// Out of memory.
    pub fn new_in_memory() -> Result<Self, OpenError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let uri = format!("file:/pgtls-{number}?vfs=memdb");
        let keep = Connection::open_with_flags(&uri, flags()).map_err(|source| OpenError {
            location: "in memory".into(),
            source,
        })?;
        Ok(Self {
            location: Location::Memory {
                uri,
                _keep: Mutex::new(keep),
            },
            name: None,
            started: context::now(),
        })
    }

    /// The database in this file, made if it is not there. It is kept in WAL mode: beside the
    /// file there may be two more, with `-wal` and `-shm` behind its name.
    ///
    /// # Errors
    /// The file cannot be opened or made, or is something else.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let location = Location::File(path.as_ref().to_owned());
        location
            .connect()
            .and_then(|connection| {
                let mode: String =
                    connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0))?;
                // Some file systems cannot do it; SQLite then keeps to what it had.
                tracing::debug!(target: "pgtls::sqlite", %mode, "journal mode");
                connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
            })
            .map_err(|source| OpenError {
                location: location.to_string(),
                source,
            })?;
        Ok(Self {
            location,
            name: None,
            started: context::now(),
        })
    }

    /// Goes by this database name only; clients that ask for another are told 3D000.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI
}

impl Location {
    fn connect(&self) -> rusqlite::Result<Connection> {
        match self {
            Self::File(path) => {
                Connection::open_with_flags(path, flags().difference(OpenFlags::SQLITE_OPEN_URI))
            }
            Self::Memory { uri, .. } => Connection::open_with_flags(uri, flags()),
        }
    }
}

impl Database for EmbeddedDatabase {
    type Session = EmbeddedSession;

    async fn connect(&self, client: Client<'_>) -> Result<EmbeddedSession, ErrorResponse> {
        let database = String::from_utf8_lossy(client.login.database()).into_owned();
        if self.name.as_ref().is_some_and(|name| *name != database) {
            return Err(ErrorResponse::fatal(
                SqlState::INVALID_CATALOG_NAME,
                format!("database \"{database}\" does not exist"),
            ));
        }
        let connection = self
            .location
            .connect()
            .map_err(|e| error::respond(&e, None).into_fatal())?;
        let facts = Facts {
            info: SessionInfo {
                database,
                user: String::from_utf8_lossy(client.login.user()).into_owned(),
                process_id: client.process_id,
                started: self.started,
                context: client.context,
                alarm: Arc::default(),
            },
            tls: client.login.tls().cloned(),
        };
        EmbeddedSession::start(connection, facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_database_is_refused_and_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("notes.txt");
        let text = "not a database, but long enough to look like one".repeat(50);
        std::fs::write(&path, &text).unwrap();
        let error = EmbeddedDatabase::open(&path).unwrap_err();
        assert!(error.to_string().contains("notes.txt"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        EmbeddedDatabase::open(place.path().join("no/such/dir/x.db")).unwrap_err();
    }
}
