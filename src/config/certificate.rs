//! One certificate of the server, and where it comes from.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::source::{Passphrase, Source};

/// One certificate of the server with its key, and what belongs to it.
///
/// Certificates are PEM (a chain, the server's own first, sent whole) or DER. Keys are PEM or DER:
/// PKCS#8, PKCS#1 or SEC1, or encrypted PKCS#8; RSA, P-256, P-384 or Ed25519.
#[derive(Clone, Debug)]
#[must_use]
pub struct ServerCertificate {
    pub(crate) material: Material,
    pub(crate) passphrase: Option<Passphrase>,
    pub(crate) ocsp: Option<Source>,
    pub(crate) ca: Option<Source>,
}

#[derive(Clone, Debug)]
pub(crate) enum Material {
    Provider(Arc<dyn CertificateProvider>),
    Sources { certificate: Source, key: Source },
}

impl ServerCertificate {
    /// From files, read anew at every load.
    ///
    /// The key must be a regular file of the server's user without access for others (0600), or
    /// of root with at most read access for a group (0640).
    pub fn from_files(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self::from_material(Material::Sources {
            certificate: Source::File(certificate.into()),
            key: Source::File(key.into()),
        })
    }

    /// From PEM or DER in memory.
    pub fn from_pem(certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        Self::from_material(Material::Sources {
            certificate: Source::memory(certificate),
            key: Source::memory(key),
        })
    }

    /// From a provider, asked anew at every load.
    pub fn from_provider(provider: Arc<dyn CertificateProvider>) -> Self {
        Self::from_material(Material::Provider(provider))
    }

    fn from_material(material: Material) -> Self {
        Self {
            material,
            passphrase: None,
            ocsp: None,
            ca: None,
        }
    }

    /// The passphrase of an encrypted key.
    pub fn with_passphrase(mut self, passphrase: impl Into<String>) -> Self {
        self.passphrase = Some(Passphrase::Value(Arc::new(Zeroizing::new(
            passphrase.into(),
        ))));
        self
    }

    /// A file whose first line is the passphrase; the rule for key files holds for it too.
    pub fn with_passphrase_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.passphrase = Some(Passphrase::File(path.into()));
        self
    }

    /// A shell command whose first line of output is the passphrase, as PostgreSQL's
    /// `ssl_passphrase_command`: `%p` is replaced by a prompt, `%%` by `%`. It runs at every load,
    /// without input, so it must not ask a person.
    pub fn with_passphrase_command(mut self, command: impl Into<String>) -> Self {
        self.passphrase = Some(Passphrase::Command(command.into()));
        self
    }

    /// A file with a DER-encoded OCSP response (RFC 6960) to be stapled.
    pub fn with_ocsp_response(mut self, path: impl Into<PathBuf>) -> Self {
        self.ocsp = Some(Source::File(path.into()));
        self
    }

    /// As [`ServerCertificate::with_ocsp_response`], from memory.
    pub fn with_ocsp_der(mut self, der: impl Into<Vec<u8>>) -> Self {
        self.ocsp = Some(Source::memory(der));
        self
    }

    /// The CA certificates (PEM or DER) that are asked of clients who came for this certificate.
    pub fn with_ca_cert(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca = Some(Source::File(path.into()));
        self
    }

    /// As [`ServerCertificate::with_ca_cert`], from memory.
    pub fn with_ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca = Some(Source::memory(pem));
        self
    }
}

/// A source of certificates that is neither files nor fixed bytes: a secret store, an agent.
///
/// Asked once per load for everything, so that certificate and key belong together. An error
/// leaves the configuration in force as it is.
pub trait CertificateProvider: fmt::Debug + Send + Sync {
    /// Delivers what belongs to one server certificate, as of now. It may block.
    ///
    /// # Errors
    /// Whatever keeps it from delivering; the text becomes part of
    /// [`ConfigError::Provider`](super::ConfigError::Provider).
    fn load(&self) -> Result<CertificateMaterial, Box<dyn Error + Send + Sync>>;
}

/// What a [`CertificateProvider`] delivers: PEM or DER.
#[derive(Clone)]
pub struct CertificateMaterial {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Zeroizing<Vec<u8>>,
    pub(crate) ca: Option<Vec<u8>>,
}

impl CertificateMaterial {
    /// A chain, the server's own certificate first, and its key.
    pub fn new(certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        Self {
            certificate: certificate.into(),
            key: Zeroizing::new(key.into()),
            ca: None,
        }
    }

    /// Adds the CA certificates that client certificates are checked against; they take the place
    /// of those configured beside the provider.
    #[must_use]
    pub fn with_ca(mut self, ca: impl Into<Vec<u8>>) -> Self {
        self.ca = Some(ca.into());
        self
    }
}

impl fmt::Debug for CertificateMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateMaterial")
            .field("certificate", &self.certificate.len())
            .field("ca", &self.ca.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}
