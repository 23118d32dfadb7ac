//! What the pure machine needs to know of the server's policy: plain data, no certificates.
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

use alloc::sync::Arc;
use core::net::IpAddr;
use core::time::Duration;

use crate::auth::{ClientCertificate, UserMap};
use crate::config::ClientName;

/// Whether connections may, must or cannot be encrypted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Encryption {
    /// TLS is not to be had: SSLRequest gets `N`, a direct TLS hello is closed on.
    Unavailable,
    /// The client chooses.
    Optional,
    /// Logins in plaintext are refused with 28000. Cancel requests are exempt.
    Required,
}

/// Default of [`Rules::login_timeout`], that of PostgreSQL's `authentication_timeout`.
pub const DEFAULT_LOGIN_TIMEOUT: Duration = Duration::from_secs(60);

/// The rules of one connection.
#[derive(Clone, Debug)]
pub struct Rules {
    pub(crate) encryption: Encryption,
    pub(crate) certificate: ClientCertificate,
    pub(crate) client_name: Option<Arc<ClientName>>,
    pub(crate) user_map: Option<Arc<dyn UserMap>>,
    pub(crate) peer: Option<IpAddr>,
    pub(crate) login_timeout: Duration,
}

impl Rules {
    /// Rules with the default login timeout of 60 s and no client certificate required.
    #[must_use]
    pub fn new(encryption: Encryption) -> Self {
        Self {
            encryption,
            certificate: ClientCertificate::Optional,
            client_name: None,
            user_map: None,
            peer: None,
            login_timeout: DEFAULT_LOGIN_TIMEOUT,
        }
    }

    /// Requires a verified client certificate of every login. It cannot come over plaintext, so
    /// this implies [`Encryption::Required`].
    #[must_use]
    pub fn require_certificate(mut self) -> Self {
        self.certificate = self.certificate.max(ClientCertificate::Required);
        self.encryption = Encryption::Required;
        self
    }

    /// Requires a verified client certificate whose first common name is the user, byte for byte
    /// (PostgreSQL's `clientcert=verify-full`).
    #[must_use]
    pub fn require_certificate_of_user(self) -> Self {
        self.require_certificate_of(ClientName::default())
    }

    /// Requires a verified client certificate with the right name in it.
    #[must_use]
    pub fn require_certificate_of(mut self, name: ClientName) -> Self {
        self.client_name = Some(Arc::new(name));
        self.require_certificate()
    }

    /// Lets a map decide which certificate names may be which users, in place of equality.
    #[must_use]
    pub fn user_map(mut self, map: Arc<dyn UserMap>) -> Self {
        self.user_map = Some(map);
        self
    }

    /// The address that the connection comes from, for [`ClientName::Host`].
    #[must_use]
    pub fn peer(mut self, address: IpAddr) -> Self {
        self.peer = Some(address);
        self
    }

    /// The time from accept to the end of the login, all phases together.
    #[must_use]
    pub fn login_timeout(mut self, timeout: Duration) -> Self {
        self.login_timeout = timeout;
        self
    }

    /// The rules for a connection over a Unix socket: never TLS, and so exempt from requiring it
    /// (PostgreSQL and PgBouncer alike).
    #[must_use]
    pub fn for_unix_socket(mut self) -> Self {
        self.encryption = Encryption::Unavailable;
        self.certificate = ClientCertificate::Optional;
        self.client_name = None;
        self
    }
}
