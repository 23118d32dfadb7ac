//! A CA of one's own: certificates for servers and clients, and the list of those it takes back.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rcgen::string::{BmpString, Ia5String, PrintableString, TeletexString};
use rcgen::{
    CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType, DnValue, Issuer,
    KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber,
};
use x509_cert::Certificate;
use x509_cert::certificate::Rfc5280;
use x509_cert::crl::CertificateList;
use x509_cert::der::{Decode, Tag, Tagged};
use x509_cert::ext::pkix::{BasicConstraints, CrlNumber, KeyUsage, SubjectKeyIdentifier};
use x509_cert::name::Name;

use super::CertificateError;
use super::files::{Access, replace, write};
use super::params;
use crate::config::source::Source;
use crate::config::{ConfigError, DAY, Origin};
use crate::tls::config::{certificates, revocation_lists};

/// How long a revocation list made here is good for, in days.
const CRL_DAYS: u32 = 30;

/// A CA whose key is at hand, to sign certificates with.
///
/// ```no_run
/// # fn main() -> Result<(), pgtls::CertificateError> {
/// use pgtls::CertificateManager;
///
/// let ca = CertificateManager::create_ca("certs/ca.crt", "certs/ca.key", "our CA")?;
/// ca.issue_server("certs/server.crt", "certs/server.key", &["db.example.com", "10.0.0.1"])?;
/// ca.issue_client("certs/joe.crt", "certs/joe.key", "joe")?;
/// // Joe has left.
/// ca.revoke("certs/ca.crl", &["certs/joe.crt"])?;
/// # Ok(()) }
/// ```
pub struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    subject: Name,
    key_id: KeyIdMethod,
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority")
            .field("subject", &self.subject.to_string())
            .finish_non_exhaustive()
    }
}

impl CertificateAuthority {
    pub(super) fn create(
        certificate: &Path,
        key: &Path,
        name: &str,
    ) -> Result<Self, CertificateError> {
        super::refuse_existing([certificate, key])?;
        let pair = KeyPair::generate()?;
        let pem = params::authority(name).self_signed(&pair)?.pem();
        write(key, &pair.serialize_pem(), Access::Owner)?;
        write(certificate, &pem, Access::All)?;
        Self::open(certificate, key)
    }

    pub(super) fn open(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        let refused = |reason| CertificateError::Authority {
            path: certificate.to_owned(),
            reason,
        };
        let own = read_certificate(certificate, "CA certificate")?;
        let own = own.tbs_certificate();
        let constraints = own.get_extension::<BasicConstraints>();
        if !constraints.is_ok_and(|c| c.is_some_and(|(_, c)| c.ca)) {
            return Err(refused("it is not a CA's"));
        }
        let usage = own.get_extension::<KeyUsage>();
        if !usage.is_ok_and(|u| u.is_none_or(|(_, u)| u.key_cert_sign() && u.crl_sign())) {
            return Err(refused("its key usage lacks keyCertSign or cRLSign"));
        }
        let bytes = Source::File(key.to_owned()).read_key()?;
        let pair = core::str::from_utf8(&bytes)
            .ok()
            .and_then(|pem| KeyPair::from_pem(pem).ok())
            .ok_or_else(|| refused("its key is not an unencrypted PKCS#8 key in PEM"))?;
        let public = own.subject_public_key_info().subject_public_key.as_bytes();
        if public != Some(pair.public_key_raw()) {
            return Err(refused("the key is another certificate's"));
        }
        let mut params = CertificateParams::default();
        params.distinguished_name = distinguished_name(own.subject())
            .ok_or_else(|| refused("its subject is of an unusual form"))?;
        if let Ok(Some((_, id))) = own.get_extension::<SubjectKeyIdentifier>() {
            params.key_identifier_method = KeyIdMethod::PreSpecified(id.0.as_bytes().to_vec());
        }
        // What is signed must name the CA byte for byte, or it leads nowhere.
        let trial = params.self_signed(&pair)?;
        let same = Certificate::from_der(trial.der())
            .is_ok_and(|trial| trial.tbs_certificate().subject() == own.subject());
        if !same {
            return Err(refused("its subject is of an unusual form"));
        }
        Ok(Self {
            subject: own.subject().clone(),
            key_id: params.key_identifier_method.clone(),
            issuer: Issuer::new(params, pair),
        })
    }

    /// Makes a key (P-256, file mode 0600) and a certificate for a server of these host names and
    /// addresses, valid for 365 days.
    ///
    /// # Errors
    /// One of the files exists, or cannot be written, or one of the names is no host name.
    pub fn issue_server(
        &self,
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
        names: &[&str],
    ) -> Result<(), CertificateError> {
        self.issue(certificate.as_ref(), key.as_ref(), &params::server(names)?)
    }

    /// Makes a key (P-256, file mode 0600) and a certificate for a client that logs in as this
    /// user, valid for 365 days.
    ///
    /// # Errors
    /// One of the files exists, or cannot be written.
    pub fn issue_client(
        &self,
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
        user: &str,
    ) -> Result<(), CertificateError> {
        self.issue(certificate.as_ref(), key.as_ref(), &params::client(user))
    }

    pub(super) fn issue(
        &self,
        certificate: &Path,
        key: &Path,
        params: &CertificateParams,
    ) -> Result<(), CertificateError> {
        super::refuse_existing([certificate, key])?;
        let pair = KeyPair::generate()?;
        let pem = params.signed_by(&pair, &self.issuer)?.pem();
        write(key, &pair.serialize_pem(), Access::Owner)?;
        write(certificate, &pem, Access::All)
    }

