//! What is being run: statements that give their rows bit by bit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_channel::Sender;
use postgres_types::Type;
use rusqlite::types::Value as Kept;
use rusqlite::{CachedStatement, Connection};

use crate::embedded::dialect::{Output, Parsed, Script, Translated, Ty};
use crate::embedded::error::{respond, respond_to};
use crate::embedded::schema::SqliteSchema;
use crate::embedded::{convert, functions, sequences, value};
use crate::error_response::ErrorResponse;
use crate::server::{CopyRows, Event, RowFormat, Rows, Value};

/// Rows that take longer than this to fill a batch are not kept for a larger one.
const SLOW: Duration = Duration::from_millis(50);

/// Pieces of a result, and whether they are the last.
pub(super) struct Batch {
    pub(super) events: Vec<Event>,
    pub(super) end: Option<Result<(), ErrorResponse>>,
}

/// A statement that was prepared: how it was translated, and for which state of the schema.
#[derive(Debug)]
pub(super) struct PreparedStatement {
    /// None if there was nothing but blanks and comments.
    pub(super) statement: Option<Parsed>,
    pub(super) script: Script,
    pub(super) declared: Vec<Option<Type>>,
    pub(super) translated: Option<Translated>,
    pub(super) version: (i64, i64),
    pub(super) needs_catalog: bool,
}

/// What a portal runs.
pub(super) enum Source {
    /// A simple query that nobody has looked at.
    Text(String),
    /// A simple query: its statements from `next` on.
    Script {
        script: Script,
        next: usize,
        any: bool,
    },
    /// A prepared statement with its parameters, until it is started.
    Bound {
        statement: Arc<PreparedStatement>,
        parameters: Option<Vec<Value<'static>>>,
        format: RowFormat,
    },
    /// It cannot be run.
    Failed(Option<ErrorResponse>),
}

/// A portal on its thread.
pub(super) struct Portal<'c> {
    pub(super) source: Source,
    pub(super) running: Option<Running<'c>>,
    pub(super) copying: Option<Copying>,
    pub(super) fetching: Option<Fetching>,
    pub(super) reply: Sender<Batch>,
}

impl Portal<'_> {
    pub(super) fn new(source: Source, reply: Sender<Batch>) -> Self {
        Self {
            source,
            running: None,
            copying: None,
            fetching: None,
            reply,
        }
    }
}

/// A COPY FROM STDIN between its first row and its last.
pub(super) struct Copying {
    pub(super) sql: String,
    pub(super) columns: Vec<Ty>,
    pub(super) count: u64,
    /// Other statements may follow in the same transaction.
    pub(super) together: bool,
}

/// A FETCH between its first row and its last.
pub(super) struct Fetching {
    pub(super) name: String,
    pub(super) limit: u64,
}

/// What becomes of a statement that was begun.
pub(super) enum Begun<'c> {
    Copy(Copying),
    Done,
    Fetch(Fetching),
    Rows(Running<'c>),
}

impl Copying {
    /// Takes some rows.
    pub(super) fn take(
        &mut self,
        connection: &Connection,
        schema: &SqliteSchema<'_>,
        rows: &CopyRows,
    ) -> Result<(), ErrorResponse> {
        let mut statement = connection
            .prepare_cached(&self.sql)
            .map_err(|e| respond(&e, Some(schema)))?;
        for row in rows.rows() {
            for (number, (value, ty)) in (1..).zip(row.values().zip(&self.columns)) {
                let kept = value::kept(value?.into_owned(), &ty.kind);
                let kept = kept.and_then(|kept| match (kept, &ty.kind) {
                    (Kept::Text(text), &Type::JSON | &Type::JSONB) => {
                        functions::json(text, ty.kind == Type::JSONB).map(Kept::Text)
                    }
                    (kept, _) if ty.modifier < 0 => Ok(kept),
                    (kept, _) => convert::cast((&kept).into(), &ty.kind, ty, false),
                });
                let kept = kept.map_err(|f| f.respond(None))?;
                statement
                    .raw_bind_parameter(number, kept)
                    .map_err(|e| respond(&e, None))?;
            }
            let mut done = statement.raw_execute();
            while done.is_err() && sequences::wants() {
                sequences::reserve(connection)?;
                done = statement.raw_execute();
            }
            done.map_err(|e| respond_to(&e, schema, &statement))?;
            sequences::settle(connection)?;
            self.count = self.count.saturating_add(1);
        }
        Ok(())
    }
}

