//! The thread of a session: it does what it is told, one thing after the other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::types::Value as Kept;

use crate::embedded::catalog::{self, Facts};
use crate::embedded::cursor::Cursor;
use crate::embedded::dialect::{Names, Parsed, Plan, Script, Translated, translate};
use crate::embedded::error::respond;
use crate::embedded::portal::{Batch, Begun, Portal, PreparedStatement, Source};
use crate::embedded::schema::SqliteSchema;
use crate::embedded::thread::answer;
use crate::embedded::transaction::{Intent, Transaction};
use crate::embedded::value;
use crate::embedded::{context, lock, sequences};
use crate::error_response::{ErrorResponse, SqlState};
use crate::server::{Event, RowFormat, Type, Value};

/// Runs a session's statements.
pub(super) struct Worker<'c> {
    pub(super) connection: &'c Connection,
    pub(super) schema: SqliteSchema<'c>,
    pub(super) facts: Facts,
    pub(super) transaction: Transaction,
    pub(super) portals: HashMap<u64, Portal<'c>>,
    pub(super) names: Names,
    pub(super) cursors: HashMap<String, Cursor<'c>>,
    pub(super) next_cursor: u64,
}

/// What one statement needs to know of how it is run.
struct Run<'a> {
    statement: &'a Parsed,
    script: &'a Script,
    parameters: Vec<Value<'static>>,
    /// None in a simple query: text, and the columns are told.
    format: Option<&'a RowFormat>,
    prepared: Option<&'a PreparedStatement>,
    /// Other statements may follow in the same transaction.
    together: bool,
}

impl<'c> Worker<'c> {
    pub(super) fn new(connection: &'c Connection, facts: Facts) -> Self {
        Self {
            connection,
            schema: SqliteSchema::new(connection),
            facts,
            transaction: Transaction::default(),
            portals: HashMap::new(),
            names: Names::default(),
            cursors: HashMap::new(),
            next_cursor: 0,
        }
    }

    pub(super) fn open(&mut self, id: u64, portal: Portal<'c>) {
        self.portals.insert(id, portal);
    }

    pub(super) fn close(&mut self, id: u64) {
        let Some(portal) = self.portals.remove(&id) else {
            return;
        };
        // A simple query that is not wanted to its end is not kept either.
        let unfinished = matches!(portal.source, Source::Script { .. });
        drop(portal);
        if unfinished && self.transaction.implicit {
            self.abort();
        } else if unfinished && !self.transaction.block {
            self.facts.info.locks.end_transaction();
        }
    }

    /// Parses and translates one statement.
    pub(super) fn prepare(
        &self,
        sql: &str,
        declared: Vec<Option<Type>>,
    ) -> Result<PreparedStatement, ErrorResponse> {
        let mut script = Script::parse(sql)?;
        for notice in script.notices.drain(..) {
            self.facts.info.locks.note(notice);
        }
        if script.statements.len() > 1 {
            return Err(ErrorResponse::error(
                SqlState::SYNTAX_ERROR,
                "cannot insert multiple commands into a prepared statement",
            ));
        }
        let statement = script.statements.pop();
        if let Some(statement) = &statement
            && self.transaction.failed
            && !statement.ends_block()
        {
            return Err(in_failed_block());
        }
        let translated = statement
            .as_ref()
            .map(|s| self.translate(s, &script, &declared))
            .transpose()?;
        Ok(PreparedStatement {
            needs_catalog: self.schema.needs_catalog(),
            version: self.version()?,
            statement,
            script,
            declared,
            translated,
        })
    }

    pub(super) fn translate(
        &self,
        statement: &Parsed,
        script: &Script,
        declared: &[Option<Type>],
    ) -> Result<Translated, ErrorResponse> {
        self.begin_statement();
        self.schema.refresh().map_err(|e| respond(&e, None))?;
        self.names
            .translate(statement, &self.schema, declared)
            .unwrap_or_else(|| translate(statement, &self.schema, declared))
            .map(|translated| translated.of_text(script.text.as_deref()))
            .map_err(|f| f.respond(Some(script)))
    }

    fn begin_statement(&self) {
        let session = &self.facts.info.context;
        context::begin_statement(self.transaction.is_open(), session.zone());
        lock::begin_statement(session.lock_timeout());
    }

