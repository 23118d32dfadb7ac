//! Who came in: what a StartupMessage said, and what is known of the connection it came over.
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

use alloc::{sync::Arc, vec::Vec};
use core::{fmt, str::Utf8Error};

use crate::auth::AuthMethod;
use crate::tls::facts::TlsFacts;

/// A protocol version, as in the StartupMessage.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ProtocolVersion {
    major: u16,
    minor: u16,
}

impl ProtocolVersion {
    /// Protocol 3.0, which every client speaks.
    pub const V3_0: Self = Self::new(3, 0);
    /// Protocol 3.2, the newest: cancel keys of up to 256 bytes.
    pub const V3_2: Self = Self::new(3, 2);

    pub(crate) const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    pub(crate) fn from_code(code: u32) -> Self {
        let [a, b, c, d] = code.to_be_bytes();
        Self::new(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
    }

    pub(crate) fn code(self) -> [u8; 4] {
        let ([a, b], [c, d]) = (self.major.to_be_bytes(), self.minor.to_be_bytes());
        [a, b, c, d]
    }

    /// 0.1 to 2.x: clients that read errors in the format of protocol 2. 0.0 is not one of them.
    pub(crate) fn is_before_3(self) -> bool {
        self.major < 3 && self != Self::new(0, 0)
    }

    /// The number before the dot.
    #[must_use]
    pub fn major(self) -> u16 {
        self.major
    }

    /// The number behind the dot.
    #[must_use]
    pub fn minor(self) -> u16 {
        self.minor
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Which walsender mode the client asked for (PostgreSQL docs, "Streaming Replication Protocol").
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Replication {
    /// `replication=database`: logical replication in one database.
    Database,
    /// `replication=true`: physical replication, no database.
    Physical,
}

/// The content of a well-formed StartupMessage (PostgreSQL docs, "Message Formats").
///
/// Names and values are bytes: no character set is agreed on yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Startup {
    pub(crate) asked: ProtocolVersion,
    pub(crate) user: Vec<u8>,
    pub(crate) database: Vec<u8>,
    pub(crate) options: Option<Vec<u8>>,
    pub(crate) replication: Option<Replication>,
    pub(crate) settings: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Startup {
    /// The version the client asked for.
    #[must_use]
    pub fn asked_version(&self) -> ProtocolVersion {
        self.asked
    }

    /// The user name, at most 63 bytes, never empty once the login is decided about.
    #[must_use]
    pub fn user(&self) -> &[u8] {
        &self.user
    }

    /// The database name, at most 63 bytes; the user's name if the client gave none. Empty only
    /// under physical replication.
    #[must_use]
    pub fn database(&self) -> &[u8] {
        &self.database
    }

    /// The command-line options (`options`), unsplit.
    #[must_use]
    pub fn options(&self) -> Option<&[u8]> {
        self.options.as_deref()
    }

    /// The replication mode asked for, if any.
    #[must_use]
    pub fn replication(&self) -> Option<Replication> {
        self.replication
    }

    /// All other parameters (name, value), in the order they came, duplicates included.
    pub fn settings(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.settings
            .iter()
            .map(|(n, v)| (n.as_slice(), v.as_slice()))
    }
}

/// An accepted login: who, to which database, with which settings, over what.
#[derive(Clone, Debug)]
pub struct Login {
    pub(crate) startup: Startup,
    pub(crate) version: ProtocolVersion,
    pub(crate) tls: Option<Arc<TlsFacts>>,
    pub(crate) method: AuthMethod,
    pub(crate) rule: Option<Arc<str>>,
}

impl Login {
    /// The user name, at most 63 bytes, never empty.
    #[must_use]
    pub fn user(&self) -> &[u8] {
        &self.startup.user
    }

    /// The user name as text, for engines whose names are UTF-8.
    ///
    /// # Errors
    /// The client's bytes are not UTF-8.
    pub fn user_str(&self) -> Result<&str, Utf8Error> {
        core::str::from_utf8(&self.startup.user)
    }

    /// The database name, at most 63 bytes; the user's name if the client gave none. Empty only
    /// under physical replication.
    #[must_use]
    pub fn database(&self) -> &[u8] {
        &self.startup.database
    }

    /// The database name as text, for engines whose names are UTF-8.
    ///
    /// # Errors
    /// The client's bytes are not UTF-8.
    pub fn database_str(&self) -> Result<&str, Utf8Error> {
        core::str::from_utf8(&self.startup.database)
    }

    /// The command-line options (`options`), unsplit.
    #[must_use]
    pub fn options(&self) -> Option<&[u8]> {
        self.startup.options()
    }

    /// The replication mode asked for, if any.
    #[must_use]
    pub fn replication(&self) -> Option<Replication> {
        self.startup.replication
    }

    /// All other parameters (name, value), in the order they came, duplicates included.
    pub fn settings(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.startup
            .settings
            .iter()
            .map(|(n, v)| (n.as_slice(), v.as_slice()))
    }

    /// The last value of one setting; its name is compared byte for byte.
    #[must_use]
    pub fn setting(&self, name: &[u8]) -> Option<&[u8]> {
        self.startup
            .settings
            .iter()
            .rev()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_slice())
    }

    /// The version agreed on: the lower of the client's and ours.
    #[must_use]
    pub fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// How many bytes a cancel key must have: 32 if the client asked for 3.2 or more, else 4.
    #[must_use]
    pub fn cancel_key_len(&self) -> usize {
        if self.startup.asked >= ProtocolVersion::V3_2 {
            32
        } else {
            4
        }
    }

    /// The method that let it in.
    #[must_use]
    pub fn method(&self) -> AuthMethod {
        self.method
    }

    /// Where the access rule stands that decided, if one did: `pg_hba.conf:12`.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }

    /// What is known of the TLS session; `None` over plaintext. Never taken from what the client
    /// asked for, only from the session that carries it.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.tls.as_deref()
    }
}
