//! The query phase of one connection: bytes in, bytes out. It awaits nothing but the database.

use std::future::Future;
use std::sync::Arc;

use async_channel::Receiver;

use crate::error_response::{ErrorResponse, Severity, SqlState};
use crate::login::Login;
use crate::server::builder::PgServer;
use crate::server::cancel::Entered;
use crate::server::context::SessionContext;
use crate::server::database::{
    Client, Database, DatabaseSession, Event, Portal, TransactionStatus, not_supported,
};
use crate::server::format::Format;
use crate::server::protocol::{self, Frontend};
use crate::server::rows::Rows;
use crate::server::settings;

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
    /// Its entry among the sessions that can be cancelled.
    _entered: Entered,
    session: S,
    context: SessionContext,
    /// Rings when there are notifications.
    woken: Receiver<()>,
    /// The settings as the client knows them.
    told: Vec<(&'static str, String)>,
    /// The query that runs.
    portal: Option<S::Portal>,
    input: Vec<u8>,
    /// How much of the input is done with.
    taken: usize,
    out: Vec<u8>,
    /// After an error in the extended protocol.
    skip_until_sync: bool,
    /// Nothing more is read or begun.
    over: bool,
}

impl<S: DatabaseSession> std::fmt::Debug for QuerySession<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QuerySession")
            .field("running", &self.portal.is_some())
            .field("over", &self.over)
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
        let settings = settings::startup::registry(login)?;
        let entered = server
            .sessions()
            .enter(login.cancel_key_len())
            .map_err(|e| {
                tracing::error!(target: "pgtls::server", error = %e, "session refused");
                ErrorResponse::fatal(
                    SqlState::INTERNAL_ERROR,
                    "could not generate random cancel key",
                )
            })?;
        let process_id = entered.process_id();
        let (context, woken) = SessionContext::new(settings, Arc::clone(server.hub()), process_id);
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
        entered.on_cancel(session.interrupt());
        let mut out = Vec::with_capacity(512);
        let told = context.reported();
        for (name, value) in &told {
            protocol::put_parameter_status(&mut out, name, value.as_bytes());
        }
        protocol::put_backend_key_data(&mut out, process_id, entered.key());
        protocol::put_ready_for_query(&mut out, session.transaction_status());
        Ok(Self {
            _entered: entered,
            session,
            context,
            woken,
            told,
            portal: None,
            input: Vec::new(),
            taken: 0,
            out,
            skip_until_sync: false,
            over: false,
        })
    }

    /// Takes bytes from the client.
    pub fn handle_input(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// The server stops: gives the last words (57P01), whatever the client was about to do.
    #[must_use]
    pub fn shut_down(&mut self) -> Vec<u8> {
        self.over = true;
        self.portal = None;
        let mut out = core::mem::take(&mut self.out);
        ErrorResponse::fatal(
            SqlState::ADMIN_SHUTDOWN,
            "terminating connection due to administrator command",
        )
        .put(&mut out);
        out
    }

    /// Goes on until there is something to be sent, or nothing more to do.
    pub async fn advance(&mut self) -> Turn {
        loop {
            if let Some(portal) = &mut self.portal {
                let next = portal.next(u64::MAX).await;
                if self.handle_result(next) || self.out.len() >= Rows::ENOUGH {
                    return self.send();
                }
            } else if self.over {
                return if self.out.is_empty() {
                    Turn::Close
                } else {
                    self.send()
                };
            } else if self.handle_message().await {
                self.report_notifications();
                if !self.out.is_empty() {
                    return self.send();
                }
                if !self.over {
                    return Turn::Wait;
                }
            }
        }
    }

    fn send(&mut self) -> Turn {
        Turn::Send(core::mem::take(&mut self.out))
    }

    /// Takes one piece of a result. True: the client should have it without delay.
    fn handle_result(&mut self, next: Result<Option<Event>, ErrorResponse>) -> bool {
        match next {
            Ok(Some(Event::Columns(columns))) => {
                if let Err(error) =
                    protocol::put_row_description(&mut self.out, &columns, |_| Format::Text)
                {
                    return self.fail(error);
                }
                false
            }
            Ok(Some(Event::Complete(tag))) => {
                protocol::put_command_complete(&mut self.out, &tag);
                false
            }
            Ok(Some(Event::Empty)) => {
                protocol::put_empty_query(&mut self.out);
                false
            }
            Ok(Some(Event::Notice(notice))) => {
                notice.put(&mut self.out);
                false
            }
            Ok(Some(Event::Rows(rows))) => {
                if self.out.is_empty() {
                    self.out = rows.into_bytes();
                } else {
                    self.out.extend_from_slice(&rows.into_bytes());
                }
                false
            }
            Ok(None) => self.end_query(),
            Err(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: ErrorResponse) -> bool {
        error.put(&mut self.out);
        if self.session.transaction_status() == TransactionStatus::Idle {
            self.context.rollback();
        }
        match error.severity() {
            Severity::Error | Severity::Notice | Severity::Warning => self.end_query(),
            Severity::Fatal => {
                self.portal = None;
                self.over = true;
                true
            }
        }
    }

    /// PostgreSQL sends what it has at each ReadyForQuery.
    fn end_query(&mut self) -> bool {
        self.portal = None;
        if self.session.transaction_status() == TransactionStatus::Idle {
            self.context.commit();
        }
        self.report_settings();
        self.report_notifications();
        protocol::put_ready_for_query(&mut self.out, self.session.transaction_status());
        true
    }

    /// PostgreSQL tells of settings once for each query, however often they changed.
    fn report_settings(&mut self) {
        let Some(now) = self.context.take_changed() else {
            return;
        };
        for (old, (name, value)) in self.told.iter_mut().zip(now) {
            if old.1 != value {
                protocol::put_parameter_status(&mut self.out, name, value.as_bytes());
                old.1 = value;
            }
        }
    }

    /// Within a transaction block they wait.
    fn report_notifications(&mut self) {
        if self.session.transaction_status() == TransactionStatus::Idle {
            for letter in self.context.take_notifications() {
                protocol::put_notification(&mut self.out, &letter);
            }
        }
    }

    /// Done when there is something to be told though the client has not asked: call
    /// [`QuerySession::advance`] then. Outside of [`Turn::Wait`] there is no need to listen.
    pub fn woken(&self) -> impl Future<Output = ()> + Send + use<S> {
        let listens = self.session.transaction_status() == TransactionStatus::Idle
            && self.context.is_listening();
        let woken = listens.then(|| self.woken.clone());
        async move {
            match woken {
                // The sender lives in the hub as long as the session listens.
                Some(woken) => drop(woken.recv().await),
                None => core::future::pending().await,
            }
        }
    }

    /// Takes one message. True: there is none, or the client should have its answer at once.
    async fn handle_message(&mut self) -> bool {
        let waiting = self.input.get(self.taken..).unwrap_or_default();
        let (length, message) = match protocol::message(waiting) {
            Ok(Some(whole)) => whole,
            Ok(None) => {
                self.forget_input();
                return true;
            }
            Err(fault) => return self.fail(fault.error()),
        };
        self.taken = self.taken.saturating_add(length);
        match message {
            Frontend::Terminate => {
                self.over = true;
                true
            }
            Frontend::Sync => {
                self.skip_until_sync = false;
                self.end_query()
            }
            Frontend::Flush => true,
            _ if self.skip_until_sync => false,
            Frontend::Copy => false,
            Frontend::Extended => {
                self.skip_until_sync = true;
                not_supported("the extended query protocol").put(&mut self.out);
                false
            }
            Frontend::FunctionCall => self.fail(not_supported("the function call protocol")),
            Frontend::Query(text) => {
                let begun = match core::str::from_utf8(text) {
                    Ok(text) => self.session.query(text).await,
                    Err(_) => Err(ErrorResponse::error(
                        SqlState::CHARACTER_NOT_IN_REPERTOIRE,
                        "invalid byte sequence for encoding \"UTF8\"",
                    )),
                };
                match begun {
                    Ok(portal) => {
                        self.portal = Some(portal);
                        false
                    }
                    Err(error) => self.fail(error),
                }
            }
        }
    }

    /// Drops what was dealt with; an idle session holds no buffer.
    fn forget_input(&mut self) {
        if self.taken >= self.input.len() {
            self.input = Vec::new();
        } else {
            self.input.drain(..self.taken);
        }
        self.taken = 0;
    }
}
