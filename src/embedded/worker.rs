//! The thread of a session: it does what it is told, one thing after the other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::types::Value as Kept;

use crate::embedded::catalog::{self, Facts};
use crate::embedded::cursor::Cursor;
use crate::embedded::dialect::{
    Copy, Names, Output, Parsed, Plan, Script, Step, Translated, quote, translate,
};
use crate::embedded::error::{respond, respond_to};
use crate::embedded::portal::{
    Batch, Begun, Copying, Portal, PreparedStatement, Running, Source, bind,
};
use crate::embedded::schema::SqliteSchema;
use crate::embedded::transaction::{Intent, Transaction};
use crate::embedded::value;
use crate::embedded::{context, lock, sequences, steps};
use crate::error_response::{ErrorResponse, SqlState};
use crate::server::{
    Column, CopyIn, CopyOut, CopyRows, Event, RowFormat, Scope, SessionCommand, Type, Value,
};

/// Runs a session's statements.
pub(super) struct Worker<'c> {
    pub(super) connection: &'c Connection,
    pub(super) schema: SqliteSchema<'c>,
    pub(super) facts: Facts,
    pub(super) transaction: Transaction,
    portals: HashMap<u64, Portal<'c>>,
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

    fn translate(
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
            .map_err(|f| f.respond(Some(script)))
    }

    fn begin_statement(&self) {
        let session = &self.facts.info.context;
        context::begin_statement(self.transaction.is_open(), session.zone());
        lock::begin_statement(session.lock_timeout());
    }

    /// Whether no statement is between its first row and its last.
    fn is_quiet(&self) -> bool {
        let streaming = |c: &Cursor<'_>| matches!(c, Cursor::Streaming(Some(_)));
        !self.cursors.values().any(streaming) && self.portals.values().all(|p| p.running.is_none())
    }

    /// What the transaction has to be for this plan; true if the schema may be another now.
    fn prepare_transaction(&mut self, plan: &Plan) -> Result<bool, ErrorResponse> {
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
        // Nobody there to hear it is fine.
        let _ = reply.send_blocking(Batch { events, end });
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

    fn execute(
        &mut self,
        plan: &Plan,
        parameters: &[Kept],
        format: Option<&RowFormat>,
        together: bool,
        events: &mut Vec<Event>,
    ) -> Result<Begun<'c>, ErrorResponse> {
        let complete =
            |events: &mut Vec<Event>, tag: &str| events.push(Event::Complete(tag.into()));
        match plan {
            Plan::Query { sql, columns, .. } => {
                return self
                    .rows(sql, parameters, columns, format, "SELECT", events)
                    .map(Begun::Rows);
            }
            Plan::Drawing { draws, plan } => {
                sequences::draw(self.connection, draws)?;
                return self.execute(plan, parameters, format, together, events);
            }
            Plan::SetVal { query, columns } => {
                let set = sequences::set_from(self.connection, query, parameters)?;
                let set = [set.map_or(Kept::Null, Kept::Integer)];
                return self
                    .rows("SELECT ?1", &set, columns, format, "SELECT", events)
                    .map(Begun::Rows);
            }
            Plan::Change {
                sql,
                columns,
                tag,
                takes,
            } => {
                if together {
                    self.begin_implicit()?;
                }
                if let Some(columns) = columns {
                    return self
                        .rows(sql, parameters, columns, format, tag, events)
                        .map(Begun::Rows);
                }
                let count = self.write_drawing(sql, parameters)?;
                if let Some(sequence) = takes.as_ref().filter(|_| count > 0) {
                    sequences::note(sequence, self.connection.last_insert_rowid());
                }
                events.push(Event::Complete(format!("{tag} {count}")));
            }
            Plan::CreateAs { sql, insert } => {
                self.begin_implicit()?;
                for sql in sql {
                    self.write(sql, &[])?;
                }
                let count = self.write_drawing(insert, &[])?;
                events.push(Event::Complete(format!("SELECT {count}")));
                self.end_single(together)?;
            }
            Plan::Schema { steps, tag } => {
                let defines = steps.iter().any(|s| matches!(s, Step::Define { .. }));
                if defines && !self.is_quiet() {
                    return Err(ErrorResponse::error(
                        SqlState::OBJECT_IN_USE,
                        format!("cannot {tag} because of active queries in this session"),
                    ));
                }
                if together || steps.len() > 1 || defines {
                    self.begin_implicit()?;
                }
                for step in steps {
                    while let Err(error) = steps::run(self.connection, &self.schema, step) {
                        if !self.reserve()? {
                            return Err(error);
                        }
                    }
                    sequences::settle(self.connection)?;
                }
                self.end_single(together)?;
                complete(events, tag);
            }
            Plan::Alone { sql, tag } => {
                if self.transaction.is_open() || together && format.is_none() {
                    return Err(ErrorResponse::error(
                        SqlState::ACTIVE_SQL_TRANSACTION,
                        format!("{tag} cannot run inside a transaction block"),
                    ));
                }
                for sql in *sql {
                    self.write(sql, &[])?;
                }
                complete(events, tag);
            }
            Plan::Lock { takes, .. } => {
                if !self.transaction.block && !together {
                    return Err(ErrorResponse::error(
                        SqlState::NO_ACTIVE_SQL_TRANSACTION,
                        "LOCK TABLE can only be used in transaction blocks",
                    ));
                }
                if let Some(sql) = takes {
                    self.begin_implicit()?;
                    self.write(sql, &[])?;
                }
                complete(events, "LOCK TABLE");
            }
            Plan::Begin {
                read_only,
                isolation,
                tag,
            } => {
                if self.transaction.block {
                    events.push(Event::Notice(ErrorResponse::warning(
                        SqlState::ACTIVE_SQL_TRANSACTION,
                        "there is already a transaction in progress",
                    )));
                } else {
                    // Within an implicit transaction BEGIN makes it the client's own.
                    self.begin_implicit()?;
                    (self.transaction.block, self.transaction.implicit) = (true, false);
                }
                let settings = [
                    isolation.as_deref().map(|i| ("transaction_isolation", i)),
                    read_only.then_some(("transaction_read_only", "on")),
                ];
                for (name, value) in settings.into_iter().flatten() {
                    self.facts
                        .info
                        .context
                        .set(name, value, Scope::Transaction)?;
                }
                complete(events, tag);
            }
            Plan::Commit | Plan::Rollback => {
                if !self.transaction.block {
                    events.push(Event::Notice(ErrorResponse::warning(
                        SqlState::NO_ACTIVE_SQL_TRANSACTION,
                        "there is no transaction in progress",
                    )));
                }
                let commit = matches!(plan, Plan::Commit) && !self.transaction.failed;
                if self.transaction.is_open() {
                    self.end(commit)?;
                } else {
                    self.facts.info.locks.end_transaction();
                }
                complete(events, if commit { "COMMIT" } else { "ROLLBACK" });
            }
            Plan::Savepoint(name) | Plan::Release(name) | Plan::RollbackTo(name) => {
                self.savepoint(plan, name, events)?;
            }
            Plan::Declare { name, sql, cursor } => {
                self.declare(name, sql, parameters, cursor, together)?;
                complete(events, "DECLARE CURSOR");
            }
            Plan::Fetch {
                name,
                direction,
                columns,
            } => return self.begin_fetch(name, *direction, columns, format, events),
            Plan::Move { name, direction } => self.move_cursor(name, *direction, events)?,
            Plan::Close(None) => {
                self.close_cursors(|_| false);
                complete(events, "CLOSE CURSOR ALL");
            }
            Plan::Close(Some(name)) => {
                self.close_cursor(name);
                complete(events, "CLOSE CURSOR");
            }
            Plan::Prepare { name, definition } => {
                let definition = Arc::clone(definition);
                self.names.statements.insert(name.clone(), definition);
                complete(events, "PREPARE");
            }
            Plan::Execute { arguments, plan } => {
                let arguments = match arguments {
                    Some(sql) => self.evaluate(sql, parameters)?,
                    None => Vec::new(),
                };
                return self.execute(plan, &arguments, format, together, events);
            }
            Plan::Session(SessionCommand::Deallocate(Some(name)))
                if self.names.statements.contains_key(name) =>
            {
                self.names.statements.remove(name);
                complete(events, "DEALLOCATE");
            }
            Plan::Session(command) => {
                if matches!(
                    command,
                    SessionCommand::Deallocate(None) | SessionCommand::DiscardAll
                ) {
                    self.names.statements.clear();
                }
                if *command == SessionCommand::DiscardAll {
                    self.close_cursors(|_| false);
                    sequences::forget();
                    self.facts.info.locks.unlock_all();
                }
                let columns = command.columns();
                let context = &self.facts.info.context;
                let text = context.text_format(columns.as_deref().unwrap_or_default());
                events.extend(command.run(context, format.unwrap_or(&text))?);
            }
            Plan::Copy(copy) => return self.copy(copy, together, events),
            Plan::Nothing { tag, notices } => {
                for text in notices {
                    events.push(Event::Notice(ErrorResponse::notice(text.clone())));
                }
                complete(events, tag);
            }
        }
        Ok(Begun::Done)
    }

    fn copy(
        &mut self,
        copy: &Copy,
        together: bool,
        events: &mut Vec<Event>,
    ) -> Result<Begun<'c>, ErrorResponse> {
        let columns: Vec<_> = copy.columns.iter().map(value::column).collect();
        let options = copy.options.clone();
        if !copy.from {
            let zone = self.facts.info.context.zone();
            let format = RowFormat::copy(&options, &columns).in_zone(zone);
            events.push(Event::CopyOut(CopyOut::new(options, columns)));
            return Running::new(
                self.connection,
                &copy.sql,
                &[],
                &copy.columns,
                &format,
                "COPY",
            )
            .map(Begun::Rows)
            .map_err(|e| respond(&e, Some(&self.schema)));
        }
        // All rows or none.
        self.begin_implicit()?;
        events.push(Event::CopyIn(CopyIn::new(&*copy.table, options, columns)));
        Ok(Begun::Copy(Copying {
            sql: copy.sql.clone(),
            columns: copy.columns.iter().map(|c| c.ty.clone()).collect(),
            count: 0,
            together,
        }))
    }

    /// Rows of a COPY FROM STDIN.
    pub(super) fn copy_in(&mut self, id: u64, rows: &CopyRows) -> Result<(), ErrorResponse> {
        let Some(copying) = self.portals.get_mut(&id).and_then(|p| p.copying.as_mut()) else {
            return Err(ErrorResponse::error(
                SqlState::INVALID_CURSOR_NAME,
                "the portal ended with its transaction",
            ));
        };
        copying.take(self.connection, &self.schema, rows)
    }

    /// What the rows of an open cursor look like.
    pub(super) fn cursor(&self, name: &str) -> Option<Vec<Column>> {
        let cursor = self.names.cursors.get(name)?;
        Some(cursor.columns.iter().map(value::column).collect())
    }

    /// The one row of a query without tables.
    fn evaluate(&self, sql: &str, parameters: &[Kept]) -> Result<Vec<Kept>, ErrorResponse> {
        let row = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            bind(&mut statement, parameters)?;
            let count = statement.column_count();
            let mut rows = statement.raw_query();
            let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            (0..count)
                .map(|i| row.get(i))
                .collect::<rusqlite::Result<Vec<Kept>>>()
        };
        row().map_err(|e| respond(&e, Some(&self.schema)))
    }

    fn rows(
        &self,
        sql: &str,
        parameters: &[Kept],
        columns: &[Output],
        format: Option<&RowFormat>,
        tag: &'static str,
        events: &mut Vec<Event>,
    ) -> Result<Running<'c>, ErrorResponse> {
        let text;
        let format = match format {
            Some(format) => format,
            None => {
                let columns: Vec<_> = columns.iter().map(value::column).collect();
                text = self.facts.info.context.text_format(&columns);
                events.push(Event::Columns(columns));
                &text
            }
        };
        Running::new(self.connection, sql, parameters, columns, format, tag)
            .map_err(|e| respond(&e, Some(&self.schema)))
    }

    /// Runs a statement that gives no rows; how many it changed.
    fn write(&self, sql: &str, parameters: &[Kept]) -> Result<usize, ErrorResponse> {
        let mut statement = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut s| bind(&mut s, parameters).map(|()| s))
            .map_err(|e| respond(&e, Some(&self.schema)))?;
        let done = statement.raw_execute();
        done.map_err(|e| respond_to(&e, &self.schema, &statement))
    }

    /// The same for one that may draw numbers row by row.
    fn write_drawing(&mut self, sql: &str, parameters: &[Kept]) -> Result<usize, ErrorResponse> {
        let count = loop {
            match self.write(sql, parameters) {
                Ok(count) => break count,
                Err(error) if !self.reserve()? => return Err(error),
                Err(_) => {}
            }
        };
        sequences::settle(self.connection)?;
        Ok(count)
    }

    /// Draws more numbers for a statement that failed for want of them; false if it did not.
    fn reserve(&mut self) -> Result<bool, ErrorResponse> {
        if !sequences::wants() {
            return Ok(false);
        }
        self.begin_implicit()?;
        sequences::reserve(self.connection)?;
        Ok(true)
    }

    pub(super) fn begin_implicit(&mut self) -> Result<(), ErrorResponse> {
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

    fn may_write(&self, verb: &str) -> Result<(), ErrorResponse> {
        let read_only = self.facts.info.context.setting("transaction_read_only");
        if read_only.is_ok_and(|v| v == "on") {
            return Err(ErrorResponse::error(
                SqlState::READ_ONLY_SQL_TRANSACTION,
                format!("cannot execute {verb} in a read-only transaction"),
            ));
        }
        Ok(())
    }

    fn savepoint(
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
            }
            _ => {
                context.rollback_to(name);
                locks.rollback_to(name);
                self.lose_cursors();
                self.transaction.back_to(name, false);
                self.transaction.failed = false;
            }
        }
        events.push(Event::Complete(tag.into()));
        Ok(())
    }

    /// Open statements would keep a transaction from ending.
    fn drop_running(&mut self) {
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

    fn end(&mut self, commit: bool) -> Result<(), ErrorResponse> {
        self.drop_running();
        if commit {
            self.close_cursors(|kept| kept.survives(true));
        }
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
        ended.map_err(|e| respond(&e, Some(&self.schema)))
    }

    /// The end of a simple query.
    fn end_query(&mut self) -> Result<(), ErrorResponse> {
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
