//! What is said of each login: one line in the log, and one event for whoever listens.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tracing::field::{debug, display};

use crate::auth::AuthMethod;
use crate::close::{Close, Reason};
use crate::connection::{Answer, Question};
use crate::error_response::SqlState;
use crate::front_door::Peer;
use crate::login::Login;
use crate::tls::facts::TlsFacts;

/// The longest name of a certificate that is shown, in characters.
const MAX_IDENTITY: usize = 512;

/// What became of one connection at the door. Made once for each, whether it got in or not;
/// cancel requests are none. What the database says of a login that got in, such as 3D000, comes
/// later and is not part of it.
///
/// Names are as the client sent them: any bytes but zero. Escape them before they are shown.
#[derive(Clone, Copy, Debug)]
pub struct LoginEvent<'a> {
    peer: &'a Peer,
    who: Who<'a>,
    refused: Option<&'a Reason>,
    took: Duration,
    waited: Duration,
}

/// What is known of who knocked.
#[derive(Clone, Copy, Debug, Default)]
struct Who<'a> {
    user: Option<&'a [u8]>,
    database: Option<&'a [u8]>,
    method: Option<AuthMethod>,
    rule: Option<&'a str>,
    tls: Option<&'a TlsFacts>,
}

/// What a handshake remembers of the login it has asked about, should it be refused.
#[derive(Debug)]
pub(crate) struct Record {
    user: Vec<u8>,
    database: Vec<u8>,
    method: Option<AuthMethod>,
    rule: Option<Arc<str>>,
    tls: Option<Arc<TlsFacts>>,
    waited: Duration,
}

impl Record {
    pub(crate) fn new(question: &Question, answer: &Answer, waited: Duration) -> Self {
        let (method, rule) = match answer {
            Answer::Refuse(_) => (None, None),
            Answer::Require(requirement) => (Some(requirement.method), requirement.rule.clone()),
        };
        Self {
            user: question.startup().user().to_vec(),
            database: question.startup().database().to_vec(),
            method,
            rule,
            tls: question.shared_tls(),
            waited,
        }
    }
}

impl<'a> LoginEvent<'a> {
    pub(crate) fn admitted(
        peer: &'a Peer,
        login: &'a Login,
        took: Duration,
        waited: Duration,
    ) -> Self {
        Self {
            peer,
            who: Who {
                user: Some(login.user()),
                database: Some(login.database()),
                method: Some(login.method()),
                rule: login.rule(),
                tls: login.tls(),
            },
            refused: None,
            took,
            waited,
        }
    }

    pub(crate) fn refused(
        peer: &'a Peer,
        record: Option<&'a Record>,
        close: &'a Close,
        took: Duration,
    ) -> Self {
        let who = record.map_or_else(Who::default, |record| Who {
            user: Some(&record.user),
            database: Some(&record.database),
            method: record.method,
            rule: record.rule.as_deref(),
            tls: record.tls.as_deref(),
        });
        Self {
            peer,
            who,
            refused: Some(close.reason()),
            took,
            waited: record.map_or(Duration::ZERO, |record| record.waited),
        }
    }

    /// Whether the client got in.
    #[must_use]
    pub fn is_admitted(&self) -> bool {
        self.refused.is_none()
    }

