//! Channel binding: who says what about it, and which certificate it is bound to.

use super::*;

/// How the CA signs, and with which hash that binds the channel.
const SIGNATURES: &[(&str, &[&str], &[&str], Hash)] = &[
    ("RSA, SHA-256", &["rsa:2048"], &["-sha256"], Some(sha256)),
    ("RSA, SHA-1", &["rsa:2048"], &["-sha1"], Some(sha256)),
    ("RSA, SHA-512", &["rsa:2048"], &["-sha512"], Some(sha512)),
    (
        "ECDSA P-256",
        &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
        &["-sha256"],
        Some(sha256),
    ),
    (
        "ECDSA P-384",
        &["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
        &["-sha384"],
        Some(sha384),
    ),
    (
        "RSA-PSS, SHA-384",
        &["rsa:2048"],
        &["-sha384", "-sigopt", "rsa_padding_mode:pss"],
        Some(sha384),
    ),
    (
        "RSA-PSS, SHA-1 as by default",
        &["rsa:2048"],
        &["-sha1", "-sigopt", "rsa_padding_mode:pss"],
        Some(sha256),
    ),
    ("Ed25519", &["ed25519"], &[], None),
];

fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

fn sha384(bytes: &[u8]) -> Vec<u8> {
    Sha384::digest(bytes).to_vec()
}

fn sha512(bytes: &[u8]) -> Vec<u8> {
    Sha512::digest(bytes).to_vec()
}

fn openssl(directory: &Path, arguments: &[&str]) {
    let said = run(Command::new("openssl")
        .args(arguments)
        .current_dir(directory));
    assert!(said.ok, "openssl {arguments:?}: {said:?}");
}

/// A door whose certificate a CA has signed in this way.
fn signed(ca_key: &[&str], signature: &[&str], hash: Hash) -> Transport {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let mut ca = vec!["req", "-x509", "-nodes", "-subj", "/CN=ca", "-newkey"];
    ca.extend(ca_key);
    ca.extend(["-keyout", "ca.key", "-out", "ca.crt"]);
    openssl(at, &ca);
    openssl(
        at,
        &[
            "req",
            "-new",
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-keyout",
            "s.key",
            "-out",
            "s.csr",
        ],
    );
    let mut sign = vec![
        "x509",
        "-req",
        "-in",
        "s.csr",
        "-CA",
        "ca.crt",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-out",
        "s.crt",
    ];
    // An extension makes it a certificate of version 3.
    std::fs::write(at.join("ext"), "subjectAltName=DNS:localhost").unwrap();
    sign.extend(["-extfile", "ext"]);
    sign.extend(signature);
    openssl(at, &sign);
    let certificate = CertificateDer::from_pem_file(at.join("s.crt")).unwrap();
    let key = PrivateKeyDer::from_pem_file(at.join("s.key")).unwrap();
    let hash = hash.map(|hash| hash(&certificate));
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let door = FrontDoor::with_rustls(Rules::new(Encryption::Optional), Arc::new(config))
        .auth_method(AuthMethod::ScramSha256)
        .secrets(users())
        .mock_secrets(MockSecrets::new([7; 32]).iterations(1));
    Transport::Tls(door, hash)
}

const NO_MECHANISM: &str = "08P01 client selected an invalid SASL authentication mechanism";
const PLUS_WITHOUT_DATA: &str = "08P01 malformed SCRAM message (The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.)";
const DATA_WITHOUT_PLUS: &str = "08P01 malformed SCRAM message (The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.)";
const DOWNGRADE: &str = "28000 SCRAM channel binding negotiation error (The client supports SCRAM channel binding but thinks the server does not.  However, this server does support channel binding.)";
const OTHER_KIND: &str = "08P01 unsupported SCRAM channel-binding type \"tls-unique\"";
/// The exchange goes on to the proof.
const ON: &str = "";

/// Mechanism and gs2 flag: what comes of it in plaintext, under TLS that the channel can be bound
/// to, and under TLS without that.
#[rustfmt::skip]
const OPENINGS: &[(&str, &str, [&str; 3])] = &[
    (PLAIN, "n,,",                      [ON, ON, ON]),
    (PLAIN, "y,,",                      [ON, DOWNGRADE, ON]),
    (PLAIN, "p=tls-server-end-point,,", [DATA_WITHOUT_PLUS, DATA_WITHOUT_PLUS, DATA_WITHOUT_PLUS]),
    (PLAIN, "p=tls-unique,,",           [DATA_WITHOUT_PLUS, DATA_WITHOUT_PLUS, DATA_WITHOUT_PLUS]),
    (PLUS,  "n,,",                      [NO_MECHANISM, PLUS_WITHOUT_DATA, NO_MECHANISM]),
    (PLUS,  "y,,",                      [NO_MECHANISM, PLUS_WITHOUT_DATA, NO_MECHANISM]),
    (PLUS,  "p=tls-server-end-point,,", [NO_MECHANISM, ON, NO_MECHANISM]),
    (PLUS,  "p=tls-unique,,",           [NO_MECHANISM, OTHER_KIND, NO_MECHANISM]),
];

#[test]
fn mechanism_flag_transport_and_certificate_decide_as_in_postgresql() {
    let mut transports = vec![(
        "plaintext",
        Transport::Plain(plain(AuthMethod::ScramSha256)),
    )];
    for (name, ca_key, signature, hash) in SIGNATURES {
        transports.push((*name, signed(ca_key, signature, *hash)));
    }
    for (name, transport) in &transports {
        let column = match transport {
            Transport::Plain(_) => 0,
            Transport::Tls(_, Some(_)) => 1,
            Transport::Tls(_, None) => 2,
        };
        let offered: &[u8] = if column == 1 {
            b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"
        } else {
            b"\0\0\0\x0aSCRAM-SHA-256\0\0"
        };
        for (mechanism, gs2, outcomes) in OPENINGS {
            for user in ["a", "nobody", "md5"] {
                for password in [PASSWORD, "other"] {
                    let what = format!("{name}, {mechanism}, {gs2}, {user}, {password}");
                    let mut talk = transport.talk(user);
                    assert_eq!(talk.hear(), Some((b'R', offered.to_vec())), "{what}");
                    talk.send(&initial(mechanism, format!("{gs2}{BARE}").as_bytes()));
                    if outcomes[column] != ON {
                        assert_eq!(talk.story(), format!("{} end", outcomes[column]), "{what}");
                        continue;
                    }
                    let mut binding = gs2.as_bytes().to_vec();
                    if *mechanism == PLUS {
                        binding.extend(transport.hash().unwrap());
                    }
                    let server_first = server_first(&mut talk);
                    talk.send(&response(&client_final(&server_first, password, &binding)));
                    if (user, password) == ("a", PASSWORD) {
                        let last = server_final(&server_first, password, &binding);
                        let sasl_final = [b"\0\0\0\x0c", last.as_bytes()].concat();
                        assert_eq!(talk.hear(), Some((b'R', sasl_final)), "{what}");
                        assert_eq!(talk.story(), "R0", "{what}");
                        let session = talk.session.unwrap();
                        assert_eq!(session.login().method(), AuthMethod::ScramSha256);
                    } else {
                        assert_eq!(talk.story(), format!("{NO} \"{user}\" end"), "{what}");
                        let why = match (user, password) {
                            ("a", _) => WrongPassword::Mismatch,
                            ("md5", _) => WrongPassword::NotScram,
                            _ => WrongPassword::NoSecret,
                        };
                        let Some(Reason::PasswordFailed { cause, .. }) =
                            talk.close.as_ref().map(|c| c.reason())
                        else {
                            panic!("{what}: {:?}", talk.close);
                        };
                        assert_eq!(*cause, why, "{what}");
                    }
                }
            }
        }
    }
}

/// `c=` has to say what was said before, and what is so.
#[test]
fn the_channel_is_bound_to_this_certificate_or_not_at_all() {
    const UNBOUND: &str = "28000 SCRAM channel binding check failed end";
    const UNEXPECTED: &str =
        "08P01 unexpected SCRAM channel-binding attribute in client-final-message end";
    let (_, ca_key, signature, hash) = SIGNATURES[0];
    let tls = signed(ca_key, signature, hash);
    let plain = Transport::Plain(plain(AuthMethod::ScramSha256));
    let good = tls.hash().unwrap().to_vec();
    let mut other = good.clone();
    other[31] ^= 1;
    let bound = |gs2: &str, hash: &[u8]| [gs2.as_bytes(), hash].concat();
    let p = "p=tls-server-end-point,,";
    let rows = [
        (&tls, PLUS, p, bound(p, &good), "R12 R0"),
        (&tls, PLUS, p, bound(p, &other), UNBOUND),
        (&tls, PLUS, p, bound(p, &good[..31]), UNBOUND),
        (
            &tls,
            PLUS,
            p,
            bound(p, &[&good[..], b"x"].concat()),
            UNBOUND,
        ),
        (&tls, PLUS, p, bound(p, b""), UNBOUND),
        (&tls, PLUS, p, bound("n,,", b""), UNBOUND),
        (&tls, PLUS, p, bound("y,,", b""), UNBOUND),
        (&tls, PLAIN, "n,,", bound("n,,", b""), "R12 R0"),
        (&tls, PLAIN, "n,,", bound("y,,", b""), UNEXPECTED),
        (&tls, PLAIN, "n,,", bound("n,,", &good), UNEXPECTED),
        (&tls, PLAIN, "n,,", bound(p, &good), UNEXPECTED),
        (&plain, PLAIN, "y,,", bound("y,,", b""), "R12 R0"),
        (&plain, PLAIN, "y,,", bound("n,,", b""), UNEXPECTED),
        (&plain, PLAIN, "n,,", bound("y,,", b""), UNEXPECTED),
    ];
    for (transport, mechanism, gs2, binding, outcome) in rows {
        // In the same words for a user that is not there, up to the proof.
        for user in ["a", "nobody"] {
            let mut talk = transport.talk(user);
            talk.story();
            talk.send(&initial(mechanism, format!("{gs2}{BARE}").as_bytes()));
            let first = server_first(&mut talk);
            talk.send(&response(&client_final(&first, PASSWORD, &binding)));
            let outcome = match (user, outcome) {
                ("nobody", "R12 R0") => format!("{NO} \"nobody\" end"),
                _ => outcome.to_owned(),
            };
            assert_eq!(talk.story(), outcome, "{mechanism} {gs2} {binding:?}");
        }
    }
}
