//! The lines of pg_hba.conf (`hba.c:parse_hba_line`).

use std::sync::Arc;

use super::address::{self, Address, System};
use super::error::{AccessError, AccessFault, Place};
use super::names::{Databases, NeedRole, Roles, Users};
use super::rules::Facts;
use super::tokens::{Line, Token};
use crate::auth::{AuthMethod, ClientCertificate};

/// Which connections a rule is for (the first column of pg_hba.conf).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ConnectionType {
    /// `host`: TCP, with TLS or without.
    Host,
    /// `hostgssenc`: TCP encrypted by GSSAPI, which there is not: it never matches.
    HostGssEnc,
    /// `hostnogssenc`: TCP not encrypted by GSSAPI: as `host`.
    HostNoGssEnc,
    /// `hostnossl`: TCP without TLS.
    HostNoSsl,
    /// `hostssl`: TCP with TLS.
    HostSsl,
    /// `local`: Unix sockets.
    Local,
}

impl ConnectionType {
    fn from_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"host" => Self::Host,
            b"hostgssenc" => Self::HostGssEnc,
            b"hostnogssenc" => Self::HostNoGssEnc,
            b"hostnossl" => Self::HostNoSsl,
            b"hostssl" => Self::HostSsl,
            b"local" => Self::Local,
            _ => return None,
        })
    }

    /// The word in `pg_hba.conf`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::HostGssEnc => "hostgssenc",
            Self::HostNoGssEnc => "hostnogssenc",
            Self::HostNoSsl => "hostnossl",
            Self::HostSsl => "hostssl",
            Self::Local => "local",
        }
    }

    fn fits(self, local: bool, encrypted: bool) -> bool {
        match self {
            Self::Local => local,
            Self::Host | Self::HostNoGssEnc => !local,
            Self::HostGssEnc => false,
            Self::HostNoSsl => !local && !encrypted,
            Self::HostSsl => !local && encrypted,
        }
    }
}

/// Methods of PostgreSQL that there are not here.
const FOREIGN: &[&[u8]] = &[
    b"bsd", b"gss", b"ident", b"ldap", b"oauth", b"pam", b"radius", b"sspi",
];

/// A rule, checked.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    /// The place as the log has it.
    pub(super) name: Arc<str>,
    pub(super) text: String,
    pub(super) connection: ConnectionType,
    databases: Databases,
    users: Users,
    address: Address,
    pub(super) method: AuthMethod,
    pub(super) certificate: ClientCertificate,
    /// Whether `clientname` is `DN`.
    pub(super) distinguished_name: bool,
    pub(super) map: Option<String>,
}

/// The fields of a line, taken from left to right.
struct Fields(std::vec::IntoIter<Vec<Token>>);

impl Fields {
    fn list(&mut self, what: &'static str) -> Result<Vec<Token>, AccessFault> {
        self.0.next().ok_or(AccessFault::MissingPart(what))
    }

    fn one(&mut self, missing: &'static str, several: &'static str) -> Result<Token, AccessFault> {
        let mut values = self.list(missing)?.into_iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value),
            _ => Err(AccessFault::SeveralValues(several)),
        }
    }
}

impl Entry {
    pub(super) fn from_line(line: Line, system: &dyn System) -> Result<Self, AccessError> {
        let text = String::from_utf8_lossy(&line.text).into_owned();
        let place = line.place;
        Self::from_fields(place.clone(), text, line.fields, system)
            .map_err(|fault| AccessError::Entry { place, fault })
    }

    fn from_fields(
        place: Place,
        text: String,
        fields: Vec<Vec<Token>>,
        system: &dyn System,
    ) -> Result<Self, AccessFault> {
        let mut fields = Fields(fields.into_iter());
        let word = fields.one("connection type", "connection type")?;
        let connection = ConnectionType::from_name(&word.text)
            .ok_or_else(|| AccessFault::BadType(word.lossy()))?;
        let databases = Databases::new(&fields.list("database specification")?)?;
        let users = Users::new(&fields.list("role specification")?)?;
        let address = if connection == ConnectionType::Local {
            Address::All
        } else {
            let token = fields.one("IP address specification", "host address")?;
            let mask = || fields.one("netmask specification", "netmask");
            address::parse(&token, mask, system)?
        };
        let method = fields.one("authentication method", "authentication type")?;
        let method = method_of(connection, &method)?;
        let mut entry = Self {
            name: place.to_string().into(),
            place,
            text,
            connection,
            databases,
            users,
            address,
            method,
            certificate: ClientCertificate::Optional,
            distinguished_name: false,
            map: None,
        };
        for option in fields.0.flatten() {
            entry.option(&option)?;
        }
        Ok(entry)
    }

    fn is_cert(&self) -> bool {
        self.method == AuthMethod::Cert
    }

    fn option(&mut self, token: &Token) -> Result<(), AccessFault> {
        let text = token.lossy();
        let Some((name, value)) = text.split_once('=') else {
            return Err(AccessFault::BadOption(text));
        };
        let needs_tls = |name| {
            (self.connection == ConnectionType::HostSsl)
                .then_some(())
                .ok_or(AccessFault::OptionNeedsTls(name))
        };
        match name {
            "clientcert" => {
                needs_tls("clientcert")?;
                self.certificate = match value {
                    "verify-full" => ClientCertificate::OfUser,
                    "verify-ca" if self.is_cert() => return Err(AccessFault::CertIsFull),
                    "verify-ca" => ClientCertificate::Required,
                    _ => return Err(AccessFault::BadClientCert(value.into())),
                };
            }
            "clientname" => {
                needs_tls("clientname")?;
                self.distinguished_name = match value {
                    "CN" => false,
                    "DN" => true,
                    _ => return Err(AccessFault::BadClientName(value.into())),
                };
            }
            "map" => {
                if self.method != AuthMethod::Peer && !self.is_cert() {
                    return Err(AccessFault::OptionNeedsIdentity);
                }
                self.map = (!value.is_empty()).then(|| value.into());
            }
            _ => return Err(AccessFault::NoSuchOption(name.into())),
        }
        Ok(())
    }

    pub(super) fn fits<'a>(
        &'a self,
        facts: &Facts<'a>,
        known: &Roles<'_>,
    ) -> Result<bool, NeedRole<'a>> {
        Ok(self.connection.fits(facts.local, facts.encrypted)
            && (facts.local || self.address.fits(facts.address))
            && self.databases.fit(
                facts.database,
                facts.user,
                facts.physical_replication,
                known,
            )?
            && self.users.fit(facts.user, known)?)
    }
}

fn method_of(connection: ConnectionType, token: &Token) -> Result<AuthMethod, AccessFault> {
    let local = connection == ConnectionType::Local;
    let name = token.lossy();
    match AuthMethod::from_name(&name) {
        Some(AuthMethod::Peer) if !cfg!(unix) => Err(AccessFault::MethodNotSupported(name)),
        Some(AuthMethod::Peer) if !local => Err(AccessFault::PeerNeedsLocal),
        Some(AuthMethod::Cert) if connection != ConnectionType::HostSsl => {
            Err(AccessFault::CertNeedsTls)
        }
        Some(method) => Ok(method),
        // On a Unix socket it always meant `peer`.
        None if local && cfg!(unix) && name == "ident" => Ok(AuthMethod::Peer),
        None if FOREIGN.contains(&name.as_bytes()) => Err(AccessFault::MethodNotSupported(name)),
        None => Err(AccessFault::NoSuchMethod(name)),
    }
}
