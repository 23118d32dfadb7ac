//! The exchanges of a login, message by message: what is said, with which SQLSTATE and words.
//! No sockets; TLS where it matters.
#![cfg(all(
    feature = "tokio",
    feature = "sqlite",
    feature = "certificates",
    any(feature = "aws-lc-rs", feature = "ring")
))]
#![allow(clippy::unwrap_used, reason = "tests fail on surprises")]

mod common;

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, LazyLock};

use common::raw::{message, provider, startup};
use common::run;
use common::scram::{BARE, attribute, client_final, initial, response, server_final};
use common::talk::Talk;
use pgtls::{
    AuthMethod, Encryption, FrontDoor, MemoryStore, MockSecrets, Reason, Rules, Secret,
    WrongPassword,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme};
use sha2::{Digest, Sha256, Sha384, Sha512};

const PLUS: &str = "SCRAM-SHA-256-PLUS";
const PLAIN: &str = "SCRAM-SHA-256";
const PASSWORD: &str = "pencil";
const NO: &str = "28P01 password authentication failed for user";

/// What carries the login.
enum Transport {
    Plain(FrontDoor),
    /// And the hash that the channel is bound to, if there is one.
    Tls(FrontDoor, Option<Vec<u8>>),
}

static CLIENT: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    Arc::new(config)
});

fn users() -> MemoryStore {
    let store = MemoryStore::new();
    let secret = |iterations| Secret::scram_sha_256_with(PASSWORD, b"0123456789abcdef", iterations);
    store.set("a", secret(1).unwrap());
    store.set("md5", Secret::md5("md5", PASSWORD).unwrap());
    store
}

fn plain(method: AuthMethod) -> FrontDoor {
    FrontDoor::plain()
        .auth_method(method)
        .secrets(users())
        .mock_secrets(MockSecrets::new([7; 32]).iterations(1))
}

impl Transport {
    fn talk(&self, user: &str) -> Talk {
        let mut talk = match self {
            Self::Plain(door) => Talk::plain(door),
            Self::Tls(door, _) => Talk::tls(door, &CLIENT),
        };
        talk.send(&startup(&[("user", user)]));
        talk
    }

    fn hash(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) | Self::Tls(_, None) => None,
            Self::Tls(_, Some(hash)) => Some(hash),
        }
    }
}

type Hash = Option<fn(&[u8]) -> Vec<u8>>;

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

