//! Names in certificates: whatever they are made of, they stand for nobody else.

use std::borrow::ToOwned;
use std::net::IpAddr;
use std::vec::Vec;

use rustls::pki_types::CertificateDer;

use crate::config::{CertificateName, PeerHosts};
use crate::tls::facts::TlsFacts;
use crate::tls::identity::{HostClaim, claims_host, names_user, poisoned_name};
use crate::tls::names::Names;
use crate::tls::testing::{Rdn, certificate, facts};

const KINDS: [CertificateName; 5] = [
    CertificateName::CommonName,
    CertificateName::DistinguishedName,
    CertificateName::Dns,
    CertificateName::Email,
    CertificateName::Uri,
];

/// The bytes are a certificate, or attributes and alternative names to make one of.
///
/// # Panics
/// On a finding.
pub fn names(input: &[u8]) {
    match input.split_first() {
        Some((0x30, _)) | None => {
            check(CertificateDer::from(input.to_owned()));
        }
        Some((mode, rest)) => {
            let (parts, users) = parts(rest);
            let attributes: Vec<[(&str, u8, &[u8]); 1]> = parts
                .iter()
                .filter(|(kind, _)| kind & 0x80 == 0)
                .map(|(kind, value)| {
                    let oid = ["2.5.4.3", "2.5.4.10", "1.2.840.113549.1.9.1", "1.2.3.4"];
                    [(oid[usize::from(kind >> 5)], kind & 0x1f, *value)]
                })
                .collect();
            let subject: Vec<Rdn<'_>> = attributes.iter().map(|a| a.as_slice()).collect();
            let alternative: Vec<(u8, &[u8])> = parts
                .iter()
                .filter(|(kind, _)| kind & 0x80 != 0)
                .map(|(kind, value)| (0x80 | (kind & 0x0f), *value))
                .collect();
            // In one relative name, or each in its own.
            let leaf = if mode & 1 == 0 {
                certificate(&subject, &alternative)
            } else {
                let all: Vec<_> = attributes.iter().map(|[a]| *a).collect();
                certificate(&[&all], &alternative)
            };
            let facts = check(leaf);
            for user in users {
                for kind in KINDS {
                    // Equality means that these very bytes are one of the names.
                    if names_user(Some(&facts), user, kind, None).is_ok() {
                        assert!(!user.is_empty() && !user.contains(&0));
                        let known = parts.iter().any(|(_, value)| *value == user);
                        assert!(known || kind == CertificateName::DistinguishedName);
                    }
                }
            }
        }
    }
}

type Part<'a> = (u8, &'a [u8]);

/// Pieces of a kind, a length and so many bytes; and users to try.
fn parts(mut rest: &[u8]) -> (Vec<Part<'_>>, Vec<&[u8]>) {
    let (mut parts, mut users) = (Vec::new(), Vec::new());
    while let [kind, length, tail @ ..] = rest {
        if parts.len() == 16 {
            break;
        }
        let (value, tail) = tail.split_at(usize::from(*length % 80).min(tail.len()));
        parts.push((*kind, value));
        users.push(value);
        // Cut where a C string would end, and short of its last byte.
        users.extend(value.split(|b| *b == 0).next());
        users.extend(value.split_last().map(|(_, shorter)| shorter));
        rest = tail;
    }
    (parts, users)
}

fn check(leaf: CertificateDer<'static>) -> TlsFacts {
    let parsed = Names::parse(&leaf);
    let facts = facts(leaf);
    let Ok(names) = parsed else {
        for kind in KINDS {
            assert!(names_user(Some(&facts), b"x", kind, None).is_err());
        }
        return facts;
    };
    if let Ok(name) = names.common_name() {
        assert!(!name.is_empty() && !name.contains('\0'));
        let user = name.as_bytes();
        let kind = CertificateName::CommonName;
        assert_eq!(names_user(Some(&facts), user, kind, None), Ok(()));
    }
    if let Ok(name) = names.distinguished_name() {
        assert!(name.bytes().all(|b| matches!(b, b' '..=b'~')), "{name:?}");
        assert!(poisoned_name(&facts).is_none() || names.common_name().is_err());
    }
    let peer = IpAddr::from([127, 0, 0, 1]);
    match claims_host(Some(&facts), Some(peer), &PeerHosts::any()) {
        Ok(HostClaim::Address) => assert!(names.addresses().is_ok_and(|a| a.contains(&peer))),
        Ok(HostClaim::Names(names)) => {
            assert!((1..=8).contains(&names.len()));
            for name in names {
                assert!(name.parse::<IpAddr>().is_err() && !name.contains(['*', '\0']));
            }
        }
        Err(_) => {}
    }
    facts
}
