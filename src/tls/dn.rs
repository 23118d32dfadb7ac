//! Distinguished names as text, in the form of RFC 2253 that PostgreSQL compares with
//! `clientname=DN`: OpenSSL's `XN_FLAG_RFC2253`.

use alloc::{string::String, vec::Vec};
use core::fmt::Write;

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Encode, Tag, Tagged};
use x509_cert::name::Name;

use crate::tls::names::NoName;

/// The attribute types with OpenSSL's short names (X.520, RFC 4519, RFC 2985, CA/Browser Forum).
const LABELS: &[(ObjectIdentifier, &str)] = &[
    (
        ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.1"),
        "UID",
    ),
    (
        ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.25"),
        "DC",
    ),
    (
        ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.3"),
        "mail",
    ),
    (
        ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.44"),
        "uid",
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1"),
        "emailAddress",
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.2"),
        "unstructuredName",
    ),
    (
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.8"),
        "unstructuredAddress",
    ),
    (
        ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.60.2.1.1"),
        "jurisdictionL",
    ),
    (
        ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.60.2.1.2"),
        "jurisdictionST",
    ),
    (
        ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.60.2.1.3"),
        "jurisdictionC",
    ),
    (ObjectIdentifier::new_unwrap("2.5.4.3"), "CN"),
    (ObjectIdentifier::new_unwrap("2.5.4.4"), "SN"),
    (ObjectIdentifier::new_unwrap("2.5.4.5"), "serialNumber"),
    (ObjectIdentifier::new_unwrap("2.5.4.6"), "C"),
    (ObjectIdentifier::new_unwrap("2.5.4.7"), "L"),
    (ObjectIdentifier::new_unwrap("2.5.4.8"), "ST"),
    (ObjectIdentifier::new_unwrap("2.5.4.9"), "street"),
    (ObjectIdentifier::new_unwrap("2.5.4.10"), "O"),
    (ObjectIdentifier::new_unwrap("2.5.4.11"), "OU"),
    (ObjectIdentifier::new_unwrap("2.5.4.12"), "title"),
    (ObjectIdentifier::new_unwrap("2.5.4.13"), "description"),
    (ObjectIdentifier::new_unwrap("2.5.4.15"), "businessCategory"),
    (ObjectIdentifier::new_unwrap("2.5.4.16"), "postalAddress"),
    (ObjectIdentifier::new_unwrap("2.5.4.17"), "postalCode"),
    (ObjectIdentifier::new_unwrap("2.5.4.18"), "postOfficeBox"),
    (ObjectIdentifier::new_unwrap("2.5.4.20"), "telephoneNumber"),
    (ObjectIdentifier::new_unwrap("2.5.4.41"), "name"),
    (ObjectIdentifier::new_unwrap("2.5.4.42"), "GN"),
    (ObjectIdentifier::new_unwrap("2.5.4.43"), "initials"),
    (
        ObjectIdentifier::new_unwrap("2.5.4.44"),
        "generationQualifier",
    ),
    (
        ObjectIdentifier::new_unwrap("2.5.4.45"),
        "x500UniqueIdentifier",
    ),
    (ObjectIdentifier::new_unwrap("2.5.4.46"), "dnQualifier"),
    (ObjectIdentifier::new_unwrap("2.5.4.54"), "dmdName"),
    (ObjectIdentifier::new_unwrap("2.5.4.65"), "pseudonym"),
    (ObjectIdentifier::new_unwrap("2.5.4.72"), "role"),
    (
        ObjectIdentifier::new_unwrap("2.5.4.97"),
        "organizationIdentifier",
    ),
];

/// The name in the form `CN=joe,OU=Dev,O=Co`: last attribute first, specials escaped, what is not
/// ASCII as the hexadecimal of its UTF-8.
pub(crate) fn rfc2253(name: &Name) -> Result<String, NoName> {
    let mut text = String::new();
    for (i, rdn) in name.iter_rdn().collect::<Vec<_>>().iter().rev().enumerate() {
        let attributes: Vec<_> = rdn.iter().collect();
        for (j, attribute) in attributes.iter().rev().enumerate() {
            match (i, j) {
                (0, 0) => {}
                (_, 0) => text.push(','),
                (_, _) => text.push('+'),
            }
            put(&mut text, attribute)?;
        }
    }
    Ok(text)
}

fn put(text: &mut String, attribute: &AttributeTypeAndValue) -> Result<(), NoName> {
    let Some(label) = label(&attribute.oid) else {
        // What the type means is not known, so the value is shown as it is encoded.
        let _ = write!(text, "{}=", attribute.oid);
        return put_hex(text, attribute);
    };
    text.push_str(label);
    text.push('=');
    match characters(attribute.value.tag(), attribute.value.value())? {
        Some(characters) => {
            put_escaped(text, &characters);
            Ok(())
        }
        None => put_hex(text, attribute),
    }
}

fn label(oid: &ObjectIdentifier) -> Option<&'static str> {
    LABELS
        .iter()
        .find(|(number, _)| number == oid)
        .map(|(_, label)| *label)
}

fn put_hex(text: &mut String, attribute: &AttributeTypeAndValue) -> Result<(), NoName> {
    let der = attribute.value.to_der().map_err(|_| NoName::Unparsable)?;
    text.push('#');
    for byte in der {
        let _ = write!(text, "{byte:02X}");
    }
    Ok(())
}