    /// Adds certificates of this CA to its revocation list, or makes the list; with none it is
    /// only renewed. The file is replaced. The list is good for 30 days.
    ///
    /// # Errors
    /// A certificate or the list there is cannot be read or is another CA's, or the file cannot
    /// be written.
    pub fn revoke(
        &self,
        list: impl AsRef<Path>,
        certificates: &[impl AsRef<Path>],
    ) -> Result<(), CertificateError> {
        let path = list.as_ref();
        let now = params::now();
        let (mut number, mut revoked_certs) = match self.read_list(path)? {
            Some(list) => (next_number(&list), revoked(&list)),
            None => (vec![1], Vec::new()),
        };
        for path in certificates {
            let serial = self.serial(path.as_ref())?;
            if !revoked_certs.iter().any(|r| r.serial_number == serial) {
                revoked_certs.push(RevokedCertParams {
                    serial_number: serial,
                    revocation_time: now.into(),
                    reason_code: None,
                    invalidity_date: None,
                });
            }
        }
        // The number is a positive INTEGER.
        if number.first().is_some_and(|first| *first >= 0x80) {
            number.insert(0, 0);
        }
        let list = CertificateRevocationListParams {
            this_update: now.into(),
            next_update: now
                .checked_add(DAY.saturating_mul(CRL_DAYS))
                .unwrap_or(now)
                .into(),
            crl_number: SerialNumber::from_slice(&number),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: self.key_id.clone(),
        };
        replace(path, &list.signed_by(&self.issuer)?.pem()?)
    }

    fn read_list(&self, path: &Path) -> Result<Option<CertificateList<Rfc5280>>, CertificateError> {
        let origin = Origin::File(path.to_owned());
        let bytes = match Source::File(path.to_owned()).read("certificate revocation list") {
            Ok(bytes) => bytes,
            Err(ConfigError::Unreadable { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                return Ok(None);
            }
            Err(e) => return Err(e.into()),
        };
        let bad = |reason: String| ConfigError::BadCrl {
            origin: origin.clone(),
            reason,
        };
        let lists = revocation_lists(&bytes, &origin)?;
        let [list] = lists.as_slice() else {
            return Err(bad("it holds more than one list".into()).into());
        };
        let list = CertificateList::from_der(list).map_err(|e| bad(e.to_string()))?;
        if list.tbs_cert_list.issuer != self.subject {
            return Err(CertificateError::ForeignCertificate {
                path: path.to_owned(),
                issuer: list.tbs_cert_list.issuer.to_string(),
            });
        }
        Ok(Some(list))
    }

    fn serial(&self, path: &Path) -> Result<SerialNumber, CertificateError> {
        let certificate = read_certificate(path, "certificate to revoke")?;
        let certificate = certificate.tbs_certificate();
        if certificate.issuer() != &self.subject {
            return Err(CertificateError::ForeignCertificate {
                path: path.to_owned(),
                issuer: certificate.issuer().to_string(),
            });
        }
        Ok(SerialNumber::from_slice(
            certificate.serial_number().as_bytes(),
        ))
    }
}

/// The first certificate of a file.
fn read_certificate(path: &Path, what: &'static str) -> Result<Certificate, CertificateError> {
    let source = Source::File(PathBuf::from(path));
    let origin = source.origin();
    let all = certificates(&source.read(what)?, &origin, what)?;
    let bad = |reason: String| ConfigError::BadCertificate {
        origin: origin.clone(),
        number: 1,
        reason,
    };
    let first = all.first().ok_or_else(|| bad("there is none".into()))?;
    Ok(Certificate::from_der(first).map_err(|e| bad(e.to_string()))?)
}

fn revoked(list: &CertificateList<Rfc5280>) -> Vec<RevokedCertParams> {
    let all = list.tbs_cert_list.revoked_certificates.iter().flatten();
    all.map(|entry| RevokedCertParams {
        serial_number: SerialNumber::from_slice(entry.serial_number.as_bytes()),
        revocation_time: entry.revocation_date.to_system_time().into(),
        reason_code: None,
        invalidity_date: None,
    })
    .collect()
}

/// One more than the list's number (RFC 5280 §5.2.3), big-endian.
fn next_number(list: &CertificateList<Rfc5280>) -> Vec<u8> {
    let extensions = list.tbs_cert_list.crl_extensions.iter().flatten();
    let mut number = extensions
        .filter(|e| e.extn_id == x509_cert::der::oid::db::rfc5280::ID_CE_CRL_NUMBER)
        .find_map(|e| CrlNumber::from_der(e.extn_value.as_bytes()).ok())
        .map(|number| number.0.as_bytes().to_vec())
        .unwrap_or_default();
    for digit in number.iter_mut().rev() {
        *digit = digit.wrapping_add(1);
        if *digit != 0 {
            return number;
        }
    }
    number.insert(0, 1);
    number
}

/// The same name for rcgen, if it can say it.
fn distinguished_name(name: &Name) -> Option<DistinguishedName> {
    let mut said = DistinguishedName::new();
    for attribute in name.iter() {
        let arcs = attribute.oid.arcs().map(u64::from).collect();
        let bytes = attribute.value.value();
        let text = || core::str::from_utf8(bytes).ok();
        let value = match attribute.value.tag() {
            Tag::Utf8String => DnValue::Utf8String(text()?.to_owned()),
            Tag::PrintableString => {
                DnValue::PrintableString(PrintableString::try_from(text()?).ok()?)
            }
            Tag::Ia5String => DnValue::Ia5String(Ia5String::try_from(text()?).ok()?),
            Tag::TeletexString => DnValue::TeletexString(TeletexString::try_from(text()?).ok()?),
            Tag::BmpString => DnValue::BmpString(BmpString::from_utf16be(bytes.to_vec()).ok()?),
            _ => return None,
        };
        said.push(DnType::CustomDnType(arcs), value);
    }
    Some(said)
}
