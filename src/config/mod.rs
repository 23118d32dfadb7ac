//! The user's face of TLS: which mode, which certificates, which rules.

mod certificate;
mod client_name;
mod error;
mod mode;
pub(crate) mod source;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use certificate::Material;
pub use certificate::{CertificateMaterial, CertificateProvider, ServerCertificate};
pub(crate) use client_name::IdentSource;
pub use client_name::{CertificateName, ClientName, PeerHosts, UserName};
pub use error::ConfigError;
pub use mode::{SslMode, UnknownSslMode};
pub use source::Origin;
use source::Source;

use crate::access::ident::IdentMaps;
use crate::tls;
use crate::tls::facts::TlsVersion;

/// A day.
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// What happens to a client whose host name (SNI, RFC 6066 §3) has no entry of its own, or who
/// sends none.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum SniRule {
    /// It gets the default certificate.
    #[default]
    Default,
    /// The handshake fails: alert `unrecognized_name` for an unknown name, `missing_extension`
    /// for none.
    Refuse,
}

/// How TLS is done. Files are read when a door or server is made of it, and again at each reload.
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
    pub(crate) certificate: ServerCertificate,
    pub(crate) hosts: Vec<(String, ServerCertificate)>,
    pub(crate) unlisted_names: SniRule,
    pub(crate) no_name: SniRule,
    pub(crate) crls: Vec<Source>,
    pub(crate) crl_directories: Vec<PathBuf>,
    pub(crate) allow_expired_crls: bool,
    pub(crate) allow_unknown_revocation: bool,
    pub(crate) client_name: ClientName,
    pub(crate) ident: IdentSource,
    pub(crate) min_version: TlsVersion,
    pub(crate) max_version: TlsVersion,
    pub(crate) cipher_suites: Option<Vec<String>>,
    pub(crate) groups: Option<Vec<String>>,
    pub(crate) resumption: bool,
    pub(crate) expiry_warning: Duration,
    pub(crate) expiry_error: Duration,
}

impl SslConfig {
    /// A mode with the files of the server's certificate chain and its key; see
    /// [`ServerCertificate::from_files`]. In mode `Disable` the files are not looked at.
    pub fn new(mode: SslMode, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self::with_certificate(mode, ServerCertificate::from_files(certificate, key))
    }

    /// A mode with a certificate from elsewhere: memory, a provider, an encrypted key.
    pub fn with_certificate(mode: SslMode, certificate: ServerCertificate) -> Self {
        Self {
            mode,
            certificate,
            hosts: Vec::new(),
            unlisted_names: SniRule::Default,
            no_name: SniRule::Default,
            crls: Vec::new(),
            crl_directories: Vec::new(),
            allow_expired_crls: false,
            allow_unknown_revocation: false,
            client_name: ClientName::default(),
            ident: IdentSource::default(),
            min_version: TlsVersion::Tls12,
            max_version: TlsVersion::Tls13,
            cipher_suites: None,
            groups: None,
            resumption: true,
            expiry_warning: DAY.saturating_mul(30),
            expiry_error: DAY.saturating_mul(7),
        }
    }

    /// The file of the CA certificates (PEM or DER) that client certificates are checked against.
    /// With it, a certificate is asked for in every mode, and one that is presented must verify.
    /// `VerifyCA` and `VerifyFull` cannot do without.
    pub fn with_ca_cert(mut self, ca: impl Into<PathBuf>) -> Self {
        self.certificate = self.certificate.with_ca_cert(ca);
        self
    }

    /// As [`SslConfig::with_ca_cert`], from memory.
    pub fn with_ca_pem(mut self, ca: impl Into<Vec<u8>>) -> Self {
        self.certificate = self.certificate.with_ca_pem(ca);
        self
    }

    /// Adds a certificate for clients that ask for this host name (SNI): `db.example.com`, or
    /// `*.example.com` for every name with exactly one more label. An exact entry wins over a
    /// wildcard. Without a CA of its own the entry uses the default's.
    pub fn with_host(mut self, name: impl Into<String>, certificate: ServerCertificate) -> Self {
        self.hosts.push((name.into(), certificate));
        self
    }

    /// What clients get that ask for a host name without an entry. Without any
    /// [`SslConfig::with_host`] names do not matter.
    pub fn with_unlisted_names(mut self, rule: SniRule) -> Self {
        self.unlisted_names = rule;
        self
    }

    /// What clients get that send no host name, as those do that connect to an IP address.
    pub fn with_no_name(mut self, rule: SniRule) -> Self {
        self.no_name = rule;
        self
    }