    /// Where it came from.
    #[must_use]
    pub fn peer(&self) -> &'a Peer {
        self.peer
    }

    /// The user asked for; `None` if the connection ended before it said, or was refused on the
    /// StartupMessage itself.
    #[must_use]
    pub fn user(&self) -> Option<&'a [u8]> {
        self.who.user
    }

    /// The database asked for, likewise.
    #[must_use]
    pub fn database(&self) -> Option<&'a [u8]> {
        self.who.database
    }

    /// The method that decided; `None` if it did not come to one.
    #[must_use]
    pub fn method(&self) -> Option<AuthMethod> {
        self.who.method
    }

    /// Where the access rule stands that decided, as `pg_hba.conf:12`.
    #[must_use]
    pub fn rule(&self) -> Option<&'a str> {
        self.who.rule
    }

    /// The TLS session; `None` over plaintext, or if it did not come to a login.
    #[must_use]
    pub fn tls(&self) -> Option<&'a TlsFacts> {
        self.who.tls
    }

    /// The distinguished name of the client's certificate in the form of RFC 2253, if it presented
    /// one: control characters escaped, at most 512 characters. It was verified.
    #[must_use]
    pub fn identity(&self) -> Option<String> {
        let name = self.tls()?.peer_distinguished_name()?;
        let mut clean = String::new();
        for character in name.chars().take(MAX_IDENTITY) {
            if character.is_control() {
                clean.extend(character.escape_default());
            } else {
                clean.push(character);
            }
        }
        Some(clean)
    }

    /// Why it was refused; `None` if it was not. It says more than the client was told.
    #[must_use]
    pub fn reason(&self) -> Option<&'a Reason> {
        self.refused
    }

    /// The SQLSTATE of the refusal, also where the client was told nothing.
    #[must_use]
    pub fn sqlstate(&self) -> Option<SqlState> {
        self.refused.map(Reason::sqlstate)
    }

    /// The time since accept.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.took
    }

    /// What of that it had to wait because of earlier failures of its peer.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Writes the one line. Clients that knock and leave are a matter for `debug`.
    fn log(&self) {
        if let Some(reason) = self.refused
            && !reason.is_noteworthy()
        {
            tracing::debug!(target: "pgtls::ssl", peer = %self.peer, %reason, "connection closed");
            return;
        }
        if !tracing::enabled!(target: "pgtls::ssl", tracing::Level::INFO) {
            return;
        }
        // Debug formatting escapes whatever a client may put into its names.
        let user = self.user().map(String::from_utf8_lossy);
        let database = self.database().map(String::from_utf8_lossy);
        let (user, database) = (user.as_ref().map(debug), database.as_ref().map(debug));
        let identity = self.identity();
        let identity = identity.as_ref().map(debug);
        let method = self.method().map(AuthMethod::as_str);
        let rule = self.rule().map(display);
        let tls = self.tls().map_or("off", |tls| tls.version().as_str());
        let cipher = self.tls().map(TlsFacts::cipher);
        let group = self.tls().and_then(TlsFacts::group);
        let resumed = self.tls().map(TlsFacts::resumed);
        let took_us = u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX);
        let waited_us = u64::try_from(self.waited.as_micros())
            .ok()
            .filter(|w| *w > 0);
        match self.refused {
            None => tracing::info!(
                target: "pgtls::ssl",
                peer = %self.peer,
                user, database, method, rule, tls, cipher, group, resumed, identity, took_us, waited_us,
                "connection accepted"
            ),
            Some(reason) => tracing::info!(
                target: "pgtls::ssl",
                peer = %self.peer,
                user, database, method, rule, tls, cipher, group, resumed, identity, took_us, waited_us,
                sqlstate = %reason.sqlstate(),
                reason = ?reason.to_string(),
                "connection refused"
            ),
        }
    }
}

type Listener = Arc<dyn Fn(&LoginEvent<'_>) + Send + Sync>;

/// Who listens.
#[derive(Clone, Default)]
pub(crate) struct Audit(Vec<Listener>);

impl Audit {
    pub(crate) fn add(&mut self, listener: Listener) {
        self.0.push(listener);
    }

    /// Logs and tells the listeners. Whatever they do, the verdict stands.
    pub(crate) fn note(&self, event: &LoginEvent<'_>) {
        event.log();
        crate::meters::login(event);
        for listener in &self.0 {
            if catch_unwind(AssertUnwindSafe(|| listener(event))).is_err() {
                tracing::error!(target: "pgtls::ssl", "a listener to logins panicked; the login stands as decided");
            }
        }
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Audit({} listeners)", self.0.len())
    }
}
