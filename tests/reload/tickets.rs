//! What resumption brings back, and what it does not.

use super::*;

fn resumed(met: &Met) -> bool {
    met.login().tls().unwrap().resumed()
}

#[test]
fn tickets_are_good_for_one_load_and_carry_their_identity() {
    let place = Place::new();
    let one = Generation::new(1, &place.trusted);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let door = place.door(&one);
        let welcome = sign(&client("postgres"), &place.stable);
        let mut config = welcome.client_config(&place.trusted);
        config = with_version(config, version, &welcome, &place.trusted);
        let config = Arc::new(config);
        let meet = || meet(&door, &config, "localhost");
        assert!(!resumed(&meet()));
        let again = meet();
        assert!(resumed(&again), "{version:?}");
        let tls = again.login().tls().unwrap();
        assert_eq!(tls.peer_certificates(), [welcome.certificate.der().clone()]);

        // Nothing changed, nothing exchanged.
        assert!(!door.reload_if_changed().unwrap());
        assert!(resumed(&meet()));
        // Asked for, it is exchanged all the same.
        door.reload().unwrap();
        assert!(!resumed(&meet()));
        assert!(resumed(&meet()));

        // The list alone.
        let crls = crl(&place.stable, &[1]) + &crl(&one.ca, &[REVOKED]);
        write(place.path(), "ca.crl", crls.as_bytes());
        assert!(door.reload_if_changed().unwrap());
        assert!(!resumed(&meet()));
        assert!(resumed(&meet()));

        // The CA alone: the certificate that the ticket carries is now nobody's.
        write(place.path(), "ca.crt", one.ca.pem().as_bytes());
        assert!(door.reload_if_changed().unwrap());
        let met = meet();
        assert!(met.reason().contains("UnknownIssuer"), "{}", met.reason());
    }
}

/// The same client, with one version of TLS.
fn with_version(
    config: ClientConfig,
    version: &'static rustls::SupportedProtocolVersion,
    pair: &Pair,
    trusted: &Ca,
) -> ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.der().clone()).unwrap();
    let key = PrivateKeyDer::try_from(pair.key.serialize_der()).unwrap();
    let mut one = ClientConfig::builder_with_provider(common::raw::provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![pair.certificate.der().clone()], key)
        .unwrap();
    one.alpn_protocols = config.alpn_protocols;
    one
}

#[test]
fn a_ticket_brings_no_other_name_in() {
    let place = Place::new();
    let one = Generation::new(1, &place.trusted);
    place.install(&one);
    let config = SslConfig::new(
        SslMode::VerifyFull,
        place.path().join("server.crt"),
        place.path().join("server.key"),
    )
    .with_ca_cert(place.path().join("ca.crt"))
    .with_client_name(ClientName::User(UserName::default()));
    let door = FrontDoor::new(config).unwrap();
    let client = place.client(&one.admitted);
    let user = |user| {
        meet_while(
            &door,
            &client,
            "localhost",
            user,
            "[::1]:1",
            &[],
            &mut || {},
        )
    };
    assert!(!resumed(&user("postgres")));
    assert!(resumed(&user("postgres")));
    let met = user("mallory");
    assert!(
        met.reason().contains("does not match user \"mallory\""),
        "{}",
        met.reason()
    );
    // A change of the mode is another door: the ticket opens nothing.
    let stricter = FrontDoor::new(place.config).unwrap();
    assert!(!resumed(&meet(&stricter, &client, "localhost")));
}

#[test]
fn resumption_can_be_turned_off() {
    let place = Place::new();
    let one = Generation::new(1, &place.trusted);
    place.install(&one);
    let door = FrontDoor::new(place.config.clone().with_resumption(false)).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = one.admitted.client_config(&place.trusted);
        let config = Arc::new(with_version(config, version, &one.admitted, &place.trusted));
        for _ in 0..3 {
            assert!(!resumed(&meet(&door, &config, "localhost")), "{version:?}");
        }
    }
}

/// A ticket outlives the certificate in it; the login does not.
#[test]
fn a_certificate_that_ended_is_not_resumed() {
    let place = Place::new();
    let one = Generation::new(1, &place.trusted);
    place.install(&one);
    let mut short = client("postgres");
    let now = std::time::SystemTime::now();
    short.not_after = (now + Duration::from_secs(3)).into();
    let door = FrontDoor::new(place.config.clone()).unwrap();
    let client = place.client(&sign(&short, &place.stable));
    assert!(!resumed(&meet(&door, &client, "localhost")));
    assert!(resumed(&meet(&door, &client, "localhost")));
    std::thread::sleep(Duration::from_secs(4));
    let met = meet(&door, &client, "localhost");
    assert!(
        met.reason().contains("certificate expired"),
        "{}",
        met.reason()
    );
}
