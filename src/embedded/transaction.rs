//! Where a session stands between two statements.

use rusqlite::Connection;

use crate::server::TransactionStatus;

/// PostgreSQL's transaction block over SQLite's transaction.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    /// The client said BEGIN.
    pub(super) block: bool,
    /// Something failed since; SQLite would go on, PostgreSQL does not.
    pub(super) failed: bool,
    /// We said BEGIN, so that several statements stand or fall together.
    pub(super) implicit: bool,
}

impl Transaction {
    pub(super) fn status(&self) -> TransactionStatus {
        match (self.block, self.failed) {
            (false, _) => TransactionStatus::Idle,
            (true, false) => TransactionStatus::InTransaction,
            (true, true) => TransactionStatus::Failed,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.block || self.implicit
    }

    /// Begins a transaction of our own, if none is open.
    pub(super) fn begin_implicit(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if !self.is_open() {
            connection.execute_batch("BEGIN")?;
            self.implicit = true;
        }
        Ok(())
    }

    /// Ends whatever is open. COMMIT may fail, on a deferred foreign key for one; then nothing is
    /// kept. After some errors SQLite has rolled back by itself.
    pub(super) fn end(&mut self, connection: &Connection, commit: bool) -> rusqlite::Result<()> {
        *self = Self::default();
        if connection.is_autocommit() {
            return Ok(());
        }
        let ended = connection.execute_batch(if commit { "COMMIT" } else { "ROLLBACK" });
        if !connection.is_autocommit() {
            // Nothing more can be done about a rollback that fails.
            let _ = connection.execute_batch("ROLLBACK");
        }
        ended
    }
}
