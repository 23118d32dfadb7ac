//! What a login has to bring: the outcome of the access rules.
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::fmt;

use crate::auth::AuthMethod;
use crate::config::CertificateName;
use crate::error_response::ErrorResponse;

/// Whether a login needs a client certificate, besides what its method asks for
/// (`pg_hba.conf`, option `clientcert`).
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum ClientCertificate {
    /// It may come without. One that is presented must verify all the same.
    #[default]
    Optional,
    /// It needs one, whatever name that has (`verify-ca`).
    Required,
    /// It needs one that names the user (`verify-full`).
    OfUser,
}

/// Says which system names may log in as which users (option `map`; `pg_ident.conf`).
pub trait UserMap: fmt::Debug + Send + Sync {
    /// Whether the holder of this name, in a certificate or of the system, may be this user.
    fn allows(&self, system_name: &[u8], user: &[u8]) -> bool;
}

/// What one login has to bring. Made from an [`AuthMethod`] or by an access rule.
#[derive(Clone, Debug)]
pub struct Requirement {
    pub(crate) method: AuthMethod,
    pub(crate) certificate: ClientCertificate,
    pub(crate) client_name: CertificateName,
    pub(crate) map: Option<Arc<dyn UserMap>>,
    pub(crate) rule: Option<Arc<str>>,
    pub(crate) system_name: Option<Vec<u8>>,
    pub(crate) refusal: Option<Box<ErrorResponse>>,
}

impl From<AuthMethod> for Requirement {
    fn from(method: AuthMethod) -> Self {
        Self::new(method)
    }
}

impl Requirement {
    /// This method, and nothing besides.
    #[must_use]
    pub fn new(method: AuthMethod) -> Self {
        Self {
            method,
            certificate: ClientCertificate::Optional,
            client_name: CertificateName::CommonName,
            map: None,
            rule: None,
            system_name: None,
            refusal: None,
        }
    }

    /// Nobody gets in, and is told so in these words. What the mode demands is looked at first,
    /// and has its own.
    #[must_use]
    pub fn refuse(words: ErrorResponse) -> Self {
        let mut requirement = Self::new(AuthMethod::Reject);
        requirement.refusal = Some(Box::new(words));
        requirement
    }

    /// The same rule, but nobody gets in by it.
    pub(crate) fn but_refuse(self, words: ErrorResponse) -> Self {
        Self {
            certificate: ClientCertificate::Optional,
            method: AuthMethod::Reject,
            refusal: Some(Box::new(words)),
            ..self
        }
    }

    pub(crate) fn wants_certificate(&self) -> bool {
        self.method == AuthMethod::Cert || self.certificate >= ClientCertificate::Required
    }

    /// The name by which the system knows the process at the other end, for [`AuthMethod::Peer`].
    /// Without it nobody gets in by that method.
    #[must_use]
    pub fn system_name(mut self, name: impl Into<Vec<u8>>) -> Self {
        self.system_name = Some(name.into());
        self
    }

    /// Asks for a client certificate. [`AuthMethod::Cert`] does so by itself. What the mode asks
    /// for is not undone by it.
    #[must_use]
    pub fn client_certificate(mut self, certificate: ClientCertificate) -> Self {
        self.certificate = certificate;
        self
    }

    /// What of the certificate has to be the user's name (option `clientname`).
    #[must_use]
    pub fn client_name(mut self, name: CertificateName) -> Self {
        self.client_name = name;
        self
    }

    /// Lets a map decide which names may be which users. Only [`AuthMethod::Cert`] and
    /// [`AuthMethod::Peer`] look at it: with other methods the name in a certificate must be the
    /// user's own, as in PostgreSQL.
    #[must_use]
    pub fn map(mut self, map: Arc<dyn UserMap>) -> Self {
        self.map = Some(map);
        self
    }

    /// Where the rule stands, for the log: `pg_hba.conf:12`.
    #[must_use]
    pub fn rule(mut self, rule: impl Into<Arc<str>>) -> Self {
        self.rule = Some(rule.into());
        self
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> AuthMethod {
        self.method
    }

    /// Where the rule stands, if one decided.
    #[must_use]
    pub fn rule_name(&self) -> Option<&str> {
        self.rule.as_deref()
    }
}
