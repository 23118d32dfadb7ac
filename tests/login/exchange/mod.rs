//! The exchanges of a login, message by message: what is said, with which SQLSTATE and words.
//! No sockets; TLS where it matters.

mod binding;
mod passwords;

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, LazyLock};

use crate::common::raw::{message, provider, startup};
use crate::common::run;
use crate::common::scram::{BARE, attribute, client_final, initial, response, server_final};
use crate::common::talk::Talk;
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
