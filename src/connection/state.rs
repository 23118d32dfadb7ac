//! The states of a connection and every way from one to the next.
//!
//! What may follow what (PostgreSQL: `backend_startup.c:ProcessStartupPacket`):
//!
//! | state | SSLRequest | GSSENCRequest | CancelRequest | StartupMessage 3.x | other code |
//! | --- | --- | --- | --- | --- | --- |
//! | plaintext | `S` and TLS, or `N` | `N` | cancel | ask | 0A000 |
//! | plaintext, SSL answered `N` | 0A000 | `N` | cancel | ask | 0A000 |
//! | plaintext, GSS answered `N` | `S` and TLS, or `N` | 0A000 | cancel | ask | 0A000 |
//! | plaintext, both answered | 0A000 | 0A000 | cancel | ask | 0A000 |
//! | TLS by SSLRequest | 0A000 | 0A000 | cancel | ask | 0A000 |
//! | direct TLS | `N`, once | `N`, once | cancel | ask | 0A000 |

use alloc::{boxed::Box, sync::Arc};

use crate::auth::exchange::Progress;
use crate::auth::{Authenticated, Found};
use crate::close::{Close, Reason, Request};
use crate::connection::decision::{accept, challenge, decide};
use crate::connection::host::HostProof;
use crate::connection::refusals::{early_plaintext, failed, faulty, unsupported};
use crate::connection::{
    Action, Answer, Answering, Attempt, Connection, Lookup, Question, Step, Upgrade,
};
use crate::error_response::{ErrorResponse, SqlState};
use crate::login::{Login, ProtocolVersion, Startup};
use crate::policy::{Encryption, Rules};
use crate::tls::ALPN;
use crate::tls::facts::TlsFacts;
use crate::tls::identity::poisoned_name;
use crate::wire::password;
use crate::wire::reply::Reply;
use crate::wire::request::{self, Packet};

/// The first byte of a TLS record that carries a handshake message (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// Which requests were answered, and the TLS session if there is one. Once set, nothing is unset.
#[derive(Debug, Default)]
pub(super) struct Negotiation {
    ssl_done: bool,
    gss_done: bool,
    tls: Option<Arc<TlsFacts>>,
}

/// Where a connection stands.
#[derive(Debug)]
pub(super) enum State {
    /// Decided: admit in the next step.
    Admitting(Box<Login>),
    /// The client was asked to prove itself.
    Answering(Box<Answering>),
    /// A [`Question`] is out.
    Asking,
    /// Decided: AuthenticationOk in the next step.
    Authenticated(Authenticated, Box<Login>),
    /// Decided: close in the next step.
    Closing(Close),
    /// What the client is asked stands: ask in the next step.
    Challenging(Reply, Box<Answering>),
    /// Not a byte was consumed: direct TLS is still possible.
    First,
    /// A [`Lookup`] is out.
    LookingUp,
    /// A secret is needed: ask for it in the next step.
    NeedingSecret(Box<Attempt>),
    /// Packets are read.
    Negotiating,
    /// The last action was final.
    Over,
    /// The StartupMessage is whole, its version settled.
    Started(Box<Startup>),
    /// `S` was said: TLS begins in the next step.
    TlsAccepted,
    /// An [`Upgrade`] is out.
    Upgrading,
}

