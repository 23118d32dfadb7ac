//! The pure machine: bytes and time in, orders out.
//!
//! A [`Connection`] knows no socket, clock or runtime. Its owner hands it the plaintext received
//! and not yet consumed, and carries out the one [`Action`] that each call gives.
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

mod decision;
mod host;
mod refusals;
mod state;

use alloc::{boxed::Box, string::String, sync::Arc};
use core::net::IpAddr;
use core::time::Duration;

use crate::auth::exchange::Exchange;
use crate::auth::{Found, Requirement};
use crate::close::{Close, Reason};
use crate::error_response::ErrorResponse;
use crate::login::{Login, Startup};
use crate::policy::Rules;
use crate::tls::facts::TlsFacts;
use crate::wire::reply::Reply;
use crate::wire::request::{CancelRequest, MAX_PACKET};

use host::HostProof;
use state::State;

/// The result of one call: how much input was used, and what to do now.
#[derive(Debug)]
#[must_use]
#[expect(
    clippy::exhaustive_structs,
    reason = "two fields are all there is to a step"
)]
pub struct Step {
    /// How many bytes of the input were used up; the rest must be handed in again.
    pub consumed: usize,
    /// The one order of this step.
    pub action: Action,
}

/// What the owner of a [`Connection`] is to do.
///
/// `Admit`, `Cancel` and `Close` are final: every later call gives `NeedInput` and consumes
/// nothing.
#[derive(Debug)]
#[non_exhaustive]
pub enum Action {
    /// The client is in. [`Reply::AuthenticationOk`] went before.
    Admit(Box<Login>),
    /// Decide about this login and tell [`Connection::answer`].
    Ask(Question),
    /// Start a TLS server session with all input not consumed, then call
    /// [`Connection::upgraded`] or [`Connection::upgrade_failed`].
    BeginTls(Upgrade),
    /// Cancel a query, answer nothing, close.
    Cancel(CancelRequest),
    /// Say the farewell, if there is one, and close.
    Close(Close),
    /// Look up the user's secret and tell [`Connection::found`].
    LookUp(Lookup),
    /// Wait for more input, the end of the stream or the deadline.
    NeedInput,
    /// Send this, then call again with what is left of the input.
    Reply(Reply),
}

/// The order to begin TLS. It is spent by [`Connection::upgraded`] and cannot be made outside.
#[derive(Debug)]
pub struct Upgrade {
    direct: bool,
}

impl Upgrade {
    /// Whether TLS begins with the connection's first byte, without SSLRequest.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.direct
    }
}

/// A well-formed StartupMessage that waits for a decision. It is spent by
/// [`Connection::answer`] and cannot be made outside.
#[derive(Debug)]
pub struct Question {
    startup: Box<Startup>,
    tls: Option<Arc<TlsFacts>>,
    peer: Option<IpAddr>,
    host: HostProof,
}

impl Question {
    /// What the client said.
    #[must_use]
    pub fn startup(&self) -> &Startup {
        &self.startup
    }

    /// The TLS session it came over; `None` over plaintext.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.tls.as_deref()
    }

    /// The same, to keep.
    pub(crate) fn shared_tls(&self) -> Option<Arc<TlsFacts>> {
        self.tls.clone()
    }

    /// The host names, at most 8, by which the client's certificate may turn out to be that of
    /// the host the connection comes from. Look them up, and tell [`Question::resolved`]; without
    /// it the login is refused. Empty unless the rules want it ([`ClientName::Host`]).
    ///
    /// [`ClientName::Host`]: crate::ClientName::Host
    #[must_use]
    pub fn hosts_to_resolve(&self) -> &[String] {
        self.host.open()
    }

    /// The addresses of one of [`Question::hosts_to_resolve`], as the name service gave them.
    /// Says whether the client's own is among them: then no more is needed.
    pub fn resolved(&mut self, host: &str, addresses: &[IpAddr]) -> bool {
        self.host.resolved(self.peer, host, addresses)
    }
}

/// A login whose method needs the user's secret. It is spent by [`Connection::found`] and cannot
/// be made outside.
#[derive(Debug)]
pub struct Lookup {
    attempt: Box<Attempt>,
}

impl Lookup {
    /// Whose secret it is.
    #[must_use]
    pub fn user(&self) -> &[u8] {
        &self.attempt.startup.user
    }

    /// What the client said.
    #[must_use]
    pub fn startup(&self) -> &Startup {
        &self.attempt.startup
    }

    /// What the login has to bring.
    #[must_use]
    pub fn requirement(&self) -> &Requirement {
        &self.attempt.requirement
    }
}

/// A login under way, and what it has to bring.
#[derive(Debug)]
struct Attempt {
    startup: Startup,
    tls: Option<Arc<TlsFacts>>,
    host: HostProof,
    requirement: Requirement,
}

/// An attempt whose client was asked to prove itself.
#[derive(Debug)]
struct Answering {
    attempt: Attempt,
    exchange: Exchange,
}

