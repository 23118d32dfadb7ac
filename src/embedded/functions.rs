//! Functions that clients of a PostgreSQL server expect.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Error, Result, ffi};

use crate::embedded::thread::SessionInfo;
use crate::server::SERVER_VERSION;

/// Wakes a sleeping statement.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Alarm {
    pub(super) fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// To be called before a statement starts.
    pub(super) fn reset(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }

    /// Sleeps; false if it was woken.
    fn sleep(&self, time: Duration) -> bool {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let (rung, _) = self
            .changed
            .wait_timeout_while(rung, time, |rung| !*rung)
            .unwrap_or_else(PoisonError::into_inner);
        !*rung
    }
}

pub(super) fn register(
    connection: &Connection,
    info: SessionInfo,
    alarm: Arc<Alarm>,
) -> Result<()> {
    let text = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    let version = format!(
        "PostgreSQL {SERVER_VERSION} (pgtls {}, SQLite {})",
        env!("CARGO_PKG_VERSION"),
        rusqlite::version()
    );
    connection.create_scalar_function("version", 0, text, move |_| Ok(version.clone()))?;
    connection.create_scalar_function("current_database", 0, text, move |_| {
        Ok(info.database.clone())
    })?;
    connection.create_scalar_function("current_schema", 0, text, |_| Ok("main"))?;
    connection.create_scalar_function("pg_backend_pid", 0, text, move |_| Ok(info.process_id))?;
    connection.create_scalar_function("pg_sleep", 1, text, move |context| {
        let seconds: f64 = context.get(0)?;
        let time = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
        if alarm.sleep(time) {
            Ok("")
        } else {
            Err(Error::SqliteFailure(
                ffi::Error::new(ffi::SQLITE_INTERRUPT),
                None,
            ))
        }
    })
}
