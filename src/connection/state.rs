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

use alloc::{boxed::Box, string::String, sync::Arc};

use crate::auth::exchange::{self, Fault, Progress};
use crate::auth::{AuthMethod, Authenticated, ClientCertificate, Found, Verdict, identity};
use crate::close::{Close, Reason, Request};
use crate::connection::host::HostProof;
use crate::connection::{
    Action, Answer, Answering, Attempt, Connection, Lookup, Question, Step, Upgrade,
};
use crate::error_response::{ErrorResponse, SqlState};
use crate::login::{Login, ProtocolVersion, Startup};
use crate::policy::{Encryption, Rules};
use crate::tls::facts::TlsFacts;
use crate::tls::identity::poisoned_name;
use crate::tls::{ALPN, binding};
use crate::wire::password;
use crate::wire::reply::Reply;
use crate::wire::request::{self, Packet, StartupFault};

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

/// The policy, in PostgreSQL's order: the server's state (the answer), the transport, the
/// certificate, the method.
fn decide(rules: &Rules, question: Question, answer: Answer) -> Result<State, Close> {
    let mut requirement = match answer {
        Answer::Refuse(error) => return Err(Close::spoken(Reason::Refused(error.clone()), error)),
        Answer::Require(requirement) => requirement,
    };
    let Question {
        startup, tls, host, ..
    } = question;
    match (rules.encryption, &tls) {
        (Encryption::Required, None) => return Err(plaintext_refused()),
        (Encryption::Optional | Encryption::Unavailable, _) | (Encryption::Required, Some(_)) => {}
    }
    let method = requirement.method;
    let of_method = match method {
        AuthMethod::Cert => ClientCertificate::OfUser,
        AuthMethod::Md5
        | AuthMethod::Password
        | AuthMethod::Peer
        | AuthMethod::Reject
        | AuthMethod::ScramSha256
        | AuthMethod::Trust => ClientCertificate::Optional,
    };
    requirement.certificate = requirement
        .certificate
        .max(rules.certificate)
        .max(of_method);
    if requirement.certificate >= ClientCertificate::Required {
        match &tls {
            Some(tls) if !tls.has_ca => return Err(no_ca()),
            Some(tls) if !tls.peer_certificates().is_empty() => {}
            Some(_) | None => return Err(certificate_missing()),
        }
    }
    let attempt = Attempt {
        startup: *startup,
        tls,
        host,
        requirement,
    };
    if method.needs_secret() {
        return Ok(State::NeedingSecret(Box::new(attempt)));
    }
    match Verdict::without_exchange(&attempt.requirement, &attempt.startup.user) {
        Some(verdict) => {
            accept(verdict, rules, attempt).map(|(proof, login)| State::Authenticated(proof, login))
        }
        None if method == AuthMethod::Peer => Err(not_the_peer(&attempt)),
        None => match attempt.requirement.refusal {
            Some(error) => Err(Close::spoken(Reason::Refused((*error).clone()), *error)),
            None => Err(rejected(&attempt.startup)),
        },
    }
}

/// What the client is asked, now that its secret is known, or known not to be there.
fn challenge(attempt: Attempt, found: Found) -> Result<State, Close> {
    let (secret, challenge) = found.into_secret().map_err(secret_unavailable)?;
    let user = &attempt.startup.user;
    let end_point = || {
        let certificate = attempt.tls.as_ref()?.server_certificate()?;
        binding::end_point(certificate)
    };
    match exchange::begin(
        attempt.requirement.method,
        user,
        secret,
        &challenge,
        end_point,
    ) {
        Some((exchange, question)) => {
            let answering = Box::new(Answering { attempt, exchange });
            Ok(State::Challenging(question, answering))
        }
        None => Err(rejected(&attempt.startup)),
    }
}

/// The method has said yes. The certificate's name is judged last, and a mismatch fails in the
/// method's words.
fn accept(
    verdict: Verdict,
    rules: &Rules,
    attempt: Attempt,
) -> Result<(Authenticated, Box<Login>), Close> {
    let Attempt {
        startup,
        tls,
        host,
        requirement,
    } = attempt;
    let proof = identity::conclude(
        verdict,
        rules,
        &requirement,
        &startup.user,
        tls.as_deref(),
        host.into_result(),
    )
    .map_err(|why| {
        let user = lossy(&startup.user);
        let error = in_the_words_of(requirement.method, &user);
        let cause = alloc::format!("{why}");
        Close::spoken(Reason::CertificateName { user, cause }, error)
    })?;
    let login = Login {
        version: negotiated(startup.asked),
        startup,
        tls,
        method: requirement.method,
        rule: requirement.rule,
    };
    Ok((proof, Box::new(login)))
}

