//! `CertificateManager`: making certificates to try things with, and checking the ones there are.

use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};

use crate::config::{ConfigError, SslConfig, SslMode};
use crate::tls::config::{CERTIFICATE, load};

/// How long a certificate made here is valid.
const DAYS: u64 = 365;
const DAY: Duration = Duration::from_secs(86_400);
/// Clocks differ: a certificate is valid from a little before it was made.
const SKEW: Duration = Duration::from_secs(3600);

/// Why a certificate could not be made or is not good.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The pair cannot be used by a server.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file is there already.
    #[error("{} exists and is not overwritten; move it away, or choose another path", .path.display())]
    Exists {
        /// The file in the way.
        path: PathBuf,
    },
    /// The certificate's time has passed.
    #[error("certificate {} expired {days} days ago; make or order a new one", .path.display())]
    Expired {
        /// Its file.
        path: PathBuf,
        /// How long ago, in whole days.
        days: u64,
    },
    /// Half of a set of test certificates is there.
    #[error("the test certificates in {} are not complete ({} is missing); remove the directory to have them made anew", .directory.display(), .missing.display())]
    Incomplete {
        /// The directory.
        directory: PathBuf,
        /// The first file that is not there.
        missing: PathBuf,
    },
    /// A file could not be written.
    #[error("could not write {}: {source}; check that the directory is there and writable", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The certificate could not be made.
    #[error("could not make a certificate: {0}; is the name a host name or an IP address?")]
    Make(#[from] rcgen::Error),
    /// The certificate's time has not come.
    #[error("certificate {} is not yet valid; check the clock of this machine", .path.display())]
    NotYetValid {
        /// Its file.
        path: PathBuf,
    },
}

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
        let ca = authority("pgtls test CA")?;
        let server = signed(&ca, server_params("localhost")?)?;
        let mut client = params("postgres", Vec::new());
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let client = signed(&ca, client)?;
        write(&certs.ca_key(), &ca.key().serialize_pem(), Access::Owner)?;
        write(&certs.client_key(), &client.key, Access::Owner)?;
        write(&certs.server_key(), &server.key, Access::Owner)?;
        write(&certs.client_cert(), &client.certificate, Access::All)?;
        write(&certs.server_cert(), &server.certificate, Access::All)?;
        write(&certs.ca_cert(), &ca.pem(), Access::All)?;
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
        if let Some(path) = [certificate, key].into_iter().find(|p| p.exists()) {
            return Err(CertificateError::Exists {
                path: path.to_owned(),
            });
        }
        let pair = KeyPair::generate()?;
        let made = server_params(name)?.self_signed(&pair)?;
        write(key, &pair.serialize_pem(), Access::Owner)?;
        write(certificate, &made.pem(), Access::All)
    }

    /// Checks that a server could use these files now: they can be read and parsed, belong
    /// together, the key is of a usable kind and nobody else can read it, the certificate is in
    /// date.
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
        let bytes = crate::config::source::Source::File(path.clone()).read(CERTIFICATE)?;
        let origin = crate::config::Origin::File(path.clone());
        for certificate in crate::tls::config::certificates(&bytes, &origin, CERTIFICATE)? {
            check_dates(&path, &certificate)?;
        }
        Ok(())
    }
}

fn check_dates(path: &Path, certificate: &[u8]) -> Result<(), CertificateError> {
    use x509_cert::der::Decode;

    let unparsable = |e: x509_cert::der::Error| ConfigError::BadCertificate {
        origin: crate::config::Origin::File(path.to_owned()),
        number: 1,
        reason: e.to_string(),
    };
    let parsed = x509_cert::Certificate::from_der(certificate).map_err(unparsable)?;
    let validity = parsed.tbs_certificate().validity();
    #[expect(
        clippy::disallowed_methods,
        reason = "whether a certificate is in date now"
    )]
    let now = SystemTime::now();
    if now < validity.not_before.to_system_time() {
        return Err(CertificateError::NotYetValid {
            path: path.to_owned(),
        });
    }
    match now.duration_since(validity.not_after.to_system_time()) {
        Ok(since) if !since.is_zero() => Err(CertificateError::Expired {
            path: path.to_owned(),
            days: since.as_secs() / DAY.as_secs(),
        }),
        _ => Ok(()),
    }
}

struct Made {
    certificate: String,
    key: String,
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut ca = params(name, Vec::new());
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    CertifiedIssuer::self_signed(ca, KeyPair::generate()?)
}

fn signed(
    ca: &CertifiedIssuer<'_, KeyPair>,
    params: CertificateParams,
) -> Result<Made, rcgen::Error> {
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, ca)?.pem();
    Ok(Made {
        certificate,
        key: key.serialize_pem(),
    })
}

fn server_params(name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut names = vec![match name.parse() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName(name.try_into()?),
    }];
    for local in [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ] {
        if !names.contains(&SanType::IpAddress(local)) {
            names.push(SanType::IpAddress(local));
        }
    }
    let mut params = params(name, names);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn params(common_name: &str, names: Vec<SanType>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.subject_alt_names = names;
    #[expect(clippy::disallowed_methods, reason = "validity counts from now")]
    let now = SystemTime::now();
    params.not_before = now.checked_sub(SKEW).unwrap_or(now).into();
    params.not_after = now
        .checked_add(DAY.saturating_mul(u32::try_from(DAYS).unwrap_or(u32::MAX)))
        .unwrap_or(now)
        .into();
    params
}

/// Who may read a file made here.
#[derive(Clone, Copy)]
enum Access {
    All,
    Owner,
}

/// Writes a file that is not there yet: whole or not at all, and never readable by others for a
/// moment if it must not be.
fn write(path: &Path, text: &str, access: Access) -> Result<(), CertificateError> {
    let failed = |source: io::Error| {
        if source.kind() == io::ErrorKind::AlreadyExists {
            CertificateError::Exists {
                path: path.to_owned(),
            }
        } else {
            CertificateError::Io {
                path: path.to_owned(),
                source,
            }
        }
    };
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(directory).map_err(failed)?;
    let mut draft = tempfile::Builder::new();
    #[cfg(unix)]
    if matches!(access, Access::All) {
        use std::os::unix::fs::PermissionsExt;
        draft.permissions(fs::Permissions::from_mode(0o644));
    }
    #[cfg(not(unix))]
    let _ = access;
    let mut draft = draft.tempfile_in(directory).map_err(failed)?;
    draft.write_all(text.as_bytes()).map_err(failed)?;
    draft.as_file().sync_all().map_err(failed)?;
    draft
        .persist_noclobber(path)
        .map(drop)
        .map_err(|e| failed(e.error))
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn dates_are_judged() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("c.crt");
        for (from, to, word) in [(2000, 2001, "expired"), (2999, 3000, "not yet valid")] {
            let mut dated = server_params("localhost").unwrap();
            dated.not_before = rcgen::date_time_ymd(from, 1, 1);
            dated.not_after = rcgen::date_time_ymd(to, 1, 1);
            let made = dated.self_signed(&KeyPair::generate().unwrap()).unwrap();
            let error = check_dates(&path, made.der()).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
