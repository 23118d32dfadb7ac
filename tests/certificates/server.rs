//! What a client meets at the door: certificates by name, keys of every kind, versions, suites.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use crate::common::forge::{Ca, client, intermediate, root, server, sign, write};
use crate::common::pair::meet;
use crate::common::raw::{client_config, provider};
use crate::common::{Certs, Said, Server, run};
use pgtls::{
    Encryption, FrontDoor, Rules, ServerCertificate, SniRule, SslConfig, SslMode, TlsVersion,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, ClientConfig, NamedGroup, ServerConfig};

#[test]
fn facts_have_the_certificate_that_was_presented() {
    let certs = Certs::new();
    let leaf = CertificateDer::from_pem_file(certs.made.server_cert()).unwrap();
    let key = PrivateKeyDer::from_pem_file(certs.made.server_key()).unwrap();
    let own = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.clone()], key)
        .unwrap();
    let doors = [
        FrontDoor::new(certs.made.ssl_config(SslMode::Require)).unwrap(),
        FrontDoor::with_rustls(Rules::new(Encryption::Required), Arc::new(own)),
    ];
    for door in doors {
        let client = Arc::new(client_config(&certs, false, &["postgresql"]));
        // The second login resumes the first, in which case nothing is presented anew.
        for resumed in [false, true] {
            let met = meet(&door, &client, "localhost");
            let tls = met.login().tls().unwrap();
            assert_eq!(tls.server_certificate(), Some(&leaf));
            assert_eq!(tls.resumed(), resumed);
        }
    }
}

struct Place {
    directory: tempfile::TempDir,
    ca: Ca,
}