impl State {
    /// Who it was that took too long.
    pub(super) fn lateness(&self) -> Reason {
        if matches!(self, Self::Asking | Self::LookingUp) {
            Reason::DecisionTooSlow
        } else {
            Reason::DeadlinePassed
        }
    }

    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Over)
    }

    pub(super) fn upgraded(
        &mut self,
        negotiation: &mut Negotiation,
        upgrade: &Upgrade,
        facts: TlsFacts,
    ) {
        if !matches!(self, Self::Upgrading) {
            return;
        }
        *self = if upgrade.direct && facts.alpn() != Some(ALPN) {
            Self::Closing(Close::silent(Reason::DirectTlsWithoutAlpn))
        } else if let Some(why) = poisoned_name(&facts) {
            // PostgreSQL gives up at the end of the handshake (`be_tls_open_server`).
            Self::Closing(Close::silent(Reason::Tls(alloc::format!("{why}"))))
        } else {
            negotiation.tls = Some(Arc::new(facts));
            Self::Negotiating
        };
    }

    pub(super) fn answer(&mut self, rules: &Rules, question: Question, answer: Answer) {
        if !matches!(self, Self::Asking) {
            return;
        }
        *self = decide(rules, question, answer).unwrap_or_else(Self::Closing);
    }

    pub(super) fn found(&mut self, lookup: Lookup, found: Found) {
        if !matches!(self, Self::LookingUp) {
            return;
        }
        *self = challenge(*lookup.attempt, found).unwrap_or_else(Self::Closing);
    }
}

impl Connection {
    /// The one transition function.
    pub(super) fn step(&mut self, input: &[u8]) -> Step {
        let state = core::mem::replace(&mut self.state, State::Over);
        let (next, consumed, action) = match state {
            State::Answering(answering) => self.answer_of_client(answering, input),
            State::Admitting(login) => (State::Over, 0, Action::Admit(login)),
            State::Asking => (State::Asking, 0, Action::NeedInput),
            State::Authenticated(proof, login) => (
                State::Admitting(login),
                0,
                Action::Reply(Reply::AuthenticationOk(proof)),
            ),
            State::Challenging(question, answering) => {
                (State::Answering(answering), 0, Action::Reply(question))
            }
            State::Closing(close) => (State::Over, 0, Action::Close(close)),
            State::First => match input.first() {
                None => (State::First, 0, Action::NeedInput),
                Some(&TLS_HANDSHAKE) => self.direct_tls(),
                Some(_) => self.packet(input),
            },
            State::LookingUp => (State::LookingUp, 0, Action::NeedInput),
            State::NeedingSecret(attempt) => {
                (State::LookingUp, 0, Action::LookUp(Lookup { attempt }))
            }
            State::Negotiating => self.packet(input),
            State::Over => (State::Over, 0, Action::NeedInput),
            State::Started(startup) => self.started(startup),
            State::TlsAccepted => (
                State::Upgrading,
                0,
                Action::BeginTls(Upgrade { direct: false }),
            ),
            State::Upgrading => (State::Upgrading, 0, Action::NeedInput),
        };
        self.state = next;
        Step { consumed, action }
    }

    /// The client answers what it was asked.
    fn answer_of_client(
        &self,
        mut answering: Box<Answering>,
        input: &[u8],
    ) -> (State, usize, Action) {
        let exchange = &mut answering.exchange;
        let (consumed, progress) = match password::message(input, exchange.max()) {
            Ok(None) => return (State::Answering(answering), 0, Action::NeedInput),
            Ok(Some((consumed, body))) => (consumed, exchange.handle(body)),
            Err(bad) => (0, Err(exchange.bad_frame(bad))),
        };
        match progress {
            Ok(Progress::Ask(question)) => (
                State::Answering(answering),
                consumed,
                Action::Reply(question),
            ),
            Ok(Progress::Accept(verdict, last_words)) => {
                match accept(verdict, &self.rules, answering.attempt) {
                    Ok((proof, login)) => match last_words {
                        Some(reply) => (
                            State::Authenticated(proof, login),
                            consumed,
                            Action::Reply(reply),
                        ),
                        None => (
                            State::Admitting(login),
                            consumed,
                            Action::Reply(Reply::AuthenticationOk(proof)),
                        ),
                    },
                    Err(close) => closed(consumed, close),
                }
            }
            Err(fault) => closed(consumed, failed(fault, &answering.attempt)),
        }
    }

    fn direct_tls(&self) -> (State, usize, Action) {
        match self.rules.encryption {
            Encryption::Unavailable => closed(0, Close::silent(Reason::DirectTlsUnavailable)),
            Encryption::Optional | Encryption::Required => (
                State::Upgrading,
                0,
                Action::BeginTls(Upgrade { direct: true }),
            ),
        }
    }