    /// Whether no statement is between its first row and its last.
    pub(super) fn is_quiet(&self) -> bool {
        let streaming = |c: &Cursor<'_>| matches!(c, Cursor::Streaming(s) if s.running.is_some());
        !self.cursors.values().any(streaming) && self.portals.values().all(|p| p.running.is_none())
    }

    /// What the transaction has to be for this plan; true if the schema may be another now.
    pub(super) fn prepare_transaction(&mut self, plan: &Plan) -> Result<bool, ErrorResponse> {
        let Some(intent) = plan.intent() else {
            return Ok(false);
        };
        if intent == Intent::Write {
            self.may_write(plan.verb())?;
        }
        if !self.is_quiet() || !self.transaction.is_open() {
            return Ok(false);
        }
        let level = self.facts.info.context.setting("transaction_isolation");
        let fresh = level.is_ok_and(|l| matches!(&*l, "read committed" | "read uncommitted"));
        let at_once = match plan {
            Plan::Lock {
                relation,
                nowait: true,
                ..
            } => Some(relation),
            _ => None,
        };
        if at_once.is_some() {
            lock::begin_statement(Some(Duration::ZERO));
        }
        self.transaction
            .prepare(self.connection, intent, fresh)
            .map_err(|e| match (respond(&e, None), at_once) {
                (told, Some(relation)) if told.code() == SqlState::LOCK_NOT_AVAILABLE => {
                    ErrorResponse::error(
                        told.code(),
                        format!("could not obtain lock on relation \"{relation}\""),
                    )
                }
                (told, _) => told,
            })
    }

    /// Goes on with a portal until `rows` rows are there, or a batch is full, or it ends.
    /// `tell` is called before the answer is given.
    pub(super) fn next(&mut self, id: u64, rows: u64, tell: &dyn Fn(&Self)) {
        let mut events = Vec::new();
        let Some(mut portal) = self.portals.remove(&id) else {
            return;
        };
        let result = self.advance(&mut portal, rows, &mut events);
        let end = match result {
            Ok(false) => None,
            Ok(true) => Some(Ok(())),
            Err(error) => {
                portal.running = None;
                self.abort();
                Some(Err(error))
            }
        };
        let reply = portal.reply.clone();
        if end.is_none() {
            self.portals.insert(id, portal);
        }
        tell(self);
        answer(&self.facts.info.context, &reply, Batch { events, end });
    }

    /// True at the end.
    fn advance(
        &mut self,
        portal: &mut Portal<'c>,
        rows: u64,
        events: &mut Vec<Event>,
    ) -> Result<bool, ErrorResponse> {
        loop {
            if let Some(running) = &mut portal.running {
                let before = events.len();
                let mut fetched = running.fetch(rows, &self.schema, events);
                // The numbers it draws row by row were too few: it has given no row yet.
                while fetched.is_err() && running.count() == 0 && self.reserve()? {
                    events.truncate(before);
                    fetched = running.fetch(rows, &self.schema, events);
                }
                if fetched.is_ok() {
                    sequences::settle(self.connection)?;
                }
                self.tell_notices(before, events);
                if !fetched? {
                    return Ok(false);
                }
                portal.running = None;
            }
            if let Some(fetching) = &mut portal.fetching {
                if !self.fetch(fetching, rows, events)? {
                    return Ok(false);
                }
                portal.fetching = None;
            }
            if let Some(copying) = portal.copying.take() {
                events.push(Event::Complete(format!("COPY {}", copying.count)));
                self.end_single(copying.together)?;
            }
            let begun = match &mut portal.source {
                Source::Text(sql) => {
                    let mut script = Script::parse(sql)?;
                    events.extend(script.notices.drain(..).map(Event::Notice));
                    portal.source = Source::Script {
                        script,
                        next: 0,
                        any: false,
                    };
                    continue;
                }
                Source::Failed(error) => {
                    return error.take().map_or(Ok(true), Err);
                }
                Source::Bound {
                    statement,
                    parameters,
                    format,
                } => {
                    let Some(parameters) = parameters.take() else {
                        return Ok(true);
                    };
                    let statement = Arc::clone(statement);
                    let notices = self.facts.info.locks.take_notices();
                    events.extend(notices.into_iter().map(Event::Notice));
                    let Some(ast) = &statement.statement else {
                        events.push(Event::Empty);
                        return Ok(true);
                    };
                    let run = Run {
                        statement: ast,
                        script: &statement.script,
                        parameters,
                        format: Some(format),
                        prepared: Some(&statement),
                        together: true,
                    };
                    self.run(run, events)?
                }
                Source::Script { script, next, any } => {
                    let Some(statement) = script.statements.get(*next) else {
                        if !*any {
                            events.push(Event::Empty);
                        }
                        self.end_query()?;
                        return Ok(true);
                    };
                    // Each statement has its own time, and the one before may have set how much.
                    if *any && !events.is_empty() {
                        return Ok(false);
                    }
                    (*next, *any) = (next.saturating_add(1), true);
                    let run = Run {
                        statement,
                        script,
                        parameters: Vec::new(),
                        format: None,
                        prepared: None,
                        together: script.statements.len() > 1,
                    };
                    self.run(run, events)?
                }
            };
            match begun {
                Begun::Copy(copying) => {
                    portal.copying = Some(copying);
                    return Ok(false);
                }
                Begun::Done => {}
                Begun::Fetch(fetching) => portal.fetching = Some(fetching),
                Begun::Rows(running) => portal.running = Some(running),
            }
        }
    }

