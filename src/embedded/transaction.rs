//! Where a session stands between two statements.

use rusqlite::{Connection, MAIN_DB, TEMP_DB, TransactionState};

use crate::embedded::dialect::quote;
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
    /// A statement has seen data, or changed it.
    used: bool,
    /// The savepoints that stand.
    savepoints: Vec<String>,
}

/// What a statement is about to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Intent {
    Read,
    Write,
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

    /// Makes the transaction that is open fit for a statement; true if it was begun anew.
    ///
    /// SQLite's transaction sees what was there when it first looked, and that was to find out
    /// what the statement means. So it is begun anew: always before the first statement, and with
    /// `fresh` (READ COMMITTED) before each until something is written. From then on nobody else
    /// can commit. Who means to write waits here for his place, not with an old snapshot in hand.
    pub(super) fn prepare(
        &mut self,
        connection: &Connection,
        intent: Intent,
        fresh: bool,
    ) -> rusqlite::Result<bool> {
        let used = std::mem::replace(&mut self.used, true);
        if !self.is_open() || used && !fresh || connection.is_autocommit() {
            return Ok(false);
        }
        let writes = |database| {
            let state = connection.transaction_state(Some(database));
            state.map(|s| s == TransactionState::Write)
        };
        if writes(MAIN_DB)? || writes(TEMP_DB)? {
            return Ok(false);
        }
        connection.execute_batch("COMMIT")?;
        let begun = match intent {
            Intent::Read => connection.execute_batch("BEGIN"),
            // The client's transaction stands, even if its statement fails.
            Intent::Write => connection
                .execute_batch("BEGIN IMMEDIATE")
                .or_else(|error| connection.execute_batch("BEGIN").and(Err(error))),
        };
        for name in &self.savepoints {
            connection.execute_batch(&format!("SAVEPOINT {}", quote(name)))?;
        }
        begun.map(|()| true)
    }

    /// How many savepoints stand.
    pub(super) fn depth(&self) -> usize {
        self.savepoints.len()
    }

    /// How many savepoints stand before the last of this name.
    pub(super) fn before(&self, name: &str) -> Option<usize> {
        self.savepoints.iter().rposition(|s| s == name)
    }

    pub(super) fn savepoint(&mut self, name: &str) {
        self.savepoints.push(name.to_owned());
    }

    /// RELEASE and ROLLBACK TO: those behind it go, and with RELEASE it too.
    pub(super) fn back_to(&mut self, name: &str, and_it: bool) {
        if let Some(at) = self.savepoints.iter().rposition(|s| s == name) {
            self.savepoints
                .truncate(at.saturating_add(usize::from(!and_it)));
        }
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