/// `auth.c:auth_failed`.
fn in_the_words_of(method: AuthMethod, user: &str) -> ErrorResponse {
    let (code, what) = match method {
        AuthMethod::Cert => (SqlState::INVALID_AUTHORIZATION_SPECIFICATION, "certificate"),
        AuthMethod::Md5 | AuthMethod::Password | AuthMethod::ScramSha256 => {
            (SqlState::INVALID_PASSWORD, "password")
        }
        AuthMethod::Peer => (SqlState::INVALID_AUTHORIZATION_SPECIFICATION, "Peer"),
        AuthMethod::Reject | AuthMethod::Trust => {
            let method = method.as_str();
            return ErrorResponse::fatal(
                SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
                alloc::format!("\"{method}\" authentication failed for user \"{user}\""),
            );
        }
    };
    ErrorResponse::fatal(
        code,
        alloc::format!("{what} authentication failed for user \"{user}\""),
    )
}

/// An exchange ended without a login.
pub(super) fn failed(fault: Fault, attempt: &Attempt) -> Close {
    match fault {
        Fault::Gone => Close::silent(Reason::EndOfStream),
        Fault::Length(length) => Close::silent(Reason::InvalidMessageLength(length)),
        Fault::Password(cause) => {
            let user = lossy(&attempt.startup.user);
            let error = in_the_words_of(attempt.requirement.method, &user);
            Close::spoken(Reason::PasswordFailed { user, cause }, error)
        }
        Fault::Protocol(error) => Close::spoken(Reason::Exchange(error.clone()), error),
    }
}

/// The process at the other end is another user's.
fn not_the_peer(attempt: &Attempt) -> Close {
    let user = lossy(&attempt.startup.user);
    let error = in_the_words_of(AuthMethod::Peer, &user);
    let system_name = attempt.requirement.system_name.as_deref().map(lossy);
    Close::spoken(Reason::PeerName { user, system_name }, error)
}

/// Nobody knows whether the password would have been right.
fn secret_unavailable(why: String) -> Close {
    let error = ErrorResponse::fatal(
        SqlState::CANNOT_CONNECT_NOW,
        "passwords cannot be checked at the moment",
    )
    .with_hint("Try again later; the server's log says more.");
    Close::spoken(Reason::SecretUnavailable(why), error)
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

fn negotiated(asked: ProtocolVersion) -> ProtocolVersion {
    asked.min(ProtocolVersion::V3_2)
}

fn early_plaintext(request: Request) -> Close {
    let message = match request {
        Request::GssEnc => "received unencrypted data after GSSAPI encryption request",
        Request::Ssl => "received unencrypted data after SSL request",
    };
    let error = ErrorResponse::fatal(SqlState::PROTOCOL_VIOLATION, message).with_detail(
        "This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.",
    );
    Close::spoken(Reason::EarlyPlaintext(request), error)
}

fn unsupported(asked: ProtocolVersion) -> Close {
    let reason = Reason::UnsupportedVersion(asked);
    let error = ErrorResponse::fatal(SqlState::FEATURE_NOT_SUPPORTED, alloc::format!("{reason}"));
    Close::spoken(reason, error)
}

fn faulty(fault: StartupFault) -> Close {
    match fault {
        StartupFault::Layout => Close::spoken(
            Reason::Layout,
            ErrorResponse::fatal(
                SqlState::PROTOCOL_VIOLATION,
                "invalid startup packet layout: expected terminator as last byte",
            ),
        ),
        StartupFault::Replication(value) => {
            let reason = Reason::ReplicationValue(lossy(&value));
            let error = ErrorResponse::fatal(
                SqlState::INVALID_PARAMETER_VALUE,
                alloc::format!("{reason}"),
            )
            .with_hint("Valid values are: \"false\", 0, \"true\", 1, \"database\".");
            Close::spoken(reason, error)
        }
    }
}

fn plaintext_refused() -> Close {
    let error = ErrorResponse::fatal(
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        "SSL is required but no SSL request was received",
    )
    .with_hint("Connect with sslmode=require or stronger.");
    Close::spoken(Reason::PlaintextRefused, error)
}

/// An access rule or the method asks for what the configuration does not provide.
fn no_ca() -> Close {
    let error = ErrorResponse::fatal(
        SqlState::CONFIG_FILE_ERROR,
        "client certificates can only be checked if a root certificate store is available",
    );
    Close::spoken(Reason::NoCa, error)
}

fn certificate_missing() -> Close {
    let error = ErrorResponse::fatal(
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        "connection requires a valid client certificate",
    );
    Close::spoken(Reason::CertificateMissing, error)
}

fn rejected(startup: &Startup) -> Close {
    let (user, database) = (lossy(&startup.user), lossy(&startup.database));
    let error = ErrorResponse::fatal(
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        alloc::format!("connection rejected for user \"{user}\", database \"{database}\""),
    );
    Close::spoken(Reason::Rejected { user, database }, error)
}

/// For messages only: two different names may look alike in it.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
