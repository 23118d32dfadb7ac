//! What a session's thread does for each kind of plan.

use std::sync::Arc;

use rusqlite::types::Value as Kept;

use crate::embedded::dialect::{Copy, Output, Plan, Step};
use crate::embedded::error::{respond, respond_to};
use crate::embedded::portal::{Begun, Copying, Running, bind};
use crate::embedded::value;
use crate::embedded::worker::Worker;
use crate::embedded::{drawn, sequences, steps};
use crate::error_response::{ErrorResponse, SqlState};
use crate::server::{Column, CopyIn, CopyOut, CopyRows, Event, RowFormat, Scope, SessionCommand};

impl<'c> Worker<'c> {
    pub(super) fn execute(
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
                    let rows = self.rows(sql, parameters, columns, format, tag, events);
                    return rows.map(|mut running| {
                        running.takes(takes.clone());
                        Begun::Rows(running)
                    });
                }
                let written = self.write_drawing(sql, parameters);
                match (&written, takes) {
                    (Ok(1..), Some(sequence)) => {
                        sequences::note(sequence, self.connection.last_insert_rowid());
                    }
                    (Err(error), Some(sequence)) => {
                        sequences::passed_over(self.connection, sequence, error);
                    }
                    _ => {}
                }
                let count = written?;
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
                let open = !self.connection.is_autocommit();
                let told = |e: rusqlite::Error| respond(&e, None);
                let before = match open {
                    true => Some(drawn::all(self.connection).map_err(told)?),
                    false => None,
                };
                for step in steps {
                    if let Step::Notice(text) = step {
                        events.push(Event::Notice(ErrorResponse::notice(text.clone())));
                        continue;
                    }
                    while let Err(error) = steps::run(self.connection, &self.schema, step) {
                        if !self.reserve()? {
                            return Err(error);
                        }
                    }
                    sequences::settle(self.connection)?;
                }
                if let Some(before) = before {
                    let depth = self.transaction.depth();
                    drawn::defined(self.connection, before, depth).map_err(told)?;
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
                self.discard(command)?;
                if matches!(
                    command,
                    SessionCommand::Deallocate(None) | SessionCommand::DiscardAll
                ) {
                    self.names.statements.clear();
                }
                let columns = command.columns();
                let context = &self.facts.info.context;
                let text = context.text_format(columns.as_deref().unwrap_or_default());
                events.extend(command.run(context, format.unwrap_or(&text))?);
            }
            Plan::Staged(staged) => {
                return self.staged(staged, parameters, format, together, events);
            }
            Plan::Do(block) => {
                self.block(block, 0, events)?;
                self.end_single(together)?;
                complete(events, "DO");
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

    pub(super) fn copy(
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
    pub(super) fn evaluate(
        &self,
        sql: &str,
        parameters: &[Kept],
    ) -> Result<Vec<Kept>, ErrorResponse> {
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

    pub(super) fn rows(
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
    pub(super) fn write(&self, sql: &str, parameters: &[Kept]) -> Result<usize, ErrorResponse> {
        let mut statement = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut s| bind(&mut s, parameters).map(|()| s))
            .map_err(|e| respond(&e, Some(&self.schema)))?;
        let done = statement.raw_execute();
        done.map_err(|e| respond_to(&e, &self.schema, &statement))
    }

    /// The same for one that may draw numbers row by row.
    pub(super) fn write_drawing(
        &mut self,
        sql: &str,
        parameters: &[Kept],
    ) -> Result<usize, ErrorResponse> {
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
    pub(super) fn reserve(&mut self) -> Result<bool, ErrorResponse> {
        if !sequences::wants() {
            return Ok(false);
        }
        self.begin_implicit()?;
        sequences::reserve(self.connection)?;
        Ok(true)
    }
}
