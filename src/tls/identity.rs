//! Whether a client certificate is the user's, or the host's: the one place that judges names.
//!
//! The certificate itself was verified in the handshake. What is compared here comes from it and
//! from nowhere else, and nothing in it is a pattern.

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

use crate::auth::UserMap;
use crate::config::{CertificateName, PeerHosts};
use crate::tls::facts::TlsFacts;
use crate::tls::names::{Names, NoName};

/// At most so many names of one certificate are looked up for one login.
const MAX_LOOKUPS: usize = 8;

/// Why a certificate is not the user's or the host's. For the log.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Mismatch {
    #[error("the client presented none")]
    Absent,
    #[error("the address of the client is not known")]
    AddressUnknown,
    #[error("it names no host that may be at {0}")]
    Host(IpAddr),
    #[error("none of the hosts it names resolves to the client's address")]
    HostOpen,
    #[error("{0}")]
    NoName(#[from] NoName),
    #[error("its {what} is {found:?}")]
    Other { what: &'static str, found: String },
    #[error("it has no {0}")]
    Without(&'static str),
}

/// Whether the client certificate of a session is this user's: PostgreSQL's rule for
/// `clientcert=verify-full` and the method `cert` (`auth.c:CheckCertAuth`, without its texts). The
/// name is the user's own, or one that the map, if there is one, allows the user.
pub(crate) fn names_user(
    facts: Option<&TlsFacts>,
    user: &[u8],
    name: CertificateName,
    map: Option<&dyn UserMap>,
) -> Result<(), Mismatch> {
    let names = of_peer(facts)?;
    let found = match name {
        CertificateName::CommonName => Vec::from([names.common_name()?]),
        CertificateName::DistinguishedName => Vec::from([names.distinguished_name()?]),
        CertificateName::Dns => names.dns_names()?,
        CertificateName::Email => names.emails()?,
        CertificateName::Uri => names.uris()?,
    };
    for name in &found {
        let matches = match map {
            None => !name.is_empty() && name.as_bytes() == user,
            Some(map) => map.allows(name.as_bytes(), user),
        };
        if matches {
            return Ok(());
        }
    }
    let what = name.describe();
    match found.into_iter().next() {
        Some(found) => Err(Mismatch::Other { what, found }),
        None => Err(Mismatch::Without(what)),
    }
}

/// What the certificate says about the host that a connection comes from.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum HostClaim {
    /// It has the peer's address.
    Address,
    /// It has these names, at least one; whose they are is for the name service to say.
    Names(Vec<String>),
}

/// What the client certificate of a session claims about the host at `peer`.
pub(crate) fn claims_host(
    facts: Option<&TlsFacts>,
    peer: Option<IpAddr>,
    hosts: &PeerHosts,
) -> Result<HostClaim, Mismatch> {
    let names = of_peer(facts)?;
    let peer = peer.ok_or(Mismatch::AddressUnknown)?;
    let same = |address: &IpAddr| address.to_canonical() == peer.to_canonical();
    if hosts.listed.is_none() && names.addresses()?.iter().any(same) {
        return Ok(HostClaim::Address);
    }
    let mut claimed = names.dns_names()?;
    claimed.retain(|name| {
        is_host_name(name)
            && hosts
                .listed
                .as_ref()
                .is_none_or(|listed| listed.iter().any(|l| l.eq_ignore_ascii_case(name)))
    });
    claimed.truncate(MAX_LOOKUPS);
    if claimed.is_empty() {
        return Err(Mismatch::Host(peer));
    }
    Ok(HostClaim::Names(claimed))
}

/// Whether one of the addresses that the name service gave is the peer's.
pub(crate) fn is_at(peer: Option<IpAddr>, addresses: &[IpAddr]) -> bool {
    peer.is_some_and(|peer| {
        let peer = peer.to_canonical();
        addresses.iter().any(|a| a.to_canonical() == peer)
    })
}

/// A zero byte in the subject, which could make a name look shorter than it is.
pub(crate) fn poisoned_name(facts: &TlsFacts) -> Option<NoName> {
    let names = Names::parse(facts.peer_certificates().first()?).ok()?;
    [names.common_name(), names.distinguished_name()]
        .into_iter()
        .filter_map(Result::err)
        .find(|why| *why == NoName::EmbeddedNull)
}

fn of_peer(facts: Option<&TlsFacts>) -> Result<Names, Mismatch> {
    let leaf = facts.and_then(|facts| facts.peer_certificates().first());
    Ok(Names::parse(leaf.ok_or(Mismatch::Absent)?)?)
}

/// A host name that a resolver would look up, and not read as an address: `127.1` and `0x7f.1`
/// are addresses to some. No wildcard, no trailing dot.
pub(crate) fn is_host_name(name: &str) -> bool {
    let looks_like_number = name
        .rsplit('.')
        .next()
        .is_none_or(|last| last.starts_with(|c: char| c.is_ascii_digit()));
    !looks_like_number && !name.ends_with('.') && rustls::pki_types::DnsName::try_from(name).is_ok()
}

#[cfg(test)]
mod tests {
    use alloc::borrow::ToOwned;

    use super::*;
    use crate::tls::testing::{
        BMP, CN, DNS, EMAIL, IP, PRINTABLE, Rdn, TELETEX, URI, UTF8, certificate, facts,
    };

    const OU: &str = "2.5.4.11";

    fn by_common_name(subject: &[Rdn<'_>], user: &[u8]) -> Result<(), Mismatch> {
        let facts = facts(certificate(subject, &[]));
        names_user(Some(&facts), user, CertificateName::CommonName, None)
    }

    fn other(what: &'static str, found: &str) -> Result<(), Mismatch> {
        let found = found.to_owned();
        Err(Mismatch::Other { what, found })
    }

    #[test]
    fn the_first_common_name_is_the_user_byte_for_byte() {
        let no = |found| other("common name", found);
        let long = "x".repeat(64);
        type Case<'a> = (&'a [Rdn<'a>], &'a [u8], Result<(), Mismatch>);
        let cases: &[Case<'_>] = &[
            (&[&[(CN, UTF8, b"alice")]], b"alice", Ok(())),
            (&[&[(CN, PRINTABLE, b"alice")]], b"alice", Ok(())),
            (&[&[(CN, TELETEX, b"alice")]], b"alice", Ok(())),
            (&[&[(CN, UTF8, b"Alice")]], b"alice", no("Alice")),
            (&[&[(CN, UTF8, b"alice ")]], b"alice", no("alice ")),
            (&[&[(CN, UTF8, b"*")]], b"alice", no("*")),
            (&[&[(CN, UTF8, b"a*")]], b"alice", no("a*")),
            (
                &[&[(CN, UTF8, b"alice")], &[(CN, UTF8, b"bob")]],
                b"alice",
                Ok(()),
            ),
            (
                &[&[(CN, UTF8, b"alice")], &[(CN, UTF8, b"bob")]],
                b"bob",
                no("alice"),
            ),
            (
                &[&[(CN, UTF8, b"alice"), (CN, UTF8, b"bob")]],
                b"alice,bob",
                no("bob"),
            ),
            // A user's name is cut to 63 bytes, a certificate's is not.
            (
                &[&[(CN, UTF8, long.as_bytes())]],
                &long.as_bytes()[..63],
                no(&long),
            ),
            (
                &[&[(CN, UTF8, &long.as_bytes()[..63])]],
                &long.as_bytes()[..63],
                Ok(()),
            ),
            (
                &[&[(CN, UTF8, "j\u{f6}rg".as_bytes())]],
                "j\u{f6}rg".as_bytes(),
                Ok(()),
            ),
            // The same letter in two ways, a look-alike, another encoding.
            (
                &[&[(CN, UTF8, "jo\u{308}rg".as_bytes())]],
                "j\u{f6}rg".as_bytes(),
                no("jo\u{308}rg"),
            ),
            (
                &[&[(CN, UTF8, "\u{430}lice".as_bytes())]],
                b"alice",
                no("\u{430}lice"),
            ),
            (
                &[&[(CN, TELETEX, b"j\xf6rg")]],
                b"j\xf6rg",
                Err(NoName::UnusualString.into()),
            ),
            (
                &[&[(CN, UTF8, b"j\xf6rg")]],
                b"j\xf6rg",
                Err(NoName::UnusualString.into()),
            ),
            (
                &[&[(CN, PRINTABLE, b"j\xf6rg")]],
                b"j\xf6rg",
                Err(NoName::UnusualString.into()),
            ),
            (
                &[&[(CN, BMP, b"\0a\0b")]],
                b"ab",
                Err(NoName::UnusualString.into()),
            ),
            (&[&[(CN, 2, b"7")]], b"7", Err(NoName::UnusualString.into())),
            (
                &[&[(CN, UTF8, b"alice\0.example.com")]],
                b"alice",
                Err(NoName::EmbeddedNull.into()),
            ),
            (
                &[&[(CN, UTF8, b"alice\0")]],
                b"alice\0",
                Err(NoName::EmbeddedNull.into()),
            ),
            (&[&[(CN, UTF8, b"")]], b"", Err(NoName::Missing.into())),
            (
                &[&[(OU, UTF8, b"alice")]],
                b"alice",
                Err(NoName::Missing.into()),
            ),
        ];
        for (subject, user, expected) in cases {
            assert_eq!(&by_common_name(subject, user), expected, "{subject:?}");
        }
        let nobody = names_user(None, b"alice", CertificateName::CommonName, None);
        assert_eq!(nobody, Err(Mismatch::Absent));
    }

    #[test]
    fn the_name_chosen_counts_and_no_other() {
        use CertificateName::{CommonName, DistinguishedName, Dns, Email, Uri};
        let leaf = certificate(
            &[&[("2.5.4.10", UTF8, b"Co")], &[(CN, UTF8, b"joe")]],
            &[
                (DNS, b"a.example.com"),
                (DNS, b"*.example.com"),
                (EMAIL, b"joe@example.com"),
                (EMAIL, b"j@example.com"),
                (URI, b"spiffe://example.com/joe"),
            ],
        );
        let facts = facts(leaf);
        let names = [
            (CommonName, "joe"),
            (DistinguishedName, "CN=joe,O=Co"),
            (Dns, "a.example.com"),
            (Dns, "*.example.com"),
            (Email, "joe@example.com"),
            (Email, "j@example.com"),
            (Uri, "spiffe://example.com/joe"),
        ];
        for chosen in [CommonName, DistinguishedName, Dns, Email, Uri] {
            for (kind, user) in names {
                let same = names_user(Some(&facts), user.as_bytes(), chosen, None);
                assert_eq!(same.is_ok(), kind == chosen, "{chosen:?} {user}");
            }
            for user in ["b.example.com", "A.example.com", "JOE@example.com", ""] {
                let other = names_user(Some(&facts), user.as_bytes(), chosen, None);
                assert!(other.is_err(), "{chosen:?} {user}");
            }
        }
    }

    #[test]
    fn alternative_names_with_tricks_are_refused() {
        for (value, expected) in [
            (
                b"joe@example.com\0.org".as_slice(),
                Mismatch::NoName(NoName::EmbeddedNull),
            ),
            (
                b"jo\xc3\xa9@example.com",
                Mismatch::NoName(NoName::Unparsable),
            ),
        ] {
            let facts = facts(certificate(
                &[],
                &[(EMAIL, b"joe@example.com"), (EMAIL, value)],
            ));
            let judged = names_user(
                Some(&facts),
                b"joe@example.com",
                CertificateName::Email,
                None,
            );
            assert_eq!(judged, Err(expected));
        }
        let facts = facts(certificate(&[&[(CN, UTF8, b"joe")]], &[]));
        let judged = names_user(Some(&facts), b"joe", CertificateName::Uri, None);
        assert_eq!(judged, Err(Mismatch::Without("URI")));
    }

    #[derive(Debug)]
    struct Map(&'static str);

    impl UserMap for Map {
        fn allows(&self, system_name: &[u8], user: &[u8]) -> bool {
            system_name == self.0.as_bytes() && user == b"joe"
        }
    }

    #[test]
    fn a_map_gets_every_name_and_alone_decides() {
        let facts = facts(certificate(&[], &[(EMAIL, b"a@x"), (EMAIL, b"b@x")]));
        let judge = |map: &Map, user: &[u8]| {
            names_user(Some(&facts), user, CertificateName::Email, Some(map))
        };
        assert_eq!(judge(&Map("a@x"), b"joe"), Ok(()));
        assert_eq!(judge(&Map("b@x"), b"joe"), Ok(()));
        assert_eq!(judge(&Map("b@x"), b"b@x"), other("e-mail address", "a@x"));
        assert_eq!(judge(&Map("c@x"), b"joe"), other("e-mail address", "a@x"));
    }

    fn host(san: &[(u8, &[u8])], peer: &str, hosts: &PeerHosts) -> Result<HostClaim, Mismatch> {
        let facts = facts(certificate(&[&[(CN, UTF8, b"10.0.0.1")]], san));
        claims_host(Some(&facts), peer.parse().ok(), hosts)
    }

    #[test]
    fn a_host_is_known_by_address_or_by_names_to_look_up() {
        let any = PeerHosts::any();
        let address = |san: &[(u8, &[u8])], peer| host(san, peer, &any);
        let nobody = |peer: &str| Err(Mismatch::Host(peer.parse().unwrap()));
        let v4: &[(u8, &[u8])] = &[(IP, &[10, 0, 0, 1])];
        assert_eq!(address(v4, "10.0.0.1"), Ok(HostClaim::Address));
        assert_eq!(address(v4, "::ffff:10.0.0.1"), Ok(HostClaim::Address));
        assert_eq!(address(v4, "10.0.0.2"), nobody("10.0.0.2"));
        assert_eq!(address(v4, ""), Err(Mismatch::AddressUnknown));
        let v6 = "fe80::1".parse::<core::net::Ipv6Addr>().unwrap().octets();
        assert_eq!(address(&[(IP, &v6)], "fe80::1"), Ok(HostClaim::Address));
        // A network (as in name constraints) is no address.
        let net: &[u8] = &[10, 0, 0, 0, 255, 0, 0, 0];
        assert_eq!(
            address(&[(IP, net)], "10.0.0.1"),
            Err(NoName::Unparsable.into())
        );
        // The common name never counts, here 10.0.0.1.
        assert_eq!(address(&[], "10.0.0.1"), nobody("10.0.0.1"));
        let names = |names: &[&str]| {
            Ok(HostClaim::Names(
                names.iter().map(|n| (*n).to_owned()).collect(),
            ))
        };
        let san: &[(u8, &[u8])] = &[
            (DNS, b"*.example.com"),
            (DNS, b"10.0.0.1"),
            (DNS, b"127.1"),
            (DNS, b"0x7f.0x1"),
            (DNS, b"a.example.com."),
            (DNS, b""),
            (DNS, b"a.example.com"),
            (DNS, b"b.example.com"),
        ];
        assert_eq!(
            address(san, "10.0.0.1"),
            names(&["a.example.com", "b.example.com"])
        );
        let listed = PeerHosts::listed(["B.example.com", "*.example.com", "10.0.0.1"]);
        assert_eq!(host(san, "10.0.0.1", &listed), names(&["b.example.com"]));
        assert_eq!(host(v4, "10.0.0.1", &listed), nobody("10.0.0.1"));
        // A resolver is not to be kept busy by one login.
        let many = [(DNS, b"x.example.com".as_slice()); 100];
        assert_eq!(
            address(&many, "10.0.0.1"),
            names(&["x.example.com"; MAX_LOOKUPS])
        );
    }

    #[test]
    fn a_zero_byte_anywhere_in_the_subject_is_poison() {
        let poison = |subject: &[Rdn<'_>]| poisoned_name(&facts(certificate(subject, &[])));
        assert_eq!(poison(&[&[(CN, UTF8, b"joe")]]), None);
        assert_eq!(
            poison(&[&[(CN, UTF8, b"j\0e")]]),
            Some(NoName::EmbeddedNull)
        );
        let elsewhere: &[Rdn<'_>] = &[&[(CN, UTF8, b"joe")], &[(OU, UTF8, b"\0")]];
        assert_eq!(poison(elsewhere), Some(NoName::EmbeddedNull));
    }
}
