//! Statements that run in several stages: rows that one leaves, and the next reads.

use std::cell::RefCell;
use std::collections::HashSet;

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value as Kept;

use crate::embedded::dialect::{Fault, Keeps, Last, MAX_COPY, Stage, Staged};
use crate::embedded::error::{respond, respond_to};
use crate::embedded::portal::{Begun, bind};
use crate::embedded::sequences;
use crate::embedded::worker::Worker;
use crate::error_response::{ErrorResponse, SqlState};
use crate::server::{Event, RowFormat};

/// Rows of one stage.
#[derive(Default)]
struct Rows {
    rows: Vec<Vec<Kept>>,
    count: usize,
}

thread_local! {
    static ROWS: RefCell<Vec<Rows>> = const { RefCell::new(Vec::new()) };
}

/// `pg_kept(slot)`, how many rows there are, and `pg_kept(slot, row, column)`.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    let at = |n: i64| usize::try_from(n).unwrap_or(usize::MAX);
    connection.create_scalar_function("pg_kept", 1, flags, move |context| {
        let slot = at(context.get(0)?);
        let count = ROWS.with_borrow(|all| all.get(slot).map_or(0, |r| r.rows.len()));
        Ok(i64::try_from(count).unwrap_or(i64::MAX))
    })?;
    connection.create_scalar_function("pg_kept", 3, flags, move |context| {
        let (slot, row) = (at(context.get(0)?), at(context.get(1)?));
        let column = at(context.get(2)?);
        Ok(ROWS.with_borrow(|all| all.get(slot)?.rows.get(row)?.get(column).cloned()))
    })
}

impl<'c> Worker<'c> {
    /// Runs all stages. What the last one reads it reads before it gives its first row.
    pub(super) fn staged(
        &mut self,
        staged: &Staged,
        parameters: &[Kept],
        format: Option<&RowFormat>,
        together: bool,
        events: &mut Vec<Event>,
    ) -> Result<Begun<'c>, ErrorResponse> {
        self.begin_implicit()?;
        ROWS.with_borrow_mut(Vec::clear);
        for stage in &staged.stages {
            let rows = loop {
                match self.stage(stage, parameters) {
                    Ok(rows) => break rows,
                    Err(error) if !self.reserve()? => return Err(error),
                    Err(_) => {}
                }
            };
            sequences::settle(self.connection)?;
            if let Some(sequence) = stage.takes.as_ref().filter(|_| rows.count > 0) {
                sequences::note(sequence, self.connection.last_insert_rowid());
            }
            ROWS.with_borrow_mut(|all| {
                if all.len() <= stage.slot {
                    all.resize_with(stage.slot.saturating_add(1), Rows::default);
                }
                if let Some(place) = all.get_mut(stage.slot) {
                    *place = rows;
                }
            });
        }
        match &staged.last {
            Last::Plan(plan) => {
                let begun = self.execute(plan, parameters, format, together, events)?;
                if matches!(begun, Begun::Done) {
                    self.end_single(together)?;
                }
                Ok(begun)
            }
            Last::Rows { sql, columns, tag } => self
                .rows(sql, parameters, columns, format, tag, events)
                .map(Begun::Rows),
            Last::Count { slots, tag } => {
                let count: usize = ROWS.with_borrow(|all| {
                    let rows = slots.iter().filter_map(|slot| all.get(*slot));
                    rows.map(|r| r.count).sum()
                });
                events.push(Event::Complete(format!("{tag} {count}")));
                self.end_single(together)?;
                Ok(Begun::Done)
            }
        }
    }

    fn stage(&self, stage: &Stage, parameters: &[Kept]) -> Result<Rows, ErrorResponse> {
        let mut statement = self
            .connection
            .prepare_cached(&stage.sql)
            .and_then(|mut s| bind(&mut s, parameters).map(|()| s))
            .map_err(|e| respond(&e, Some(&self.schema)))?;
        if matches!(stage.keeps, Keeps::Count) {
            let done = statement.raw_execute();
            let count = done.map_err(|e| respond_to(&e, &self.schema, &statement))?;
            return Ok(Rows {
                rows: Vec::new(),
                count,
            });
        }
        let width = statement.column_count();
        let mut seen = HashSet::new();
        let mut kept = Vec::new();
        let mut rows = statement.raw_query();
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(error) => {
                    drop(rows);
                    return Err(respond_to(&error, &self.schema, &statement));
                }
            };
            let values: rusqlite::Result<Vec<Kept>> = (0..width).map(|i| row.get(i)).collect();
            let values = values.map_err(|e| respond(&e, Some(&self.schema)))?;
            match (&stage.keeps, values.first()) {
                (Keeps::First, Some(&Kept::Integer(number))) if !seen.insert(number) => continue,
                (Keeps::Once, Some(&Kept::Integer(number))) if !seen.insert(number) => {
                    return Err(ErrorResponse::error(
                        SqlState::CARDINALITY_VIOLATION,
                        "MERGE command cannot affect row a second time",
                    )
                    .with_hint(
                        "Ensure that not more than one source row matches any one target row.",
                    ));
                }
                (Keeps::Few(name), _) if kept.len() >= MAX_COPY => {
                    let fault = Fault::unsupported(format!(
                        "to read the table \"{name}\" of more than {MAX_COPY} rows in a statement that changes it"
                    ));
                    return Err(fault.respond(None));
                }
                _ => {}
            }
            kept.push(values);
        }
        let count = kept.len();
        Ok(Rows { rows: kept, count })
    }
}
