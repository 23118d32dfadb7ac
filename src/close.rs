//! Why the door stayed shut: every way a connection can end before it is admitted.
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

use alloc::{string::String, vec::Vec};

use crate::auth::WrongPassword;
use crate::error_response::{ErrorResponse, SqlState};
use crate::login::ProtocolVersion;

/// The end of a connection: why, for the log, and what the client is told, if anything.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Close {
    pub(crate) reason: Reason,
    pub(crate) farewell: Option<ErrorResponse>,
}

impl Close {
    pub(crate) fn silent(reason: Reason) -> Self {
        Self {
            reason,
            farewell: None,
        }
    }

    pub(crate) fn spoken(reason: Reason, farewell: ErrorResponse) -> Self {
        Self {
            reason,
            farewell: Some(farewell),
        }
    }

    /// The transport failed, as an adapter saw it.
    #[must_use]
    pub fn transport(why: &str) -> Self {
        Self::silent(Reason::Transport(why.into()))
    }

    /// For the log.
    #[must_use]
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// What the client is told; `None` where PostgreSQL closes without a word.
    #[must_use]
    pub fn farewell(&self) -> Option<&ErrorResponse> {
        self.farewell.as_ref()
    }

    /// Appends the farewell's bytes, if there is one, in the format the client understands.
    pub fn put_farewell(&self, out: &mut Vec<u8>) {
        match (&self.farewell, &self.reason) {
            (None, _) => {}
            (Some(error), Reason::UnsupportedVersion(asked)) if asked.is_before_3() => {
                error.put_old_format(out);
            }
            (Some(error), _) => error.put(out),
        }
    }
}

/// Which request an answer belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Request {
    /// GSSENCRequest.
    GssEnc,
    /// SSLRequest.
    Ssl,
}

/// Why a connection ended before it was admitted. The text is for the server's log.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A CancelRequest with a key of illegal length. Silent.
    #[error("invalid length of cancel key in cancel request packet")]
    CancelKeyLength,
    /// A client certificate is required and none was presented. 28000.
    #[error("connection requires a valid client certificate; the client presented none")]
    CertificateMissing,
    /// The client certificate does not name the user.
    #[error("client certificate does not match user \"{user}\": {cause}")]
    CertificateName {
        /// The user asked for.
        user: String,
        /// What the certificate says instead.
        cause: String,
    },
    /// The deadline passed. Silent.
    #[error("login was not done in time; raise the login timeout if clients are slow")]
    DeadlinePassed,
    /// An answer within the login that breaks the protocol, in these words.
    #[error("{}", with_detail(.0))]
    Exchange(ErrorResponse),
    /// The deadline passed while the server itself was to decide. Silent.
    #[error(
        "login was not done in time: the secret store, a role or a host name took too long to look up"
    )]
    DecisionTooSlow,
    /// Direct TLS without ALPN. Silent.
    #[error("received direct SSL connection request without ALPN protocol negotiation extension")]
    DirectTlsWithoutAlpn,
    /// A TLS hello as first bytes where TLS is not to be had. Silent.
    #[error("received direct SSL connection request, but TLS is off on this connection")]
    DirectTlsUnavailable,
    /// Bytes that came in plaintext together with a request that was refused. 08P01.
    #[error("received unencrypted data after {}", match .0 {
        Request::GssEnc => "GSSAPI encryption request",
        Request::Ssl => "SSL request",
    })]
    EarlyPlaintext(Request),
    /// The client left between two packets. Silent.
    #[error("client closed the connection before login")]
    EndOfStream,
    /// The stream ended within a packet. Silent.
    #[error("incomplete startup packet")]
    IncompletePacket,
    /// Too many connections did not log in, and this was the oldest of them. Silent.
    #[error("too many connections that are not logged in; the oldest is closed")]
    Evicted,
    /// A length word outside 8…10 004. Silent.
    #[error(
        "invalid length of startup packet ({0}); the client may not speak the PostgreSQL protocol"
    )]
    InvalidLength(u32),
    /// A password message with an impossible length word. Silent.
    #[error("invalid message length ({0}) where a password was expected")]
    InvalidMessageLength(u32),
    /// The StartupMessage does not end with its terminator. 08P01.
    #[error("invalid startup packet layout: expected terminator as last byte")]
    Layout,
    /// A client certificate is required, and no CA is configured to verify it. F0000.
    #[error(
        "client certificates can only be checked if a root certificate store is available; configure one with SslConfig::with_ca_cert"
    )]
    NoCa,
    /// The StartupMessage names no user. 28000.
    #[error("no PostgreSQL user name specified in startup packet")]
    NoUser,
    /// The client did not prove itself. 28P01.
    #[error("password authentication failed for user \"{user}\": {cause}")]
    PasswordFailed {
        /// The user asked for.
        user: String,
        /// Why; the client does not learn it.
        cause: WrongPassword,
    },
    /// The process at the other end of the Unix socket runs as somebody else. 28000.
    #[error("Peer authentication failed for user \"{user}\": {}", match system_name {
        Some(name) => alloc::format!("the process at the other end runs as \"{name}\""),
        None => "it is not known whose process is at the other end".into(),
    })]
    PeerName {
        /// The user asked for.
        user: String,
        /// Who it is to the system, if that is known.
        system_name: Option<String>,
    },
    /// Plaintext where TLS is required. 28000.
    #[error("SSL is required but no SSL request was received")]
    PlaintextRefused,
    /// The owner of the connection said no, in these words.
    #[error("{0}")]
    Refused(ErrorResponse),
    /// The method is `reject`. 28000.
    #[error("connection rejected for user \"{user}\", database \"{database}\"")]
    Rejected {
        /// The user asked for.
        user: String,
        /// The database asked for.
        database: String,
    },
    /// A trusted proxy's connection did not begin with a header. Silent.
    #[error("no valid PROXY protocol header from an address that is configured as a proxy's")]
    ProxyHeader,
    /// `replication` is neither `database` nor a boolean. 22023.
    #[error("invalid value for parameter \"replication\": \"{0}\"")]
    ReplicationValue(String),
    /// The user's secret could not be looked up. 57P03.
    #[error("the password could not be checked: {0}")]
    SecretUnavailable(String),
    /// The TLS handshake failed, or the stream ended within it. At most an alert.
    #[error("TLS handshake failed: {0}")]
    Tls(String),
    /// More bytes before login than any login needs. Silent.
    #[error("more than {} bytes before login", crate::half_open::MAX_LOGIN_BYTES)]
    TooManyBytes,
    /// The transport failed.
    #[error("connection lost: {0}")]
    Transport(String),
    /// The major version is not 3, or a request came that is not allowed any more. 0A000.
    #[error("unsupported frontend protocol {0}: server supports 3.0 to 3.2")]
    UnsupportedVersion(ProtocolVersion),
}