    /// Adds a file of certificate revocation lists (PEM or DER). With any list configured, every
    /// certificate of a client's chain needs one that is in date, as with PostgreSQL's
    /// `ssl_crl_file`.
    pub fn with_crl_file(mut self, crl: impl Into<PathBuf>) -> Self {
        self.crls.push(Source::File(crl.into()));
        self
    }

    /// As [`SslConfig::with_crl_file`], from memory.
    pub fn with_crl_pem(mut self, crl: impl Into<Vec<u8>>) -> Self {
        self.crls.push(Source::memory(crl));
        self
    }

    /// Adds a directory of which every regular file is a certificate revocation list, whatever its
    /// name; names with a leading dot are left out.
    pub fn with_crl_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.crl_directories.push(directory.into());
        self
    }

    /// Accepts revocation lists past their `nextUpdate`: a certificate revoked since then goes
    /// unnoticed.
    pub fn dangerous_allow_expired_crls(mut self) -> Self {
        self.allow_expired_crls = true;
        self
    }

    /// Accepts certificates that no revocation list speaks of.
    pub fn dangerous_allow_unknown_revocation(mut self) -> Self {
        self.allow_unknown_revocation = true;
        self
    }

    /// What the name in a client certificate is compared with under `VerifyFull`: the user unless
    /// said. In the other modes names do not matter.
    pub fn with_client_name(mut self, name: ClientName) -> Self {
        self.client_name = name;
        self
    }

    /// The identity maps that [`UserName::mapped`] speaks of.
    pub fn with_ident_maps(mut self, maps: IdentMaps) -> Self {
        self.ident = IdentSource::Maps(Arc::new(maps));
        self
    }

    /// As [`SslConfig::with_ident_maps`], from a file in the format of pg_ident.conf.
    pub fn with_ident_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ident = IdentSource::File(path.into());
        self
    }

    /// The lowest TLS version; 1.2 unless said. Older ones do not exist here.
    pub fn with_min_tls_version(mut self, version: TlsVersion) -> Self {
        self.min_version = version;
        self
    }

    /// The highest TLS version; 1.3 unless said.
    pub fn with_max_tls_version(mut self, version: TlsVersion) -> Self {
        self.max_version = version;
        self
    }

    /// The cipher suites, most preferred first, by IANA name (`TLS_AES_256_GCM_SHA384`) or
    /// OpenSSL name (`ECDHE-ECDSA-AES256-GCM-SHA384`). Unless said: all there are, each with
    /// forward secrecy and authenticated encryption.
    pub fn with_cipher_suites(
        mut self,
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.cipher_suites = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The key-exchange groups, most preferred first: `X25519MLKEM768` (aws-lc-rs only),
    /// `X25519`, `P-256` or `prime256v1`, `P-384` or `secp384r1`. Unless said: all, in this order.
    pub fn with_groups(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.groups = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Whether sessions may be resumed; yes unless said. A ticket is good for at most 12 hours,
    /// within one load of the configuration only, and for the certificate it was given under;
    /// the client certificate it carries is verified anew when it is used.
    pub fn with_resumption(mut self, on: bool) -> Self {
        self.resumption = on;
        self
    }

    /// When the coming end of a certificate or revocation list is logged at load: as a warning
    /// within `warning` of it (30 days unless said), as an error within `error` (7 days).
    pub fn with_expiry_thresholds(mut self, warning: Duration, error: Duration) -> Self {
        self.expiry_warning = warning;
        self.expiry_error = error;
        self
    }

    /// The mode.
    #[must_use]
    pub fn mode(&self) -> SslMode {
        self.mode
    }

    /// Reads and checks everything, as the start of a server would.
    ///
    /// Blocks: it reads files, and may run a passphrase command.
    ///
    /// # Errors
    /// The first thing that is wrong, with its file and what mends it.
    pub fn validate(&self) -> Result<(), ConfigError> {
        tls::config::load(self).map(drop)
    }

    /// The files and directories that are read, for a watcher.
    #[cfg(feature = "watch")]
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let mut paths = self.crl_directories.clone();
        if let IdentSource::File(path) = &self.ident {
            paths.push(path.clone());
        }
        let mut add = |source: &Source| {
            if let Source::File(path) = source {
                paths.push(path.clone());
            }
        };
        self.crls.iter().for_each(&mut add);
        for entry in core::iter::once(&self.certificate).chain(self.hosts.iter().map(|(_, c)| c)) {
            entry.ca.iter().chain(&entry.ocsp).for_each(&mut add);
            if let Some(source::Passphrase::File(path)) = &entry.passphrase {
                add(&Source::File(path.clone()));
            }
            if let Material::Sources { certificate, key } = &entry.material {
                add(certificate);
                add(key);
            }
        }
        paths
    }
}
