//! Functions about the session, the server and the clock.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Error, Result, ffi};

use crate::embedded::advisory::Locks;
use crate::embedded::catalog::OWNER;
use crate::embedded::dialect::Fault;
use crate::embedded::functions::fail;
use crate::embedded::functions::visible::finds_public;
use crate::embedded::{advisory, array, context, convert, datetime};
use crate::error_response::{ErrorResponse, SqlState};
use crate::server::{SERVER_VERSION, Scope, SessionContext};

/// What the functions of a session tell.
#[derive(Clone, Debug)]
pub(in crate::embedded) struct SessionInfo {
    pub(in crate::embedded) database: String,
    pub(in crate::embedded) user: String,
    pub(in crate::embedded) process_id: i32,
    pub(in crate::embedded) started: Timestamp,
    pub(in crate::embedded) context: SessionContext,
    pub(in crate::embedded) alarm: Arc<Alarm>,
    pub(in crate::embedded) locks: Arc<Locks>,
}

/// Wakes a sleeping statement.
#[derive(Debug, Default)]
pub(in crate::embedded) struct Alarm {
    bells: Mutex<Bells>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Bells {
    /// The statement is to end.
    rung: bool,
    /// What it waits for is there.
    nudged: bool,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::embedded) enum Woken {
    Late,
    Nudged,
    Rung,
}

impl Alarm {
    fn bells(&self) -> MutexGuard<'_, Bells> {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::embedded) fn ring(&self) {
        self.bells().rung = true;
        self.changed.notify_all();
    }

    /// To be called before a statement starts.
    pub(in crate::embedded) fn reset(&self) {
        self.bells().rung = false;
    }

    /// What the statement waits for is there.
    pub(in crate::embedded) fn nudge(&self) {
        self.bells().nudged = true;
        self.changed.notify_all();
    }

    /// To be called before it is said what is waited for.
    pub(in crate::embedded) fn expect_nudge(&self) {
        self.bells().nudged = false;
    }

