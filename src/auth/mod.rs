//! Login: methods, and the proof that one of them said yes.
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

mod requirement;
mod saslprep;
#[allow(dead_code, reason = "for methods with passwords")]
pub(crate) mod secret;
pub(crate) mod store;

pub use requirement::{ClientCertificate, Requirement, UserMap};
pub use secret::{DEFAULT_SCRAM_ITERATIONS, Secret, SecretError};
pub use store::{SecretStore, StoreError};

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum AuthMethod {
    /// `reject`: nobody gets in.
    Reject,
    /// `trust`: whoever may connect is believed (PostgreSQL docs, "Trust Authentication").
    #[default]
    Trust,
}

impl AuthMethod {
    /// The method of this name in `pg_hba.conf`; `None` if there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "reject" => Self::Reject,
            "trust" => Self::Trust,
            _ => return None,
        })
    }

    /// The name in `pg_hba.conf`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Trust => "trust",
        }
    }
}

/// Proof of a success verdict. Only this module makes one, so there is no way to
/// AuthenticationOk around it.
#[derive(Debug, Eq, PartialEq)]
pub struct Authenticated(());

/// The verdict of a method that asks the client nothing.
pub(crate) fn without_questions(method: AuthMethod) -> Option<Authenticated> {
    match method {
        AuthMethod::Reject => None,
        AuthMethod::Trust => Some(Authenticated(())),
    }
}
