//! Who a client certificate says it is for.

use alloc::{borrow::ToOwned, vec::Vec};

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Tag, Tagged};

/// id-at-commonName (RFC 5280 appendix A.1).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// Why a certificate names nobody.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum NoName {
    #[error("SSL certificate's common name contains embedded null")]
    EmbeddedNull,
    #[error("client certificate contains no user name")]
    Missing,
    #[error("the certificate cannot be parsed")]
    Unparsable,
    #[error("the common name is of a string type whose bytes are not those of the user's name")]
    UnusualString,
}

/// The first common name of the subject, whole, as the bytes that stand in the certificate.
pub(crate) fn common_name(certificate: &CertificateDer<'_>) -> Result<Vec<u8>, NoName> {
    let certificate = Certificate::from_der(certificate).map_err(|_| NoName::Unparsable)?;
    let first = certificate
        .tbs_certificate()
        .subject()
        .iter()
        .find(|attribute| attribute.oid == COMMON_NAME)
        .ok_or(NoName::Missing)?;
    let bytes = first.value.value();
    if bytes.contains(&0) {
        return Err(NoName::EmbeddedNull);
    }
    if bytes.is_empty() {
        return Err(NoName::Missing);
    }
    match first.value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => Ok(bytes.to_owned()),
        Tag::TeletexString if bytes.is_ascii() => Ok(bytes.to_owned()),
        _ => Err(NoName::UnusualString),
    }
}