/// The decision about a login.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// Refuse in these words, for example 53300 or 57P03.
    Refuse(ErrorResponse),
    /// Let it in if it brings this.
    Require(Requirement),
}

/// One connection, from its first byte to its admission.
///
/// Time is the time since the connection was accepted.
///
/// ```
/// use std::time::Duration;
/// use pgtls::{Action, Answer, AuthMethod, Connection, Encryption, Reply, Rules};
///
/// let mut door = Connection::new(Rules::new(Encryption::Unavailable));
/// let now = Duration::ZERO;
///
/// let step = door.handle_input(now, &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
/// assert_eq!(step.consumed, 8);
/// assert!(matches!(step.action, Action::Reply(Reply::RefuseTls)));
///
/// let startup = b"\0\0\0\x10\0\x03\0\0user\0b\0\0";
/// let step = door.handle_input(now, startup);
/// let Action::Ask(question) = step.action else { panic!() };
/// door.answer(question, Answer::Require(AuthMethod::Trust.into()));
/// assert!(matches!(door.handle_input(now, &[]).action, Action::Reply(Reply::AuthenticationOk(_))));
/// let Action::Admit(login) = door.handle_input(now, &[]).action else { panic!() };
/// assert_eq!(login.user(), b"b");
/// ```
#[derive(Debug)]
pub struct Connection {
    rules: Rules,
    state: State,
    negotiation: state::Negotiation,
}

impl Connection {
    /// A connection that was accepted just now.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            state: State::First,
            negotiation: state::Negotiation::default(),
        }
    }

    /// Takes `input`: all plaintext bytes received and not consumed yet, none if there are none.
    ///
    /// Call again after every action but `NeedInput` and the final ones. While an [`Upgrade`], a
    /// [`Question`] or a [`Lookup`] is out nothing is consumed.
    pub fn handle_input(&mut self, now: Duration, input: &[u8]) -> Step {
        if self.is_late(now) {
            return self.close(0, Close::silent(self.state.lateness()));
        }
        self.step(input)
    }

    /// The stream has ended; `rest` is the input not consumed.
    pub fn handle_eof(&mut self, rest: &[u8]) -> Step {
        if self.state.is_final() {
            return Step {
                consumed: 0,
                action: Action::NeedInput,
            };
        }
        if let State::Answering(answering) = &self.state {
            let fault = answering.exchange.end_of_stream(!rest.is_empty());
            let close = refusals::failed(fault, &answering.attempt);
            return self.close(0, close);
        }
        let reason = if matches!(self.state, State::Upgrading) {
            Reason::Tls("the client closed the connection during the handshake".into())
        } else if rest.is_empty() {
            Reason::EndOfStream
        } else {
            Reason::IncompletePacket
        };
        self.close(0, Close::silent(reason))
    }

    /// Time has passed. Closes at the deadline, and is harmless before it.
    pub fn handle_timeout(&mut self, now: Duration) -> Step {
        if self.is_late(now) {
            return self.close(0, Close::silent(self.state.lateness()));
        }
        Step {
            consumed: 0,
            action: Action::NeedInput,
        }
    }

    /// TLS is established: hands back the order and says what is known of the session.
    pub fn upgraded(&mut self, upgrade: Upgrade, facts: TlsFacts) {
        self.state.upgraded(&mut self.negotiation, &upgrade, facts);
    }

    /// TLS could not be established. No protocol message follows, at most an alert.
    pub fn upgrade_failed(&mut self, _spent: Upgrade, why: impl Into<String>) -> Step {
        self.close(0, Close::silent(Reason::Tls(why.into())))
    }

    /// The decision about a login. Call [`Connection::handle_input`] next.
    pub fn answer(&mut self, question: Question, answer: Answer) {
        self.state.answer(&self.rules, question, answer);
    }

    /// What became of looking up a secret. Call [`Connection::handle_input`] next.
    pub fn found(&mut self, lookup: Lookup, found: Found) {
        self.state.found(lookup, found);
    }

    /// How many bytes of input can be needed at once.
    pub(crate) fn max_input(&self) -> usize {
        match &self.state {
            // A type byte goes before the length word.
            State::Answering(answering) => answering.exchange.max().saturating_add(1),
            _ => MAX_PACKET,
        }
    }

    /// Whether the input may hold a password, or a proof of one.
    pub(crate) fn input_is_secret(&self) -> bool {
        matches!(self.state, State::Answering(_))
    }

    /// When [`Connection::handle_timeout`] has something to do: the one deadline, counted from
    /// accept. `None` once a final action was given.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        (!self.state.is_final()).then_some(self.rules.login_timeout)
    }

    fn is_late(&self, now: Duration) -> bool {
        self.poll_timeout().is_some_and(|deadline| now >= deadline)
    }

    fn close(&mut self, consumed: usize, close: Close) -> Step {
        self.state = State::Over;
        Step {
            consumed,
            action: Action::Close(close),
        }
    }
}
