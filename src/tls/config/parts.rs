//! What the files hold: certificates, revocation lists, an OCSP response.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_cert::Certificate;
use x509_cert::certificate::Rfc5280;
use x509_cert::crl::CertificateList;
use x509_cert::der::Decode;

use crate::config::{ConfigError, Origin};
use crate::tls::config::CRL;

/// RFC 6960 §4.2.1: a SEQUENCE that begins with the status `successful` (ENUMERATED 0) and has
/// more behind it.
pub(super) fn is_successful_ocsp(der: &[u8]) -> bool {
    use x509_cert::der::{Reader, SliceReader, Tag, asn1::AnyRef};

    let body = AnyRef::from_der(der)
        .ok()
        .filter(|response| x509_cert::der::Tagged::tag(response) == Tag::Sequence)
        .map(|response| response.value());
    let Some(Ok(mut body)) = body.map(SliceReader::new) else {
        return false;
    };
    let status: Result<AnyRef<'_>, _> = body.decode();
    let status_is_good = status
        .is_ok_and(|s| x509_cert::der::Tagged::tag(&s) == Tag::Enumerated && s.value() == [0]);
    status_is_good && !body.is_finished()
}

pub(super) fn is_pem(bytes: &[u8]) -> bool {
    bytes.windows(10).any(|w| w == b"-----BEGIN")
}

/// All certificates, at least one, each of which can be parsed.
pub(crate) fn certificates(
    bytes: &[u8],
    origin: &Origin,
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let all: Vec<CertificateDer<'static>> = sections(bytes, origin, what, "CERTIFICATE")?;
    for (i, certificate) in all.iter().enumerate() {
        Certificate::from_der(certificate).map_err(|e| ConfigError::BadCertificate {
            origin: origin.clone(),
            number: i.saturating_add(1),
            reason: e.to_string(),
        })?;
    }
    Ok(all)
}

/// All revocation lists, at least one, each of which can be parsed.
pub(crate) fn revocation_lists(
    bytes: &[u8],
    origin: &Origin,
) -> Result<Vec<CertificateRevocationListDer<'static>>, ConfigError> {
    let all: Vec<CertificateRevocationListDer<'static>> = sections(bytes, origin, CRL, "X509 CRL")?;
    for list in &all {
        CertificateList::<Rfc5280>::from_der(list).map_err(|e| ConfigError::BadCrl {
            origin: origin.clone(),
            reason: e.to_string(),
        })?;
    }
    Ok(all)
}

/// The PEM sections of one kind, or the whole as DER if it looks like that.
fn sections<T: PemObject + From<Vec<u8>>>(
    bytes: &[u8],
    origin: &Origin,
    what: &'static str,
    section: &'static str,
) -> Result<Vec<T>, ConfigError> {
    // The tag of a SEQUENCE, with which everything here begins.
    if bytes.first() == Some(&0x30) && !is_pem(bytes) {
        return Ok(vec![T::from(bytes.to_vec())]);
    }
    let all: Result<Vec<T>, pem::Error> = T::pem_slice_iter(bytes).collect();
    match all {
        Ok(all) if all.is_empty() => Err(ConfigError::Empty {
            what,
            origin: origin.clone(),
            section,
        }),
        Ok(all) => Ok(all),
        Err(e) => Err(ConfigError::MalformedPem {
            what,
            origin: origin.clone(),
            reason: e.to_string(),
        }),
    }
}

/// The files of a directory in a stable order, those with a leading dot left out.
pub(super) fn files_in(directory: &Path) -> Result<BTreeSet<PathBuf>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable {
        what: "CRL directory",
        origin: Origin::File(directory.to_owned()),
        source,
    };
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.is_file() {
            files.insert(path);
        }
    }
    Ok(files)
}

/// PostgreSQL sends a chain as it stands in the file, and so do we; many clients sort it.
pub(super) fn chain_warning(origin: &Origin, chain: &[CertificateDer<'_>]) -> Option<String> {
    let parsed: Vec<_> = chain
        .iter()
        .filter_map(|der| Certificate::from_der(der).ok())
        .collect();
    let broken = parsed.windows(2).position(|pair| match pair {
        [one, next] => one.tbs_certificate().issuer() != next.tbs_certificate().subject(),
        _ => false,
    })?;
    let number = broken.saturating_add(1);
    Some(format!(
        "certificate {number} in {origin} is not issued by the one behind it; put the server's own first, then its issuer, and so on"
    ))
}
