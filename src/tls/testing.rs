//! Certificates by hand, for tests of what is read from them: their signatures are empty.

#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "not every test uses all of it"
)]

use alloc::{string::ToString, vec, vec::Vec};

use rustls::pki_types::CertificateDer;
use x509_cert::der::Encode;
use x509_cert::der::asn1::ObjectIdentifier;

use crate::tls::facts::{TlsFacts, TlsVersion};

/// String types.
pub(crate) const UTF8: u8 = 0x0c;
pub(crate) const NUMERIC: u8 = 0x12;
pub(crate) const PRINTABLE: u8 = 0x13;
pub(crate) const TELETEX: u8 = 0x14;
pub(crate) const IA5: u8 = 0x16;
pub(crate) const BMP: u8 = 0x1e;

/// Alternative names.
pub(crate) const EMAIL: u8 = 0x81;
pub(crate) const DNS: u8 = 0x82;
pub(crate) const URI: u8 = 0x86;
pub(crate) const IP: u8 = 0x87;

pub(crate) const CN: &str = "2.5.4.3";

pub(crate) fn tlv(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match content.len() {
        short @ ..=0x7f => out.push(short as u8),
        middle @ ..=0xff => out.extend([0x81, middle as u8]),
        long => out.extend([0x82, (long >> 8) as u8, long as u8]),
    }
    out.extend(content);
    out
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, parts)
}

fn oid(number: &str) -> Vec<u8> {
    ObjectIdentifier::new(number).unwrap().to_der().unwrap()
}

/// One relative name: attributes as OID, type and bytes.
pub(crate) type Rdn<'a> = &'a [(&'a str, u8, &'a [u8])];

pub(crate) fn name(rdns: &[Rdn<'_>]) -> Vec<u8> {
    let rdn = |rdn: &Rdn<'_>| {
        let mut attributes: Vec<_> = rdn
            .iter()
            .map(|(number, tag, value)| sequence(&[oid(number), tlv(*tag, &[value.to_vec()])]))
            .collect();
        // DER: a SET OF is sorted.
        attributes.sort();
        tlv(0x31, &attributes)
    };
    sequence(&rdns.iter().map(rdn).collect::<Vec<_>>())
}

pub(crate) fn certificate(subject: &[Rdn<'_>], san: &[(u8, &[u8])]) -> CertificateDer<'static> {
    let algorithm = sequence(&[oid("1.2.840.10045.4.3.2")]);
    let time = |text: &str| tlv(0x18, &[text.as_bytes().to_vec()]);
    let key = sequence(&[sequence(&[oid("1.3.101.112")]), tlv(0x03, &[vec![0; 33]])]);
    let mut parts = vec![
        tlv(0xa0, &[vec![2, 1, 2]]),
        vec![2, 1, 1],
        algorithm.clone(),
        name(&[&[(CN, UTF8, b"issuer")]]),
        sequence(&[time("20500101000000Z"), time("20510101000000Z")]),
        name(subject),
        key,
    ];
    if !san.is_empty() {
        let names = san.iter().map(|(tag, value)| tlv(*tag, &[value.to_vec()]));
        let names = sequence(&names.collect::<Vec<_>>());
        let extension = sequence(&[oid("2.5.29.17"), tlv(4, &[names])]);
        parts.push(tlv(0xa3, &[sequence(&[extension])]));
    }
    let whole = sequence(&[sequence(&parts), algorithm, vec![3, 1, 0]]);
    CertificateDer::from(whole)
}

/// Facts of a session with this client certificate.
pub(crate) fn facts(leaf: CertificateDer<'static>) -> TlsFacts {
    TlsFacts {
        version: TlsVersion::Tls13,
        cipher: "TLS_AES_256_GCM_SHA384",
        cipher_bits: 256,
        group: None,
        sni: Some("localhost".to_string()),
        alpn: None,
        peer_certificates: vec![leaf],
        server_certificate: None,
        has_ca: true,
        resumed: false,
    }
}
