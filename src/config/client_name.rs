//! Which name of a client certificate counts.

use std::path::PathBuf;
use std::sync::Arc;

use crate::access::ident::IdentMaps;
use crate::auth::UserMap;
use crate::config::ConfigError;

/// What `VerifyFull` compares the name in a client certificate with.
///
/// ```
/// use pgtls::{CertificateName, ClientName, PeerHosts, UserName};
///
/// // As PostgreSQL's clientcert=verify-full: the first common name is the user.
/// let default = ClientName::default();
/// assert_eq!(default, ClientName::User(UserName::new(CertificateName::CommonName)));
/// // An e-mail address that a line of pg_ident.conf maps to the user.
/// let mail = ClientName::User(UserName::new(CertificateName::Email).mapped("staff"));
/// // The host, as the client's address and the name service know it.
/// let host = ClientName::Host(PeerHosts::any());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClientName {
    /// The name is the user's, byte for byte, or is mapped to the user.
    User(UserName),
    /// The certificate is the host's that the connection comes from.
    Host(PeerHosts),
    /// Both.
    UserAndHost(UserName, PeerHosts),
}

impl Default for ClientName {
    fn default() -> Self {
        Self::User(UserName::default())
    }
}

impl ClientName {
    pub(crate) fn user(&self) -> Option<&UserName> {
        match self {
            Self::User(user) | Self::UserAndHost(user, _) => Some(user),
            Self::Host(_) => None,
        }
    }

    pub(crate) fn host(&self) -> Option<&PeerHosts> {
        match self {
            Self::Host(hosts) | Self::UserAndHost(_, hosts) => Some(hosts),
            Self::User(_) => None,
        }
    }
}

/// A name in a certificate that may stand for a user. Nothing in it is a pattern: an asterisk is
/// an asterisk, and case counts.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum CertificateName {
    /// The first common name of the subject (PostgreSQL's `clientname=CN`).
    #[default]
    CommonName,
    /// The whole subject in the form of RFC 2253, `CN=joe,OU=Dev,O=Co` (`clientname=DN`).
    DistinguishedName,
    /// Any dNSName among the subject alternative names (RFC 5280 §4.2.1.6).
    Dns,
    /// Any rfc822Name among them.
    Email,
    /// Any uniformResourceIdentifier among them, a SPIFFE ID for example.
    Uri,
}

impl CertificateName {
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::CommonName => "common name",
            Self::DistinguishedName => "distinguished name",
            Self::Dns => "DNS name",
            Self::Email => "e-mail address",
            Self::Uri => "URI",
        }
    }
}

/// Which name stands for the user, and how it leads to it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct UserName {
    pub(crate) name: CertificateName,
    pub(crate) map: Option<String>,
}

impl UserName {
    /// This name, equal to the user.
    #[must_use]
    pub fn new(name: CertificateName) -> Self {
        Self { name, map: None }
    }

    /// The name leads to the user by this map of the identity maps, as with PostgreSQL's option
    /// `map` of `pg_hba.conf`. Equality alone is then no longer enough.
    #[must_use]
    pub fn mapped(mut self, map: impl Into<String>) -> Self {
        self.map = Some(map.into());
        self
    }
}

/// Which hosts may connect with a certificate of their own.
///
/// The certificate must have the peer's address as an iPAddress among its subject alternative
/// names, or a dNSName that resolves to it. Wildcards and names that look like addresses never
/// match. The common name does not count.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PeerHosts {
    pub(crate) listed: Option<Vec<String>>,
}

impl PeerHosts {
    /// Every host that a certificate of the configured CAs names.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// These host names only, compared without regard to case. Addresses in certificates do not
    /// count then.
    #[must_use]
    pub fn listed(hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            listed: Some(hosts.into_iter().map(Into::into).collect()),
        }
    }
}

/// Where identity maps come from.
#[derive(Clone, Debug, Default)]
pub(crate) enum IdentSource {
    File(PathBuf),
    Maps(Arc<IdentMaps>),
    #[default]
    None,
}

impl IdentSource {
    /// The map that the rule wants, if it wants one, read anew.
    pub(crate) fn map_for(&self, name: &ClientName) -> Result<Option<NamedMap>, ConfigError> {
        let Some(map) = name.user().and_then(|rule| rule.map.as_ref()) else {
            return Ok(None);
        };
        let maps = match self {
            Self::File(path) => {
                Arc::new(IdentMaps::load(path).map_err(|source| ConfigError::IdentMaps { source })?)
            }
            Self::Maps(maps) => Arc::clone(maps),
            Self::None => return Err(ConfigError::IdentMapsMissing { map: map.clone() }),
        };
        Ok(Some(NamedMap {
            maps,
            map: map.clone(),
        }))
    }
}

/// One of the identity maps. Roles have no members here: who is in which role is not known to the
/// TLS configuration.
#[derive(Debug)]
pub(crate) struct NamedMap {
    maps: Arc<IdentMaps>,
    map: String,
}

impl UserMap for NamedMap {
    fn allows(&self, system_name: &[u8], user: &[u8]) -> bool {
        let nobody = |_: &[u8]| false;
        self.maps.maps(&self.map, system_name, user, &nobody)
    }
}
