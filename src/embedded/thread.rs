//! A session's two ends: the thread that owns the connection, and what talks to it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_channel::{Receiver, Sender};
use rusqlite::{Connection, InterruptHandle};

use crate::embedded::catalog::Facts;
use crate::embedded::dialect::Plan;
use crate::embedded::error::respond;
use crate::embedded::functions::{self, Alarm};
use crate::embedded::place::Opening;
use crate::embedded::portal::{Batch, Portal as Running, PreparedStatement, Source};
use crate::embedded::worker::Worker;
use crate::embedded::{authorize, lock, value};
use crate::error_response::{ErrorResponse, SqlState};
use crate::server::{
    Column, CopyRows, DatabaseSession, Event, Interrupt, Portal, Prepared, RowFormat,
    SessionContext, TransactionStatus, Type, Value,
};

/// Translating walks trees of up to a thousand levels; only what is touched is used.
const STACK: usize = 16 << 20;
/// Statements that SQLite keeps prepared for a session.
const STATEMENTS: usize = 64;

/// A session with an [`EmbeddedDatabase`](crate::EmbeddedDatabase). Dropping it interrupts what
/// runs and rolls back what is open.
pub struct EmbeddedSession {
    commands: Sender<Command>,
    /// What the thread is made of: it starts with the first command.
    start: Mutex<Option<Start>>,
    activity: Arc<Activity>,
    next_portal: AtomicU64,
}

enum Command {
    Abort(Sender<()>),
    Close(u64),
    CloseCursor(String, Sender<()>),
    Cursor(String, Sender<Option<Vec<Column>>>),
    CopyIn(u64, CopyRows, Sender<Result<(), ErrorResponse>>),
    Next(u64, u64, Option<Box<Unopened>>),
    Prepare(
        String,
        Vec<Option<Type>>,
        Sender<Result<PreparedStatement, ErrorResponse>>,
    ),
    Sync(Sender<Result<(), ErrorResponse>>),
}

/// A portal that its thread does not know: it goes with the first that is asked of it.
struct Unopened {
    source: Source,
    reply: Sender<Batch>,
}

struct Start {
    opening: Opening,
    facts: Facts,
    to_do: Receiver<Command>,
}

/// What a session, its cancel requests and its thread share.
#[derive(Default)]
struct Activity {
    /// A statement is being run. An interrupt at any other time would hit the next one.
    busy: AtomicBool,
    /// The session is gone.
    gone: AtomicBool,
    status: AtomicU8,
    alarm: Arc<Alarm>,
    /// None until the database is open.
    handle: OnceLock<InterruptHandle>,
    /// Why it could not be opened.
    failure: OnceLock<ErrorResponse>,
}

impl Activity {
    fn interrupt(&self) {
        if self.busy.load(Ordering::Acquire) || self.gone.load(Ordering::Acquire) {
            if let Some(handle) = self.handle.get() {
                handle.interrupt();
            }
            self.alarm.ring();
        }
    }

    /// Why there is no answer.
    fn lost(&self) -> ErrorResponse {
        self.failure.get().cloned().unwrap_or_else(|| {
            ErrorResponse::fatal(
                SqlState::INTERNAL_ERROR,
                "the database session ended unexpectedly",
            )
            .with_hint("Connect again; the server's log may say more.")
        })
    }
}

/// The thread's end of the channel. What is not done is forgotten with it, so nobody waits.
struct ToDo(Receiver<Command>);

impl Drop for ToDo {
    fn drop(&mut self) {
        self.0.close();
        while self.0.try_recv().is_ok() {}
    }
}

impl std::fmt::Debug for EmbeddedSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedSession")
            .field("transaction_status", &self.transaction_status())
            .finish_non_exhaustive()
    }
}

impl EmbeddedSession {
    pub(super) fn new(opening: Opening, facts: Facts) -> Self {
        let (commands, to_do) = async_channel::unbounded();
        let activity = Activity {
            alarm: Arc::clone(&facts.info.alarm),
            ..Activity::default()
        };
        Self {
            commands,
            start: Mutex::new(Some(Start {
                opening,
                facts,
                to_do,
            })),
            activity: Arc::new(activity),
            next_portal: AtomicU64::new(0),
        }
    }

    /// Starts the thread, if it is not there.
    fn start(&self) -> Result<(), ErrorResponse> {
        let mut start = self.start.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(start) = start.take() else {
            return Ok(());
        };
        let activity = Arc::clone(&self.activity);
        std::thread::Builder::new()
            .name("pgtls-sqlite".into())
            .stack_size(STACK)
            .spawn(move || work(start, &activity))
            .map_err(|e| {
                tracing::error!(target: "pgtls::sqlite", error = %e, "no thread for a session");
                ErrorResponse::fatal(
                    SqlState::TOO_MANY_CONNECTIONS,
                    "could not start a thread for the session",
                )
            })?;
        Ok(())
    }