    fn packet(&mut self, input: &[u8]) -> (State, usize, Action) {
        let (consumed, packet) = match request::packet(input) {
            Ok(Some(whole)) => whole,
            Ok(None) => return (State::Negotiating, 0, Action::NeedInput),
            Err(bad) => return closed(0, Close::silent(Reason::InvalidLength(bad.0))),
        };
        let bytes_behind = input.len() > consumed;
        match packet {
            Packet::Cancel(body) => match request::cancel(body) {
                Some(request) => (State::Over, consumed, Action::Cancel(request)),
                None => closed(consumed, Close::silent(Reason::CancelKeyLength)),
            },
            Packet::GssEnc if !self.negotiation.gss_done => {
                self.negotiation.gss_done = true;
                (
                    refused(Request::GssEnc, bytes_behind),
                    consumed,
                    Action::Reply(Reply::RefuseGssEnc),
                )
            }
            Packet::Ssl if !self.negotiation.ssl_done => {
                self.negotiation.ssl_done = true;
                if self.can_upgrade() {
                    self.negotiation.gss_done = true;
                    (
                        State::TlsAccepted,
                        consumed,
                        Action::Reply(Reply::AcceptTls),
                    )
                } else {
                    (
                        refused(Request::Ssl, bytes_behind),
                        consumed,
                        Action::Reply(Reply::RefuseTls),
                    )
                }
            }
            Packet::GssEnc => closed(consumed, unsupported(ProtocolVersion::new(1234, 5680))),
            Packet::Ssl => closed(consumed, unsupported(ProtocolVersion::new(1234, 5679))),
            Packet::Startup(asked, body) => self.startup(consumed, asked, body),
        }
    }

    fn can_upgrade(&self) -> bool {
        self.negotiation.tls.is_none()
            && match self.rules.encryption {
                Encryption::Unavailable => false,
                Encryption::Optional | Encryption::Required => true,
            }
    }

    fn startup(
        &self,
        consumed: usize,
        asked: ProtocolVersion,
        body: &[u8],
    ) -> (State, usize, Action) {
        if asked.major() != 3 {
            return closed(consumed, unsupported(asked));
        }
        let (startup, options) = match request::startup(asked, body) {
            Ok(parsed) => parsed,
            Err(fault) => return closed(consumed, faulty(fault)),
        };
        let startup = Box::new(startup);
        if asked <= ProtocolVersion::V3_2 && options.is_empty() {
            let (state, _, action) = self.started(startup);
            return (state, consumed, action);
        }
        let version = negotiated(asked);
        let reply = Reply::NegotiateProtocolVersion { version, options };
        (State::Started(startup), consumed, Action::Reply(reply))
    }

    fn started(&self, startup: Box<Startup>) -> (State, usize, Action) {
        if startup.user.is_empty() {
            let code = SqlState::INVALID_AUTHORIZATION_SPECIFICATION;
            let message = "no PostgreSQL user name specified in startup packet";
            return closed(
                0,
                Close::spoken(Reason::NoUser, ErrorResponse::fatal(code, message)),
            );
        }
        let tls = self.negotiation.tls.clone();
        let question = Question {
            host: HostProof::begin(&self.rules, tls.as_deref()),
            peer: self.rules.peer,
            startup,
            tls,
        };
        (State::Asking, 0, Action::Ask(question))
    }
}

fn closed(consumed: usize, close: Close) -> (State, usize, Action) {
    (State::Over, consumed, Action::Close(close))
}

/// After `N` the plaintext buffer must be empty (CVE-2021-23214): whoever wrote those bytes did
/// not wait for the answer.
fn refused(request: Request, bytes_behind: bool) -> State {
    if bytes_behind {
        State::Closing(early_plaintext(request))
    } else {
        State::Negotiating
    }
}

pub(super) fn negotiated(asked: ProtocolVersion) -> ProtocolVersion {
    asked.min(ProtocolVersion::V3_2)
}
