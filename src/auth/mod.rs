//! Login: methods, and the proof that one of them said yes.
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

pub(crate) mod exchange;
pub(crate) mod identity;
pub(crate) mod lookup;
mod password;
mod requirement;
mod roles;
mod saslprep;
pub(crate) mod scram;
pub(crate) mod secret;
pub(crate) mod store;
mod until;
mod user_file;

pub use lookup::{Challenge, Found, MockSecrets};
pub use requirement::{ClientCertificate, Requirement, UserMap};
pub use secret::{DEFAULT_SCRAM_ITERATIONS, Secret, SecretError};
pub use store::{MemoryStore, SecretStore, StoreError};
pub use user_file::{UserFile, UserFileError, UserFileFault};

/// How a client proves who it is (PostgreSQL docs, "Authentication Methods").
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum AuthMethod {
    /// `cert`: by a client certificate that names the user. Needs TLS and a configured CA.
    Cert,
    /// `md5`: SCRAM for users with a SCRAM secret, and the older MD5 for those with an MD5 secret.
    Md5,
    /// `password`: the password in clear. Only TLS keeps it from being read on the way.
    Password,
    /// `peer`: over a Unix socket, by the name of the user that the process at the other end runs
    /// as (PostgreSQL docs, "Peer Authentication").
    Peer,
    /// `reject`: nobody gets in.
    Reject,
    /// `scram-sha-256`: SCRAM-SHA-256, under TLS with channel binding for clients that can.
    ScramSha256,
    /// `trust`: whoever may connect is believed.
    #[default]
    Trust,
}

impl AuthMethod {
    /// The method of this name in `pg_hba.conf`; `None` if there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "cert" => Self::Cert,
            "md5" => Self::Md5,
            "password" => Self::Password,
            "peer" => Self::Peer,
            "reject" => Self::Reject,
            "scram-sha-256" => Self::ScramSha256,
            "trust" => Self::Trust,
            _ => return None,
        })
    }

    /// The name in `pg_hba.conf`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cert => "cert",
            Self::Md5 => "md5",
            Self::Password => "password",
            Self::Peer => "peer",
            Self::Reject => "reject",
            Self::ScramSha256 => "scram-sha-256",
            Self::Trust => "trust",
        }
    }

    /// Whether the client is asked for a password, and so a secret is needed.
    #[must_use]
    pub fn needs_secret(self) -> bool {
        match self {
            Self::Md5 | Self::Password | Self::ScramSha256 => true,
            Self::Cert | Self::Peer | Self::Reject | Self::Trust => false,
        }
    }
}

/// Why a password does not let its user in. For the log: the client is told the same in all
/// cases.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WrongPassword {
    /// The secret was good until some time in the past.
    #[error("the password has expired")]
    Expired,
    /// Another password.
    #[error("password does not match")]
    Mismatch,
    /// The message was cut or of impossible length.
    #[error("the answer could not be read")]
    NoAnswer,
    /// No such user, or one without a password.
    #[error("the user does not exist or has no password")]
    NoSecret,
    /// SCRAM is asked for, and the user has an MD5 secret.
    #[error("the user does not have a valid SCRAM secret; set the password anew")]
    NotScram,
}

/// The method has said yes. What else is required is still to be looked at.
#[derive(Debug)]
pub(crate) struct Verdict(());

impl Verdict {
    /// The outcome of a comparison in constant time.
    pub(in crate::auth) fn from_choice(right: impl Into<bool>) -> Option<Self> {
        right.into().then_some(Self(()))
    }

    /// The verdict of a method that asks the client nothing.
    pub(crate) fn without_exchange(requirement: &Requirement, user: &[u8]) -> Option<Self> {
        match requirement.method {
            AuthMethod::Peer => {
                let name = requirement.system_name.as_deref()?;
                let fits = match &requirement.map {
                    Some(map) => map.allows(name, user),
                    None => name == user,
                };
                fits.then_some(Self(()))
            }
            // The certificate is judged with everything else that is required.
            AuthMethod::Cert | AuthMethod::Trust => Some(Self(())),
            AuthMethod::Md5
            | AuthMethod::Password
            | AuthMethod::Reject
            | AuthMethod::ScramSha256 => None,
        }
    }
}

/// Proof of a success verdict, and of a certificate that fits where one is required. Only this
/// module makes one, so there is no way to AuthenticationOk around it.
#[derive(Debug, Eq, PartialEq)]
pub struct Authenticated(());