    /// Whether there is nothing that a command would find.
    fn is_new(&self) -> bool {
        let start = self.start.lock().unwrap_or_else(PoisonError::into_inner);
        start.is_some()
    }

    async fn tell(&self, command: Command) -> Result<(), ErrorResponse> {
        self.start()?;
        let sent = self.commands.send(command).await;
        sent.map_err(|_| self.activity.lost())
    }

    fn portal(&self, source: Source) -> Result<EmbeddedPortal, ErrorResponse> {
        self.start()?;
        let (reply, replies) = async_channel::bounded(1);
        Ok(EmbeddedPortal {
            id: self.next_portal.fetch_add(1, Ordering::Relaxed),
            unopened: Some(Box::new(Unopened { source, reply })),
            commands: self.commands.clone(),
            activity: Arc::clone(&self.activity),
            replies,
            events: VecDeque::new(),
            end: None,
        })
    }
}

impl Drop for EmbeddedSession {
    fn drop(&mut self) {
        self.activity.gone.store(true, Ordering::Release);
        self.commands.close();
        self.activity.interrupt();
    }
}

fn prepare(opening: &Opening, facts: &Facts) -> rusqlite::Result<Connection> {
    let mut connection = opening.connect()?;
    equip(&mut connection, facts)?;
    Ok(connection)
}

/// What a session's connection has beside its tables.
pub(super) fn equip(connection: &mut Connection, facts: &Facts) -> rusqlite::Result<()> {
    lock::install(connection, Arc::clone(&facts.info.alarm))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    functions::register(connection, facts.info.clone())?;
    rusqlite::vtab::series::load_module(connection)?;
    authorize::confine(connection)
}

/// The thread: one command after the other, until the session is dropped.
fn work(start: Start, activity: &Activity) {
    let Start {
        opening,
        facts,
        to_do,
    } = start;
    let to_do = ToDo(to_do);
    let connection = match prepare(&opening, &facts) {
        Ok(connection) => connection,
        Err(error) => {
            let told = respond(&error, None).into_fatal();
            let _ = activity.failure.set(told);
            return;
        }
    };
    let _ = activity.handle.set(connection.get_interrupt_handle());
    let alarm = Arc::clone(&facts.info.alarm);
    let context = facts.info.context.clone();
    let mut worker = Worker::new(&connection, facts);
    while let Ok(command) = to_do.0.recv_blocking() {
        alarm.reset();
        if activity.gone.load(Ordering::Acquire) {
            break;
        }
        activity.busy.store(true, Ordering::Release);
        // The status is told before the answer: who hears of it may ask.
        let tell = |worker: &Worker<'_>| {
            activity.busy.store(false, Ordering::Release);
            let status = number(worker.transaction.status());
            activity.status.store(status, Ordering::Release);
        };
        match command {
            Command::Abort(reply) => {
                worker.abort();
                tell(&worker);
                answer(&context, &reply, ());
            }
            Command::Close(id) => {
                worker.close(id);
                tell(&worker);
            }
            Command::Cursor(name, reply) => {
                tell(&worker);
                answer(&context, &reply, worker.cursor(&name));
            }
            Command::CloseCursor(name, reply) => {
                worker.close_cursor(&name);
                tell(&worker);
                answer(&context, &reply, ());
            }
            Command::CopyIn(id, rows, reply) => {
                let taken = worker.copy_in(id, &rows);
                tell(&worker);
                answer(&context, &reply, taken);
            }
            Command::Next(id, rows, unopened) => {
                if let Some(unopened) = unopened {
                    let Unopened { source, reply } = *unopened;
                    worker.open(id, Running::new(source, reply));
                }
                worker.next(id, rows, &tell);
            }
            Command::Prepare(sql, declared, reply) => {
                let prepared = worker.prepare(&sql, declared);
                tell(&worker);
                answer(&context, &reply, prepared);
            }
            Command::Sync(reply) => {
                let synced = worker.sync();
                tell(&worker);
                answer(&context, &reply, synced);
            }
        }
        activity.busy.store(false, Ordering::Release);
    }
}

/// What is done with it is done on this thread too. Nobody there to hear it is fine.
pub(super) fn answer<T>(context: &SessionContext, reply: &Sender<T>, answer: T) {
    context.answer(|| {
        let _ = reply.send_blocking(answer);
    });
}

fn number(status: TransactionStatus) -> u8 {
    match status {
        TransactionStatus::Idle => 0,
        TransactionStatus::InTransaction => 1,
        TransactionStatus::Failed => 2,
    }
}

/// What clients are told of the rows of a plan.
pub(super) fn shown(plan: &Plan) -> Option<Vec<Column>> {
    match plan {
        Plan::Session(command) => command.columns(),
        plan => plan
            .columns()
            .map(|columns| columns.iter().map(value::column).collect()),
    }
}

/// A statement of an [`EmbeddedSession`] that was prepared.
#[derive(Clone, Debug)]
pub struct EmbeddedStatement {
    prepared: Arc<PreparedStatement>,
}

