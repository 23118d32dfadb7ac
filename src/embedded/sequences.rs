//! Numbers of sequences, drawn and set. What a session drew is the thread's.

use std::cell::RefCell;
use std::collections::HashMap;

use postgres_types::Type;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension};

use crate::embedded::dialect::{
    Fault, OWNED, SEQUENCES, Sequence, bare_name, no_sequence, quote, serial_name,
};
use crate::embedded::drawn;
use crate::embedded::error::respond;
use crate::embedded::functions::fail;
use crate::embedded::schema::has_table;
use crate::embedded::violation;
use crate::error_response::{ErrorResponse, SqlState};

#[derive(Default)]
struct Session {
    /// For the statement at hand.
    drawn: Vec<i64>,
    current: HashMap<String, i64>,
    last: Option<i64>,
    /// Numbers for the rows of the statement at hand.
    blocks: HashMap<String, Block>,
    /// The sequence whose numbers were too few.
    wanted: Option<String>,
}

/// Numbers that a statement may use, row by row.
#[derive(Default)]
struct Block {
    numbers: Vec<i64>,
    used: usize,
    /// The sequence as it was before.
    before: Option<(i64, bool)>,
}

/// Numbers for a statement, at most.
const MAX_BLOCK: usize = 10_000_000;

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
    // It may stand in a column's default.
    let plain = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("pg_nextval", 1, plain, |context| {
        hand_out(&context.get::<String>(0)?)
    })?;
    connection.create_scalar_function("pg_nextval_of", 1, flags, |context| {
        let name: Option<String> = context.get(0)?;
        name.map(|name| hand_out(&bare_name(&name))).transpose()
    })?;
    connection.create_scalar_function("pg_currval", 1, flags, |context| {
        let name = bare_name(&context.get::<String>(0)?);
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

/// DISCARD ALL and its like.
pub(super) fn forget() {
    SESSION.set(Session::default());
}

/// A statement took numbers of a serial column; this is the last.
pub(super) fn note(name: &str, value: i64) {
    drawn::touch(name, false);
    SESSION.with_borrow_mut(|s| {
        s.current.insert(name.to_owned(), value);
        s.last = Some(value);
    });
}

/// Lets nobody write between what is read and what is written.
pub(super) fn alone<T>(
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
    if names.is_empty() {
        return Ok(());
    }
    let drawn = alone(connection, || {
        let mut drawn = Vec::new();
        for name in names {
            let name = bare_name(name);
            let value = next(connection, &name)?;
            note(&name, value);
            drawn.push(value);
        }
        Ok(drawn)
    })?;
    SESSION.with_borrow_mut(|s| s.drawn = drawn);
    Ok(())
}

/// An INSERT failed that took numbers of a serial column: they stay taken.
pub(super) fn passed_over(connection: &Connection, name: &str, error: &ErrorResponse) {
    if !error.code().as_str().starts_with("23") {
        return;
    }
    let rows = violation::take_count();
    let taken = alone(connection, || {
        let first = next(connection, name)?;
        let last = first.saturating_add(rows.saturating_sub(1)).max(first);
        if let Some(table) = serial(connection, name).map_err(|e| respond(&e, None))? {
            set_serial(connection, &table, last).map_err(|e| respond(&e, None))?;
        }
        Ok(last)
    });
    match taken {
        Ok(value) => note(name, value),
        Err(error) => tracing::debug!(target: "pgtls::sqlite", ?error, "sequence"),
    }
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

/// What is known of a sequence, other than those of serial columns.
pub(super) fn known(connection: &Connection, name: &str) -> rusqlite::Result<Option<Sequence>> {
    if !has_table(connection, SEQUENCES)? {
        return Ok(None);
    }
    connection
        .prepare_cached(&format!(
            "SELECT last, called, start, step, low, high, cycle, kind FROM main.{SEQUENCES} WHERE name=?1"
        ))?
        .query_row([name], |r| {
            Ok(Sequence {
                last: r.get(0)?,
                called: r.get(1)?,
                start: r.get(2)?,
                step: r.get(3)?,
                low: r.get(4)?,
                high: r.get(5)?,
                cycle: r.get(6)?,
                kind: Type::from_oid(r.get(7)?).unwrap_or(Type::INT8),
            })
        })
        .optional()
}

/// The table whose serial column has this sequence.
pub(super) fn serial_of(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    serial(connection, name)
}

/// The columns that own a sequence: sequence, table, column.
pub(super) fn owned(connection: &Connection) -> rusqlite::Result<Vec<(String, String, String)>> {
    if !has_table(connection, OWNED)? {
        return Ok(Vec::new());
    }
    connection
        .prepare_cached(&format!("SELECT sequence, tab, col FROM main.{OWNED}"))?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
        .collect()
}

impl Sequence {
    /// The number behind the last.
    fn step_on(&mut self, name: &str) -> Result<i64, ErrorResponse> {
        let stepped = self.last.checked_add(self.step);
        let stepped = stepped.filter(|n| (self.low..=self.high).contains(n));
        let up = self.step > 0;
        let value = match (self.called, stepped) {
            (false, _) => self.last,
            (true, Some(next)) => next,
            (true, None) if self.cycle && up => self.low,
            (true, None) if self.cycle => self.high,
            (true, None) => {
                let (word, bound) = if up {
                    ("maximum", self.high)
                } else {
                    ("minimum", self.low)
                };
                return Err(ErrorResponse::error(
                    SqlState::new("2200H").unwrap_or(SqlState::INVALID_PARAMETER_VALUE),
                    format!("nextval: reached {word} value of sequence \"{name}\" ({bound})"),
                ));
            }
        };
        (self.last, self.called) = (value, true);
        Ok(value)
    }

    fn keep(&self, connection: &Connection, name: &str) -> rusqlite::Result<()> {
        connection
            .prepare_cached(&format!(
                "UPDATE main.{SEQUENCES} SET last=?2, called=?3 WHERE name=?1"
            ))?
            .execute((name, self.last, self.called))
            .map(drop)
    }
}

fn next_of(connection: &Connection, name: &str) -> rusqlite::Result<Result<i64, ErrorResponse>> {
    let Some(mut sequence) = known(connection, name)? else {
        return Ok(Err(no_sequence(name)));
    };
    let value = match sequence.step_on(name) {
        Ok(value) => value,
        Err(error) => return Ok(Err(error)),
    };
    sequence.keep(connection, name)?;
    Ok(Ok(value))
}

/// A number for a row; without one the statement fails, to be run again with more.
fn hand_out(name: &str) -> rusqlite::Result<i64> {
    let number = SESSION.with_borrow_mut(|s| {
        let block = s.blocks.get_mut(name);
        let number = block.and_then(|block| {
            let number = block.numbers.get(block.used).copied();
            block.used = block.used.saturating_add(usize::from(number.is_some()));
            number
        });
        if number.is_none() {
            s.wanted = Some(name.to_owned());
        }
        number
    });
    match number {
        Some(number) => {
            note(name, number);
            Ok(number)
        }
        None => Err(fail(Fault::unsupported("nextval here"))),
    }
}

/// A statement begins: it has no numbers yet.
pub(super) fn begin_statement() {
    violation::take_count();
    SESSION.with_borrow_mut(|s| {
        s.blocks.clear();
        s.wanted = None;
    });
}

/// The statement is run again, with the same numbers.
pub(super) fn rewind() {
    SESSION.with_borrow_mut(|s| {
        for block in s.blocks.values_mut() {
            block.used = 0;
        }
    });
}

/// Whether it was a lack of numbers that a statement failed for.
pub(super) fn wants() -> bool {
    SESSION.with_borrow(|s| s.wanted.is_some())
}

/// Draws more numbers for a statement that is to be run again.
pub(super) fn reserve(connection: &Connection) -> Result<(), ErrorResponse> {
    let Some(name) = SESSION.with_borrow_mut(|s| s.wanted.take()) else {
        return Ok(());
    };
    rewind();
    let mut block = SESSION.with_borrow_mut(|s| s.blocks.remove(&name).unwrap_or_default());
    let count = block.numbers.len().saturating_mul(7).max(1);
    if block.numbers.len() >= MAX_BLOCK {
        return Err(Fault::unsupported("nextval for so many rows").respond(None));
    }
    let told = |e: rusqlite::Error| respond(&e, None);
    if let Some(mut sequence) = known(connection, &name).map_err(told)? {
        block.before.get_or_insert((sequence.last, sequence.called));
        for drawn in 0..count {
            match sequence.step_on(&name) {
                Ok(number) => block.numbers.push(number),
                // Perhaps these are enough.
                Err(_) if drawn > 0 => break,
                Err(error) => return Err(error),
            }
        }
        sequence.keep(connection, &name).map_err(told)?;
    } else {
        for _ in 0..count {
            block.numbers.push(next(connection, &name)?);
        }
    }
    SESSION.with_borrow_mut(|s| s.blocks.insert(name, block));
    Ok(())
}

/// The statement has all its numbers; gives back the others.
pub(super) fn settle(connection: &Connection) -> Result<(), ErrorResponse> {
    let blocks = SESSION.with_borrow_mut(|s| std::mem::take(&mut s.blocks));
    let told = |e: rusqlite::Error| respond(&e, None);
    for (name, block) in blocks {
        let Some(drawn) = block.numbers.last() else {
            continue;
        };
        if block.used == block.numbers.len() {
            continue;
        }
        let used = block.used.checked_sub(1).and_then(|i| block.numbers.get(i));
        if let Some(mut sequence) = known(connection, &name).map_err(told)? {
            if sequence.last == *drawn {
                let before = block.before.unwrap_or((sequence.start, false));
                (sequence.last, sequence.called) = used.map_or(before, |used| (*used, true));
                sequence.keep(connection, &name).map_err(told)?;
            }
        } else if let Some(table) = serial(connection, &name).map_err(told)? {
            let first = block.numbers.first().copied().unwrap_or(1);
            let last = used.copied().unwrap_or_else(|| first.saturating_sub(1));
            connection
                .execute(
                    "UPDATE main.sqlite_sequence SET seq=?2 WHERE name=?1 AND seq=?3",
                    (table, last, drawn),
                )
                .map_err(told)?;
        }
    }
    Ok(())
}

/// `setval`; `called` is whether the value counts as drawn.
pub(super) fn set(
    connection: &Connection,
    name: &str,
    value: i64,
    called: bool,
) -> Result<(), ErrorResponse> {
    let told = |e: rusqlite::Error| respond(&e, None);
    let name = bare_name(name);
    drawn::touch(&name, true);
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
