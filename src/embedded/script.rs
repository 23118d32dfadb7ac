//! Runs a simple query: statements one after the other, as PostgreSQL's transactions have it.

use async_channel::Sender;
use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Connection, Statement};

use crate::embedded::error::respond;
use crate::embedded::statement::{Description, Kind};
use crate::embedded::value;
use crate::error_response::{ErrorResponse, SqlState};
use crate::server::{Event, RowFormat, Rows, TransactionStatus};

/// Where a session stands between two statements.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    /// The client said BEGIN.
    block: bool,
    /// Something failed since; SQLite would go on, PostgreSQL does not.
    failed: bool,
    /// We said BEGIN, so that several statements in one string stand or fall together.
    implicit: bool,
}

/// Why a script stopped.
pub(super) enum Stop {
    Failed(ErrorResponse),
    /// Nobody wants the results any more.
    Unwanted,
}

impl From<ErrorResponse> for Stop {
    fn from(error: ErrorResponse) -> Self {
        Self::Failed(error)
    }
}

pub(super) type Events = Sender<Result<Option<Event>, ErrorResponse>>;

fn send(events: &Events, event: Event) -> Result<(), Stop> {
    events
        .send_blocking(Ok(Some(event)))
        .map_err(|_| Stop::Unwanted)
}

impl Transaction {
    pub(super) fn status(&self) -> TransactionStatus {
        match (self.block, self.failed) {
            (false, _) => TransactionStatus::Idle,
            (true, false) => TransactionStatus::InTransaction,
            (true, true) => TransactionStatus::Failed,
        }
    }

    /// Runs all statements of a string.
    pub(super) fn run(
        &mut self,
        connection: &Connection,
        sql: &str,
        events: &Events,
    ) -> Result<(), Stop> {
        let result = self.statements(connection, sql, events);
        if std::mem::take(&mut self.implicit) {
            let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
            let ended = end_transaction(connection, end);
            if result.is_ok() {
                ended?;
            }
        }
        self.failed |= self.block && result.is_err();
        result
    }

    fn statements(
        &mut self,
        connection: &Connection,
        sql: &str,
        events: &Events,
    ) -> Result<(), Stop> {
        // A semicolon inside a string deceives this, and costs no more than a BEGIN.
        let several = sql
            .trim_end_matches(|c: char| c == ';' || c.is_whitespace())
            .contains(';');
        let mut any = false;
        let mut batch = Batch::new(connection, sql);
        while let Some(mut statement) = batch.next().map_err(|e| {
            // In a failed block PostgreSQL complains of a syntax error first, as here.
            Stop::Failed(respond(&e, sql))
        })? {
            any = true;
            let text = statement.expanded_sql().unwrap_or_default();
            let description = Description::of(&text);
            if statement.parameter_count() > 0 {
                return Err(ErrorResponse::error(
                    SqlState::UNDEFINED_PARAMETER,
                    "there is no parameter $1: a simple query has none",
                )
                .into());
            }
            self.statement(connection, &mut statement, &description, several, events)
                .map_err(|stop| match stop {
                    Failure::Sql(e) => Stop::Failed(respond(&e, sql)),
                    Failure::Stop(stop) => stop,
                })?;
        }
        if any {
            Ok(())
        } else {
            send(events, Event::Empty)
        }
    }

    fn statement(
        &mut self,
        connection: &Connection,
        statement: &mut Statement<'_>,
        description: &Description,
        several: bool,
        events: &Events,
    ) -> Result<(), Failure> {
        let tag = |tag: &str| send(events, Event::Complete(tag.into())).map_err(Failure::Stop);
        match description.kind {
            Kind::Commit | Kind::Rollback => {
                let commit = description.kind == Kind::Commit && !self.failed;
                (self.block, self.failed, self.implicit) = (false, false, false);
                let end = if commit { "COMMIT" } else { "ROLLBACK" };
                end_transaction(connection, end).map_err(Stop::Failed)?;
                return tag(end);
            }
            Kind::RollbackTo if self.block => {
                statement.raw_execute()?;
                self.failed = false;
                return tag("ROLLBACK");
            }
            _ if self.failed => return Err(Stop::Failed(in_failed_block()).into()),
            Kind::Begin => {
                // Within an implicit transaction BEGIN makes it the client's own.
                if !self.block && !self.implicit {
                    statement.raw_execute()?;
                }
                (self.block, self.implicit) = (true, false);
                return tag("BEGIN");
            }
            Kind::RollbackTo | Kind::Savepoint if !self.block => {
                return Err(Stop::Failed(ErrorResponse::error(
                    SqlState::NO_ACTIVE_SQL_TRANSACTION,
                    format!(
                        "{} can only be used in transaction blocks",
                        description.tag(0)
                    ),
                ))
                .into());
            }
            Kind::Alone | Kind::Other | Kind::RollbackTo | Kind::Savepoint => {}
        }
        if several && !self.block && !self.implicit && description.kind != Kind::Alone {
            connection.execute_batch("BEGIN")?;
            self.implicit = true;
        }
        let rows = if statement.column_count() == 0 {
            u64::try_from(statement.raw_execute()?).unwrap_or(u64::MAX)
        } else {
            rows(statement, events)?
        };
        tag(&description.tag(rows))
    }
}

/// COMMIT may fail, on a deferred foreign key for one; then nothing is kept. After some errors
/// SQLite has rolled back by itself.
fn end_transaction(connection: &Connection, end: &str) -> Result<(), ErrorResponse> {
    if connection.is_autocommit() {
        return Ok(());
    }
    connection.execute_batch(end).map_err(|e| {
        if !connection.is_autocommit() {
            // Nothing more can be done about a rollback that fails.
            let _ = connection.execute_batch("ROLLBACK");
        }
        respond(&e, "")
    })
}

