//! The query phase of one connection: bytes in, bytes out. It awaits nothing but the database.

mod copy;
#[cfg(any(test, feature = "_fuzzing"))]
mod engine;
mod extended;
#[cfg(any(test, feature = "_fuzzing"))]
mod fuzzing;
mod run;
mod store;
#[cfg(test)]
mod tests;
mod timer;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_channel::Receiver;

use crate::error_response::{ErrorResponse, SqlState};
use crate::login::Login;
use crate::server::cancel::Entered;
use crate::server::context::SessionContext;
use crate::server::database::{
    Client, Database, DatabaseSession, TransactionStatus, not_supported,
};
use crate::server::format;
use crate::server::pg_server::PgServer;
use crate::server::protocol::{self, Frontend};
use crate::server::rows::Rows;
use crate::server::settings;
use copy::Copy;
#[cfg(any(test, feature = "_fuzzing"))]
pub(crate) use fuzzing::frontend;
#[cfg(all(feature = "sqlite", any(test, feature = "_fuzzing")))]
pub(crate) use fuzzing::newcomer;
use run::Running;
use store::{Bound, Named, Statement};
pub use timer::StatementTimer;

/// What the owner of a [`QuerySession`] is to do.
#[derive(Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Turn {
    /// Close the connection.
    Close,
    /// Send these bytes.
    Send(Vec<u8>),
    /// Read more for [`QuerySession::handle_input`].
    Wait,
}

/// A session from its greeting to its end, sans-IO.
///
/// Call [`QuerySession::advance`] and do what it says until it says `Close`.
pub struct QuerySession<S: DatabaseSession> {
    core: Core<S>,
    input: Vec<u8>,
    /// How much of the input is done with.
    taken: usize,
}

/// All but the input, from which messages are borrowed.
struct Core<S: DatabaseSession> {
    /// Its entry among the sessions that can be cancelled.
    _entered: Entered,
    running: Running<S::Portal>,
    copy: Option<Copy>,
    portals: Named<Bound<S::Portal>>,
    statements: Named<Statement<S::Statement>>,
    session: S,
    context: SessionContext,
    /// Rings when there are notifications.
    woken: Receiver<()>,
    /// The settings as the client knows them.
    told: Vec<(&'static str, String)>,
    out: Vec<u8>,
    /// The message that is dealt with is one of the extended protocol.
    extended: bool,
    /// Something was bound since the last Sync.
    begun: bool,
    /// After an error in the extended protocol.
    skip_until_sync: bool,
    /// ReadyForQuery was said, and nothing came since.
    ready: bool,
    /// When that lasts too long: outside and within a transaction.
    idle_timeouts: (Option<Duration>, Option<Duration>),
    statement_timer: StatementTimer,
    /// A cancel request came in. The engine hears of it too, but only while it works: not while
    /// the client is sent what it made.
    cancelled: Arc<AtomicBool>,
    /// Another session has ended this one.
    terminated: Arc<AtomicBool>,
    /// What is in `out` is to be sent before anything else.
    flush: bool,
    /// Nothing more is read or begun.
    over: bool,
}

impl<S: DatabaseSession> std::fmt::Debug for QuerySession<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QuerySession")
            .field("running", &!matches!(self.core.running, Running::Nothing))
            .field("over", &self.core.over)
            .finish_non_exhaustive()
    }
}