impl DatabaseSession for EmbeddedSession {
    type Statement = EmbeddedStatement;
    type Portal = EmbeddedPortal;

    async fn query(&mut self, sql: &str) -> Result<EmbeddedPortal, ErrorResponse> {
        self.portal(Source::Text(sql.to_owned()))
    }

    async fn prepare(
        &mut self,
        sql: &str,
        parameters: &[Option<Type>],
    ) -> Result<Prepared<EmbeddedStatement>, ErrorResponse> {
        let (reply, answer) = async_channel::bounded(1);
        self.tell(Command::Prepare(sql.to_owned(), parameters.to_vec(), reply))
            .await?;
        let prepared = answer.recv().await.map_err(|_| self.activity.lost())??;
        let columns = prepared.translated.as_ref().and_then(|t| shown(&t.plan));
        let parameters = prepared
            .translated
            .as_ref()
            .map(|t| t.parameters.clone())
            .unwrap_or_default();
        let told = Prepared::new(EmbeddedStatement {
            prepared: Arc::new(prepared),
        })
        .with_parameters(parameters);
        Ok(match columns {
            Some(columns) => told.with_columns(columns),
            None => told,
        })
    }

    async fn bind(
        &mut self,
        statement: &EmbeddedStatement,
        parameters: Vec<Value<'static>>,
        format: RowFormat,
    ) -> Result<EmbeddedPortal, ErrorResponse> {
        self.portal(Source::Bound {
            statement: Arc::clone(&statement.prepared),
            parameters: Some(parameters),
            format,
        })
    }

    async fn sync(&mut self) -> Result<(), ErrorResponse> {
        if self.is_new() {
            return Ok(());
        }
        let (reply, answer) = async_channel::bounded(1);
        self.tell(Command::Sync(reply)).await?;
        answer.recv().await.map_err(|_| self.activity.lost())?
    }

    async fn abort(&mut self) {
        if self.is_new() {
            return;
        }
        let (reply, answer) = async_channel::bounded(1);
        if self.tell(Command::Abort(reply)).await.is_ok() {
            // A thread that is gone has aborted already.
            let _ = answer.recv().await;
        }
    }

    async fn cursor(&mut self, name: &str) -> Option<Vec<Column>> {
        let (reply, answer) = async_channel::bounded(1);
        self.tell(Command::Cursor(name.to_owned(), reply))
            .await
            .ok()?;
        answer.recv().await.ok()?
    }

    async fn close_cursor(&mut self, name: &str) {
        if self.is_new() {
            return;
        }
        let (reply, answer) = async_channel::bounded(1);
        let command = Command::CloseCursor(name.to_owned(), reply);
        if self.tell(command).await.is_ok() {
            let _ = answer.recv().await;
        }
    }

    fn transaction_status(&self) -> TransactionStatus {
        match self.activity.status.load(Ordering::Acquire) {
            0 => TransactionStatus::Idle,
            1 => TransactionStatus::InTransaction,
            _ => TransactionStatus::Failed,
        }
    }

    fn interrupt(&self) -> Interrupt {
        let activity = Arc::clone(&self.activity);
        Arc::new(move || activity.interrupt())
    }
}

/// The results of a query, as its thread produces them.
pub struct EmbeddedPortal {
    id: u64,
    /// Until its thread knows of it.
    unopened: Option<Box<Unopened>>,
    commands: Sender<Command>,
    activity: Arc<Activity>,
    replies: Receiver<Batch>,
    events: VecDeque<Event>,
    end: Option<Result<(), ErrorResponse>>,
}

impl std::fmt::Debug for EmbeddedPortal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedPortal")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Portal for EmbeddedPortal {
    async fn next(&mut self, rows: u64) -> Result<Option<Event>, ErrorResponse> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if let Some(end) = &self.end {
                return end.clone().map(|()| None);
            }
            self.commands
                .send(Command::Next(self.id, rows, self.unopened.take()))
                .await
                .map_err(|_| self.activity.lost())?;
            let batch = self
                .replies
                .recv()
                .await
                .map_err(|_| self.activity.lost())?;
            self.events = batch.events.into();
            self.end = batch.end;
        }
    }

    fn has_ended(&self) -> bool {
        matches!(self.end, Some(Ok(())))
    }

    async fn copy_in(&mut self, rows: CopyRows) -> Result<(), ErrorResponse> {
        let (reply, answer) = async_channel::bounded(1);
        self.commands
            .send(Command::CopyIn(self.id, rows, reply))
            .await
            .map_err(|_| self.activity.lost())?;
        answer.recv().await.map_err(|_| self.activity.lost())?
    }
}

impl Drop for EmbeddedPortal {
    fn drop(&mut self) {
        if self.end.is_none() && self.unopened.is_none() {
            // Without a thread there is nothing to close.
            let _ = self.commands.try_send(Command::Close(self.id));
        }
    }
}