/// Sends the rows of a statement and counts them.
fn rows(statement: &mut Statement<'_>, events: &Events) -> Result<u64, Failure> {
    let declared: Vec<(String, Option<String>)> = statement
        .columns()
        .map(|c| (c.name().to_owned(), c.decl_type().map(str::to_owned)))
        .collect();
    let mut rows = statement.raw_query();
    let mut row = rows.next()?;
    let columns: Vec<_> = declared
        .iter()
        .enumerate()
        .map(|(i, (name, declared))| {
            let first = row.and_then(|row| row.get_ref(i).ok());
            value::column(name, declared.as_deref(), first)
        })
        .collect();
    let mut chunk = Rows::new(&RowFormat::text(&columns));
    send(events, Event::Columns(columns))?;
    let mut count = 0_u64;
    while let Some(current) = row {
        let values = (0..declared.len()).map(|i| value::of(current.get_ref(i).ok()));
        chunk.push(values).map_err(Stop::Failed)?;
        count = count.saturating_add(1);
        if chunk.is_full() {
            send(events, Event::Rows(chunk.take()))?;
        }
        row = rows.next()?;
    }
    if !chunk.is_empty() {
        send(events, Event::Rows(chunk))?;
    }
    Ok(count)
}

fn in_failed_block() -> ErrorResponse {
    ErrorResponse::error(
        SqlState::IN_FAILED_SQL_TRANSACTION,
        "current transaction is aborted, commands ignored until end of transaction block",
    )
}

/// A statement failed in SQLite, or the script stops.
enum Failure {
    Sql(rusqlite::Error),
    Stop(Stop),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Session {
        connection: Connection,
        transaction: Transaction,
    }

    impl Session {
        fn new() -> Self {
            let connection = Connection::open_in_memory().unwrap();
            Self {
                connection,
                transaction: Transaction::default(),
            }
        }

        /// Tags and errors, and the status behind them.
        fn run(&mut self, sql: &str) -> String {
            let (events, results) = async_channel::unbounded();
            let end = self.transaction.run(&self.connection, sql, &events);
            let mut seen = Vec::new();
            while let Ok(event) = results.try_recv() {
                match event.unwrap().unwrap() {
                    Event::Columns(columns) => seen.push(format!("{} columns", columns.len())),
                    Event::Complete(tag) => seen.push(tag),
                    Event::Empty => seen.push("empty".into()),
                    Event::Rows(rows) => seen.push(format!("{} bytes", rows.len())),
                    other => seen.push(format!("{other:?}")),
                }
            }
            if let Err(Stop::Failed(error)) = end {
                seen.push(error.code().to_string());
            }
            seen.push(format!("{:?}", self.transaction.status()));
            seen.join(", ")
        }
    }

    #[test]
    fn transactions_are_postgresqls() {
        let mut s = Session::new();
        let script = [
            ("", "empty, Idle"),
            (" ; -- nothing", "empty, Idle"),
            ("CREATE TABLE t(a UNIQUE)", "CREATE TABLE, Idle"),
            (
                "INSERT INTO t VALUES (1); INSERT INTO t VALUES (1)",
                "INSERT 0 1, 23505, Idle",
            ),
            ("SELECT * FROM t", "1 columns, SELECT 0, Idle"),
            (
                "INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2); SELEC",
                "INSERT 0 1, COMMIT, INSERT 0 1, 42601, Idle",
            ),
            ("SELECT * FROM t", "1 columns, 12 bytes, SELECT 1, Idle"),
            ("BEGIN", "BEGIN, InTransaction"),
            ("BEGIN", "BEGIN, InTransaction"),
            ("INSERT INTO t VALUES (3)", "INSERT 0 1, InTransaction"),
            (
                "SAVEPOINT s; INSERT INTO t VALUES (3)",
                "SAVEPOINT, 23505, Failed",
            ),
            ("SELECT 1", "25P02, Failed"),
            ("ROLLBACK TO s", "ROLLBACK, InTransaction"),
            ("SELECT nope", "42703, Failed"),
            ("COMMIT", "ROLLBACK, Idle"),
            ("SELECT * FROM t", "1 columns, 12 bytes, SELECT 1, Idle"),
            ("ROLLBACK", "ROLLBACK, Idle"),
            ("SAVEPOINT s", "25P01, Idle"),
            (
                "INSERT INTO t VALUES (4); BEGIN; INSERT INTO t VALUES (5)",
                "INSERT 0 1, BEGIN, INSERT 0 1, InTransaction",
            ),
            (
                "ROLLBACK; SELECT a FROM t",
                "ROLLBACK, 1 columns, 12 bytes, SELECT 1, Idle",
            ),
            (
                "INSERT INTO t VALUES (6) RETURNING a",
                "1 columns, 12 bytes, INSERT 0 1, Idle",
            ),
            ("DELETE FROM t", "DELETE 2, Idle"),
            (
                "VACUUM; SELECT 1",
                "VACUUM, 1 columns, 12 bytes, SELECT 1, Idle",
            ),
            ("SELECT ?", "42P02, Idle"),
        ];
        for (sql, expected) in script {
            assert_eq!(s.run(sql), expected, "{sql}");
        }
    }

    #[test]
    fn a_commit_that_fails_keeps_nothing() {
        let mut s = Session::new();
        s.run("PRAGMA foreign_keys=ON");
        s.run("CREATE TABLE p(a PRIMARY KEY); CREATE TABLE c(a REFERENCES p DEFERRABLE INITIALLY DEFERRED)");
        s.run("BEGIN; INSERT INTO c VALUES (1)");
        assert_eq!(s.run("COMMIT"), "23503, Idle");
        assert_eq!(s.run("SELECT * FROM c"), "1 columns, SELECT 0, Idle");
    }
}
