//! `CertificateManager`: making certificates to try things with, and checking the ones there are.

mod authority;
mod error;
mod files;
mod params;
mod verify;

use std::path::{Path, PathBuf};

use rcgen::KeyPair;

pub use authority::CertificateAuthority;
pub use error::CertificateError;
use files::{Access, write};

use crate::config::source::Source;
use crate::config::{SslConfig, SslMode};
use crate::tls::config::{CERTIFICATE, certificates, load, signature_algorithms};

/// Makes certificates for trying things out, and checks those that are there.
#[derive(Debug)]
#[non_exhaustive]
pub struct CertificateManager;

/// A directory with a CA, a server certificate and a client certificate signed by it.
///
/// The client certificate is for the user `postgres`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TestCertificates {
    directory: PathBuf,
}

impl TestCertificates {
    const CA: &str = "ca.crt";
    const CA_KEY: &str = "ca.key";
    const CLIENT: &str = "client.crt";
    const CLIENT_KEY: &str = "client.key";
    const SERVER: &str = "server.crt";
    const SERVER_KEY: &str = "server.key";
    const ALL: [&str; 6] = [
        Self::CA,
        Self::CA_KEY,
        Self::CLIENT,
        Self::CLIENT_KEY,
        Self::SERVER,
        Self::SERVER_KEY,
    ];

    /// The CA's certificate: `sslrootcert` for clients, [`SslConfig::with_ca_cert`] for a server.
    #[must_use]
    pub fn ca_cert(&self) -> PathBuf {
        self.directory.join(Self::CA)
    }

    /// The CA's key.
    #[must_use]
    pub fn ca_key(&self) -> PathBuf {
        self.directory.join(Self::CA_KEY)
    }

    /// The client's certificate, for `sslcert`.
    #[must_use]
    pub fn client_cert(&self) -> PathBuf {
        self.directory.join(Self::CLIENT)
    }

    /// The client's key, for `sslkey`.
    #[must_use]
    pub fn client_key(&self) -> PathBuf {
        self.directory.join(Self::CLIENT_KEY)
    }

    /// The server's certificate, for localhost, 127.0.0.1 and ::1.
    #[must_use]
    pub fn server_cert(&self) -> PathBuf {
        self.directory.join(Self::SERVER)
    }

    /// The server's key.
    #[must_use]
    pub fn server_key(&self) -> PathBuf {
        self.directory.join(Self::SERVER_KEY)
    }

    /// A server configuration with these files, the CA included.
    pub fn ssl_config(&self, mode: SslMode) -> SslConfig {
        SslConfig::new(mode, self.server_cert(), self.server_key()).with_ca_cert(self.ca_cert())
    }
}

impl CertificateManager {
    /// Test certificates in the directory `certs`; see
    /// [`CertificateManager::setup_test_certs_in`].
    ///
    /// # Errors
    /// As there.
    pub fn setup_test_certs() -> Result<TestCertificates, CertificateError> {
        Self::setup_test_certs_in("certs")
    }

    /// Makes a CA and certificates for a server on this machine and for the client user
    /// `postgres`, or takes those that an earlier call made if they are still good.
    ///
    /// # Errors
    /// The directory cannot be written, or holds a part of a set, or certificates that have
    /// expired. Nothing that exists is overwritten.
    pub fn setup_test_certs_in(
        directory: impl Into<PathBuf>,
    ) -> Result<TestCertificates, CertificateError> {
        let directory = directory.into();
        let certs = TestCertificates { directory };
        let path = |name: &&str| certs.directory.join(name);
        if TestCertificates::ALL.iter().any(|name| path(name).exists()) {
            return match TestCertificates::ALL.iter().map(path).find(|p| !p.exists()) {
                Some(missing) => Err(CertificateError::Incomplete {
                    directory: certs.directory,
                    missing,
                }),
                None => {
                    Self::verify_cert_files(certs.server_cert(), certs.server_key())?;
                    Self::verify_cert_files(certs.client_cert(), certs.client_key())?;
                    Ok(certs)
                }
            };
        }
        let ca = Self::create_ca(certs.ca_cert(), certs.ca_key(), "pgtls test CA")?;
        let server = params::local_server("localhost")?;
        ca.issue(&certs.server_cert(), &certs.server_key(), &server)?;
        ca.issue_client(certs.client_cert(), certs.client_key(), "postgres")?;
        Ok(certs)
    }

    /// Makes a key (P-256, file mode 0600) and a certificate signed by itself for the host `name`
    /// and the addresses 127.0.0.1 and ::1, valid for 365 days. Directories are made as needed.
    ///
    /// # Errors
    /// One of the files exists, or cannot be written, or `name` is not a host name.
    pub fn generate_self_signed(
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
        name: &str,
    ) -> Result<(), CertificateError> {
        let (certificate, key) = (certificate.as_ref(), key.as_ref());
        refuse_existing([certificate, key])?;
        let pair = KeyPair::generate()?;
        let made = params::local_server(name)?.self_signed(&pair)?;
        write(key, &pair.serialize_pem(), Access::Owner)?;
        write(certificate, &made.pem(), Access::All)
    }