fn with_detail(error: &ErrorResponse) -> String {
    match error.detail() {
        Some(detail) => alloc::format!("{}: {detail}", error.message()),
        None => error.message().into(),
    }
}

impl Reason {
    /// Whether PostgreSQL would write a line about it. A client that only knocks and leaves is
    /// everyday business: port scanners, health checks, clients trying `sslmode=prefer`.
    #[must_use]
    pub fn is_noteworthy(&self) -> bool {
        !matches!(self, Self::EndOfStream | Self::Evicted)
    }

    /// Whether somebody failed to prove to be who they say.
    pub(crate) fn is_failed_proof(&self) -> bool {
        matches!(
            self,
            Self::CertificateName { .. } | Self::PasswordFailed { .. } | Self::PeerName { .. }
        )
    }

    /// The SQLSTATE under which the event is logged, also where the client is told nothing.
    #[must_use]
    pub fn sqlstate(&self) -> SqlState {
        match self {
            Self::CertificateMissing
            | Self::CertificateName { .. }
            | Self::NoUser
            | Self::PeerName { .. }
            | Self::PlaintextRefused
            | Self::Rejected { .. } => SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            Self::DeadlinePassed | Self::DecisionTooSlow => SqlState::QUERY_CANCELED,
            Self::NoCa => SqlState::CONFIG_FILE_ERROR,
            Self::Evicted => SqlState::TOO_MANY_CONNECTIONS,
            Self::PasswordFailed { .. } => SqlState::INVALID_PASSWORD,
            Self::Refused(error) | Self::Exchange(error) => error.code(),
            Self::SecretUnavailable(_) => SqlState::CANNOT_CONNECT_NOW,
            Self::ReplicationValue(_) => SqlState::INVALID_PARAMETER_VALUE,
            Self::UnsupportedVersion(_) => SqlState::FEATURE_NOT_SUPPORTED,
            Self::EndOfStream | Self::Transport(_) => SqlState::CONNECTION_FAILURE,
            Self::CancelKeyLength
            | Self::DirectTlsUnavailable
            | Self::DirectTlsWithoutAlpn
            | Self::EarlyPlaintext(_)
            | Self::IncompletePacket
            | Self::InvalidLength(_)
            | Self::InvalidMessageLength(_)
            | Self::Layout
            | Self::ProxyHeader
            | Self::Tls(_)
            | Self::TooManyBytes => SqlState::PROTOCOL_VIOLATION,
        }
    }
}
