//! Channel binding `tls-server-end-point` (RFC 5929 §4): the hash of the server's certificate.

use alloc::vec::Vec;

use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use x509_cert::der::asn1::{ContextSpecific, ObjectIdentifier};
use x509_cert::der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};
use x509_cert::spki::AlgorithmIdentifierRef;

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// id-RSASSA-PSS (RFC 4055).
const RSASSA_PSS: ObjectIdentifier = oid("1.2.840.113549.1.1.10");

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Hash {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// The hash of a signature algorithm; MD5 and SHA-1 are replaced (RFC 5929 §4.1). What is not
/// listed has no hash of its own (Ed25519, Ed448), or one that no client knows.
const SIGNATURES: &[(ObjectIdentifier, Hash)] = &[
    // RSA with MD5, SHA-1, SHA-2 (RFC 3279, RFC 4055).
    (oid("1.2.840.113549.1.1.4"), Hash::Sha256),
    (oid("1.2.840.113549.1.1.5"), Hash::Sha256),
    (oid("1.2.840.113549.1.1.14"), Hash::Sha224),
    (oid("1.2.840.113549.1.1.11"), Hash::Sha256),
    (oid("1.2.840.113549.1.1.12"), Hash::Sha384),
    (oid("1.2.840.113549.1.1.13"), Hash::Sha512),
    // ECDSA with SHA-1, SHA-2 (RFC 5758).
    (oid("1.2.840.10045.4.1"), Hash::Sha256),
    (oid("1.2.840.10045.4.3.1"), Hash::Sha224),
    (oid("1.2.840.10045.4.3.2"), Hash::Sha256),
    (oid("1.2.840.10045.4.3.3"), Hash::Sha384),
    (oid("1.2.840.10045.4.3.4"), Hash::Sha512),
];

/// The digests that RSASSA-PSS names in its parameters (RFC 4055 §2.1).
const DIGESTS: &[(ObjectIdentifier, Hash)] = &[
    (oid("1.3.14.3.2.26"), Hash::Sha256),
    (oid("2.16.840.1.101.3.4.2.4"), Hash::Sha224),
    (oid("2.16.840.1.101.3.4.2.1"), Hash::Sha256),
    (oid("2.16.840.1.101.3.4.2.2"), Hash::Sha384),
    (oid("2.16.840.1.101.3.4.2.3"), Hash::Sha512),
];

/// What both ends compute from the certificate that the server presented. `None` where the RFC
/// defines nothing: then there is no channel binding to offer.
pub(crate) fn end_point(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    Some(match hash(certificate)? {
        Hash::Sha224 => Sha224::digest(certificate).to_vec(),
        Hash::Sha256 => Sha256::digest(certificate).to_vec(),
        Hash::Sha384 => Sha384::digest(certificate).to_vec(),
        Hash::Sha512 => Sha512::digest(certificate).to_vec(),
    })
}

fn hash(certificate: &[u8]) -> Option<Hash> {
    let algorithm = signature_algorithm(certificate).ok()?;
    if algorithm.oid != RSASSA_PSS {
        return find(SIGNATURES, algorithm.oid);
    }
    // RSASSA-PSS-params: the first field, [0], is the digest; SHA-1 if it is left out.
    let parameters = algorithm.parameters?;
    if parameters.tag() != Tag::Sequence {
        return None;
    }
    let mut fields = SliceReader::new(parameters.value()).ok()?;
    match ContextSpecific::<AlgorithmIdentifierRef<'_>>::decode_explicit(&mut fields, TagNumber(0))
        .ok()?
    {
        None => Some(Hash::Sha256),
        Some(digest) => find(DIGESTS, digest.value.oid),
    }
}

/// The algorithm in the clear, behind the signed part (RFC 5280 §4.1). No more is looked at: the
/// certificate is the server's own, and was read when it was loaded.
fn signature_algorithm(
    certificate: &[u8],
) -> Result<AlgorithmIdentifierRef<'_>, x509_cert::der::Error> {
    let mut outer = SliceReader::new(certificate)?;
    let inner = x509_cert::der::AnyRef::decode(&mut outer)?;
    inner.tag().assert_eq(Tag::Sequence)?;
    let mut fields = SliceReader::new(inner.value())?;
    fields.tlv_bytes()?;
    AlgorithmIdentifierRef::decode(&mut fields)
}

fn find(table: &[(ObjectIdentifier, Hash)], oid: ObjectIdentifier) -> Option<Hash> {
    table.iter().find(|(o, _)| *o == oid).map(|(_, hash)| *hash)
}