    /// What functions had to say goes before the rows they said it for.
    fn tell_notices(&self, before: usize, events: &mut Vec<Event>) {
        let notices = self.facts.info.locks.take_notices();
        events.splice(before..before, notices.into_iter().map(Event::Notice));
    }

    /// Starts a statement; what has rows goes on in what this gives.
    fn run(&mut self, run: Run<'_>, events: &mut Vec<Event>) -> Result<Begun<'c>, ErrorResponse> {
        if self.transaction.failed && !run.statement.ends_block() {
            return Err(in_failed_block());
        }
        sequences::begin_statement();
        let mut owned;
        let mut version = self.version()?;
        let (translated, needs_catalog) = loop {
            let (translated, needs_catalog) = match run.prepared {
                Some(prepared) if prepared.version == version => {
                    // What enums there are may have been read in a transaction that is undone.
                    let come = self.schema.come_to(version);
                    come.map_err(|e| respond(&e, None))?;
                    self.begin_statement();
                    (prepared.translated.as_ref(), prepared.needs_catalog)
                }
                prepared => {
                    let declared = prepared.map(|p| p.declared.as_slice()).unwrap_or_default();
                    let again = self.translate(run.statement, run.script, declared)?;
                    same_columns(prepared, &again)?;
                    owned = again;
                    (Some(&owned), self.schema.needs_catalog())
                }
            };
            let Some(translated) = translated else {
                return Ok(Begun::Done);
            };
            if !self.prepare_transaction(&translated.plan)? {
                break (translated, needs_catalog);
            }
            let before = std::mem::replace(&mut version, self.version()?);
            if before == version {
                break (translated, needs_catalog);
            }
        };
        if run.format.is_none() && !translated.parameters.is_empty() {
            return Err(ErrorResponse::error(
                SqlState::UNDEFINED_PARAMETER,
                "there is no parameter $1",
            ));
        }
        if needs_catalog {
            catalog::refresh(self.connection, &self.schema, &self.facts)
                .and_then(|()| catalog::cursors(self.connection, &self.names))
                .map_err(|e| respond(&e, None))?;
        }
        let parameters: Vec<Kept> = run
            .parameters
            .into_iter()
            .zip(&translated.parameters)
            .map(|(v, kind)| value::bound(v, kind))
            .collect::<Result<_, _>>()
            .map_err(|f| f.respond(None))?;
        self.execute(
            &translated.plan,
            &parameters,
            run.format,
            run.together,
            events,
        )
    }

    /// Translations are for a version of the schema.
    fn version(&self) -> Result<(i64, i64), ErrorResponse> {
        self.schema.version().map_err(|e| respond(&e, None))
    }
}

fn in_failed_block() -> ErrorResponse {
    ErrorResponse::error(
        SqlState::IN_FAILED_SQL_TRANSACTION,
        "current transaction is aborted, commands ignored until end of transaction block",
    )
}

pub(super) fn changed_result() -> ErrorResponse {
    ErrorResponse::error(
        SqlState::FEATURE_NOT_SUPPORTED,
        "cached plan must not change result type",
    )
}

/// Clients were told what the columns are.
fn same_columns(
    prepared: Option<&PreparedStatement>,
    again: &Translated,
) -> Result<(), ErrorResponse> {
    let before = prepared.and_then(|p| p.translated.as_ref());
    match before {
        Some(before) if before.plan.columns() != again.plan.columns() => Err(changed_result()),
        _ => Ok(()),
    }
}
