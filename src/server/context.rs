//! What a server keeps for each session: settings and notifications. Engines change them as the
//! statements say that they recognise.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use async_channel::Receiver;
use jiff::tz::TimeZone;

use crate::error_response::{ErrorResponse, SqlState};
use crate::server::cancel::{Sessions, Signalled};
use crate::server::notifications::{Hub, Mailbox, Notification, Subscriber};
use crate::server::rows::{Column, RowFormat};
use crate::server::settings::{Registry, Scope, Setting};
use crate::server::stand_in::{Place, StandIn};

/// A session's settings and its part in LISTEN and NOTIFY. Cheap to clone; all clones are the
/// same session's.
///
/// Both follow the transaction: an engine with transactions calls [`SessionContext::commit`] and
/// [`SessionContext::rollback`] where its own end, before it gives the statement's command tag,
/// and the savepoint methods likewise. What is left over when a query has ended outside a
/// transaction block is committed by the server, or rolled back if the query failed; an engine
/// without transactions need not care.
///
/// [`SessionCommand`](crate::server::SessionCommand) recognises SET, SHOW, LISTEN and their like,
/// and runs them on this.
#[derive(Clone)]
pub struct SessionContext(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// Settings may have changed since the client was told of them.
    changed: AtomicBool,
    /// Statements are to be forgotten.
    forgets: AtomicBool,
    /// Who can go on with the session on another thread than its task's.
    stand_in: Place,
    /// The sessions of the server, and whose this one is.
    peers: OnceLock<(Weak<Sessions>, Vec<u8>)>,
}

struct State {
    settings: Registry,
    subscriber: Subscriber,
    /// Statements that the client has prepared by name.
    prepared: BTreeSet<String>,
    /// Those that SQL has deallocated since; `None` is all.
    forgotten: Vec<Option<String>>,
}

impl fmt::Debug for SessionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionContext").finish_non_exhaustive()
    }
}

impl SessionContext {
    /// And what wakes the session when there are notifications for it.
    pub(crate) fn new(settings: Registry, hub: Arc<Hub>, process_id: i32) -> (Self, Receiver<()>) {
        let (mailbox, woken) = Mailbox::new();
        let state = State {
            settings,
            subscriber: Subscriber::new(hub, mailbox, process_id),
            prepared: BTreeSet::new(),
            forgotten: Vec::new(),
        };
        let inner = Inner {
            state: Mutex::new(state),
            changed: AtomicBool::new(false),
            forgets: AtomicBool::new(false),
            stand_in: Place::default(),
            peers: OnceLock::new(),
        };
        (Self(Arc::new(inner)), woken)
    }

    /// Says which sessions there are besides.
    pub(crate) fn set_peers(&self, sessions: &Arc<Sessions>, role: &[u8]) {
        let peers = (Arc::downgrade(sessions), role.to_owned());
        let _ = self.0.peers.set(peers);
    }

    /// What ends the session from outside, so that its client is told 57P01.
    pub(crate) fn waker(&self) -> Arc<Mailbox> {
        self.state().subscriber.waker()
    }

    /// Cancels what the session with this process id runs (`pg_cancel_backend`); false if there is
    /// none.
    ///
    /// # Errors
    /// 42501: it is a session of another role.
    pub fn cancel_backend(&self, process_id: i32) -> Result<bool, ErrorResponse> {
        self.signal(process_id, false)
    }

    /// Ends the session with this process id (`pg_terminate_backend`), whose client is told 57P01;
    /// false if there is none.
    ///
    /// # Errors
    /// 42501: it is a session of another role.
    pub fn terminate_backend(&self, process_id: i32) -> Result<bool, ErrorResponse> {
        self.signal(process_id, true)
    }

