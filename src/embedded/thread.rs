//! A session's thread, and the two ends of the channels to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use async_channel::{Receiver, Sender};
use rusqlite::{Connection, InterruptHandle};

use crate::embedded::authorize;
use crate::embedded::error::respond;
use crate::embedded::functions::{self, Alarm};
use crate::embedded::script::{Events, Stop, Transaction};
use crate::error_response::{ErrorResponse, SqlState};
use crate::server::{
    DatabaseSession, Event, Interrupt, Portal, Prepared, RowFormat, TransactionStatus, Type, Value,
};

/// How long a statement waits for another session's lock before it fails with 55P03.
const BUSY: Duration = Duration::from_secs(5);
/// Results that wait for the client, in chunks of about 32 KiB.
const CHUNKS: usize = 2;
/// SQLite's own limits keep its recursion within this.
const STACK: usize = 2 << 20;

/// What the functions of a session tell.
#[derive(Debug)]
pub(crate) struct SessionInfo {
    pub(crate) database: String,
    pub(crate) process_id: i32,
}

/// A session with an [`EmbeddedDatabase`](crate::EmbeddedDatabase). Dropping it interrupts what
/// runs and rolls back what is open.
pub struct EmbeddedSession {
    commands: Sender<Command>,
    status: Arc<AtomicU8>,
    interrupt: Interrupt,
}

struct Command {
    sql: String,
    events: Events,
}

impl std::fmt::Debug for EmbeddedSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedSession")
            .field("transaction_status", &self.transaction_status())
            .finish_non_exhaustive()
    }
}

impl EmbeddedSession {
    pub(super) fn start(
        mut connection: Connection,
        info: SessionInfo,
    ) -> Result<Self, ErrorResponse> {
        let alarm = Arc::new(Alarm::default());
        prepare(&mut connection, info, &alarm).map_err(|e| respond(&e, ""))?;
        let interrupt = interrupt(connection.get_interrupt_handle(), Arc::clone(&alarm));
        let status = Arc::new(AtomicU8::new(0));
        let (commands, to_do) = async_channel::bounded(1);
        let told = Arc::clone(&status);
        std::thread::Builder::new()
            .name("pgtls-sqlite".into())
            .stack_size(STACK)
            .spawn(move || work(&connection, &to_do, &told, &alarm))
            .map_err(|e| {
                tracing::error!(target: "pgtls::sqlite", error = %e, "no thread for a session");
                ErrorResponse::fatal(
                    SqlState::TOO_MANY_CONNECTIONS,
                    "could not start a thread for the session",
                )
            })?;
        Ok(Self {
            commands,
            status,
            interrupt,
        })
    }
}

impl Drop for EmbeddedSession {
    fn drop(&mut self) {
        (self.interrupt)();
    }
}

fn prepare(
    connection: &mut Connection,
    info: SessionInfo,
    alarm: &Arc<Alarm>,
) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    functions::register(connection, info, Arc::clone(alarm))?;
    authorize::confine(connection)
}

fn interrupt(handle: InterruptHandle, alarm: Arc<Alarm>) -> Interrupt {
    Arc::new(move || {
        handle.interrupt();
        alarm.ring();
    })
}

/// The thread: one command after the other, until the session is dropped.
fn work(connection: &Connection, to_do: &Receiver<Command>, status: &AtomicU8, alarm: &Alarm) {
    let mut transaction = Transaction::default();
    while let Ok(Command { sql, events }) = to_do.recv_blocking() {
        alarm.reset();
        let result = transaction.run(connection, &sql, &events);
        // Before the end is told: who hears of it may ask.
        status.store(number(transaction.status()), Ordering::Release);
        let last = match result {
            Ok(()) => Ok(None),
            Err(Stop::Failed(error)) => Err(error),
            Err(Stop::Unwanted) => continue,
        };
        // Nobody there to hear it is fine.
        let _ = events.send_blocking(last);
    }
}

fn number(status: TransactionStatus) -> u8 {
    match status {
        TransactionStatus::Idle => 0,
        TransactionStatus::InTransaction => 1,
        TransactionStatus::Failed => 2,
    }
}

fn lost() -> ErrorResponse {
    ErrorResponse::fatal(
        SqlState::INTERNAL_ERROR,
        "the database session ended unexpectedly",
    )
    .with_hint("Connect again; the server's log may say more.")
}

impl DatabaseSession for EmbeddedSession {
    /// There is none yet: all statements come through the simple protocol.
    type Statement = std::convert::Infallible;
    type Portal = EmbeddedPortal;

    async fn prepare(
        &mut self,
        _: &str,
        _: &[Option<Type>],
    ) -> Result<Prepared<std::convert::Infallible>, ErrorResponse> {
        Err(ErrorResponse::error(
            SqlState::FEATURE_NOT_SUPPORTED,
            "the extended query protocol is not supported",
        ))
    }

    async fn bind(
        &mut self,
        statement: &std::convert::Infallible,
        _: Vec<Value<'static>>,
        _: RowFormat,
    ) -> Result<EmbeddedPortal, ErrorResponse> {
        match *statement {}
    }

    async fn query(&mut self, sql: &str) -> Result<EmbeddedPortal, ErrorResponse> {
        let (events, results) = async_channel::bounded(CHUNKS);
        let sql = sql.to_owned();
        self.commands
            .send(Command { sql, events })
            .await
            .map_err(|_| lost())?;
        Ok(EmbeddedPortal { results })
    }

    fn transaction_status(&self) -> TransactionStatus {
        match self.status.load(Ordering::Acquire) {
            0 => TransactionStatus::Idle,
            1 => TransactionStatus::InTransaction,
            _ => TransactionStatus::Failed,
        }
    }

    fn interrupt(&self) -> Interrupt {
        Arc::clone(&self.interrupt)
    }
}

/// The results of a query, as its thread produces them.
#[derive(Debug)]
pub struct EmbeddedPortal {
    results: Receiver<Result<Option<Event>, ErrorResponse>>,
}

impl Portal for EmbeddedPortal {
    async fn next(&mut self, _: u64) -> Result<Option<Event>, ErrorResponse> {
        self.results.recv().await.unwrap_or_else(|_| Err(lost()))
    }
}