impl<S: DatabaseSession> QuerySession<S> {
    /// Opens a session with the database. The first [`QuerySession::advance`] gives the greeting:
    /// ParameterStatus, BackendKeyData, ReadyForQuery.
    ///
    /// # Errors
    /// The client is to be told this ([`ErrorResponse::put`]), then the connection closed.
    pub async fn open<D: Database<Session = S>>(
        server: &PgServer<D>,
        login: &Login,
    ) -> Result<Self, ErrorResponse> {
        if login.replication().is_some() {
            return Err(ErrorResponse::fatal(
                SqlState::FEATURE_NOT_SUPPORTED,
                "replication connections are not supported",
            ));
        }
        let settings = settings::startup::registry(login, server.session_settings())?;
        let entered = server
            .sessions()
            .enter(login.cancel_key_len(), login.user())
            .map_err(|e| {
                tracing::error!(target: "pgtls::server", error = %e, "session refused");
                ErrorResponse::fatal(
                    SqlState::INTERNAL_ERROR,
                    "could not generate random cancel key",
                )
            })?;
        let process_id = entered.process_id();
        let (context, woken) = SessionContext::new(settings, Arc::clone(server.hub()), process_id);
        context.set_peers(server.sessions(), login.user());
        let client = Client {
            login,
            process_id,
            context: context.clone(),
        };
        let session = server
            .database()
            .connect(client)
            .await
            .map_err(ErrorResponse::into_fatal)?;
        let cancelled = Arc::new(AtomicBool::new(false));
        entered.on_cancel({
            let (cancelled, interrupt) = (Arc::clone(&cancelled), session.interrupt());
            Arc::new(move || {
                cancelled.store(true, Ordering::Release);
                interrupt();
            })
        });
        let terminated = Arc::new(AtomicBool::new(false));
        entered.on_terminate({
            let (terminated, interrupt) = (Arc::clone(&terminated), session.interrupt());
            let waker = context.waker();
            Arc::new(move || {
                terminated.store(true, Ordering::Release);
                interrupt();
                waker.ring();
            })
        });
        let mut out = Vec::with_capacity(512);
        let told = context.reported();
        for (name, value) in &told {
            protocol::put_parameter_status(&mut out, name, value.as_bytes());
        }
        protocol::put_backend_key_data(&mut out, process_id, entered.key());
        protocol::put_ready_for_query(&mut out, session.transaction_status());
        let idle_timeouts = context.idle_timeouts();
        let statement_timer = StatementTimer {
            limit: context.statement_timeout(),
            count: Arc::default(),
            interrupt: session.interrupt(),
            fired: Arc::default(),
        };
        let core = Core {
            _entered: entered,
            running: Running::Nothing,
            copy: None,
            portals: Named::default(),
            statements: Named::default(),
            session,
            context,
            woken,
            told,
            out,
            extended: false,
            begun: false,
            skip_until_sync: false,
            ready: true,
            idle_timeouts,
            statement_timer,
            cancelled,
            terminated,
            flush: true,
            over: false,
        };
        Ok(Self {
            core,
            input: Vec::new(),
            taken: 0,
        })
    }

    /// What the server keeps for the session.
    #[must_use]
    pub fn context(&self) -> &SessionContext {
        &self.core.context
    }