    /// Waits for a nudge.
    pub(in crate::embedded) fn wait(&self, limit: Option<Duration>) -> Woken {
        let asleep = |bells: &mut Bells| !bells.rung && !bells.nudged;
        let bells = self.bells();
        let bells = match limit {
            None => self
                .changed
                .wait_while(bells, asleep)
                .unwrap_or_else(PoisonError::into_inner),
            Some(limit) => {
                self.changed
                    .wait_timeout_while(bells, limit, asleep)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        match *bells {
            Bells { nudged: true, .. } => Woken::Nudged,
            Bells { rung: true, .. } => Woken::Rung,
            _ => Woken::Late,
        }
    }

    /// Sleeps; false if it was woken.
    pub(in crate::embedded) fn sleep(&self, time: Duration) -> bool {
        let (bells, _) = self
            .changed
            .wait_timeout_while(self.bells(), time, |bells| !bells.rung)
            .unwrap_or_else(PoisonError::into_inner);
        !bells.rung
    }
}

/// A server's own error, as a function's.
fn refused(error: &ErrorResponse) -> Error {
    fail(Fault::new(error.code(), error.message().to_owned()))
}

fn stamp(time: Timestamp) -> Result<Value> {
    datetime::keep_timestamptz(time.as_microsecond())
        .map(Value::Text)
        .map_err(fail)
}

pub(super) fn register(connection: &Connection, info: SessionInfo) -> Result<()> {
    advisory::register(connection, &info.locks, &info.context)?;
    // Not the same for every row, and harmless in a default.
    let plain = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    // Only where a client writes it itself, never in a view or trigger.
    let direct = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    for (name, end) in [("pg_cancel_backend", false), ("pg_terminate_backend", true)] {
        let (session, locks) = (info.context.clone(), Arc::clone(&info.locks));
        connection.create_scalar_function(name, 1, direct, move |context| {
            let Some(process) = context.get::<Option<i32>>(0)? else {
                return Ok(None);
            };
            let done = match end {
                true => session.terminate_backend(process),
                false => session.cancel_backend(process),
            };
            let done = done.map_err(|e| refused(&e))?;
            if !done {
                locks.note(ErrorResponse::warning(
                    SqlState::WARNING,
                    format!("PID {process} is not a PostgreSQL backend process"),
                ));
            }
            Ok(Some(done))
        })?;
    }
    let version = format!(
        "PostgreSQL {SERVER_VERSION} (pgtls {}, SQLite {})",
        env!("CARGO_PKG_VERSION"),
        rusqlite::version()
    );
    let constant = |name: &str, value: Value| {
        connection.create_scalar_function(name, 0, plain, move |_| Ok(value.clone()))
    };
    let text = |s: &str| Value::Text(s.to_owned());
    constant("version", Value::Text(version))?;
    constant("current_database", text(&info.database))?;
    let session = info.context.clone();
    connection.create_scalar_function("pg_current_schema", 0, plain, move |_| {
        Ok(finds_public(&session).then_some("public"))
    })?;
    constant("pg_current_user", text(&info.user))?;
    constant("pg_session_user", text(&info.user))?;
    constant("pg_backend_pid", Value::Integer(info.process_id.into()))?;
    constant("pg_client_encoding", text("UTF8"))?;
    constant("pg_void", text(""))?;
    constant("pg_postmaster_start_time", stamp(info.started)?)?;

    let clock = |name: &str, time: fn() -> Result<Value>| {
        connection.create_scalar_function(name, 0, plain, move |_| time())
    };
    clock("now", || stamp(context::transaction_time()))?;
    clock("statement_timestamp", || stamp(context::statement_time()))?;
    clock("clock_timestamp", || stamp(context::now()))?;
    clock("timeofday", || stamp(context::now()))?;
    clock("pg_current_date", || {
        let wall = context::zone().to_datetime(context::transaction_time());
        Ok(Value::Text(datetime::show_date(wall.date())))
    })?;
    clock("pg_localtimestamp", local)?;
    clock("pg_localtime", || match local()? {
        Value::Text(text) => Ok(Value::Text(
            text.split_once(' ')
                .map(|(_, t)| t.to_owned())
                .unwrap_or_default(),
        )),
        other => Ok(other),
    })?;
    clock("pg_random", || {
        let bits = getrandom::u64().map_err(|e| {
            fail(Fault::new(
                SqlState::INTERNAL_ERROR,
                format!("no random numbers: {e}"),
            ))
        })?;
        Ok(Value::Real((bits >> 11) as f64 / (1_u64 << 53) as f64))
    })?;
    clock("gen_random_uuid", || {
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes).map_err(|e| {
            fail(Fault::new(
                SqlState::INTERNAL_ERROR,
                format!("no random numbers: {e}"),
            ))
        })?;
        // RFC 9562, version 4.
        let [_, _, _, _, _, _, seven, _, nine, ..] = &mut bytes;
        *seven = *seven & 0x0f | 0x40;
        *nine = *nine & 0x3f | 0x80;
        let hex = convert::hex_digits(&bytes);
        let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
        Ok(Value::Text(
            [
                part(0..8),
                part(8..12),
                part(12..16),
                part(16..20),
                part(20..32),
            ]
            .join("-"),
        ))
    })?;
    let session = info.context.clone();
    connection.create_scalar_function("current_schemas", 1, plain, move |c| {
        let system = (c.get::<i64>(0)? != 0).then_some("pg_catalog");
        let own = finds_public(&session).then_some("public");
        let names = system.into_iter().chain(own);
        let names: Vec<_> = names.map(|n| Some(n.to_owned())).collect();
        Ok(Value::Text(array::show(&names)))
    })?;
    let user = info.user.clone();
    connection.create_scalar_function("pg_get_userbyid", 1, plain, move |c| {
        Ok(match c.get_raw(0) {
            ValueRef::Integer(OWNER) => user.clone(),
            ValueRef::Integer(6171) => "pg_database_owner".into(),
            other => format!("unknown (OID={})", text_of(other)),
        })
    })?;
    let session = info.context.clone();
    connection.create_scalar_function("current_setting", -1, direct, move |c| {
        let missing_ok = c.len() > 1 && c.get::<i64>(1)? != 0;
        match session.setting(&c.get::<String>(0)?) {
            Ok(value) => Ok(Value::Text(value)),
            Err(_) if missing_ok => Ok(Value::Null),
            Err(error) => Err(refused(&error)),
        }
    })?;
    let session = info.context.clone();
    connection.create_scalar_function("set_config", 3, direct, move |c| {
        let scope = if c.get::<i64>(2)? != 0 {
            Scope::Transaction
        } else {
            Scope::Session
        };
        let value: Option<String> = c.get(1)?;
        session
            .set(&c.get::<String>(0)?, &value.unwrap_or_default(), scope)
            .map(Value::Text)
            .map_err(|e| refused(&e))
    })?;
    let session = info.context.clone();
    connection.create_scalar_function("pg_notify", 2, direct, move |c| {
        let payload: Option<String> = c.get(1)?;
        session
            .notify(&c.get::<String>(0)?, &payload.unwrap_or_default())
            .map(|()| Value::Text(String::new()))
            .map_err(|e| refused(&e))
    })?;
    super::visible::register(connection, &info.context)?;
    let alarm = Arc::clone(&info.alarm);
    connection.create_scalar_function("pg_sleep", 1, direct, move |c| sleep(c, &alarm))
}

fn local() -> Result<Value> {
    let wall = context::zone().to_datetime(context::transaction_time());
    datetime::to_micros(wall)
        .and_then(datetime::show_timestamp)
        .map(Value::Text)
        .map_err(fail)
}

fn text_of(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    }
}

fn sleep(context: &Context<'_>, alarm: &Alarm) -> Result<&'static str> {
    let Some(seconds) = context.get::<Option<f64>>(0)? else {
        return Ok("");
    };
    let time = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
    if alarm.sleep(time) {
        Ok("")
    } else {
        Err(Error::SqliteFailure(
            ffi::Error::new(ffi::SQLITE_INTERRUPT),
            None,
        ))
    }
}