impl Place {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            ca: root("servers CA"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn openssl(&self, arguments: &str) -> Said {
        let mut command = Command::new("openssl");
        let said = run(command
            .args(arguments.split(' '))
            .current_dir(self.directory.path()));
        assert!(said.ok, "{arguments}: {said:?}");
        said
    }

    /// A certificate of these names, and what it is made of.
    fn server(&self, names: &[&str]) -> (ServerCertificate, CertificateDer<'static>) {
        let pair = sign(&server(names), &self.ca);
        let pem = (pair.certificate.pem(), pair.key.serialize_pem());
        let leaf = pair.certificate.der().clone();
        (ServerCertificate::from_pem(pem.0, pem.1), leaf)
    }

    /// A client without certificate that trusts our servers.
    fn client(&self, versions: &[&'static rustls::SupportedProtocolVersion]) -> ClientConfig {
        trusting(self.ca.der().clone(), versions)
    }
}

fn trusting(
    root: CertificateDer<'static>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    with_provider(&provider(), root, versions)
}

fn with_provider(
    provider: &Arc<CryptoProvider>,
    root: CertificateDer<'static>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    config
}

const BOTH: &[&rustls::SupportedProtocolVersion] =
    &[&rustls::version::TLS12, &rustls::version::TLS13];

#[test]
fn certificates_go_by_host_name() {
    let place = Place::new();
    let all = ["x.example.com", "other.org", "127.0.0.1"];
    let (default, default_leaf) = place.server(&all);
    let (exact, exact_leaf) = place.server(&["db.example.com"]);
    let (wild, wild_leaf) = place.server(&["*.example.com", "example.com", "a.b.example.com"]);
    let config = SslConfig::with_certificate(SslMode::Require, default)
        .with_host("DB.example.com", exact)
        .with_host("*.example.com", wild);
    let client = Arc::new(place.client(BOTH));
    let shown = |door: &FrontDoor, host: &str| {
        let met = meet(door, &client, host);
        met.session.as_ref()?;
        met.login().tls().unwrap().server_certificate().cloned()
    };
    let door = FrontDoor::new(config.clone()).unwrap();
    for (host, leaf) in [
        ("db.example.com", &exact_leaf),
        ("DB.EXAMPLE.COM", &exact_leaf),
        ("web.example.com", &wild_leaf),
        ("other.org", &default_leaf),
        ("127.0.0.1", &default_leaf),
    ] {
        assert_eq!(shown(&door, host).as_ref(), Some(leaf), "{host}");
    }
    // One label and no more: neither the domain itself nor what is two below it.
    for host in ["example.com", "a.b.example.com"] {
        let met = meet(&door, &client, host);
        assert!(met.client_error.is_some(), "{host}");
    }
    let strict = config
        .with_unlisted_names(SniRule::Refuse)
        .with_no_name(SniRule::Refuse);
    let door = FrontDoor::new(strict).unwrap();
    assert_eq!(shown(&door, "db.example.com"), Some(exact_leaf));
    for (host, alert, why) in [
        (
            "other.org",
            AlertDescription::UnrecognisedName,
            "no certificate for host name \"other.org\"",
        ),
        (
            "127.0.0.1",
            AlertDescription::MissingExtension,
            "the client sent no host name (SNI)",
        ),
    ] {
        let met = meet(&door, &client, host);
        let expected = rustls::Error::AlertReceived(alert);
        assert_eq!(met.client_error, Some(expected), "{host}");
        assert_eq!(met.reason(), format!("TLS handshake failed: {why}"));
    }
}

#[test]
fn each_host_may_have_its_own_client_ca() {
    let place = Place::new();
    let (ours, theirs) = (root("our clients"), root("their clients"));
    let (default, _) = place.server(&["ours.example.com", "inherits.example.com"]);
    let (own, _) = place.server(&["theirs.example.com"]);
    let (inherits, _) = place.server(&["inherits.example.com"]);
    let config = SslConfig::with_certificate(SslMode::VerifyCA, default)
        .with_ca_pem(ours.pem())
        .with_host("theirs.example.com", own.with_ca_pem(theirs.pem()))
        .with_host("inherits.example.com", inherits);
    let door = FrontDoor::new(config).unwrap();
    let certificates = [&ours, &theirs].map(|ca| sign(&client("postgres"), ca));
    let clients = certificates.map(|c| Arc::new(c.client_config(&place.ca)));
    for (host, admitted) in [
        ("ours.example.com", [true, false]),
        ("inherits.example.com", [true, false]),
        ("theirs.example.com", [false, true]),
    ] {
        for (client, admitted) in clients.iter().zip(admitted) {
            let met = meet(&door, client, host);
            assert_eq!(met.session.is_some(), admitted, "{host}: {}", met.reason());
        }
    }
    // A ticket from one host opens no other: its session belongs to the name it was made for.
    let met = meet(&door, &clients[1], "theirs.example.com");
    assert!(met.login().tls().unwrap().resumed());
    let met = meet(&door, &clients[1], "ours.example.com");
    assert!(met.reason().contains("UnknownIssuer"), "{}", met.reason());
}

/// Every kind of key in every form, over both versions.
#[test]
fn keys_of_every_kind_and_form_serve() {
    let place = Place::new();
    let convert = "-outform DER -out key.der -in key.pem";
    for (kind, make, forms) in [
        (
            "RSA",
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem",
            [
                "rsa -traditional -out other.pem -in key.pem",
                "rsa -traditional",
            ],
        ),
        (
            "P-256",
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem",
            ["ec -out other.pem -in key.pem", "ec"],
        ),
        (
            "P-384",
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out key.pem",
            ["ec -out other.pem -in key.pem", "ec"],
        ),
        (
            "Ed25519",
            "genpkey -algorithm ED25519 -out key.pem",
            ["pkey -out other.pem -in key.pem", "pkey"],
        ),
    ] {
        place.openssl(make);
        place.openssl(
            "req -x509 -new -key key.pem -out c.pem -days 9 -subj /CN=localhost \
             -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE",
        );
        place.openssl("x509 -in c.pem -outform DER -out c.der");
        place.openssl(forms[0]);
        place.openssl(&format!("{} {convert}", forms[1]));
        place.openssl("pkcs8 -topk8 -v2 aes-256-cbc -passout pass:secret -in key.pem -out enc.pem");
        place.openssl(
            "pkcs8 -topk8 -v2 aes-256-cbc -passout pass:secret -in key.pem -outform DER -out enc.der",
        );
        let der = CertificateDer::from(std::fs::read(place.path("c.der")).unwrap());
        for (certificate, key) in [
            ("c.pem", "key.pem"),
            ("c.pem", "other.pem"),
            ("c.der", "key.der"),
            ("c.der", "enc.pem"),
            ("c.pem", "enc.der"),
        ] {
            let private = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(place.path(key), private).unwrap();
            let certificate =
                ServerCertificate::from_files(place.path(certificate), place.path(key))
                    .with_passphrase("secret");
            let config = SslConfig::with_certificate(SslMode::Require, certificate);
            let door = FrontDoor::new(config).unwrap();
            for version in BOTH {
                let client = Arc::new(trusting(der.clone(), &[version]));
                let met = meet(&door, &client, "localhost");
                let tls = met.login().tls().unwrap();
                assert_eq!(tls.server_certificate(), Some(&der), "{kind} {key}");
            }
        }
    }
}

#[test]
fn versions_suites_and_groups_are_as_configured() {
    let place = Place::new();
    let config = || SslConfig::with_certificate(SslMode::Require, place.server(&["localhost"]).0);
    // A client that begins with what it likes best, as OpenSSL 3.5 does.
    let mut crypto = (*provider()).clone();
    crypto
        .kx_groups
        .sort_by_key(|group| group.name() != NamedGroup::X25519MLKEM768);
    let crypto = Arc::new(crypto);
    let facts = |config: SslConfig| {
        let door = FrontDoor::new(config).unwrap();
        let client = with_provider(&crypto, place.ca.der().clone(), BOTH);
        let met = meet(&door, &Arc::new(client), "localhost");
        let tls = met.login().tls().unwrap();
        (tls.version(), tls.cipher(), tls.group().unwrap())
    };
    let (version, _, group) = facts(config());
    assert_eq!(version, TlsVersion::Tls13);
    // aws-lc-rs has the hybrid group, and puts it first.
    let best = if cfg!(feature = "aws-lc-rs") {
        "X25519MLKEM768"
    } else {
        "X25519"
    };
    assert_eq!(group, best);
    let old = config().with_max_tls_version(TlsVersion::Tls12);
    assert_eq!(facts(old).0, TlsVersion::Tls12);
    let suite = "TLS_CHACHA20_POLY1305_SHA256";
    assert_eq!(facts(config().with_cipher_suites([suite])).1, suite);
    let openssl = config().with_cipher_suites(["ECDHE-ECDSA-AES128-GCM-SHA256"]);
    let expected = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
    assert_eq!(facts(openssl).1, expected);
    for (name, expected) in [("P-384", "secp384r1"), ("prime256v1", "secp256r1")] {
        assert_eq!(facts(config().with_groups([name])).2, expected);
    }
    // Nothing in common: an alert, and a line that says what was offered.
    let new = config().with_min_tls_version(TlsVersion::Tls13);
    let client = Arc::new(place.client(&[&rustls::version::TLS12]));
    let met = meet(&FrontDoor::new(new).unwrap(), &client, "localhost");
    let alert = rustls::Error::AlertReceived(AlertDescription::ProtocolVersion);
    assert_eq!(met.client_error, Some(alert));
}

fn s_client(port: u16, arguments: &[&str]) -> Said {
    run(Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{port}")])
        .args(["-starttls", "postgres"])
        .args(arguments))
}

/// What a scanner looks for: old versions, weak suites, a part of the chain, a missing staple.
#[test]
fn openssl_finds_nothing_weak_the_whole_chain_and_the_staple() {
    let place = Place::new();
    let below = intermediate("below", &place.ca);
    let leaf = sign(&server(&["localhost"]), &below);
    let (certificate, key) = leaf.write(place.directory.path(), "server", &[&below]);
    write(place.directory.path(), "ca.crt", place.ca.pem().as_bytes());
    write(place.directory.path(), "below.crt", below.pem().as_bytes());
    let key_of_ca = below.key().serialize_pem();
    write(place.directory.path(), "below.key", key_of_ca.as_bytes());
    let serial = place.openssl("x509 -in server.crt -noout -serial").out;
    let serial = serial.trim().strip_prefix("serial=").unwrap();
    let index = format!("V\t290101000000Z\t\t{serial}\tunknown\t/CN=localhost\n");
    write(place.directory.path(), "index", index.as_bytes());
    place.openssl(
        "ocsp -index index -CA below.crt -rsigner below.crt -rkey below.key -issuer below.crt \
         -cert server.crt -ndays 9 -noverify -respout ocsp.der",
    );
    let stapled =
        ServerCertificate::from_files(certificate, key).with_ocsp_response(place.path("ocsp.der"));
    let config = SslConfig::with_certificate(SslMode::Require, stapled);
    let server = Server::with_config(config);
    let ca = place.path("ca.crt");
    let ca = ca.to_str().unwrap();

    let said = s_client(server.port(), &["-CAfile", ca, "-showcerts"]);
    assert!(
        said.ok && said.out.contains("Verify return code: 0 (ok)"),
        "{said:?}"
    );
    assert_eq!(said.out.matches("BEGIN CERTIFICATE").count(), 2, "{said:?}");
    // The response has its signer's certificate in it.
    let said = s_client(server.port(), &["-CAfile", ca, "-status"]);
    assert!(
        said.out.contains("OCSP Response Status: successful"),
        "{said:?}"
    );
    assert!(said.out.contains("Cert Status: good"), "{said:?}");
    assert!(said.out.contains("Compression: NONE"), "{said:?}");

    for version in ["-tls1", "-tls1_1"] {
        let all = ["-cipher", "ALL:@SECLEVEL=0", version];
        let said = s_client(server.port(), &all);
        assert!(
            !said.ok && said.err.contains("alert protocol version"),
            "{said:?}"
        );
    }
    let listed = place
        .openssl("ciphers -tls1_2 ALL:COMPLEMENTOFALL:@SECLEVEL=0")
        .out;
    let (mut good, mut refused) = (Vec::new(), 0);
    for suite in listed.trim().split(':').filter(|s| !s.starts_with("TLS_")) {
        let options = format!("{suite}:@SECLEVEL=0");
        let said = s_client(server.port(), &["-tls1_2", "-cipher", &options]);
        // Some need a secret that both know, so this client does not even offer them.
        let not_offered = said.err.contains("no ciphers available");
        if said.ok {
            good.push(suite.to_owned());
        } else if !not_offered {
            let alert = said.err.contains("alert handshake failure");
            assert!(alert, "{suite}: {said:?}");
            refused += 1;
        }
    }
    good.sort();
    let expected = [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
    ];
    assert_eq!(good, expected);
    assert!(refused > 50, "only {refused} suites tried");
}
