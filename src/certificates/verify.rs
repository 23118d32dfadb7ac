//! Whether certificates are good: dates, purpose, and that a chain is one.

use std::path::Path;
use std::time::SystemTime;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::SignatureVerificationAlgorithm;
use x509_cert::Certificate;
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier};
use x509_cert::der::{Decode, Encode, Reader, SliceReader};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage};

use super::CertificateError;
use crate::config::{ConfigError, DAY, Origin};

/// id-kp-serverAuth and id-kp-clientAuth (RFC 5280 §4.2.1.12).
const PURPOSES: [ObjectIdentifier; 2] = [
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1"),
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2"),
];

/// A certificate, and the bytes that are signed.
struct Link {
    parsed: Certificate,
    signed: Vec<u8>,
}

/// Checks a chain, leaf first, with what the cryptographic library can verify. The issuer of the
/// last one may be elsewhere; if it signed itself, that is checked as well.
pub(super) fn check_chain(
    path: &Path,
    chain: &[CertificateDer<'_>],
    algorithms: &[&dyn SignatureVerificationAlgorithm],
    now: SystemTime,
) -> Result<(), CertificateError> {
    let links = chain
        .iter()
        .enumerate()
        .map(|(i, der)| link(path, i, der))
        .collect::<Result<Vec<_>, _>>()?;
    for link in &links {
        check_dates(path, &link.parsed, now)?;
    }
    if let Some(leaf) = links.first() {
        check_purpose(path, &leaf.parsed)?;
    }
    for (i, link) in links.iter().enumerate() {
        let number = i.saturating_add(1);
        let tbs = link.parsed.tbs_certificate();
        let issuer = match links.get(number) {
            Some(issuer) => issuer,
            None if tbs.issuer() == tbs.subject() => link,
            None => break,
        };
        let order = |reason| CertificateError::ChainOrder {
            path: path.to_owned(),
            number,
            reason,
        };
        let issuing = issuer.parsed.tbs_certificate();
        if tbs.issuer() != issuing.subject() {
            return Err(order("the names differ"));
        }
        let is_ca = issuing
            .get_extension::<BasicConstraints>()
            .is_ok_and(|c| c.is_some_and(|(_, c)| c.ca));
        if links.get(number).is_some() && !is_ca {
            return Err(order("that is not a CA's"));
        }
        check_signature(path, number, link, issuer, algorithms)?;
    }
    Ok(())
}

fn link(path: &Path, i: usize, der: &[u8]) -> Result<Link, CertificateError> {
    let bad = |e: x509_cert::der::Error| ConfigError::BadCertificate {
        origin: Origin::File(path.to_owned()),
        number: i.saturating_add(1),
        reason: e.to_string(),
    };
    let whole = AnyRef::from_der(der).map_err(bad)?;
    let mut parts = SliceReader::new(whole.value()).map_err(bad)?;
    Ok(Link {
        parsed: Certificate::from_der(der).map_err(bad)?,
        signed: parts.tlv_bytes().map_err(bad)?.to_vec(),
    })
}

fn check_dates(
    path: &Path,
    certificate: &Certificate,
    now: SystemTime,
) -> Result<(), CertificateError> {
    let validity = certificate.tbs_certificate().validity();
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

/// Without the extension it is for everything.
fn check_purpose(path: &Path, leaf: &Certificate) -> Result<(), CertificateError> {
    let usage = leaf.tbs_certificate().get_extension::<ExtendedKeyUsage>();
    let fits = match usage {
        Ok(None) => true,
        Ok(Some((_, usage))) => usage.0.iter().any(|purpose| PURPOSES.contains(purpose)),
        Err(_) => false,
    };
    if fits {
        return Ok(());
    }
    Err(CertificateError::Purpose {
        path: path.to_owned(),
    })
}

fn check_signature(
    path: &Path,
    number: usize,
    link: &Link,
    issuer: &Link,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) -> Result<(), CertificateError> {
    let key = issuer.parsed.tbs_certificate().subject_public_key_info();
    // The library compares what is inside the SEQUENCE.
    let inside = |der: Result<Vec<u8>, _>| {
        let der = der.unwrap_or_default();
        AnyRef::from_der(&der)
            .map(|any| any.value().to_vec())
            .unwrap_or_default()
    };
    let signature = inside(link.parsed.signature_algorithm().to_der());
    let public = inside(key.algorithm.to_der());
    let mut usable = algorithms
        .iter()
        .filter(|a| *a.signature_alg_id() == *signature && *a.public_key_alg_id() == *public)
        .peekable();
    if usable.peek().is_none() {
        return Err(CertificateError::SignatureAlgorithm {
            path: path.to_owned(),
            number,
            algorithm: link.parsed.signature_algorithm().oid.to_string(),
        });
    }
    let (key, bytes) = (&key.subject_public_key, link.parsed.signature());
    let good = usable.any(|algorithm| {
        let (Some(key), Some(bytes)) = (key.as_bytes(), bytes.as_bytes()) else {
            return false;
        };
        algorithm.verify_signature(key, &link.signed, bytes).is_ok()
    });
    if good {
        return Ok(());
    }
    Err(CertificateError::ChainSignature {
        path: path.to_owned(),
        number,
    })
}
