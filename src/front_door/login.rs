//! What a door does for one login.

use core::future::{Future, poll_fn};
use core::panic::AssertUnwindSafe;
use core::pin::pin;
use core::task::Poll;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::access::decide::{From, Knock};
use crate::audit::LoginEvent;
use crate::auth::{
    AuthMethod, Challenge, Found, MockSecrets, Requirement, StoreError, WrongPassword,
};
use crate::close::Close;
use crate::connection::{Answer, Lookup, Question};
use crate::error_response::{ErrorResponse, SqlState};
use crate::front_door::room::full;
use crate::front_door::{FrontDoor, Peer};
use crate::handshake::Handshake;
use crate::session::Session;

impl FrontDoor {
    fn is_proxy(&self, peer: &Peer) -> bool {
        let Peer::Tcp(address) = peer else {
            return false;
        };
        let ip = address.ip().to_canonical();
        self.shared.proxies.iter().any(|net| net.contains(&ip))
    }

    /// The machine for a connection accepted just now.
    #[must_use]
    pub fn handshake(&self, peer: &Peer) -> Handshake {
        let snapshot = self.current();
        let mut rules = snapshot
            .rules
            .clone()
            .login_timeout(self.shared.login_timeout);
        match peer {
            Peer::Tcp(address) => rules = rules.peer(address.ip()),
            Peer::Unix(_) => rules = rules.for_unix_socket(),
            Peer::Unknown => {}
        }
        Handshake::new(
            rules,
            snapshot.select.clone(),
            peer,
            self.is_proxy(peer),
            Arc::clone(&self.shared.room),
        )
    }

    /// Decides about a login: what it has to bring. Whether there is room for one more session is
    /// looked at here, before a password is asked for, and counts when it is in.
    ///
    /// It may have to ask the store whether the user is a member of a role, and for the method
    /// `peer` it asks the system's database of users, which blocks.
    pub async fn decide(&self, question: &Question, peer: &Peer) -> Answer {
        if self.shared.room.is_full() {
            return Answer::Refuse(full());
        }
        let knock = Knock {
            startup: question.startup(),
            from: match peer {
                Peer::Tcp(address) => From::Address(address.ip()),
                Peer::Unix(_) => From::Local,
                Peer::Unknown => From::Nowhere,
            },
            encrypted: question.tls().is_some(),
        };
        let store = self.shared.secrets.as_deref();
        let decided = self.access().decide(knock, store).await;
        let requirement = decided.unwrap_or_else(|| Requirement::new(self.shared.auth_method));
        if requirement.wants_certificate() && question.tls().is_some() && !self.has_root_store() {
            let words =
                "client certificates can only be checked if a root certificate store is available";
            let words = ErrorResponse::fatal(SqlState::CONFIG_FILE_ERROR, words);
            return Answer::Require(requirement.but_refuse(words));
        }
        Answer::Require(match (requirement.method, peer) {
            (AuthMethod::Peer, Peer::Unix(Some(who))) => match who.system_name() {
                Some(name) => requirement.system_name(name),
                None => requirement,
            },
            _ => requirement,
        })
    }

    /// Whether there are CAs that client certificates are checked against.
    fn has_root_store(&self) -> bool {
        self.shared.config.as_ref().is_none_or(|config| {
            let hosts = config.hosts.iter().map(|(_, certificate)| certificate);
            let mut all = hosts.chain([&config.certificate]);
            all.any(|certificate| certificate.ca.is_some())
        })
    }

    /// Looks up the secret that a login needs. An error of the store, or a panic in it, is an
    /// answer too; that it takes too long is for the owner to notice, who then drops the future.
    pub async fn look_up(&self, lookup: &Lookup) -> Found {
        let challenge = match self.challenge() {
            Ok(challenge) => challenge,
            Err(error) => {
                return Found::Unavailable(format!("could not generate random nonce: {error}"));
            }
        };
        let (Some(store), Ok(user)) = (&self.shared.secrets, core::str::from_utf8(lookup.user()))
        else {
            return Found::Nothing(WrongPassword::NoSecret, challenge);
        };
        match guarded(async { store.secret(user).await }).await {
            Ok(Some(secret)) if secret.has_expired(since_epoch()) => {
                Found::Nothing(WrongPassword::Expired, challenge)
            }
            Ok(Some(secret)) => Found::Secret(secret, challenge),
            Ok(None) => Found::Nothing(WrongPassword::NoSecret, challenge),
            Err(error) => {
                tracing::error!(
                    target: "pgtls::auth",
                    user,
                    %error,
                    "the secret store failed; the login is refused"
                );
                Found::Unavailable(error.to_string())
            }
        }
    }

    fn challenge(&self) -> Result<Challenge, getrandom::Error> {
        let mut random = [0; Challenge::RANDOM];
        getrandom::fill(&mut random)?;
        if let Some(mock) = self.shared.mock.get() {
            return Ok(Challenge::new(random, mock));
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        let mock = self.shared.mock.get_or_init(|| MockSecrets::new(key));
        Ok(Challenge::new(random, mock))
    }

    /// How long this login has to wait before it is decided about, because its peer has failed
    /// again and again: nothing for almost everybody. Adapters ask before [`FrontDoor::decide`],
    /// and sleep as told. It ends before the login timeout does.
    pub fn delay(&self, handshake: &mut Handshake, now: Instant) -> Duration {
        let Peer::Tcp(peer) = handshake.peer() else {
            return Duration::ZERO;
        };
        let delay = self.shared.failures.delay(peer.ip(), now);
        let delay = delay.min(self.shared.login_timeout / 2);
        handshake.waits(delay);
        delay
    }

    /// Says of a client that it got in: in the log, and to whoever listens. Adapters call it once
    /// per connection, with the time since accept.
    pub fn note_admitted(&self, handshake: &Handshake, session: &Session, took: Duration) {
        if let Peer::Tcp(peer) = session.peer() {
            self.shared.failures.succeeded(peer.ip());
        }
        let waited = handshake.waited();
        let event = LoginEvent::admitted(session.peer(), session.login(), took, waited);
        self.shared.audit.note(&event);
    }

    /// Says of a connection that it ended at the door, likewise. Clients that knock and leave are
    /// a matter for `debug`.
    pub fn note_refused(&self, handshake: &Handshake, close: &Close, took: Duration, now: Instant) {
        if let Peer::Tcp(peer) = handshake.peer()
            && close.reason().is_failed_proof()
        {
            self.shared.failures.failed(peer.ip(), now);
        }
        let event = LoginEvent::refused(handshake.peer(), handshake.record(), close, took);
        self.shared.audit.note(&event);
    }
}

/// The time of day, for secrets that end.
fn since_epoch() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "secrets end at a time of day")]
    let now = SystemTime::now();
    now.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

/// Turns a panic in a store into an error.
pub(crate) async fn guarded<T>(
    future: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)))
            .unwrap_or_else(|_| Poll::Ready(Err(StoreError::new("it panicked"))))
    })
    .await
}
