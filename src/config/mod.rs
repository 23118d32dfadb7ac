//! The user's face of TLS: which mode, which certificates, which rules.

mod error;
mod mode;
pub(crate) mod source;

use std::path::PathBuf;

pub use error::ConfigError;
pub use mode::{SslMode, UnknownSslMode};
pub use source::Origin;
use source::Source;

use crate::tls;

/// How TLS is done. Files are read when a door or server is made of it.
///
/// # Example: demand client certificates
///
/// ```no_run
/// # fn main() -> Result<(), pgtls::ConfigError> {
/// use pgtls::{SslConfig, SslMode};
///
/// let ssl_config = SslConfig::new(SslMode::VerifyCA, "certs/server.crt", "certs/server.key")
///     .with_ca_cert("certs/ca.crt");
/// ssl_config.validate()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SslConfig {
    pub(crate) mode: SslMode,
    pub(crate) certificate: Source,
    pub(crate) key: Source,
    pub(crate) ca: Option<Source>,
    pub(crate) crls: Vec<Source>,
}

impl SslConfig {
    /// A mode with the files of the server's certificate chain (PEM, the server's own first) and
    /// its key (PEM: PKCS#8, PKCS#1 or SEC1). In mode `Disable` the files are not looked at.
    ///
    /// The key must be a regular file of the server's user without access for others (0600), or
    /// of root with at most read access for a group (0640).
    pub fn new(mode: SslMode, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self::with_sources(
            mode,
            Source::File(certificate.into()),
            Source::File(key.into()),
        )
    }

    /// As [`SslConfig::new`], with the PEM text itself.
    pub fn from_pem(
        mode: SslMode,
        certificate: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        Self::with_sources(mode, Source::memory(certificate), Source::memory(key))
    }

    fn with_sources(mode: SslMode, certificate: Source, key: Source) -> Self {
        Self {
            mode,
            certificate,
            key,
            ca: None,
            crls: Vec::new(),
        }
    }

    /// The file of the CA certificates (PEM) that client certificates are checked against. With
    /// it, a certificate is asked for in every mode, and one that is presented must verify.
    /// `VerifyCA` and `VerifyFull` cannot do without.
    pub fn with_ca_cert(mut self, ca: impl Into<PathBuf>) -> Self {
        self.ca = Some(Source::File(ca.into()));
        self
    }

    /// As [`SslConfig::with_ca_cert`], with the PEM text itself.
    pub fn with_ca_pem(mut self, ca: impl Into<Vec<u8>>) -> Self {
        self.ca = Some(Source::memory(ca));
        self
    }

    /// Adds a file of certificate revocation lists (PEM). With any, every certificate of a
    /// client's chain needs one that is in date, as with PostgreSQL's `ssl_crl_file`.
    pub fn with_crl_file(mut self, crl: impl Into<PathBuf>) -> Self {
        self.crls.push(Source::File(crl.into()));
        self
    }

    /// As [`SslConfig::with_crl_file`], with the PEM text itself.
    pub fn with_crl_pem(mut self, crl: impl Into<Vec<u8>>) -> Self {
        self.crls.push(Source::memory(crl));
        self
    }

    /// The mode.
    #[must_use]
    pub fn mode(&self) -> SslMode {
        self.mode
    }

    /// Reads and checks everything, as the start of a server would.
    ///
    /// # Errors
    /// The first thing that is wrong, with its file and what mends it.
    pub fn validate(&self) -> Result<(), ConfigError> {
        tls::config::load(self).map(drop)
    }
}