fn server_first(talk: &mut Talk) -> String {
    match talk.hear() {
        Some((b'R', body)) if body.starts_with(&[0, 0, 0, 11]) => {
            String::from_utf8(body[4..].to_vec()).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

/// As PostgreSQL 15 answers each, user, password and transport being right.
#[rustfmt::skip]
const CLIENT_FIRST: &[(&[u8], &str)] = &[
    (b"", "08P01 malformed SCRAM message (The message is empty.)"),
    (b"n", "08P01 malformed SCRAM message (Comma expected, but found character \"0x00\".)"),
    (b"n,", "08P01 malformed SCRAM message (Unexpected attribute \"0x00\" in client-first-message.)"),
    (b"n,,", "08P01 malformed SCRAM message (Expected attribute \"n\" but found \"0x00\".)"),
    (b"nx", "08P01 malformed SCRAM message (Comma expected, but found character \"'x'\".)"),
    (b"n,a=x,n=,r=x", "0A000 client uses authorization identity, but it is not supported"),
    (b"n,x,n=,r=x", "08P01 malformed SCRAM message (Unexpected attribute \"'x'\" in client-first-message.)"),
    (b"n,,m=x,n=,r=x", "0A000 client requires an unsupported SCRAM extension"),
    (b"n,,x=,r=x", "08P01 malformed SCRAM message (Expected attribute \"n\" but found \"'x'\".)"),
    (b"n,,n,r=x", "08P01 malformed SCRAM message (Expected character \"=\" for attribute \"n\".)"),
    (b"n,,n=", "08P01 malformed SCRAM message (Expected attribute \"r\" but found \"0x00\".)"),
    (b"n,,n=,", "08P01 malformed SCRAM message (Expected attribute \"r\" but found \"0x00\".)"),
    (b"n,,n=,x=", "08P01 malformed SCRAM message (Expected attribute \"r\" but found \"'x'\".)"),
    (b"n,,n=,r", "08P01 malformed SCRAM message (Expected character \"=\" for attribute \"r\".)"),
    (b"n,,n=,r= x", "08P01 non-printable characters in SCRAM nonce"),
    (b"n,,n=,r=\xc3\xa4", "08P01 non-printable characters in SCRAM nonce"),
    (b"n,,n=,r=x,1=2", "08P01 malformed SCRAM message (Attribute expected, but found invalid character \"'1'\".)"),
    (b"n,,n=,r=x,a", "08P01 malformed SCRAM message (Expected character \"=\" for attribute \"a\".)"),
    (b"n,,n=,r=x,a=b,", "R11"),
    (b"n,,n=,r=x,\x01", "08P01 malformed SCRAM message (Attribute expected, but found invalid character \"0x01\".)"),
    (b"x,,n=,r=x", "08P01 malformed SCRAM message (Unexpected channel-binding flag \"'x'\".)"),
    (b"\x01,,n=,r=x", "08P01 malformed SCRAM message (Unexpected channel-binding flag \"0x01\".)"),
    (b"y", "08P01 malformed SCRAM message (Comma expected, but found character \"0x00\".)"),
    (b"yx", "08P01 malformed SCRAM message (Comma expected, but found character \"'x'\".)"),
    (b"p=tls-server-end-point,,n=,r=x", "08P01 malformed SCRAM message (The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.)"),
    (b"p", "08P01 malformed SCRAM message (The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.)"),
    (b"n,,n=,r=x\x00", "08P01 malformed SCRAM message (Message length does not match input length.)"),
    (b"N,,n=,r=x", "08P01 malformed SCRAM message (Unexpected channel-binding flag \"'N'\".)"),
    (b"n,,n=,r=", "R11"),
];

/// NONCE stands for the right nonce, PROOF for 32 bytes.
#[rustfmt::skip]
const CLIENT_FINAL: &[(&[u8], &str)] = &[
    (b"", "08P01 malformed SCRAM message (The message is empty.)"),
    (b"c=biws", "08P01 malformed SCRAM message (Expected attribute \"r\" but found \"0x00\".)"),
    (b"c=biws,", "08P01 malformed SCRAM message (Expected attribute \"r\" but found \"0x00\".)"),
    (b"c=eSws,r=NONCE,p=PROOF", "08P01 unexpected SCRAM channel-binding attribute in client-final-message"),
    (b"c=,r=NONCE,p=PROOF", "08P01 unexpected SCRAM channel-binding attribute in client-final-message"),
    (b"x=biws,r=NONCE,p=PROOF", "08P01 malformed SCRAM message (Expected attribute \"c\" but found \"'x'\".)"),
    (b"c", "08P01 malformed SCRAM message (Expected character \"=\" for attribute \"c\".)"),
    (b"c=biws,r=NONCE", "08P01 malformed SCRAM message (Attribute expected, but found end of string.)"),
    (b"c=biws,r=NONCE,", "08P01 malformed SCRAM message (Attribute expected, but found end of string.)"),
    (b"c=biws,r=NONCE,x=y", "08P01 malformed SCRAM message (Attribute expected, but found end of string.)"),
    (b"c=biws,r=NONCE,p=", "08P01 malformed SCRAM message (Malformed proof in client-final-message.)"),
    (b"c=biws,r=NONCE,p=AAAA", "08P01 malformed SCRAM message (Malformed proof in client-final-message.)"),
    (b"c=biws,r=NONCE,p=PROOF,", "28P01 password authentication failed for user \"a\""),
    (b"c=biws,r=NONCE,p=PROOF,x=y", "08P01 malformed SCRAM message (Garbage found at the end of client-final-message.)"),
    (b"c=biws,r=NONCEx,p=PROOF", "08P01 invalid SCRAM response (Nonce does not match.)"),
    (b"c=biws,r=,p=PROOF", "08P01 invalid SCRAM response (Nonce does not match.)"),
    (b"c=biws,r=NONCE,x=y,z=,p=PROOF", "28P01 password authentication failed for user \"a\""),
    (b"c=biws,r=NONCE,1=y,p=PROOF", "08P01 malformed SCRAM message (Attribute expected, but found invalid character \"'1'\".)"),
    (b"c=biws,r=NONCE,p=PROOF", "28P01 password authentication failed for user \"a\""),
    (b"c=biws,r=NONCE,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "08P01 malformed SCRAM message (Malformed proof in client-final-message.)"),
    (b"c=biws,r=NONCE,p=A AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "08P01 malformed SCRAM message (Malformed proof in client-final-message.)"),
    (b"c=biws,r=NONCE\x00,p=PROOF", "08P01 malformed SCRAM message (Message length does not match input length.)"),
    (b"c=biws,r=NONCE,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", "08P01 malformed SCRAM message (Malformed proof in client-final-message.)"),
    (b"c=biws,r=NONCE,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=", "08P01 malformed SCRAM message (Malformed proof in client-final-message.)"),
    // Not the only way to write these bytes; no client does.
    (b"c=biws,r=NONCE,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=", "08P01 malformed SCRAM message (Malformed proof in client-final-message.)"),
];

#[rustfmt::skip]
const FRAMES: &[(&[u8], &str)] = &[
    (b"p\x00\x00\x00\x11SCRAM-SHA-256", "08P01 invalid string in message"),
    (b"p\x00\x00\x00\x16scram-sha-256\x00\x00\x00\x00\x00", "08P01 client selected an invalid SASL authentication mechanism"),
    (b"p\x00\x00\x00\x17SCRAM-SHA-256-PLUS\x00", "08P01 client selected an invalid SASL authentication mechanism"),
    (b"p\x00\x00\x00\x12SCRAM-SHA-256\x00", "08P01 insufficient data left in message"),
    (b"p\x00\x00\x00\x17SCRAM-SHA-256\x00\x00\x00\x00\x02a", "08P01 insufficient data left in message"),
    (b"p\x00\x00\x00\x16SCRAM-SHA-256\x00\xff\xff\xff\xfe", "08P01 insufficient data left in message"),
    (b"p\x00\x00\x00\x18SCRAM-SHA-256\x00\x00\x00\x00\x01ab", "08P01 invalid message format"),
    (b"p\x00\x00\x00\x16SCRAM-SHA-256\x00\xff\xff\xff\xff", "R11 08P01 malformed SCRAM message (The message is empty.)"),
    (b"p\x00\x00\x00\x17SCRAM-SHA-256\x00\xff\xff\xff\xffx", "08P01 invalid message format"),
    (b"Q\x00\x00\x00\x06x\x00", "08P01 expected SASL response, got message type 81"),
    (b"X\x00\x00\x00\x04", "08P01 expected SASL response, got message type 88"),
    (b"p\x00\x00\x00\x03", "28P01 password authentication failed for user \"a\""),
    (b"p\x00\x00\x04\x01", "28P01 password authentication failed for user \"a\""),
    (b"p\xff\xff\xff\xff", "28P01 password authentication failed for user \"a\""),
    (b"p\x00\x00\x00\x04", "08P01 invalid string in message"),
];

#[test]
fn malformed_messages_are_answered_as_by_postgresql() {
    let transport = Transport::Plain(plain(AuthMethod::ScramSha256));
    let begun = || {
        let mut talk = transport.talk("a");
        assert_eq!(talk.story(), "R10");
        talk
    };
    let ended = |outcome: &str| match outcome {
        "R11" => "R11".to_owned(),
        other => format!("{other} end"),
    };
    for (message, outcome) in CLIENT_FIRST {
        let mut talk = begun();
        talk.send(&initial(PLAIN, message));
        let what = message.escape_ascii();
        assert_eq!(talk.story(), ended(outcome), "{what}");
    }
    for (message, outcome) in CLIENT_FINAL {
        let mut talk = begun();
        talk.send(&initial(PLAIN, format!("n,,{BARE}").as_bytes()));
        let first = server_first(&mut talk);
        let text = String::from_utf8(message.to_vec()).unwrap();
        let text = text
            .replace("NONCE", attribute(&first, "r="))
            .replace("PROOF", &format!("{}=", "A".repeat(43)));
        talk.send(&response(text.as_bytes()));
        assert_eq!(talk.story(), ended(outcome), "{text}");
    }
    for (bytes, outcome) in FRAMES {
        // Whole, and byte by byte.
        for size in [bytes.len(), 1] {
            let mut talk = begun();
            for piece in bytes.chunks(size) {
                talk.send(piece);
            }
            if outcome.starts_with("R11") {
                talk.send(&response(b""));
            }
            let what = bytes.escape_ascii();
            assert_eq!(talk.story(), ended(outcome), "{what}");
        }
    }
}

/// A client that wants to be asked first gets an empty challenge.
#[test]
fn client_first_may_come_late() {
    let transport = Transport::Plain(plain(AuthMethod::ScramSha256));
    let mut talk = transport.talk("a");
    talk.story();
    let mut body = PLAIN.as_bytes().to_vec();
    body.extend(b"\0\xff\xff\xff\xff");
    talk.send(&message(b'p', &body));
    assert_eq!(talk.hear(), Some((b'R', vec![0, 0, 0, 11])));
    talk.send(&response(format!("n,,{BARE}").as_bytes()));
    let first = server_first(&mut talk);
    talk.send(&response(&client_final(&first, PASSWORD, b"n,,")));
    assert_eq!(talk.story(), "R12 R0");
}

/// Everything may come before it is asked for.
#[test]
fn answers_may_come_early_and_end_early() {
    let transport = Transport::Plain(plain(AuthMethod::Password));
    let Transport::Plain(door) = &transport else {
        return;
    };
    let mut early = startup(&[("user", "a")]);
    early.extend(message(b'p', b"pencil\0"));
    let mut talk = Talk::plain(door);
    talk.send(&early);
    assert_eq!(talk.story(), "R3 R0");
    // The end of the stream, whole message or cut, is answered by nothing.
    for rest in [&b""[..], b"p", b"p\0\0\0\x0bpenc"] {
        let mut talk = transport.talk("a");
        talk.send(rest);
        talk.end();
        assert_eq!(talk.story(), "R3 end");
        assert_eq!(*talk.close.unwrap().reason(), Reason::EndOfStream);
    }
    // Within SASL a cut message is a failed login.
    let transport = Transport::Plain(plain(AuthMethod::ScramSha256));
    for (rest, story) in [
        (&b""[..], "R10 end".to_owned()),
        (b"p\0\0", format!("R10 {NO} \"a\" end")),
        (b"p\0\0\0\x64SCRAM", format!("R10 {NO} \"a\" end")),
    ] {
        let mut talk = transport.talk("a");
        talk.send(rest);
        talk.end();
        assert_eq!(talk.story(), story);
    }
}

#[test]
fn passwords_are_judged_as_by_postgresql() {
    let wrong = |user: &str| format!("{NO} \"{user}\"");
    let long = [&vec![b'x'; 65_530][..], b"\0"].concat();
    let size = "08P01 invalid password packet size".to_owned();
    let empty = "28P01 empty password returned by client".to_owned();
    let rows: &[(&str, &[u8], String)] = &[
        ("a", b"pencil\0", "R0".into()),
        ("md5", b"pencil\0", "R0".into()),
        ("a", b"Pencil\0", wrong("a")),
        ("md5", b"Pencil\0", wrong("md5")),
        ("nobody", b"pencil\0", wrong("nobody")),
        ("a", &long, wrong("a")),
        ("a", b"\0", empty),
        ("a", b"", size.clone()),
        ("a", b"pencil", size.clone()),
        ("a", b"pencil\0\0", size.clone()),
        ("a", b"pencil\0x", size),
    ];
    let transport = Transport::Plain(plain(AuthMethod::Password));
    for (user, body, outcome) in rows {
        let mut talk = transport.talk(user);
        assert_eq!(talk.story(), "R3");
        talk.send(&message(b'p', body));
        let story = talk.story();
        let what = body.escape_ascii();
        assert_eq!(story.trim_end_matches(" end"), outcome, "{what}");
    }
    for (bytes, outcome) in [
        (
            &b"Q"[..],
            "08P01 expected password response, got message type 81 end",
        ),
        (
            b"\0",
            "08P01 expected password response, got message type 0 end",
        ),
        (b"p\0\0\0\x03", "end"),
        (b"p\0\x01\0\0", "end"),
        (b"p\x80\0\0\0", "end"),
    ] {
        let mut talk = transport.talk("a");
        talk.story();
        talk.send(bytes);
        assert_eq!(talk.story(), outcome, "{}", bytes.escape_ascii());
    }
}

#[test]
fn md5_is_exact_and_salted_anew() {
    fn hex(parts: &[&[u8]]) -> String {
        let mut md5 = md5::Md5::new();
        for part in parts {
            md5.update(part);
        }
        md5.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }
    let transport = Transport::Plain(plain(AuthMethod::Md5));
    let mut salts = Vec::new();
    for spoil in 0..6 {
        let mut talk = transport.talk("md5");
        let Some((b'R', body)) = talk.hear() else {
            panic!("no question");
        };
        let (kind, salt) = body.split_at(4);
        assert_eq!(kind, [0, 0, 0, 5]);
        let inner = hex(&[PASSWORD.as_bytes(), b"md5"]);
        let right = format!("md5{}", hex(&[inner.as_bytes(), salt]));
        let said = match spoil {
            0 => right,
            1 => right.to_uppercase(),
            2 => right[..34].to_owned(),
            3 => format!("{right}0"),
            4 => format!("md5{inner}"),
            _ => PASSWORD.to_owned(),
        };
        talk.send(&message(b'p', format!("{said}\0").as_bytes()));
        let outcome = match spoil {
            0 => "R0".to_owned(),
            _ => format!("{NO} \"md5\" end"),
        };
        assert_eq!(talk.story(), outcome, "{said}");
        salts.push(salt.to_vec());
    }
    salts.sort();
    salts.dedup();
    assert!(salts.len() > 4, "{salts:?}");
    // Whoever has a SCRAM secret, or none, is asked for SCRAM.
    for user in ["a", "nobody"] {
        assert_eq!(transport.talk(user).story(), "R10");
    }
}

/// Nobody can tell from what is said whether there is such a user.
#[test]
fn a_user_that_is_not_there_looks_like_any_other() {
    let told = |door: &FrontDoor, user: &str| {
        let transport = Transport::Plain(door.clone());
        let mut talk = transport.talk(user);
        talk.story();
        talk.send(&initial(PLAIN, format!("n,,{BARE}").as_bytes()));
        let first = server_first(&mut talk);
        talk.send(&response(&client_final(&first, PASSWORD, b"n,,")));
        (first, talk.story())
    };
    let salt = |told: &(String, String)| attribute(&told.0, "s=").to_owned();
    let door = plain(AuthMethod::ScramSha256);
    let (known, unknown) = (told(&door, "a"), told(&door, "nobody"));
    assert_eq!(known.0.len(), unknown.0.len());
    assert_eq!(attribute(&known.0, "i="), attribute(&unknown.0, "i="));
    // The salt of a name stays, over reconnects, restarts and servers with the same key.
    assert_eq!(salt(&unknown), salt(&told(&door, "nobody")));
    let restarted = plain(AuthMethod::ScramSha256);
    assert_eq!(salt(&unknown), salt(&told(&restarted, "nobody")));
    assert_ne!(salt(&unknown), salt(&told(&door, "nobody2")));
    let other = plain(AuthMethod::ScramSha256).mock_secrets(MockSecrets::new([8; 32]));
    assert_ne!(salt(&unknown), salt(&told(&other, "nobody")));
    assert_eq!(attribute(&told(&other, "nobody").0, "i="), "4096");
    // Without a key given, it is one of the door's own.
    let own = FrontDoor::plain().auth_method(AuthMethod::ScramSha256);
    assert_eq!(salt(&told(&own, "nobody")), salt(&told(&own, "nobody")));
    // The nonce does not.
    assert_ne!(
        attribute(&unknown.0, "r="),
        attribute(&told(&door, "nobody").0, "r=")
    );
    // Expired secrets and bytes that are no text: the same.
    let store = users();
    let past = std::time::Duration::from_secs(1);
    let expired = Secret::scram_sha_256(PASSWORD).unwrap().valid_until(past);
    store.set("late", expired);
    let door = door.secrets(store);
    let late = told(&door, "late");
    assert_eq!(late.1, format!("{NO} \"late\" end"));
    assert_eq!(salt(&late), salt(&told(&door, "late")));
}

/// Whoever signs it.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
