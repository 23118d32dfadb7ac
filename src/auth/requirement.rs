//! What a login has to bring: the outcome of the access rules.
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

use alloc::sync::Arc;
use core::fmt;

use crate::auth::AuthMethod;
use crate::config::CertificateName;

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
    /// Whether the holder of this certificate name may be this user.
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
        }
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

    /// Lets a map decide which certificate names may be which users. Only [`AuthMethod::Cert`]
    /// looks at it: with other methods the name must be the user's own, as in PostgreSQL.
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