/// A statement between its first row and its last.
///
/// Rows borrow their statement, so they cannot be kept beside it. They are forgotten between two
/// batches, and asked for again: SQLite goes on where it was, until it is reset.
pub(super) struct Running<'c> {
    statement: CachedStatement<'c>,
    columns: Vec<Ty>,
    rows: Rows,
    tag: &'static str,
    count: u64,
    connection: &'c Connection,
    /// The sequence whose numbers it takes unasked.
    takes: Option<String>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // Rows that are dropped reset their statement.
        drop(self.statement.raw_query());
    }
}

impl<'c> Running<'c> {
    /// Makes the statement ready to give rows.
    pub(super) fn new(
        connection: &'c Connection,
        sql: &str,
        parameters: &[Kept],
        columns: &[Output],
        format: &RowFormat,
        tag: &'static str,
    ) -> rusqlite::Result<Self> {
        let mut statement = connection.prepare_cached(sql)?;
        bind(&mut statement, parameters)?;
        Ok(Self {
            statement,
            columns: columns.iter().map(|c| c.ty.clone()).collect(),
            rows: Rows::new(format),
            tag,
            count: 0,
            connection,
            takes: None,
        })
    }

    /// It takes numbers of this sequence unasked.
    pub(super) fn takes(&mut self, sequence: Option<String>) {
        self.takes = sequence;
    }

    /// Counts anew, and gives its rows in this format from now on.
    pub(super) fn restart(&mut self, format: &RowFormat) {
        (self.rows, self.count) = (Rows::new(format), 0);
    }

    /// How many rows it gave.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Gives up to `wanted` rows, or as many as make a full batch; true at the end.
    pub(super) fn fetch(
        &mut self,
        wanted: u64,
        schema: &SqliteSchema<'_>,
        events: &mut Vec<Event>,
    ) -> Result<bool, ErrorResponse> {
        let fetched = self.batch(wanted, schema, events);
        // SQLite inserts all rows before it gives the first.
        if let Some(sequence) = &self.takes {
            match &fetched {
                Ok(_) if self.count > 0 => {
                    sequences::note(sequence, self.connection.last_insert_rowid());
                    self.takes = None;
                }
                Ok(_) => {}
                Err(error) => sequences::passed_over(self.connection, sequence, error),
            }
        }
        fetched
    }

    fn batch(
        &mut self,
        wanted: u64,
        schema: &SqliteSchema<'_>,
        events: &mut Vec<Event>,
    ) -> Result<bool, ErrorResponse> {
        let begun = now();
        let mut rows = self.statement.raw_query();
        let mut given = 0_u64;
        loop {
            if given >= wanted || self.rows.is_full() {
                std::mem::forget(rows);
                if !self.rows.is_empty() {
                    events.push(Event::Rows(self.rows.take()));
                }
                if begun.elapsed() > SLOW {
                    self.rows.hurry();
                }
                return Ok(false);
            }
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(error) => {
                    drop(rows);
                    return Err(respond_to(&error, schema, &self.statement));
                }
            };
            self.rows.push_fields(|i, field| {
                let raw = row.get_ref(i);
                match (&raw, self.columns.get(i)) {
                    (Ok(raw), Some(ty)) => value::put(raw, ty, field),
                    _ => field.value(&Value::Null),
                }
            })?;
            given = given.saturating_add(1);
            self.count = self.count.saturating_add(1);
        }
        if !self.rows.is_empty() {
            events.push(Event::Rows(self.rows.take()));
        }
        events.push(Event::Complete(format!("{} {}", self.tag, self.count)));
        Ok(true)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how fast rows come is seen by a clock only"
)]
fn now() -> Instant {
    Instant::now()
}

/// Gives a statement its parameters.
pub(super) fn bind(
    statement: &mut CachedStatement<'_>,
    parameters: &[Kept],
) -> rusqlite::Result<()> {
    // A parameter that the statement does not use after translation has no place in it.
    let count = statement.parameter_count();
    for (i, value) in parameters.iter().take(count).enumerate() {
        statement.raw_bind_parameter(i.saturating_add(1), value)?;
    }
    Ok(())
}
