//! `EmbeddedDatabase`: SQLite behind the door. Each session has a thread, because SQLite blocks.

mod advisory;
mod array;
mod authorize;
mod blocks;
mod canonical;
mod catalog;
mod context;
mod convert;
mod cursor;
mod datetime;
mod dialect;
mod discard;
mod drawn;
mod enums;
mod error;
mod forward;
mod functions;
#[cfg(any(test, feature = "_fuzzing"))]
pub(crate) mod fuzzing;
mod inet;
mod lock;
mod number;
mod picture;
mod place;
mod portal;
mod public;
mod schema;
mod sequences;
mod special;
mod stages;
mod steps;
mod thread;
mod transaction;
mod transcendental;
mod value;
mod violation;
mod worker;
mod worker_cursors;
mod worker_plans;
mod worker_transaction;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::error_response::{ErrorResponse, SqlState};
use crate::server::{Client, Database};
use advisory::{Advisory, Locks};
use catalog::Facts;
use functions::SessionInfo;
use place::{Opening, Private, PrivateError};
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
/// that `numeric` is exact, and dates and times sort (in UTC, years 1 to 9999). Collation is that of
/// `"C"`. A value of an enum is a number that sorts as its
/// label does; tables whose names begin with `pgtls_` have the labels, and the sequences.
///
/// # Concurrency
///
/// Each session has a connection and a thread of its own, from its first statement on. Readers and
/// a writer do not wait for each other, and no reader sees what is not committed. There is one
/// writer at a time: another one waits for its end, and gets 55P03 after `lock_timeout`, or five
/// seconds if that is 0.
///
/// In `READ COMMITTED`, the default, each statement sees what was committed before it began, as
/// long as the transaction has no cursor open. In the levels above, a transaction sees what was
/// committed before its first statement, all of them are serializable, and one that writes after
/// another has committed gets 40001. `SELECT … FOR UPDATE` takes the writer's place at once.
/// Advisory locks are shared by the sessions of one `EmbeddedDatabase`.
///
/// # What is not as in PostgreSQL
///
/// - A serial or identity column that is the primary key counts on from the highest number the
///   table ever had, one that an INSERT gave included; elsewhere its sequence knows of its own only.
/// - A COPY that fails gives back the numbers of such a column, and an INSERT of several rows may.
/// - Tables whose names differ in nothing but case cannot be beside each other.
/// - A regular expression that could match in two ways is refused, since PostgreSQL would prefer
///   the longest.
#[derive(Debug)]
pub struct EmbeddedDatabase {
    opening: Opening,
    /// Kept for what its end does; none for a file.
    _private: Option<Private>,
    name: Option<String>,
    advisory: Arc<Advisory>,
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
    source: PrivateError,
}

impl EmbeddedDatabase {
    /// An empty database in memory; it is gone when the value is dropped.
    ///
    /// On Linux it is kept in `/dev/shm`, where there is room for it; else, and on other systems,
    /// in a directory for temporary files (`TMPDIR`), in the system's cache and never flushed.
    /// What a killed process leaves there is removed when the next such database is made.
    ///
    /// # Errors
    /// No file can be made in either place.
    pub fn new_in_memory() -> Result<Self, OpenError> {
        let (private, opening) = Private::new().map_err(|source| OpenError {
            location: "in memory".into(),
            source,
        })?;
        Ok(Self {
            opening,
            _private: Some(private),
            name: None,
            advisory: Arc::default(),
            started: context::now(),
        })
    }

    /// The database in this file, made if it is not there. It is kept in WAL mode: beside the
    /// file there may be two more, with `-wal` and `-shm` behind its name.
    ///
    /// # Errors
    /// The file cannot be opened or made, or is something else.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let (opening, _) = Opening::file(path).map_err(|source| OpenError {
            location: path.display().to_string(),
            source: source.into(),
        })?;
        Ok(Self {
            opening,
            _private: None,
            name: None,
            advisory: Arc::default(),
            started: context::now(),
        })
    }

    /// Goes by this database name only; clients that ask for another are told 3D000.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What a client's session knows.
    fn facts(&self, client: Client<'_>, database: String) -> Facts {
        let alarm = Arc::default();
        Facts {
            info: SessionInfo {
                database,
                user: String::from_utf8_lossy(client.login.user()).into_owned(),
                process_id: client.process_id,
                started: self.started,
                context: client.context,
                locks: Locks::new(&self.advisory, client.process_id, &alarm),
                alarm,
            },
            tls: client.login.tls().cloned(),
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
        Ok(EmbeddedSession::new(
            self.opening.clone(),
            self.facts(client, database),
        ))
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
