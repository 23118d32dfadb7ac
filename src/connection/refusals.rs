//! The ways a login is refused, in PostgreSQL's words.

use alloc::string::String;

use crate::auth::AuthMethod;
use crate::auth::exchange::Fault;
use crate::close::{Close, Reason, Request};
use crate::connection::Attempt;
use crate::error_response::{ErrorResponse, SqlState};
use crate::login::{ProtocolVersion, Startup};
use crate::wire::request::StartupFault;

/// `auth.c:auth_failed`.
pub(super) fn in_the_words_of(method: AuthMethod, user: &str) -> ErrorResponse {
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
pub(super) fn not_the_peer(attempt: &Attempt) -> Close {
    let user = lossy(&attempt.startup.user);
    let error = in_the_words_of(AuthMethod::Peer, &user);
    let system_name = attempt.requirement.system_name.as_deref().map(lossy);
    Close::spoken(Reason::PeerName { user, system_name }, error)
}

/// Nobody knows whether the password would have been right.
pub(super) fn secret_unavailable(why: String) -> Close {
    let error = ErrorResponse::fatal(
        SqlState::CANNOT_CONNECT_NOW,
        "passwords cannot be checked at the moment",
    )
    .with_hint("Try again later; the server's log says more.");
    Close::spoken(Reason::SecretUnavailable(why), error)
}

pub(super) fn early_plaintext(request: Request) -> Close {
    let message = match request {
        Request::GssEnc => "received unencrypted data after GSSAPI encryption request",
        Request::Ssl => "received unencrypted data after SSL request",
    };
    let error = ErrorResponse::fatal(SqlState::PROTOCOL_VIOLATION, message).with_detail(
        "This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.",
    );
    Close::spoken(Reason::EarlyPlaintext(request), error)
}

pub(super) fn unsupported(asked: ProtocolVersion) -> Close {
    let reason = Reason::UnsupportedVersion(asked);
    let error = ErrorResponse::fatal(SqlState::FEATURE_NOT_SUPPORTED, alloc::format!("{reason}"));
    Close::spoken(reason, error)
}

pub(super) fn faulty(fault: StartupFault) -> Close {
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

pub(super) fn plaintext_refused() -> Close {
    let error = ErrorResponse::fatal(
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        "SSL is required but no SSL request was received",
    )
    .with_hint("Connect with sslmode=require or stronger.");
    Close::spoken(Reason::PlaintextRefused, error)
}

/// An access rule or the method asks for what the configuration does not provide.
pub(super) fn no_ca() -> Close {
    let error = ErrorResponse::fatal(
        SqlState::CONFIG_FILE_ERROR,
        "client certificates can only be checked if a root certificate store is available",
    );
    Close::spoken(Reason::NoCa, error)
}

pub(super) fn certificate_missing() -> Close {
    let error = ErrorResponse::fatal(
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        "connection requires a valid client certificate",
    );
    Close::spoken(Reason::CertificateMissing, error)
}

pub(super) fn rejected(startup: &Startup) -> Close {
    let (user, database) = (lossy(&startup.user), lossy(&startup.database));
    let error = ErrorResponse::fatal(
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        alloc::format!("connection rejected for user \"{user}\", database \"{database}\""),
    );
    Close::spoken(Reason::Rejected { user, database }, error)
}

/// For messages only: two different names may look alike in it.
pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