    /// Takes bytes from the client.
    pub fn handle_input(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// The server stops: gives the last words (57P01), whatever the client was about to do.
    #[must_use]
    pub fn shut_down(&mut self) -> Vec<u8> {
        self.end(&terminated())
    }

    /// How long the client may now leave it waiting, by `idle_session_timeout` or
    /// `idle_in_transaction_session_timeout`; counted from when it began to wait. Then call
    /// [`QuerySession::time_out`].
    #[must_use]
    pub fn idle_timeout(&self) -> Option<Duration> {
        let (outside, within) = self.core.idle_timeouts;
        match self.core.ready {
            false => None,
            true if self.core.is_idle() => outside,
            true => within,
        }
    }

    /// What ends a statement that takes too long (`statement_timeout`), if anything does.
    #[must_use]
    pub fn statement_timer(&self) -> Option<StatementTimer> {
        let timer = &self.core.statement_timer;
        timer.limit.map(|_| timer.clone())
    }

    /// It was idle for too long: gives the last words (57P05 or 25P03).
    #[must_use]
    pub fn time_out(&mut self) -> Vec<u8> {
        self.end(&if self.core.is_idle() {
            ErrorResponse::fatal(
                SqlState::IDLE_SESSION_TIMEOUT,
                "terminating connection due to idle-session timeout",
            )
        } else {
            ErrorResponse::fatal(
                SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                "terminating connection due to idle-in-transaction timeout",
            )
        })
    }

    fn end(&mut self, error: &ErrorResponse) -> Vec<u8> {
        self.core.over = true;
        self.core.running = Running::Nothing;
        let mut out = core::mem::take(&mut self.core.out);
        error.put(&mut out);
        out
    }

    /// Done when there is something to be told though the client has not asked: call
    /// [`QuerySession::advance`] then. Outside of [`Turn::Wait`] there is no need to listen.
    pub fn woken(&self) -> impl Future<Output = ()> + Send + use<S> {
        // The sender lives as long as the session's context.
        let woken = self.core.woken.clone();
        async move {
            let _ = woken.recv().await;
        }
    }

    /// Done when another session has ended this one
    /// ([`SessionContext::terminate_backend`]): what cannot be sent at once need not be sent any
    /// more.
    pub fn terminated(&self) -> impl Future<Output = ()> + Send + use<S> {
        let (terminated, woken) = (Arc::clone(&self.core.terminated), self.core.woken.clone());
        async move {
            // What it is woken for besides is looked at before it waits again.
            while !terminated.load(Ordering::Acquire) && woken.recv().await.is_ok() {}
        }
    }

    /// Goes on until there is something to be sent, or nothing more to do.
    pub async fn advance(&mut self) -> Turn {
        loop {
            let core = &mut self.core;
            let waits = matches!(core.running, Running::Nothing) || core.is_copying_in();
            if waits && !core.over && core.terminated.load(Ordering::Acquire) {
                return Turn::Send(self.end(&terminated()));
            }
            if core::mem::take(&mut core.flush) && !core.out.is_empty() {
                return core.send();
            }
            if core.over {
                core.running = Running::Nothing;
                return if core.out.is_empty() {
                    Turn::Close
                } else {
                    core.send()
                };
            }
            let copying = core.is_copying_in();
            let flush = if copying || matches!(core.running, Running::Nothing) {
                let waiting = self.input.get(self.taken..).unwrap_or_default();
                match protocol::message(waiting) {
                    Ok(Some((length, message))) => {
                        self.taken = self.taken.saturating_add(length);
                        core.ready = false;
                        if copying {
                            let kind = waiting.first().copied().unwrap_or_default();
                            core.handle_copy(kind, message).await
                        } else {
                            // What it was meant for is over.
                            let _ = core.take_interruption();
                            core.handle_message(message).await
                        }
                    }
                    Ok(None) => {
                        self.forget_input();
                        if !copying {
                            self.core.statement_timer.restart();
                        }
                        if self.core.report_unasked() {
                            return self.core.send();
                        }
                        return Turn::Wait;
                    }
                    Err(fault) => core.fail(fault.error()).await,
                }
            } else {
                core.pull().await
            };
            if (flush && !core.out.is_empty()) || core.out.len() >= Rows::ENOUGH {
                return core.send();
            }
        }
    }

    /// Drops what was dealt with; an idle session holds no buffer.
    fn forget_input(&mut self) {
        if self.taken >= self.input.len() {
            self.input = Vec::new();
        } else if self.taken > 0 {
            self.input.drain(..self.taken);
        }
        self.taken = 0;
    }
}

/// The last words of a session that is ended from outside.
fn terminated() -> ErrorResponse {
    ErrorResponse::fatal(
        SqlState::ADMIN_SHUTDOWN,
        "terminating connection due to administrator command",
    )
}

impl<S: DatabaseSession> Core<S> {
    fn send(&mut self) -> Turn {
        Turn::Send(core::mem::take(&mut self.out))
    }

    /// Whether a cancel request or the timer meant what runs, since the last time this was asked.
    fn take_interruption(&self) -> Option<ErrorResponse> {
        let cancelled = self.cancelled.swap(false, Ordering::AcqRel);
        if self.terminated.load(Ordering::Acquire) {
            return Some(terminated());
        }
        let why = if self.statement_timer.has_fired() {
            "canceling statement due to statement timeout"
        } else if cancelled {
            "canceling statement due to user request"
        } else {
            return None;
        };
        Some(ErrorResponse::error(SqlState::QUERY_CANCELED, why))
    }

    fn is_idle(&self) -> bool {
        self.session.transaction_status() == TransactionStatus::Idle
    }

