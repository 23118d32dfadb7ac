//! The row that violates a constraint. SQLite does not give it, but tells triggers of it before it
//! looks. So the statement is run once more with such a trigger, and all is undone.

use std::cell::{Cell, RefCell};

use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value;
use rusqlite::{Connection, Error, Result};

use crate::embedded::convert;
use crate::embedded::dialect::{Table, literal, quote};
use crate::embedded::{sequences, value};

/// Longer values are cut, as PostgreSQL cuts them.
const MAX_BYTES: usize = 64;
/// What gives another value, or does something more, when it is run again.
const FICKLE: &[&str] = &[
    "clock_timestamp(",
    "gen_random_uuid(",
    "pg_advisory",
    "pg_notify(",
    "pg_random(",
    "pg_sleep(",
    "pg_try_advisory",
    "set_config(",
    "timeofday(",
];

thread_local! {
    static NOTED: RefCell<Option<Vec<Value>>> = const { RefCell::new(None) };
    static COUNTED: Cell<i64> = const { Cell::new(0) };
}

/// How many rows came, up to the one that a statement failed for, if that was looked for.
pub(in crate::embedded) fn take_count() -> i64 {
    COUNTED.take()
}

/// The function that the triggers call.
pub(in crate::embedded) fn register(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("pg_note_row", -1, flags, |context| {
        let row = (0..context.len()).map(|i| context.get(i));
        NOTED.set(Some(row.collect::<Result<_>>()?));
        COUNTED.set(COUNTED.get().saturating_add(1));
        Ok(0)
    })
}

/// Whether a statement may be run again to see why it failed.
pub(super) fn repeats(sql: &str, definition: &str) -> bool {
    !FICKLE
        .iter()
        .any(|f| sql.contains(f) || definition.contains(f))
}

/// The row of the table that made the statement fail with this message.
pub(super) fn failing(
    connection: &Connection,
    sql: &str,
    table: &Table,
    message: &str,
) -> Option<Vec<Value>> {
    if !repeats(sql, &table.definition) {
        return None;
    }
    let triggers = [("INSERT", insertion(table)), ("UPDATE", row(table, "NEW"))]
        .map(|(event, row)| trigger(table, event, &row));
    last(connection, sql, &triggers, message)
}

/// The values of the table's columns, `NEW` or `OLD`.
pub(super) fn row(table: &Table, which: &str) -> String {
    let values = table.columns.iter();
    let values: Vec<String> = values
        .map(|c| format!("{which}.{}", quote(&c.name)))
        .collect();
    values.join(",")
}

/// A number that counts by itself is not known yet before a row is put in: it is −1.
fn insertion(table: &Table) -> String {
    let values = table.columns.iter().map(|column| {
        let name = quote(&column.name);
        if !column.counts {
            return format!("NEW.{name}");
        }
        let counted = if table.definition.contains("AUTOINCREMENT") {
            format!(
                "(SELECT seq FROM {}.sqlite_sequence WHERE name={})",
                quote(table.database),
                literal(&table.name)
            )
        } else {
            "0".into()
        };
        format!(
            "iif(NEW.{name}=-1,1+max(coalesce({counted},0),\
             coalesce((SELECT max(rowid) FROM {}),0)),NEW.{name})",
            table.sql
        )
    });
    values.collect::<Vec<_>>().join(",")
}

pub(super) fn trigger(table: &Table, event: &str, row: &str) -> String {
    let name = format!("pgtls_note_{event}_{}", table.name);
    format!(
        "CREATE TEMP TRIGGER {} BEFORE {event} ON {} BEGIN SELECT pg_note_row({row}); END",
        quote(&name),
        table.sql
    )
}

/// The last row that one of the triggers was told of, if the statement fails as it did.
pub(super) fn last(
    connection: &Connection,
    sql: &str,
    triggers: &[String],
    message: &str,
) -> Option<Vec<Value>> {
    NOTED.set(None);
    COUNTED.set(0);
    sequences::rewind();
    let run = || {
        connection.execute_batch("SAVEPOINT pgtls_row")?;
        let made = connection.execute_batch(&triggers.join(";"));
        let ran = made.and_then(|()| {
            let mut statement = connection.prepare(sql)?;
            let mut rows = statement.raw_query();
            while rows.next()?.is_some() {}
            Ok(())
        });
        connection.execute_batch("ROLLBACK TO pgtls_row; RELEASE pgtls_row")?;
        Ok::<_, Error>(ran)
    };
    let ran = run();
    let noted = NOTED.take();
    let count = COUNTED.take();
    match ran {
        Ok(Err(Error::SqliteFailure(_, Some(again)))) if again == message => {
            COUNTED.set(count);
            noted
        }
        Ok(Ok(())) => None,
        Ok(Err(error)) | Err(error) => {
            tracing::debug!(target: "pgtls::sqlite", %error, "no row found");
            None
        }
    }
}

fn text(value: &Value, table: &Table, index: usize) -> Option<String> {
    if *value == Value::Null {
        return Some("null".into());
    }
    let ty = &table.columns.get(index)?.ty;
    let text = convert::show(value.into(), &ty.kind).ok()?;
    Some(value::padded_to(text, ty))
}

/// All values of a row.
pub(super) fn show(table: &Table, row: &[Value]) -> Option<String> {
    let texts: Option<Vec<String>> = row
        .iter()
        .enumerate()
        .map(|(i, v)| text(v, table, i).map(cut))
        .collect();
    Some(texts?.join(", "))
}

fn cut(text: String) -> String {
    if text.len() <= MAX_BYTES {
        return text;
    }
    let mut end = MAX_BYTES;
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    format!("{}...", text.get(..end).unwrap_or_default())
}

/// `(a, b)=(1, 2)`.
pub(super) fn key(table: &Table, row: &[Value], columns: &[&str]) -> Option<String> {
    let mut values = Vec::new();
    for column in columns {
        let at = table.columns.iter().position(|c| c.name == *column)?;
        values.push(text(row.get(at)?, table, at)?);
    }
    Some(format!("({})=({})", columns.join(", "), values.join(", ")))
}
