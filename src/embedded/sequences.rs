//! Numbers of sequences, drawn and set. What a session drew is the thread's.

use std::cell::RefCell;
use std::collections::HashMap;

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value;

use crate::embedded::dialect::{Fault, SEQUENCES, no_sequence, quote, serial_name};
use crate::embedded::error::respond;
use crate::embedded::functions::fail;
use crate::embedded::schema::has_table;
use crate::error_response::{ErrorResponse, SqlState};

#[derive(Default)]
struct Session {
    /// For the statement at hand.
    drawn: Vec<i64>,
    current: HashMap<String, i64>,
    last: Option<i64>,
}

thread_local! {
    static SESSION: RefCell<Session> = RefCell::new(Session::default());
}

/// `currval` and `lastval`, and what stands for `nextval`.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("pg_drawn", 1, flags, |context| {
        let at = usize::try_from(context.get::<i64>(0)?).unwrap_or(usize::MAX);
        Ok(SESSION.with_borrow(|s| s.drawn.get(at).copied()))
    })?;
    connection.create_scalar_function("pg_currval", 1, flags, |context| {
        let name = bare(&context.get::<String>(0)?);
        SESSION
            .with_borrow(|s| s.current.get(&name).copied())
            .ok_or_else(|| {
                undefined(format!(
                    "currval of sequence \"{name}\" is not yet defined in this session"
                ))
            })
    })?;
    connection.create_scalar_function("pg_lastval", 0, flags, |_| {
        SESSION
            .with_borrow(|s| s.last)
            .ok_or_else(|| undefined("lastval is not yet defined in this session".into()))
    })
}

fn undefined(text: String) -> rusqlite::Error {
    fail(Fault::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, text))
}

/// The last part of a name, folded as identifiers are.
fn bare(name: &str) -> String {
    match name.strip_suffix('"') {
        Some(inner) => inner.rsplit_once('"').map_or(inner, |(_, n)| n).to_owned(),
        None => name.rsplit('.').next().unwrap_or_default().to_lowercase(),
    }
}

/// DISCARD ALL and its like.
pub(super) fn forget() {
    SESSION.set(Session::default());
}

/// A statement took numbers of a serial column; this is the last.
pub(super) fn note(name: &str, value: i64) {
    SESSION.with_borrow_mut(|s| {
        s.current.insert(name.to_owned(), value);
        s.last = Some(value);
    });
}

/// Lets nobody write between what is read and what is written.
fn alone<T>(
    connection: &Connection,
    work: impl FnOnce() -> Result<T, ErrorResponse>,
) -> Result<T, ErrorResponse> {
    if !connection.is_autocommit() {
        return work();
    }
    let told = |e: rusqlite::Error| respond(&e, None);
    connection.execute_batch("BEGIN IMMEDIATE").map_err(told)?;
    let done = work();
    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    connection.execute_batch(end).map_err(told)?;
    done
}

/// Draws one number from each.
pub(super) fn draw(connection: &Connection, names: &[String]) -> Result<(), ErrorResponse> {
    let drawn = alone(connection, || {
        let mut drawn = Vec::new();
        for name in names {
            let name = bare(name);
            let value = next(connection, &name)?;
            note(&name, value);
            drawn.push(value);
        }
        Ok(drawn)
    })?;
    SESSION.with_borrow_mut(|s| s.drawn = drawn);
    Ok(())
}

/// Whether there is such a sequence, other than those of serial columns.
pub(super) fn there(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    Ok(has_table(connection, SEQUENCES)?
        && connection
            .prepare_cached(&format!("SELECT 1 FROM main.{SEQUENCES} WHERE name=?1"))?
            .exists([name])?)
}

/// The table of a serial column's sequence, and the column's name.
pub(super) fn serials(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    connection
        .prepare_cached(
            "SELECT s.name, c.name FROM main.sqlite_schema s, pragma_table_info(s.name, 'main') c \
             WHERE s.type='table' AND c.pk=1 AND upper(c.type)='INTEGER' \
             AND instr(s.sql, 'AUTOINCREMENT')",
        )?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect()
}

fn serial(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let all = serials(connection)?;
    let found = all.into_iter().find(|(t, c)| serial_name(t, c) == name);
    Ok(found.map(|(table, _)| table))
}

fn next(connection: &Connection, name: &str) -> Result<i64, ErrorResponse> {
    let told = |e: rusqlite::Error| respond(&e, None);
    if there(connection, name).map_err(told)? {
        return next_of(connection, name).map_err(told)?;
    }
    let Some(table) = serial(connection, name).map_err(told)? else {
        return Err(no_sequence(name));
    };
    let value = connection
        .query_row(
            &format!(
                "SELECT max(coalesce((SELECT seq FROM main.sqlite_sequence WHERE name=?1), 0), \
                 coalesce((SELECT max(rowid) FROM main.{}), 0))+1",
                quote(&table)
            ),
            [&table],
            |r| r.get(0),
        )
        .map_err(told)?;
    set_serial(connection, &table, value).map_err(told)?;
    Ok(value)
}