    /// Makes a CA: a key (P-256, file mode 0600) and a certificate for it, valid for 365 days.
    ///
    /// # Errors
    /// One of the files exists, or cannot be written.
    pub fn create_ca(
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
        name: &str,
    ) -> Result<CertificateAuthority, CertificateError> {
        CertificateAuthority::create(certificate.as_ref(), key.as_ref(), name)
    }

    /// Opens a CA that is there, to sign more certificates or take some back.
    ///
    /// # Errors
    /// A file cannot be read, or the certificate is not a CA's, or the key is not its key or
    /// encrypted.
    pub fn open_ca(
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<CertificateAuthority, CertificateError> {
        CertificateAuthority::open(certificate.as_ref(), key.as_ref())
    }

    /// Makes a key (P-256, file mode 0600) and a request (CSR, PKCS #10) with which a CA can make
    /// a certificate for a server of these host names and addresses.
    ///
    /// # Errors
    /// One of the files exists, or cannot be written, or one of the names is no host name.
    pub fn generate_request(
        request: impl AsRef<Path>,
        key: impl AsRef<Path>,
        names: &[&str],
    ) -> Result<(), CertificateError> {
        let (request, key) = (request.as_ref(), key.as_ref());
        refuse_existing([request, key])?;
        let pair = KeyPair::generate()?;
        let mut params = params::server(names)?;
        // The authority is the one who signs.
        params.use_authority_key_identifier_extension = false;
        let made = params.serialize_request(&pair)?;
        write(key, &pair.serialize_pem(), Access::Owner)?;
        write(request, &made.pem()?, Access::All)
    }

    /// Checks that a server or client could use these files now: they can be read and parsed,
    /// belong together, the key is of a usable kind and nobody else can read it; every certificate
    /// of the chain is in date and signed by the next one, with an algorithm that is in use; the
    /// first is for TLS.
    ///
    /// # Errors
    /// The first thing that is wrong, with its file and what mends it.
    pub fn verify_cert_files(
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Result<(), CertificateError> {
        let path = certificate.into();
        let config = SslConfig::new(SslMode::Prefer, &path, key);
        load(&config)?;
        let source = Source::File(path.clone());
        let chain = certificates(&source.read(CERTIFICATE)?, &source.origin(), CERTIFICATE)?;
        verify::check_chain(&path, &chain, signature_algorithms()?, params::now())
    }
}

fn refuse_existing<const N: usize>(paths: [&Path; N]) -> Result<(), CertificateError> {
    match paths.into_iter().find(|path| path.exists()) {
        Some(path) => Err(CertificateError::Exists {
            path: path.to_owned(),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn test_certificates_are_made_once_and_taken_again() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("a/b");
        let certs = CertificateManager::setup_test_certs_in(&dir).unwrap();
        let before = fs::read(certs.server_cert()).unwrap();
        assert_eq!(
            CertificateManager::setup_test_certs_in(&dir).unwrap(),
            certs
        );
        assert_eq!(fs::read(certs.server_cert()).unwrap(), before);
        for mode in SslMode::ALL {
            certs.ssl_config(mode).validate().unwrap();
        }
        fs::remove_file(certs.client_key()).unwrap();
        let error = CertificateManager::setup_test_certs_in(&dir).unwrap_err();
        assert!(
            error.to_string().contains("client.key is missing"),
            "{error}"
        );
        // Nothing but the set is left lying about.
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 5);
    }

    #[cfg(unix)]
    #[test]
    fn keys_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().unwrap();
        let (certificate, key) = (place.path().join("s.crt"), place.path().join("x/s.key"));
        CertificateManager::generate_self_signed(&certificate, &key, "db.example.com").unwrap();
        CertificateManager::verify_cert_files(&certificate, &key).unwrap();
        let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&key), mode(&certificate) & 0o700), (0o600, 0o600));
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        let error = CertificateManager::verify_cert_files(&certificate, &key).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("has group or world access (mode 0644)"),
            "{error}"
        );
    }

    #[test]
    fn nothing_is_overwritten() {
        let place = tempfile::tempdir().unwrap();
        let (certificate, key) = (place.path().join("s.crt"), place.path().join("s.key"));
        fs::write(&key, "precious").unwrap();
        let error =
            CertificateManager::generate_self_signed(&certificate, &key, "localhost").unwrap_err();
        assert!(matches!(error, CertificateError::Exists { .. }), "{error}");
        assert!(matches!(
            write(&key, "other", Access::All),
            Err(CertificateError::Exists { .. })
        ));
        assert_eq!(fs::read_to_string(&key).unwrap(), "precious");
        assert!(!certificate.exists());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn names_that_are_no_host_names_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let made = CertificateManager::generate_self_signed(
            place.path().join("c"),
            place.path().join("k"),
            "bücher",
        );
        assert!(matches!(made, Err(CertificateError::Make(_))), "{made:?}");
        CertificateManager::generate_self_signed(
            place.path().join("c"),
            place.path().join("k"),
            "127.0.0.1",
        )
        .unwrap();
    }
}
