//! What runs: the results of a query or of a portal, piece by piece.

use std::sync::atomic::Ordering;

use crate::error_response::{ErrorResponse, Severity, SqlState};
use crate::server::database::{DatabaseSession, Event, Portal, TransactionStatus};
use crate::server::format::Format;
use crate::server::protocol;
use crate::server::rows::Rows;
use crate::server::session::Core;
use crate::server::session::extended::no_such_portal;
use crate::server::session::store::Progress;

/// What a session is doing.
#[derive(Debug)]
pub(super) enum Running<P> {
    /// Nothing: the next message is taken.
    Nothing,
    /// A simple query.
    Query(P),
    /// A portal that is pulled.
    Execute(Execute),
}

#[derive(Debug)]
pub(super) struct Execute {
    portal: String,
    /// How many rows are still wanted.
    left: u64,
    /// How many were given.
    given: u64,
    /// Whether it was in a transaction block.
    before: TransactionStatus,
}

impl Execute {
    pub(super) fn portal(&self) -> &str {
        &self.portal
    }
}

impl<S: DatabaseSession> Core<S> {
    pub(super) fn execute(&mut self, name: &str, rows: i32) -> Result<(), ErrorResponse> {
        let bound = self.portals.get(name).ok_or_else(|| no_such_portal(name))?;
        match bound.progress {
            Progress::Done { rows: true } => {
                protocol::put_command_complete(&mut self.out, "SELECT 0");
                return Ok(());
            }
            Progress::Done { rows: false } => {
                return Err(ErrorResponse::error(
                    SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                    format!("portal \"{name}\" cannot be run"),
                ));
            }
            Progress::Open => {}
        }
        self.running = Running::Execute(Execute {
            portal: name.to_owned(),
            left: u64::try_from(rows)
                .ok()
                .filter(|n| *n > 0)
                .unwrap_or(u64::MAX),
            given: 0,
            before: self.session.transaction_status(),
        });
        Ok(())
    }

    /// Pulls one piece of what runs. True: the client should have it without delay.
    pub(super) async fn pull(&mut self) -> bool {
        let next = match &mut self.running {
            Running::Nothing => return false,
            Running::Query(portal) => portal.next(u64::MAX).await,
            Running::Execute(execute) => match self.portals.get_mut(&execute.portal) {
                None => Ok(None),
                Some(bound) => match bound.ahead.pop_front() {
                    Some(event) => Ok(Some(event)),
                    None => bound.engines.next(execute.left).await,
                },
            },
        };
        match next {
            Ok(Some(event)) => match self.unless_interrupted(event) {
                Ok(()) => false,
                Err(error) => self.fail(error).await,
            },
            Ok(None) => self.end_run(),
            Err(error) => self.fail(error).await,
        }
    }

    /// The engine may not know of an interruption: it did nothing while the client was sent the
    /// rows before these. A statement that has had its effect is not interrupted.
    fn unless_interrupted(&mut self, event: Event) -> Result<(), ErrorResponse> {
        if let Event::Rows(_) = event
            && !self.has_ended()
            && let Some(why) = self.take_interruption()
        {
            return Err(why);
        }
        self.give(event)
    }

    fn has_ended(&self) -> bool {
        match &self.running {
            Running::Nothing => true,
            Running::Query(portal) => portal.has_ended(),
            Running::Execute(execute) => {
                let bound = self.portals.get(&execute.portal);
                bound.is_none_or(|bound| bound.engines.has_ended())
            }
        }
    }

    /// Sends one piece.
    fn give(&mut self, event: Event) -> Result<(), ErrorResponse> {
        match event {
            Event::Columns(columns) => {
                if let Running::Query(_) = self.running {
                    let out = &mut self.out;
                    protocol::put_row_description(out, &columns, |_| Format::Text)?;
                }
            }
            Event::Notice(notice) => self.notice(&notice),
            Event::Rows(rows) => self.rows(rows),
            Event::CopyIn(copy) => self.begin_copy_in(copy),
            Event::CopyOut(copy) => self.begin_copy_out(&copy),
            Event::Complete(tag) => self.complete(&tag),
            Event::Empty => {
                protocol::put_empty_query(&mut self.out);
                self.end_portal(false);
            }
        }
        Ok(())
    }

