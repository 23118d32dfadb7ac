//! Which names in a client certificate let it in under VerifyFull.

use std::sync::Arc;

use crate::common::forge::{self, Ca, client, root, server, sign};
use crate::common::pair::meet_from;
use crate::common::{Server, psql};
use pgtls::{CertificateName, ClientName, FrontDoor, PeerHosts, SslConfig, SslMode, UserName};
use rcgen::{CertificateParams, SanType};

struct Place {
    directory: tempfile::TempDir,
    ca: Ca,
    config: SslConfig,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ca = root("names CA");
        let (certificate, key) =
            sign(&server(&["localhost", "127.0.0.1"]), &ca).write(directory.path(), "server", &[]);
        let config = SslConfig::new(SslMode::VerifyFull, certificate, key).with_ca_pem(ca.pem());
        Self {
            directory,
            ca,
            config,
        }
    }

    fn door(&self, name: ClientName) -> FrontDoor {
        FrontDoor::new(self.config.clone().with_client_name(name)).unwrap()
    }
}

fn with_names(names: &[SanType]) -> CertificateParams {
    let mut params = client("joe");
    params.subject_alt_names = names.to_vec();
    params
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

#[test]
fn the_user_is_the_name_chosen() {
    let place = Place::new();
    let certificate = sign(
        &with_names(&[
            dns("joe.example.com"),
            SanType::Rfc822Name("joe@example.com".try_into().unwrap()),
            SanType::URI("spiffe://example.com/joe".try_into().unwrap()),
        ]),
        &place.ca,
    );
    let client = Arc::new(certificate.client_config(&place.ca));
    let names = [
        (CertificateName::CommonName, "joe"),
        (CertificateName::DistinguishedName, "CN=joe"),
        (CertificateName::Dns, "joe.example.com"),
        (CertificateName::Email, "joe@example.com"),
        (CertificateName::Uri, "spiffe://example.com/joe"),
    ];
    for (chosen, _) in names {
        let door = place.door(ClientName::User(UserName::new(chosen)));
        for (kind, user) in names {
            let met = meet_from(&door, &client, "localhost", user, "10.0.0.1:1", &[]);
            if kind == chosen {
                assert_eq!(met.login().user_str(), Ok(user));
                let tls = met.login().tls().unwrap();
                assert_eq!(tls.peer_distinguished_name().as_deref(), Some("CN=joe"));
            } else {
                let told = String::from_utf8_lossy(&met.read).into_owned();
                let words = format!("\"trust\" authentication failed for user \"{user}\"\0");
                assert!(told.contains("C28000\0") && told.contains(&words), "{told}");
                assert!(met.reason().starts_with(&format!(
                    "client certificate does not match user \"{user}\": its "
                )));
            }
        }
    }
}

#[test]
fn maps_lead_from_names_to_users() {
    let place = Place::new();
    let certificate = sign(
        &with_names(&[SanType::Rfc822Name("joe@example.com".try_into().unwrap())]),
        &place.ca,
    );
    let client = Arc::new(certificate.client_config(&place.ca));
    let file = forge::write(
        place.directory.path(),
        "pg_ident.conf",
        br"
            staff /^(.*)@example\.com$   \1
            staff joe@example.com        postgres
            all   /@example\.com$        all
            other joe@example.com        eve
        ",
    );
    let user = |map: &str, user: &str| {
        let name = UserName::new(CertificateName::Email).mapped(map);
        let config = place.config.clone().with_ident_file(&file);
        let config = config.with_client_name(ClientName::User(name));
        let door = FrontDoor::new(config).unwrap();
        let met = meet_from(&door, &client, "localhost", user, "10.0.0.1:1", &[]);
        met.session.is_some()
    };
    for (map, name, expected) in [
        ("staff", "joe", true),
        ("staff", "postgres", true),
        ("staff", "eve", false),
        ("staff", "joe@example.com", false),
        ("staff", "Joe", false),
        ("all", "eve", true),
        ("other", "eve", true),
        ("other", "joe", false),
        ("missing", "joe", false),
    ] {
        assert_eq!(user(map, name), expected, "{map} {name}");
    }
}

#[test]
fn the_host_is_the_peer_by_address_or_by_a_name_that_resolves_to_it() {
    let place = Place::new();
    let ip = |text: &str| SanType::IpAddress(text.parse().unwrap());
    let any = || ClientName::Host(PeerHosts::any());
    let listed = || ClientName::Host(PeerHosts::listed(["app.example.com"]));
    let both = || ClientName::UserAndHost(UserName::default(), PeerHosts::any());
    let known: &[(&str, &str)] = &[
        ("app.example.com", "10.0.0.1"),
        ("web.example.com", "10.0.0.2"),
        ("*.example.com", "10.0.0.1"),
    ];
    type Case<'a> = (
        ClientName,
        &'a [SanType],
        &'a str,
        &'a str,
        Result<(), &'a str>,
    );
    let no_host = Err("it names no host that may be at 10.0.0.1");
    let not_there = Err("none of the hosts it names resolves to the client's address");
    let cases: &[Case<'_>] = &[
        (any(), &[ip("10.0.0.1")], "whoever", "10.0.0.1:1", Ok(())),
        (any(), &[ip("10.0.0.2")], "whoever", "10.0.0.1:1", no_host),
        (any(), &[ip("::1")], "whoever", "[::1]:1", Ok(())),
        (
            any(),
            &[dns("app.example.com")],
            "whoever",
            "10.0.0.1:1",
            Ok(()),
        ),
        (
            any(),
            &[dns("web.example.com"), dns("app.example.com")],
            "joe",
            "10.0.0.1:1",
            Ok(()),
        ),
        (
            any(),
            &[dns("web.example.com")],
            "joe",
            "10.0.0.1:1",
            not_there,
        ),
        (
            any(),
            &[dns("unknown.example.com")],
            "joe",
            "10.0.0.1:1",
            not_there,
        ),
        (any(), &[dns("*.example.com")], "joe", "10.0.0.1:1", no_host),
        (any(), &[dns("10.0.0.1")], "joe", "10.0.0.1:1", no_host),
        (any(), &[], "joe", "10.0.0.1:1", no_host),
        (
            listed(),
            &[dns("app.example.com")],
            "joe",
            "10.0.0.1:1",
            Ok(()),
        ),
        (
            listed(),
            &[dns("APP.example.com")],
            "joe",
            "10.0.0.1:1",
            not_there,
        ),
        (
            listed(),
            &[dns("web.example.com")],
            "joe",
            "10.0.0.1:1",
            no_host,
        ),
        (listed(), &[ip("10.0.0.1")], "joe", "10.0.0.1:1", no_host),
        (both(), &[ip("10.0.0.1")], "joe", "10.0.0.1:1", Ok(())),
        (
            both(),
            &[ip("10.0.0.1")],
            "eve",
            "10.0.0.1:1",
            Err("its common name is \"joe\""),
        ),
        (both(), &[ip("10.0.0.2")], "joe", "10.0.0.1:1", no_host),
    ];
    for (name, names, user, peer, expected) in cases {
        let door = place.door(name.clone());
        let certificate = sign(&with_names(names), &place.ca);
        let client = Arc::new(certificate.client_config(&place.ca));
        let met = meet_from(&door, &client, "localhost", user, peer, known);
        match expected {
            Ok(()) => assert_eq!(met.login().user_str(), Ok(*user)),
            Err(why) => assert!(
                met.reason().ends_with(&format!(": {why}")),
                "{name:?} {names:?}: {}",
                met.reason()
            ),
        }
    }
}

/// The adapter asks the name service itself.
#[test]
fn psql_comes_from_localhost() {
    let place = Place::new();
    let name = ClientName::Host(PeerHosts::any());
    let server = Server::with_config(place.config.clone().with_client_name(name));
    for (host, expected) in [("localhost", true), ("no.such.host.invalid", false)] {
        let (certificate, key) =
            sign(&with_names(&[dns(host)]), &place.ca).write(place.directory.path(), host, &[]);
        let options = format!(
            "sslmode=require user=anybody sslcert={} sslkey={}",
            certificate.display(),
            key.display()
        );
        let said = psql(&server, &options, &["select 1"]);
        assert_eq!(said.ok, expected, "{host}: {said:?}");
        let words = "\"trust\" authentication failed for user \"anybody\"";
        assert_eq!(said.err.contains(words), !expected, "{said:?}");
    }
}
