//! Numbers that were drawn in a transaction stay drawn when it is rolled back: where its sequences
//! stood is written once more. What the transaction itself made of a sequence by ALTER is undone.

use std::cell::RefCell;
use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};

use crate::embedded::dialect::SEQUENCES;
use crate::embedded::error::respond;
use crate::embedded::schema::has_table;
use crate::embedded::sequences::{alone, serial_of};
use crate::error_response::ErrorResponse;

/// Where a sequence stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum State {
    Own {
        name: String,
        last: i64,
        called: bool,
    },
    /// That of a serial column, by its table.
    Serial { table: String, last: i64 },
}

/// A sequence that a definition changed or made: how many savepoints there were, and how it stood.
struct Altered {
    depth: usize,
    key: Key,
    before: Option<State>,
}

/// Whether it is a serial column's, and the name of the sequence or of the table.
type Key = (bool, String);

#[derive(Default)]
struct Touched {
    /// By name, and whether it was set and not only drawn from.
    names: HashMap<String, bool>,
    altered: Vec<Altered>,
}

thread_local! {
    static TOUCHED: RefCell<Touched> = RefCell::default();
}

/// A number was drawn, or with `set` the sequence was set.
pub(super) fn touch(name: &str, set: bool) {
    TOUCHED.with_borrow_mut(|t| {
        if let Some(was_set) = t.names.get_mut(name) {
            *was_set |= set;
        } else {
            t.names.insert(name.to_owned(), set);
        }
    });
}

/// The transaction has ended.
pub(super) fn forget() {
    TOUCHED.with_borrow_mut(|t| {
        t.names.clear();
        t.altered.clear();
    });
}

/// A savepoint was released; so many are left.
pub(super) fn released(depth: usize) {
    TOUCHED.with_borrow_mut(|t| {
        for altered in &mut t.altered {
            altered.depth = altered.depth.min(depth);
        }
    });
}

/// All sequences, before a definition.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<HashMap<Key, State>> {
    let mut states = HashMap::new();
    if has_table(connection, SEQUENCES)? {
        let mut rows = connection
            .prepare_cached(&format!("SELECT name, last, called FROM main.{SEQUENCES}"))?;
        let found = rows.query_map([], |r| {
            Ok(State::Own {
                name: r.get(0)?,
                last: r.get(1)?,
                called: r.get(2)?,
            })
        })?;
        for state in found {
            let state = state?;
            states.insert(state.key(), state);
        }
    }
    if has_table(connection, "sqlite_sequence")? {
        let mut rows = connection.prepare_cached("SELECT name, seq FROM main.sqlite_sequence")?;
        let found = rows.query_map([], |r| {
            Ok(State::Serial {
                table: r.get(0)?,
                last: r.get(1)?,
            })
        })?;
        for state in found {
            let state = state?;
            states.insert(state.key(), state);
        }
    }
    Ok(states)
}

/// Remembers what a definition changed, behind so many savepoints.
pub(super) fn defined(
    connection: &Connection,
    mut before: HashMap<Key, State>,
    depth: usize,
) -> rusqlite::Result<()> {
    for (key, state) in all(connection)? {
        let was = before.remove(&key);
        if was.as_ref() != Some(&state) {
            note(depth, key, was);
        }
    }
    for (key, state) in before {
        note(depth, key, Some(state));
    }
    Ok(())
}

fn note(depth: usize, key: Key, before: Option<State>) {
    TOUCHED.with_borrow_mut(|t| t.altered.push(Altered { depth, key, before }));
}

/// How the sequences that were touched are to stand once what was done behind more than `depth`
/// savepoints is undone, or with `None` all of it.
pub(super) fn standing(
    connection: &Connection,
    depth: Option<usize>,
) -> rusqlite::Result<Vec<State>> {
    let names: Vec<String> = TOUCHED.with_borrow(|t| t.names.keys().cloned().collect());
    if names.is_empty() || connection.is_autocommit() {
        return Ok(Vec::new());
    }
    let mut states = Vec::new();
    for name in names {
        let now = match own(connection, &name)? {
            Some(state) => Some(state),
            None => match serial_of(connection, &name)? {
                Some(table) => serial(connection, table)?,
                None => None,
            },
        };
        let key = now.as_ref().map_or((false, name), State::key);
        let undone = |a: &Altered| a.key == key && depth.is_none_or(|d| a.depth > d);
        let altered = TOUCHED.with_borrow(|t| {
            let first = t.altered.iter().find(|a| undone(a));
            first.map(|a| a.before.clone())
        });
        states.extend(altered.unwrap_or(now));
    }
    if let Some(depth) = depth {
        TOUCHED.with_borrow_mut(|t| t.altered.retain(|a| a.depth <= depth));
    }
    Ok(states)
}

/// Writes once more how sequences stood, behind a rollback.
pub(super) fn restore(connection: &Connection, states: &[State]) -> Result<(), ErrorResponse> {
    if states.is_empty() {
        return Ok(());
    }
    alone(connection, || {
        for state in states {
            state.write(connection).map_err(|e| respond(&e, None))?;
        }
        Ok(())
    })
}

fn own(connection: &Connection, name: &str) -> rusqlite::Result<Option<State>> {
    if !has_table(connection, SEQUENCES)? {
        return Ok(None);
    }
    connection
        .prepare_cached(&format!(
            "SELECT last, called FROM main.{SEQUENCES} WHERE name=?1"
        ))?
        .query_row([name], |r| {
            Ok(State::Own {
                name: name.to_owned(),
                last: r.get(0)?,
                called: r.get(1)?,
            })
        })
        .optional()
}

fn serial(connection: &Connection, table: String) -> rusqlite::Result<Option<State>> {
    connection
        .prepare_cached("SELECT seq FROM main.sqlite_sequence WHERE name=?1")?
        .query_row([&table], |r| r.get(0))
        .optional()
        .map(|last| last.map(|last| State::Serial { table, last }))
}

impl State {
    fn key(&self) -> Key {
        match self {
            Self::Own { name, .. } => (false, name.clone()),
            Self::Serial { table, .. } => (true, table.clone()),
        }
    }

    fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        match self {
            Self::Own { name, last, called } => {
                if !has_table(connection, SEQUENCES)? {
                    return Ok(());
                }
                let set = TOUCHED.with_borrow(|t| t.names.get(name).copied().unwrap_or(false));
                // Another session may have gone on meanwhile: it is not called back.
                connection.execute(
                    &format!(
                        "UPDATE main.{SEQUENCES} SET last=?2, called=?3 WHERE name=?1 \
                         AND (?4 OR cycle OR last=?2 AND called<?3 OR (step>0)=(last<?2) AND last<>?2)"
                    ),
                    (name, last, called, set),
                )?;
            }
            Self::Serial { table, last } => {
                let there = has_table(connection, table)?;
                if !there {
                    return Ok(());
                }
                let changed = connection.execute(
                    "UPDATE main.sqlite_sequence SET seq=max(seq, ?2) WHERE name=?1",
                    (table, last),
                )?;
                if changed == 0 {
                    connection.execute(
                        "INSERT INTO main.sqlite_sequence(name, seq) VALUES (?1, ?2)",
                        (table, last),
                    )?;
                }
            }
        }
        Ok(())
    }
}