    fn signal(&self, process_id: i32, end: bool) -> Result<bool, ErrorResponse> {
        let Some((sessions, role)) = self.0.peers.get() else {
            return Ok(false);
        };
        let signalled = sessions
            .upgrade()
            .map_or(Signalled::Nobody, |s| s.signal(process_id, role, end));
        let what = match end {
            true => "process is being terminated",
            false => "query is being canceled",
        };
        match signalled {
            Signalled::Done => Ok(true),
            Signalled::Nobody => Ok(false),
            Signalled::Denied => Err(ErrorResponse::error(
                SqlState::INSUFFICIENT_PRIVILEGE,
                format!("must be a member of the role whose {what} or member of pg_signal_backend"),
            )),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whole between any two of its operations.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For adapters: says who can poll this session on other threads, so that
    /// [`SessionContext::answer`] does more than to answer. The first call counts.
    pub fn set_stand_in(&self, stand_in: Weak<dyn StandIn>) {
        self.0.stand_in.take(stand_in);
    }

    /// Does `answer`, which gives the session something it waits for. What the session does with
    /// that is done before this returns, on this thread if that can be: an engine with threads of
    /// its own spares the session two changes of threads for each piece of a result, which is
    /// encrypted and written while the caches have it.
    ///
    /// The session's methods may be called meanwhile, so no lock may be held that they take.
    pub fn answer(&self, answer: impl FnOnce()) {
        self.0.stand_in.answer(answer);
    }

    /// The value of a setting as SHOW gives it; names have no case.
    ///
    /// # Errors
    /// 42704: there is no such setting.
    pub fn setting(&self, name: &str) -> Result<String, ErrorResponse> {
        self.state().settings.get(name)
    }

    /// All settings, as SHOW ALL gives them.
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        self.state().settings.all()
    }

    /// Sets a setting and gives its value as it is shown. A name with a dot in it makes a setting
    /// of the client's own.
    ///
    /// # Errors
    /// 42704, 22023, 55P02, 0A000: as PostgreSQL has it, the last where it would have taken the
    /// value.
    pub fn set(&self, name: &str, value: &str, scope: Scope) -> Result<String, ErrorResponse> {
        let set = self.state().settings.set(name, value, scope);
        self.0.changed.store(true, Ordering::Release);
        set
    }

    /// Sets a setting back to what it was at login.
    ///
    /// # Errors
    /// 42704, 55P02.
    pub fn reset(&self, name: &str, scope: Scope) -> Result<(), ErrorResponse> {
        let reset = self.state().settings.reset(name, scope);
        self.0.changed.store(true, Ordering::Release);
        reset
    }

    /// Sets all settings back to what they were at login.
    pub fn reset_all(&self) {
        self.state().settings.reset_all();
        self.0.changed.store(true, Ordering::Release);
    }

    /// How rows of these columns are written in the simple query protocol: in text, by the
    /// settings now in force.
    #[must_use]
    pub fn text_format(&self, columns: &[Column]) -> RowFormat {
        RowFormat::text(columns).in_zone(self.zone())
    }

    /// Hears of a channel from the end of the transaction on.
    ///
    /// # Errors
    /// 22023: there can be no channel of that name. 54000: there are too many.
    pub fn listen(&self, channel: &str) -> Result<(), ErrorResponse> {
        self.state().subscriber.listen(channel)
    }

    /// Hears of it no more, from the end of the transaction on; `None` is all channels.
    pub fn unlisten(&self, channel: Option<&str>) {
        self.state().subscriber.unlisten(channel);
    }

    /// Sends to all sessions that listen on a channel, at the end of the transaction.
    ///
    /// # Errors
    /// 22023: the name or the payload is too long. 54000: one of the listeners has 8 MiB waiting.
    pub fn notify(&self, channel: &str, payload: &str) -> Result<(), ErrorResponse> {
        self.state().subscriber.notify(channel, payload)
    }

    /// The channels listened on (`pg_listening_channels()`).
    #[must_use]
    pub fn listening_channels(&self) -> Vec<String> {
        self.state().subscriber.channels()
    }

    /// Forgets a statement that was prepared by name through the extended protocol (DEALLOCATE);
    /// `None` is all. It is gone when the statement that runs has ended.
    ///
    /// # Errors
    /// 26000: there is none of that name.
    pub fn deallocate(&self, name: Option<&str>) -> Result<(), ErrorResponse> {
        let mut state = self.state();
        match name {
            Some(name) if !state.prepared.remove(name) => {
                return Err(no_such_statement(name));
            }
            Some(_) => {}
            None => state.prepared.clear(),
        }
        state.forgotten.push(name.map(str::to_owned));
        self.0.forgets.store(true, Ordering::Release);
        Ok(())
    }

    /// The transaction is committed: notifications leave, local settings end.
    pub fn commit(&self) {
        let mut state = self.state();
        state.subscriber.commit();
        if state.settings.commit() {
            self.0.changed.store(true, Ordering::Release);
        }
    }

    /// The transaction is rolled back: settings are what they were, nothing is sent.
    pub fn rollback(&self) {
        let mut state = self.state();
        state.subscriber.rollback();
        if state.settings.rollback() {
            self.0.changed.store(true, Ordering::Release);
        }
    }

    /// SAVEPOINT was run.
    pub fn savepoint(&self, name: &str) {
        let mut state = self.state();
        state.subscriber.savepoint(name);
        state.settings.savepoint(name);
    }

    /// RELEASE SAVEPOINT was run.
    pub fn release(&self, name: &str) {
        let mut state = self.state();
        state.subscriber.release(name);
        state.settings.release(name);
    }

    /// ROLLBACK TO SAVEPOINT was run.
    pub fn rollback_to(&self, name: &str) {
        let mut state = self.state();
        state.subscriber.rollback_to(name);
        state.settings.rollback_to(name);
        self.0.changed.store(true, Ordering::Release);
    }

    pub(crate) fn zone(&self) -> Option<TimeZone> {
        self.state().settings.zone()
    }

    /// Whether there may be settings to be reported.
    pub(crate) fn have_settings_changed(&self) -> bool {
        self.0.changed.load(Ordering::Acquire)
    }

    /// The settings to be reported, if any may have changed since the last time.
    pub(crate) fn take_changed(&self) -> Option<Vec<(&'static str, String)>> {
        self.0
            .changed
            .swap(false, Ordering::AcqRel)
            .then(|| self.reported())
    }

    pub(crate) fn reported(&self) -> Vec<(&'static str, String)> {
        self.state().settings.reported().collect()
    }

    /// `idle_session_timeout` and `idle_in_transaction_session_timeout`.
    pub(crate) fn idle_timeouts(&self) -> (Option<Duration>, Option<Duration>) {
        let state = self.state();
        let time = |name| state.settings.time(name);
        (
            time("idle_session_timeout"),
            time("idle_in_transaction_session_timeout"),
        )
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn lock_timeout(&self) -> Option<Duration> {
        self.state().settings.time("lock_timeout")
    }

    pub(crate) fn statement_timeout(&self) -> Option<Duration> {
        self.state().settings.time("statement_timeout")
    }

    pub(crate) fn take_notifications(&self) -> VecDeque<Notification> {
        self.state().subscriber.mailbox().take()
    }

    pub(crate) fn prepared(&self, name: &str) {
        self.state().prepared.insert(name.to_owned());
    }

    pub(crate) fn closed(&self, name: &str) {
        self.state().prepared.remove(name);
    }

    /// The statements that SQL has deallocated.
    pub(crate) fn take_forgotten(&self) -> Vec<Option<String>> {
        if self.0.forgets.swap(false, Ordering::AcqRel) {
            core::mem::take(&mut self.state().forgotten)
        } else {
            Vec::new()
        }
    }
}

pub(crate) fn no_such_statement(name: &str) -> ErrorResponse {
    let message = if name.is_empty() {
        "unnamed prepared statement does not exist".into()
    } else {
        format!("prepared statement \"{name}\" does not exist")
    };
    ErrorResponse::error(SqlState::INVALID_SQL_STATEMENT_NAME, message)
}