/// The characters of a string type, each with its UTF-8; none for other types.
fn characters(tag: Tag, bytes: &[u8]) -> Result<Option<Vec<char>>, NoName> {
    let wide = |size: usize| {
        if !bytes.len().is_multiple_of(size) {
            return Err(NoName::UnusualString);
        }
        bytes
            .chunks(size)
            .map(|chunk| {
                let code = chunk.iter().fold(0, |code, b| code << 8 | u32::from(*b));
                char::from_u32(code).ok_or(NoName::UnusualString)
            })
            .collect::<Result<Vec<_>, _>>()
    };
    let found = match tag {
        Tag::Utf8String => core::str::from_utf8(bytes)
            .map_err(|_| NoName::UnusualString)?
            .chars()
            .collect(),
        Tag::NumericString
        | Tag::PrintableString
        | Tag::TeletexString
        | Tag::Ia5String
        | Tag::VisibleString
        | Tag::UtcTime
        | Tag::GeneralizedTime => bytes.iter().map(|b| char::from(*b)).collect(),
        Tag::BmpString => wide(2)?,
        _ => return Ok(None),
    };
    if found.contains(&'\0') {
        return Err(NoName::EmbeddedNull);
    }
    Ok(Some(found))
}

fn put_escaped(text: &mut String, characters: &[char]) {
    let last = characters.len().saturating_sub(1);
    for (i, c) in characters.iter().enumerate() {
        match c {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => text.extend(['\\', *c]),
            // As OpenSSL: not if it stands alone.
            '#' if i == 0 && last > 0 => text.push_str("\\#"),
            ' ' if i == 0 || i == last => text.push_str("\\ "),
            ' '..='~' => text.push(*c),
            _ => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(text, "\\{byte:02X}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use rustls::pki_types::CertificateDer;

    use super::*;
    use crate::tls::names::Names;
    use crate::tls::testing::{BMP, CN, IA5, NUMERIC, PRINTABLE, Rdn, TELETEX, UTF8, certificate};

    fn ours(subject: &[Rdn<'_>]) -> Result<String, NoName> {
        Names::parse(&certificate(subject, &[]))
            .unwrap()
            .distinguished_name()
    }

    fn openssl(certificate: &CertificateDer<'_>) -> String {
        let mut openssl = Command::new("openssl")
            .args([
                "x509", "-inform", "DER", "-noout", "-subject", "-nameopt", "RFC2253",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("openssl; tests/install installs it");
        openssl
            .stdin
            .take()
            .unwrap()
            .write_all(certificate)
            .unwrap();
        let output = openssl.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.trim_end_matches('\n')
            .strip_prefix("subject=")
            .unwrap()
            .to_owned()
    }

    const O: &str = "2.5.4.10";
    const OU: &str = "2.5.4.11";

    #[test]
    fn names_read_as_openssl_writes_them() {
        let all: String = ('\u{1}'..='\u{7f}').collect();
        let subjects: &[&[Rdn<'_>]] = &[
            &[
                &[(O, UTF8, b"Co")],
                &[(OU, PRINTABLE, b"Dev")],
                &[(CN, UTF8, b"joe")],
            ],
            // Sorted in DER: OU after CN.
            &[
                &[(O, UTF8, b"Co")],
                &[(CN, UTF8, b"joe"), (OU, UTF8, b"multi")],
            ],
            &[&[(CN, UTF8, all.as_bytes())]],
            &[&[(CN, UTF8, b" # x ")]],
            &[
                &[(CN, UTF8, b"#")],
                &[(CN, UTF8, b" ")],
                &[(CN, UTF8, b"  ")],
            ],
            &[&[(CN, UTF8, b"a,b+c=d;e<f>g\\h\"i")]],
            &[&[(CN, UTF8, "\u{dc}n\u{ef}c\u{f6}de \u{1f600}".as_bytes())]],
            &[&[(CN, TELETEX, b"\xdcmlaut ")]],
            &[&[(CN, BMP, b"\0j\x00\xf6\x20\xac")]],
            &[&[(CN, NUMERIC, b"12 3")]],
            &[&[("1.2.840.113549.1.9.1", IA5, b"joe@example.com")]],
            &[&[("1.2.3.4", UTF8, b"unknown")]],
            &[
                &[("0.9.2342.19200300.100.1.25", IA5, b"com")],
                &[("0.9.2342.19200300.100.1.1", UTF8, b"joe")],
            ],
            // A BIT STRING is no text.
            &[&[(CN, 3, b"\0\x05")]],
            &[&[(CN, UTF8, b"")]],
        ];
        for subject in subjects {
            let expected = openssl(&certificate(subject, &[]));
            assert_eq!(
                ours(subject).as_deref(),
                Ok(expected.as_str()),
                "{subject:?}"
            );
        }
        let known: Vec<Rdn<'_>> = Vec::new();
        assert_eq!(ours(&known), Err(NoName::Missing));
    }

    #[test]
    fn labels_are_those_of_openssl() {
        for (number, label) in LABELS {
            let number = number.to_string();
            let subject: &[Rdn<'_>] = &[&[(&number, UTF8, b"x")]];
            let text = openssl(&certificate(subject, &[]));
            assert_eq!(text, format!("{label}=x"), "{number}");
        }
    }

    #[test]
    fn names_that_could_be_taken_for_others_are_refused() {
        for (tag, value, expected) in [
            (UTF8, b"joe\0x".as_slice(), NoName::EmbeddedNull),
            (PRINTABLE, b"\0", NoName::EmbeddedNull),
            (BMP, b"\0j\0\0", NoName::EmbeddedNull),
            (BMP, b"\0j\0", NoName::UnusualString),
            (BMP, b"\xd8\x00", NoName::UnusualString),
            (UTF8, b"\xff", NoName::UnusualString),
            (UTF8, b"\xc1\xaa", NoName::UnusualString),
        ] {
            assert_eq!(
                ours(&[&[(CN, tag, value)]]),
                Err(expected),
                "{tag} {value:?}"
            );
        }
    }
}