    /// ReadyForQuery, and what is told before it.
    fn end_query(&mut self) {
        if self.is_idle() {
            self.context.commit();
            self.portals.clear();
        }
        self.report_settings();
        self.report_notifications();
        let status = self.session.transaction_status();
        protocol::put_ready_for_query(&mut self.out, status);
        self.ready = true;
        self.statement_timer.restart();
    }

    /// PostgreSQL tells of settings once for each query, however often they changed.
    fn report_settings(&mut self) {
        let Some(now) = self.context.take_changed() else {
            return;
        };
        self.idle_timeouts = self.context.idle_timeouts();
        self.statement_timer.limit = self.context.statement_timeout();
        for (old, (name, value)) in self.told.iter_mut().zip(now) {
            if old.1 != value {
                protocol::put_parameter_status(&mut self.out, name, value.as_bytes());
                old.1 = value;
            }
        }
    }

    /// Within a transaction block they wait.
    fn report_notifications(&mut self) {
        if self.is_idle() {
            for letter in self.context.take_notifications() {
                protocol::put_notification(&mut self.out, &letter);
            }
        }
    }

    /// Between queries, what came in for an idle session. True: there is something.
    fn report_unasked(&mut self) -> bool {
        // In the middle of a pipeline the client is told at Sync.
        if self.begun || self.skip_until_sync || self.copy.is_some() || !self.is_idle() {
            return false;
        }
        let before = self.out.len();
        self.report_notifications();
        self.out.len() > before
    }

    /// Deals with one message. True: the client should have its answer at once.
    async fn handle_message(&mut self, message: Result<Frontend<'_>, protocol::Fault>) -> bool {
        let message = match message {
            Ok(message) => message,
            Err(fault) => {
                self.extended = fault.is_extended();
                if self.extended && self.skip_until_sync {
                    return false;
                }
                self.skip_until_sync = false;
                return self.fail(fault.error()).await;
            }
        };
        self.extended = false;
        match message {
            Frontend::Terminate => {
                self.over = true;
                return true;
            }
            Frontend::Sync => {
                self.skip_until_sync = false;
                return self.sync().await;
            }
            // Also of an error: some clients wait for it before they send Sync.
            Frontend::Flush => return true,
            _ if self.skip_until_sync => return false,
            // What is left over of a COPY that failed.
            Frontend::CopyData(_) | Frontend::CopyDone | Frontend::CopyFail(_) => return false,
            Frontend::FunctionCall => {
                let error = not_supported("the function call protocol");
                return self.fail(error).await;
            }
            Frontend::Query(text) => {
                return match self.query(text).await {
                    Ok(()) => false,
                    Err(error) => self.fail(error).await,
                };
            }
            Frontend::Parse(_)
            | Frontend::Bind(_)
            | Frontend::Describe(_)
            | Frontend::Execute(..)
            | Frontend::Close(_) => self.extended = true,
        }
        let done = match message {
            Frontend::Parse(parse) => self.parse(&parse).await,
            Frontend::Bind(bind) => self.bind(bind).await,
            Frontend::Describe(target) => self.describe(target).await,
            Frontend::Close(target) => self.close(target).await,
            Frontend::Execute(name, rows) => {
                format::utf8(name).and_then(|name| self.execute(name, rows))
            }
            _ => Ok(()),
        };
        match done {
            Ok(()) => false,
            Err(error) => self.fail(error).await,
        }
    }

    async fn query(&mut self, text: &[u8]) -> Result<(), ErrorResponse> {
        // A simple query is bounded by itself, and takes the place of what has no name.
        self.end_pipeline().await?;
        self.statements.remove("");
        self.portals.remove("");
        let text = format::utf8(text)?;
        self.running = Running::Query(self.session.query(text).await?);
        Ok(())
    }

    async fn sync(&mut self) -> bool {
        if let Err(error) = self.end_pipeline().await {
            // Told, and done with: the transaction is over.
            return self.fail(error).await;
        }
        self.end_query();
        true
    }

    async fn end_pipeline(&mut self) -> Result<(), ErrorResponse> {
        if core::mem::take(&mut self.begun) {
            if self.is_idle() {
                self.portals.clear();
            }
            self.session.sync().await?;
        }
        Ok(())
    }
}