    fn notice(&mut self, notice: &ErrorResponse) {
        let least = self.context.setting("client_min_messages");
        let least = least.unwrap_or_default();
        let shown = match notice.severity() {
            Severity::Notice => !matches!(least.as_str(), "warning" | "error"),
            Severity::Warning => least != "error",
            Severity::Error | Severity::Fatal => true,
        };
        if shown {
            notice.put(&mut self.out);
        }
    }

    /// No more rows than are wanted; the rest waits.
    fn rows(&mut self, mut rows: Rows) {
        if let (Running::Execute(execute), None) = (&mut self.running, &self.copy) {
            let rest = rows.split_off(execute.left);
            let count = rows.count();
            execute.left = execute.left.saturating_sub(count);
            execute.given = execute.given.saturating_add(count);
            let suspended = execute.left == 0;
            if let Some(bound) = self.portals.get_mut(&execute.portal)
                && !rest.is_empty()
            {
                bound.ahead.push_front(Event::Rows(rest));
            }
            self.put_rows(rows);
            if suspended {
                protocol::put_bare(&mut self.out, b's');
                self.running = Running::Nothing;
            }
        } else {
            self.put_rows(rows);
        }
    }

    fn complete(&mut self, tag: &str) {
        self.end_copy();
        if let Running::Execute(execute) = &self.running {
            // A SELECT that was pulled in parts counts the last.
            let selected = tag.strip_prefix("SELECT ");
            match selected {
                Some(_) if execute.left != u64::MAX => {
                    let tag = format!("SELECT {}", execute.given);
                    protocol::put_command_complete(&mut self.out, &tag);
                }
                _ => protocol::put_command_complete(&mut self.out, tag),
            }
            self.end_portal(selected.is_some());
        } else {
            protocol::put_command_complete(&mut self.out, tag);
        }
        self.forget();
        self.statement_timer.restart();
        // What follows in the same message has the limit that was just set.
        if self.context.have_settings_changed() {
            let before = self.statement_timer.limit;
            self.statement_timer.limit = self.context.statement_timeout();
            self.flush |= before != self.statement_timer.limit;
        }
    }

    /// The portal that runs is at its end.
    fn end_portal(&mut self, gives_rows: bool) {
        let Running::Execute(execute) = &self.running else {
            return;
        };
        if let Some(bound) = self.portals.get_mut(&execute.portal) {
            bound.progress = Progress::Done { rows: gives_rows };
        }
        let was_in_block = execute.before != TransactionStatus::Idle;
        if was_in_block && self.session.transaction_status() == TransactionStatus::Idle {
            // The transaction block has ended, and its portals with it.
            self.portals.keep_only(&execute.portal);
        }
        self.running = Running::Nothing;
    }

    /// Forgets what SQL has deallocated.
    fn forget(&mut self) {
        for name in self.context.take_forgotten() {
            match name {
                Some(name) => drop(self.statements.remove(&name)),
                None => self.statements.clear_named(),
            }
        }
    }

    fn end_run(&mut self) -> bool {
        if let Running::Query(_) = self.running {
            self.running = Running::Nothing;
            self.end_query();
            true
        } else {
            // An engine that gives no command tag.
            self.end_portal(false);
            false
        }
    }

    /// Tells of an error, and what follows from it. True: it should be sent at once.
    pub(super) async fn fail(&mut self, error: ErrorResponse) -> bool {
        let error = match self.terminated.load(Ordering::Acquire) {
            true => super::terminated(),
            false => error,
        };
        let running = core::mem::replace(&mut self.running, Running::Nothing);
        let timed_out = self.statement_timer.fired.load(Ordering::Acquire);
        match self.take_interruption() {
            // The engine does not know why it was interrupted.
            Some(why) if timed_out && error.code() == SqlState::QUERY_CANCELED => {
                why.put(&mut self.out);
            }
            _ => error.put(&mut self.out),
        }
        self.statement_timer.restart();
        if error.severity() == Severity::Fatal {
            self.over = true;
            return true;
        }
        // During a COPY the message is another than the one that began it.
        let simple = match running {
            Running::Nothing => !self.extended,
            Running::Query(_) => true,
            Running::Execute(_) => false,
        };
        self.copy = None;
        drop(running);
        // In PostgreSQL too, no portal outlives the failure of its transaction.
        self.portals.clear();
        self.session.abort().await;
        if self.session.transaction_status() == TransactionStatus::Idle {
            self.context.rollback();
        }
        self.forget();
        if simple {
            self.end_query();
            true
        } else {
            // asyncpg and postgres.js send their Sync only when they know of it.
            self.skip_until_sync = true;
            true
        }
    }
}
