//! From a secret to a verdict: the exchange of messages that the method asks for.
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

use alloc::{format, string::String, vec::Vec};

use crate::auth::lookup::{Challenge, Found};
use crate::auth::password::{Cleartext, Md5};
use crate::auth::scram::Scram;
use crate::auth::secret::{Kind, Secret};
use crate::auth::{AuthMethod, Verdict, WrongPassword};
use crate::error_response::{ErrorResponse, SqlState};
use crate::wire::password::{BadFrame, MAX_PASSWORD, MAX_SASL};
use crate::wire::reply::Reply;

/// What follows from a message of the client.
#[derive(Debug)]
pub(crate) enum Progress {
    /// It is in, once this is said.
    Accept(Verdict, Option<Reply>),
    /// Say this, then another message is to come.
    Ask(Reply),
}

/// Why an exchange has failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The length word of a password is out of bounds.
    Length(u32),
    /// The client did not prove itself. It is told the method's words, whatever the cause.
    Password(WrongPassword),
    /// The client broke the rules, and is told how.
    Protocol(ErrorResponse),
    /// The stream has ended. There is nobody to tell.
    Gone,
}

/// An exchange that has begun: the client was asked something.
#[derive(Debug)]
pub(crate) enum Exchange {
    Cleartext(Cleartext),
    Md5(Md5),
    Scram(Scram),
}

/// Begins the exchange of a method, `None` if it has none. `end_point` is what SCRAM binds the
/// channel to.
pub(crate) fn begin(
    method: AuthMethod,
    user: &[u8],
    secret: Result<Secret, WrongPassword>,
    challenge: &Challenge,
    end_point: impl FnOnce() -> Option<Vec<u8>>,
) -> Option<(Exchange, Reply)> {
    let scram = |keys, doomed| {
        let scram = Scram::new(keys, doomed, challenge, end_point());
        let question = scram.question();
        Some((Exchange::Scram(scram), question))
    };
    match (method, secret) {
        (AuthMethod::Cert | AuthMethod::Peer | AuthMethod::Reject | AuthMethod::Trust, _) => None,
        (AuthMethod::Password, secret) => {
            let (secret, doomed) = match secret {
                Ok(secret) => (secret, None),
                // As much work as for a real one.
                Err(why) => (Kind::Scram(challenge.mock_keys(user)).into(), Some(why)),
            };
            let cleartext = Cleartext {
                user: user.into(),
                secret,
                doomed,
            };
            Some((
                Exchange::Cleartext(cleartext),
                Reply::AuthenticationCleartextPassword,
            ))
        }
        (AuthMethod::Md5 | AuthMethod::ScramSha256, Err(why)) => {
            scram(challenge.mock_keys(user), Some(why))
        }
        (AuthMethod::Md5 | AuthMethod::ScramSha256, Ok(secret)) => match secret.kind() {
            Kind::Scram(keys) => scram(keys.clone(), None),
            Kind::Md5(_) if method == AuthMethod::Md5 => {
                let md5 = Md5::new(&secret, challenge.md5_salt)?;
                let salt = challenge.md5_salt;
                Some((
                    Exchange::Md5(md5),
                    Reply::AuthenticationMd5Password { salt },
                ))
            }
            Kind::Md5(_) => scram(challenge.mock_keys(user), Some(WrongPassword::NotScram)),
        },
    }
}

impl Exchange {
    /// The greatest length word of the message to come.
    pub(crate) fn max(&self) -> usize {
        match self {
            Self::Cleartext(_) | Self::Md5(_) => MAX_PASSWORD,
            Self::Scram(_) => MAX_SASL,
        }
    }

    /// Takes the body of a message.
    pub(crate) fn handle(&mut self, body: &[u8]) -> Result<Progress, Fault> {
        match self {
            Self::Cleartext(password) => password.handle(body),
            Self::Md5(md5) => md5.handle(body),
            Self::Scram(scram) => scram.handle(body),
        }
    }

    /// The message is not one.
    pub(crate) fn bad_frame(&self, bad: BadFrame) -> Fault {
        match (bad, self) {
            (BadFrame::Kind(kind), _) => {
                let wanted = match self {
                    Self::Cleartext(_) | Self::Md5(_) => "password",
                    Self::Scram(_) => "SASL",
                };
                Fault::Protocol(ErrorResponse::fatal(
                    SqlState::PROTOCOL_VIOLATION,
                    format!("expected {wanted} response, got message type {kind}"),
                ))
            }
            (BadFrame::Length(length), Self::Cleartext(_) | Self::Md5(_)) => Fault::Length(length),
            // PostgreSQL takes a failed read for a failed login.
            (BadFrame::Length(_), Self::Scram(_)) => Fault::Password(WrongPassword::NoAnswer),
        }
    }

    /// The stream has ended, perhaps within a message.
    pub(crate) fn end_of_stream(&self, within_message: bool) -> Fault {
        match self {
            Self::Scram(_) if within_message => Fault::Password(WrongPassword::NoAnswer),
            Self::Cleartext(_) | Self::Md5(_) | Self::Scram(_) => Fault::Gone,
        }
    }
}

impl Found {
    /// The secret to judge by, or why there is none; and what the exchange is made of.
    pub(crate) fn into_secret(self) -> Result<(Result<Secret, WrongPassword>, Challenge), String> {
        match self {
            Self::Nothing(why, challenge) => Ok((Err(why), challenge)),
            Self::Secret(secret, challenge) => Ok((Ok(secret), challenge)),
            Self::Unavailable(why) => Err(why),
        }
    }
}
