//! The functions as SQLite calls them.

use std::sync::Arc;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::Value;
use rusqlite::{Connection, Error, Result, ffi};

use crate::embedded::advisory::session::{Denied, Locks, Until};
use crate::embedded::advisory::table::{Key, Mode};
use crate::embedded::functions::fail;
use crate::server::SessionContext;

/// What a function does with a lock, and until when it holds.
#[derive(Clone, Copy)]
enum Act {
    Take(Until),
    Try(Until),
    Unlock,
}

const ACTS: &[(&str, Act)] = &[
    ("pg_advisory_lock", Act::Take(Until::Unlocked)),
    ("pg_advisory_xact_lock", Act::Take(Until::TransactionEnd)),
    ("pg_try_advisory_lock", Act::Try(Until::Unlocked)),
    ("pg_try_advisory_xact_lock", Act::Try(Until::TransactionEnd)),
    ("pg_advisory_unlock", Act::Unlock),
];

pub(in crate::embedded) fn register(
    connection: &Connection,
    locks: &Arc<Locks>,
    session: &SessionContext,
) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    for (name, act) in ACTS {
        for (mode, suffix) in [(Mode::Exclusive, ""), (Mode::Shared, "_shared")] {
            for arguments in [1, 2] {
                let (locks, session) = (Arc::clone(locks), session.clone());
                let name = format!("{name}{suffix}");
                connection.create_scalar_function(&*name, arguments, flags, move |context| {
                    run(context, &locks, &session, *act, mode)
                })?;
            }
        }
    }
    let locks = Arc::clone(locks);
    connection.create_scalar_function("pg_advisory_unlock_all", 0, flags, move |_| {
        locks.unlock_all();
        Ok(String::new())
    })
}

fn key(context: &Context<'_>) -> Result<Option<Key>> {
    if context.len() == 1 {
        return Ok(context.get::<Option<i64>>(0)?.map(Key::One));
    }
    let both = context.get::<Option<i32>>(0)?.zip(context.get(1)?);
    Ok(both.map(|(a, b)| Key::Two(a, b)))
}

fn run(
    context: &Context<'_>,
    locks: &Locks,
    session: &SessionContext,
    act: Act,
    mode: Mode,
) -> Result<Value> {
    let Some(key) = key(context)? else {
        return Ok(Value::Null);
    };
    let done = match act {
        Act::Take(until) => locks
            .take(key, mode, until, session.lock_timeout())
            .map(|()| Value::Text(String::new())),
        Act::Try(until) => locks
            .try_take(key, mode, until)
            .map(|got| Value::Integer(got.into())),
        Act::Unlock => Ok(Value::Integer(locks.unlock(key, mode).into())),
    };
    done.map_err(|denied| match denied {
        Denied::Told(fault) => fail(fault),
        Denied::Cancelled => Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_INTERRUPT), None),
    })
}