fn set_serial(connection: &Connection, table: &str, value: i64) -> rusqlite::Result<()> {
    let changed = connection.execute(
        "UPDATE main.sqlite_sequence SET seq=?2 WHERE name=?1",
        (table, value),
    )?;
    if changed == 0 {
        connection.execute(
            "INSERT INTO main.sqlite_sequence(name, seq) VALUES (?1, ?2)",
            (table, value),
        )?;
    }
    Ok(())
}

fn next_of(connection: &Connection, name: &str) -> rusqlite::Result<Result<i64, ErrorResponse>> {
    let (last, called, step, low, high, cycle): (i64, bool, i64, i64, i64, bool) = connection
        .query_row(
            &format!(
                "SELECT last, called, step, low, high, cycle FROM main.{SEQUENCES} WHERE name=?1"
            ),
            [name],
            |r| {
                Ok((
                    r.get(0)?,
                    r.get(1)?,
                    r.get(2)?,
                    r.get(3)?,
                    r.get(4)?,
                    r.get(5)?,
                ))
            },
        )?;
    let stepped = last.checked_add(step).filter(|n| (low..=high).contains(n));
    let value = match (called, stepped) {
        (false, _) => last,
        (true, Some(next)) => next,
        (true, None) if cycle => {
            if step > 0 {
                low
            } else {
                high
            }
        }
        (true, None) => {
            let (word, bound) = if step > 0 {
                ("maximum", high)
            } else {
                ("minimum", low)
            };
            return Ok(Err(ErrorResponse::error(
                SqlState::new("2200H").unwrap_or(SqlState::INVALID_PARAMETER_VALUE),
                format!("nextval: reached {word} value of sequence \"{name}\" ({bound})"),
            )));
        }
    };
    connection.execute(
        &format!("UPDATE main.{SEQUENCES} SET last=?2, called=1 WHERE name=?1"),
        (name, value),
    )?;
    Ok(Ok(value))
}

/// `setval`; `called` is whether the value counts as drawn.
pub(super) fn set(
    connection: &Connection,
    name: &str,
    value: i64,
    called: bool,
) -> Result<(), ErrorResponse> {
    let told = |e: rusqlite::Error| respond(&e, None);
    let name = bare(name);
    if there(connection, &name).map_err(told)? {
        let (low, high): (i64, i64) = connection
            .query_row(
                &format!("SELECT low, high FROM main.{SEQUENCES} WHERE name=?1"),
                [&name],
                |r| Ok((r.get(0)?, r.get(1)?)),
            )
            .map_err(told)?;
        if !(low..=high).contains(&value) {
            return Err(ErrorResponse::error(
                SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                format!(
                    "setval: value {value} is out of bounds for sequence \"{name}\" ({low}..{high})"
                ),
            ));
        }
        connection
            .execute(
                &format!("UPDATE main.{SEQUENCES} SET last=?2, called=?3 WHERE name=?1"),
                (&name, value, called),
            )
            .map_err(told)?;
    } else {
        let Some(table) = serial(connection, &name).map_err(told)? else {
            return Err(no_sequence(&name));
        };
        let kept = if called {
            value
        } else {
            value.saturating_sub(1)
        };
        set_serial(connection, &table, kept).map_err(told)?;
    }
    if called {
        SESSION.with_borrow_mut(|s| s.current.insert(name, value));
    }
    Ok(())
}

/// Runs the query of a `setval`: what was set, `None` if there was nothing to set.
pub(super) fn set_from(
    connection: &Connection,
    sql: &str,
    parameters: &[Value],
) -> Result<Option<i64>, ErrorResponse> {
    alone(connection, || set_rows(connection, sql, parameters))
}

fn set_rows(
    connection: &Connection,
    sql: &str,
    parameters: &[Value],
) -> Result<Option<i64>, ErrorResponse> {
    let told = |e: rusqlite::Error| respond(&e, None);
    let rows: Vec<(Option<String>, Option<i64>, Option<bool>)> = connection
        .prepare(sql)
        .and_then(|mut statement| {
            let width = statement.column_count();
            let count = statement.parameter_count();
            let parameters = parameters.iter().take(count);
            statement
                .query_map(rusqlite::params_from_iter(parameters), |r| {
                    let called = if width > 2 { r.get(2)? } else { Some(true) };
                    Ok((r.get(0)?, r.get(1)?, called))
                })?
                .collect()
        })
        .map_err(told)?;
    match rows.as_slice() {
        [(Some(name), Some(value), Some(called))] => {
            set(connection, name, *value, *called).map(|()| Some(*value))
        }
        [] | [_] => Ok(None),
        _ => Err(Fault::unsupported("setval for several rows").respond(None)),
    }
}
