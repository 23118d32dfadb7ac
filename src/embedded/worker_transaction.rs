//! Where a session's transaction begins, is marked, and ends.

use crate::embedded::cursor::Cursor;
use crate::embedded::dialect::{Plan, quote};
use crate::embedded::drawn::{self, State};
use crate::embedded::error::respond;
use crate::embedded::portal::Source;
use crate::embedded::sequences;
use crate::embedded::worker::Worker;
use crate::error_response::{ErrorResponse, SqlState};
use crate::server::Event;

impl Worker<'_> {
    pub(super) fn begin_implicit(&mut self) -> Result<(), ErrorResponse> {
        if !self.transaction.is_open() {
            // What was drawn before is committed.
            drawn::forget();
        }
        self.transaction
            .begin_implicit(self.connection)
            .map_err(|e| respond(&e, None))
    }

    /// Ends what several steps of one statement needed.
    pub(super) fn end_single(&mut self, together: bool) -> Result<(), ErrorResponse> {
        if !together && self.transaction.implicit {
            self.end(true)?;
        }
        Ok(())
    }

    pub(super) fn may_write(&self, verb: &str) -> Result<(), ErrorResponse> {
        let read_only = self.facts.info.context.setting("transaction_read_only");
        if read_only.is_ok_and(|v| v == "on") {
            return Err(ErrorResponse::error(
                SqlState::READ_ONLY_SQL_TRANSACTION,
                format!("cannot execute {verb} in a read-only transaction"),
            ));
        }
        Ok(())
    }

    pub(super) fn savepoint(
        &mut self,
        plan: &Plan,
        name: &str,
        events: &mut Vec<Event>,
    ) -> Result<(), ErrorResponse> {
        let (sql, tag) = match plan {
            Plan::Savepoint(_) => ("SAVEPOINT", "SAVEPOINT"),
            Plan::Release(_) => ("RELEASE SAVEPOINT", "RELEASE"),
            _ => ("ROLLBACK TO SAVEPOINT", "ROLLBACK"),
        };
        if !self.transaction.block {
            return Err(ErrorResponse::error(
                SqlState::NO_ACTIVE_SQL_TRANSACTION,
                format!("{sql} can only be used in transaction blocks"),
            ));
        }
        if matches!(plan, Plan::RollbackTo(_)) {
            self.drop_running();
        }
        let standing = match plan {
            Plan::RollbackTo(_) => self.standing(self.transaction.before(name)),
            _ => Vec::new(),
        };
        self.connection
            .execute_batch(&format!("{sql} {}", quote(name)))
            .map_err(|e| match e {
                rusqlite::Error::SqliteFailure(_, Some(text)) if text.contains("no such") => {
                    ErrorResponse::error(
                        SqlState::new("3B001").unwrap_or(SqlState::UNDEFINED_OBJECT),
                        format!("savepoint \"{name}\" does not exist"),
                    )
                }
                e => respond(&e, None),
            })?;
        let (context, locks) = (&self.facts.info.context, &self.facts.info.locks);
        match plan {
            Plan::Savepoint(_) => {
                context.savepoint(name);
                locks.savepoint(name);
                self.transaction.savepoint(name);
            }
            Plan::Release(_) => {
                context.release(name);
                locks.release_savepoint(name);
                self.transaction.back_to(name, true);
                drawn::released(self.transaction.depth());
            }
            _ => {
                context.rollback_to(name);
                locks.rollback_to(name);
                self.lose_cursors();
                self.schema.undone();
                self.transaction.back_to(name, false);
                self.transaction.failed = false;
                self.restore(&standing);
            }
        }
        events.push(Event::Complete(tag.into()));
        Ok(())
    }

    /// Open statements would keep a transaction from ending.
    pub(super) fn drop_running(&mut self) {
        self.cursors
            .retain(|_, c| !matches!(c, Cursor::Streaming(_)));
        self.forget_cursors();
        for portal in self.portals.values_mut() {
            if portal.running.take().is_some() {
                portal.source = Source::Failed(Some(ErrorResponse::error(
                    SqlState::INVALID_CURSOR_NAME,
                    "the portal ended with its transaction",
                )));
            }
        }
    }

    /// How sequences are to stand behind a rollback: see `drawn`.
    pub(super) fn standing(&self, depth: Option<usize>) -> Vec<State> {
        let standing = sequences::settle(self.connection)
            .and_then(|()| drawn::standing(self.connection, depth).map_err(|e| respond(&e, None)));
        standing.unwrap_or_else(|error| {
            tracing::debug!(target: "pgtls::sqlite", ?error, "sequences");
            Vec::new()
        })
    }

    pub(super) fn restore(&self, standing: &[State]) {
        if let Err(error) = drawn::restore(self.connection, standing) {
            tracing::debug!(target: "pgtls::sqlite", ?error, "sequences");
        }
    }

    pub(super) fn end(&mut self, commit: bool) -> Result<(), ErrorResponse> {
        self.drop_running();
        if commit {
            self.close_cursors(|kept| kept.survives(true));
        }
        let standing = self.standing(None);
        let ended = self.transaction.end(self.connection, commit);
        let committed = commit && ended.is_ok();
        self.close_cursors(|kept| kept.survives(committed));
        for cursor in self.cursors.values_mut() {
            if let Cursor::Kept(kept) = cursor {
                kept.committed = true;
            }
        }
        let context = &self.facts.info.context;
        if committed {
            context.commit();
        } else {
            context.rollback();
        }
        self.facts.info.locks.end_transaction();
        if !committed {
            self.schema.undone();
            self.restore(&standing);
        }
        drawn::forget();
        ended.map_err(|e| respond(&e, Some(&self.schema)))
    }

    /// The end of a simple query.
    pub(super) fn end_query(&mut self) -> Result<(), ErrorResponse> {
        if self.transaction.implicit {
            return self.end(true);
        }
        if !self.transaction.block {
            self.facts.info.locks.end_transaction();
        }
        Ok(())
    }

    /// The end of what was run through the extended protocol.
    pub(super) fn sync(&mut self) -> Result<(), ErrorResponse> {
        if self.transaction.block {
            return Ok(());
        }
        self.end(true)
    }

    /// Something failed.
    pub(super) fn abort(&mut self) {
        if self.transaction.block {
            self.transaction.failed = true;
            self.drop_running();
            self.facts.info.locks.fail();
        } else if let Err(error) = self.end(false) {
            tracing::debug!(target: "pgtls::sqlite", ?error, "rollback");
        }
    }
}
