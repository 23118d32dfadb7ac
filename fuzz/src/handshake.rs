//! The joined handshake against a real rustls client, in any order and at any time.

use std::io::{IoSlice, Read, Write};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use pgtls::rustls::crypto::{CryptoProvider, ring};
use pgtls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use pgtls::rustls::server::WebPkiClientVerifier;
use pgtls::rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};
use pgtls::{
    Answer, AuthMethod, Challenge, Encryption, ErrorResponse, Found, FrontDoor, Handshake,
    MockSecrets, Output, Peer, Rules, Secret, Session, SqlState, WrongPassword,
};

const ALPN: &[u8] = b"postgresql";
/// A password message, the longest of all before login, as a growing buffer holds it.
const MAX_KEPT: usize = 131_072;
const TIMEOUT: Duration = Duration::from_secs(60);

/// The server's rules and the client's habits.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Setup {
    encryption: WantEncryption,
    certificate: WantCertificate,
    unix: bool,
    client_alpn: ClientAlpn,
    client_certificate: bool,
    tls12: bool,
    answer: Decision,
    store: Store,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum WantEncryption {
    Unavailable,
    Optional,
    Required,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum WantCertificate {
    No,
    Any,
    OfUser,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum ClientAlpn {
    None,
    Other,
    Postgresql,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Decision {
    Trust,
    Reject,
    Full,
    Password,
    Md5,
    Scram,
    Cert,
}

/// What the store has to say about a user.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Store {
    Scram,
    Md5,
    Nothing,
    Unavailable,
}

/// One thing that happens.
#[derive(Arbitrary, Debug)]
enum Operation<'a> {
    /// The client sends SSLRequest.
    AskTls,
    /// The client sends GSSENCRequest.
    AskGss,
    /// The client begins TLS, whatever it was told.
    StartTls,
    /// Someone writes these bytes to the wire.
    Inject(&'a [u8]),
    /// The client says this, under TLS if it has begun.
    Say(&'a [u8]),
    /// The client sends a StartupMessage, under TLS if it has begun.
    LogIn,
    /// The client sends the right password, under TLS if it has begun.
    Prove,
    /// So many bytes arrive.
    Deliver(u16),
    /// All bytes arrive.
    DeliverAll,
    /// One byte on its way is changed.
    Flip(u16, u8),
    /// Time passes, in milliseconds.
    Sleep(u16),
    /// The timer fires.
    Fire,
    /// The stream ends.
    End,
    /// The client says close_notify.
    CloseNotify,
    /// The server behind the door says this.
    Serve(u16),
}

/// Many things that happen to one connection.
pub fn handshake(input: &[u8]) {
    let mut input = Unstructured::new(input);
    let Ok(setup) = Setup::arbitrary(&mut input) else {
        return;
    };
    let mut world = World::new(setup);
    // What is left may be long; a connection has told its story after this much.
    for _ in 0..256 {
        if input.is_empty() {
            break;
        }
        let Ok(operation) = Operation::arbitrary(&mut input) else {
            break;
        };
        world.happen(&operation);
    }
    world.finish();
}

/// Keys and certificates, made once: self-signed, and so their own authorities.
struct Keys {
    server: (CertificateDer<'static>, Vec<u8>),
    client: (CertificateDer<'static>, Vec<u8>),
    provider: Arc<CryptoProvider>,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let make = |name: &str| {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut parameters = rcgen::CertificateParams::new([name.to_owned()]).expect("parameters");
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let made = parameters.self_signed(&key).expect("a certificate");
        (made.der().clone(), key.serialize_der())
    };
    Keys {
        server: make("localhost"),
        client: make("alice"),
        provider: Arc::new(ring::default_provider()),
    }
});

struct Secrets {
    scram: Secret,
    md5: Secret,
    mock: MockSecrets,
}

static SECRETS: LazyLock<Secrets> = LazyLock::new(|| Secrets {
    scram: Secret::scram_sha_256_with("secret", &[7; 16], 1).expect("a secret"),
    md5: Secret::md5("alice", "secret").expect("a secret"),
    mock: MockSecrets::new([7; 32]),
});

/// Doors by whether they look at client certificates.
static DOORS: LazyLock<[Arc<ServerConfig>; 2]> = LazyLock::new(|| {
    [false, true].map(|look| {
        let (certificate, key) = KEYS.server.clone();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&KEYS.provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = if look {
            let mut roots = RootCertStore::empty();
            roots.add(KEYS.client.0.clone()).expect("a root");
            let verifier = WebPkiClientVerifier::builder_with_provider(
                roots.into(),
                Arc::clone(&KEYS.provider),
            );
            builder.with_client_cert_verifier(
                verifier
                    .allow_unauthenticated()
                    .build()
                    .expect("a verifier"),
            )
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivatePkcs8KeyDer::from(key).into();
        let mut config = builder
            .with_single_cert(vec![certificate], key)
            .expect("a pair");
        config.alpn_protocols = vec![ALPN.to_vec()];
        Arc::new(config)
    })
});

fn client_config(setup: Setup) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(KEYS.server.0.clone()).expect("a root");
    let versions: &[_] = if setup.tls12 {
        &[&pgtls::rustls::version::TLS12]
    } else {
        &[&pgtls::rustls::version::TLS13]
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&KEYS.provider))
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(roots);
    let mut config = if setup.client_certificate {
        let (certificate, key) = KEYS.client.clone();
        let key = PrivatePkcs8KeyDer::from(key).into();
        builder
            .with_client_auth_cert(vec![certificate], key)
            .expect("a pair")
    } else {
        builder.with_no_client_auth()
    };
    config.alpn_protocols = match setup.client_alpn {
        ClientAlpn::None => Vec::new(),
        ClientAlpn::Other => vec![b"h2".to_vec()],
        ClientAlpn::Postgresql => vec![b"h2".to_vec(), ALPN.to_vec()],
    };
    config
}

enum Server {
    Handshake(Handshake),
    Session(Box<Session>),
    Over,
}

/// A client, a server, the wire between them and a clock.
struct World {
    setup: Setup,
    server: Server,
    client: Option<ClientConnection>,
    /// On its way to the server, not arrived.
    wire: Vec<u8>,
    /// Arrived, not taken.
    arrived: Vec<u8>,
    /// What the client said under TLS.
    said: Vec<u8>,
    /// All that ever came over the wire.
    delivered: Vec<u8>,
    /// What the server sent while it had not begun TLS, as far as the client knows.
    plain: Vec<u8>,
    now: Duration,
    hung_up: bool,
    ended: bool,
    asked: bool,
}

impl World {
    fn new(setup: Setup) -> Self {
        let mut rules = Rules::new(match setup.encryption {
            WantEncryption::Unavailable => Encryption::Unavailable,
            WantEncryption::Optional => Encryption::Optional,
            WantEncryption::Required => Encryption::Required,
        });
        let look = match setup.certificate {
            WantCertificate::No => false,
            WantCertificate::Any => {
                rules = rules.require_certificate();
                true
            }
            WantCertificate::OfUser => {
                rules = rules.require_certificate_of_user();
                true
            }
        };
        let door = FrontDoor::with_rustls(rules, Arc::clone(&DOORS[usize::from(look)]))
            .login_timeout(TIMEOUT);
        let peer = if setup.unix {
            Peer::Unix(None)
        } else {
            Peer::Unknown
        };
        Self {
            setup,
            server: Server::Handshake(door.handshake(&peer)),
            client: None,
            wire: Vec::new(),
            arrived: Vec::new(),
            said: Vec::new(),
            delivered: Vec::new(),
            plain: Vec::new(),
            now: Duration::ZERO,
            hung_up: false,
            ended: false,
            asked: false,
        }
    }

    fn happen(&mut self, operation: &Operation<'_>) {
        match *operation {
            Operation::AskTls => self.wire.extend_from_slice(b"\0\0\0\x08\x04\xd2\x16\x2f"),
            Operation::AskGss => self.wire.extend_from_slice(b"\0\0\0\x08\x04\xd2\x16\x30"),
            Operation::StartTls => {
                if self.client.is_none() {
                    let config = Arc::new(client_config(self.setup));
                    let name = ServerName::try_from("localhost").expect("a name");
                    self.client = Some(ClientConnection::new(config, name).expect("a client"));
                    self.plain.clear();
                    self.client_sends();
                }
            }
            Operation::Inject(bytes) => self.wire.extend_from_slice(bytes),
            Operation::Say(bytes) => self.say(bytes),
            Operation::LogIn => self.say(b"\0\0\0\x14\0\x03\0\0user\0alice\0\0"),
            Operation::Prove => self.say(b"p\0\0\0\x0bsecret\0"),
            Operation::Deliver(count) => {
                let count = usize::from(count).min(self.wire.len());
                self.delivered.extend_from_slice(&self.wire[..count]);
                self.arrived.extend(self.wire.drain(..count));
                self.arrive();
            }
            Operation::DeliverAll => {
                self.delivered.extend_from_slice(&self.wire);
                self.arrived.append(&mut self.wire);
                self.arrive();
            }
            Operation::Flip(place, mask) => {
                let place = usize::from(place) % self.wire.len().max(1);
                if let Some(byte) = self.wire.get_mut(place) {
                    *byte ^= mask;
                }
            }
            Operation::Sleep(milliseconds) => {
                self.now += Duration::from_millis(u64::from(milliseconds));
            }
            Operation::Fire => {
                if let Server::Handshake(handshake) = &mut self.server {
                    handshake.handle_timeout(self.now);
                    self.drain();
                }
            }
            Operation::End => self.end(),
            Operation::CloseNotify => {
                if let Some(client) = &mut self.client {
                    client.send_close_notify();
                    self.hung_up = true;
                    self.client_sends();
                }
            }
            Operation::Serve(count) => {
                if let Server::Session(session) = &mut self.server {
                    let _ = session.write(&[
                        IoSlice::new(b"Z\0\0\0\x05I"),
                        IoSlice::new(&vec![7; count.into()]),
                    ]);
                    self.serve();
                }
            }
        }
        assert!(self.wire.len() + self.arrived.len() < 1 << 24);
    }

    /// The client's words, encrypted if it has begun TLS.
    fn say(&mut self, bytes: &[u8]) {
        match &mut self.client {
            None => self.wire.extend_from_slice(bytes),
            Some(client) => {
                let taken = client.writer().write(bytes).unwrap_or(0);
                self.said.extend_from_slice(&bytes[..taken]);
                self.client_sends();
            }
        }
    }

    fn client_sends(&mut self) {
        if let Some(client) = &mut self.client {
            while client.wants_write() {
                client.write_tls(&mut self.wire).expect("a Vec takes all");
            }
        }
    }

    /// The client hears this.
    fn hear(&mut self, mut bytes: &[u8]) {
        let Some(client) = &mut self.client else {
            self.plain.extend_from_slice(bytes);
            return;
        };
        // The answer to SSLRequest may come after the client began; it is no part of TLS.
        while let Some((b'S' | b'N', rest)) = bytes.split_first() {
            bytes = rest;
        }
        // A client that has said close_notify listens no more: rustls asserts that it sends no
        // other alert after that one, which it would about bytes that are no TLS.
        while !bytes.is_empty() && !self.hung_up {
            if client.read_tls(&mut bytes).is_err() || client.process_new_packets().is_err() {
                break;
            }
            let mut heard = [0; 4096];
            while matches!(client.reader().read(&mut heard), Ok(1..)) {}
        }
        self.client_sends();
    }

    fn arrive(&mut self) {
        match &mut self.server {
            Server::Handshake(handshake) => {
                let taken = handshake.handle_input(self.now, &self.arrived);
                self.arrived.drain(..taken);
                self.drain();
            }
            Server::Session(_) => self.serve(),
            Server::Over => self.arrived.clear(),
        }
    }

    fn end(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        match &mut self.server {
            Server::Handshake(handshake) => {
                handshake.handle_eof(self.now);
                self.drain();
                let still_open = matches!(self.server, Server::Handshake(_));
                assert!(!still_open, "open after the end of the stream");
            }
            Server::Session(session) => {
                session.receive_eof();
                self.serve();
            }
            Server::Over => {}
        }
    }

    /// Carries out what the handshake orders.
    fn drain(&mut self) {
        loop {
            let Server::Handshake(handshake) = &mut self.server else {
                return;
            };
            match handshake.poll_output() {
                Output::Ask(question) => {
                    assert!(!self.asked, "asked twice");
                    self.asked = true;
                    let method = match self.setup.answer {
                        Decision::Trust => Some(AuthMethod::Trust),
                        Decision::Reject => Some(AuthMethod::Reject),
                        Decision::Password => Some(AuthMethod::Password),
                        Decision::Md5 => Some(AuthMethod::Md5),
                        Decision::Scram => Some(AuthMethod::ScramSha256),
                        Decision::Cert => Some(AuthMethod::Cert),
                        Decision::Full => None,
                    };
                    let full = || {
                        let code = SqlState::TOO_MANY_CONNECTIONS;
                        ErrorResponse::fatal(code, "sorry, too many clients already")
                    };
                    let answer = match method {
                        Some(method) => Answer::Require(method.into()),
                        None => Answer::Refuse(full()),
                    };
                    handshake.answer(self.now, question, answer);
                }
                Output::LookUp(lookup) => {
                    assert!(self.asked && lookup.user().len() <= 63);
                    let challenge = Challenge::new([7; Challenge::RANDOM], &SECRETS.mock);
                    let found = match self.setup.store {
                        Store::Scram => Found::Secret(SECRETS.scram.clone(), challenge),
                        Store::Md5 => Found::Secret(SECRETS.md5.clone(), challenge),
                        Store::Nothing => Found::Nothing(WrongPassword::NoSecret, challenge),
                        Store::Unavailable => Found::Unavailable("out of order".into()),
                    };
                    handshake.found(self.now, lookup, found);
                }
                Output::Send(bytes) => {
                    assert!(!bytes.is_empty());
                    self.hear(&bytes);
                }
                Output::Wait(deadline) => {
                    assert_eq!(deadline, Some(TIMEOUT), "it waits for ever");
                    assert!(pgtls::fuzzing::buffered(handshake) <= MAX_KEPT);
                    return;
                }
                Output::Cancel(_) | Output::Close(_) => {
                    assert!(matches!(handshake.poll_output(), Output::Wait(None)));
                    self.server = Server::Over;
                    self.arrived.clear();
                }
                Output::Done(session) => {
                    assert!(matches!(handshake.poll_output(), Output::Wait(None)));
                    self.admitted(&session);
                    self.server = Server::Session(session);
                    self.serve();
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Whoever is in is in by the rules.
    fn admitted(&self, session: &Session) {
        assert!(self.now < TIMEOUT, "admitted after the deadline");
        let login = session.login();
        match self.setup.answer {
            Decision::Trust => {}
            Decision::Cert => {
                assert!(
                    login
                        .tls()
                        .is_some_and(|tls| !tls.peer_certificates().is_empty())
                );
                assert_eq!(login.user(), b"alice");
            }
            Decision::Password => {
                assert!(matches!(self.setup.store, Store::Scram | Store::Md5));
                let secret: &[u8] = b"p\0\0\0\x0bsecret\0";
                let told = if login.tls().is_some() {
                    &self.said
                } else {
                    &self.delivered
                };
                assert!(told.windows(secret.len()).any(|said| said == secret));
            }
            // Nobody here can do the arithmetic.
            Decision::Reject | Decision::Full | Decision::Md5 | Decision::Scram => {
                panic!("admitted by {:?}", self.setup.answer)
            }
        }
        assert!(!login.user().is_empty());
        let certificate =
            !self.setup.unix && !matches!(self.setup.certificate, WantCertificate::No);
        match login.tls() {
            Some(facts) => {
                assert!(session.is_encrypted() && !self.setup.unix);
                // Only what the client itself said under TLS can have logged it in.
                let user = login.user();
                assert!(self.said.windows(user.len()).any(|said| said == user));
                if certificate {
                    assert_eq!(
                        facts.peer_certificates(),
                        std::slice::from_ref(&KEYS.client.0)
                    );
                }
                if matches!(self.setup.certificate, WantCertificate::OfUser) {
                    assert_eq!(user, b"alice");
                }
            }
            None => {
                assert!(!session.is_encrypted() && !certificate);
                assert!(
                    self.setup.unix || !matches!(self.setup.encryption, WantEncryption::Required)
                );
            }
        }
    }

    /// The session goes on: what arrived is read, what waits is sent.
    fn serve(&mut self) {
        let Server::Session(session) = &mut self.server else {
            return;
        };
        let mut buf = [0; 512];
        let mut broken = false;
        loop {
            let received = session.receive(&mut self.arrived);
            broken |= received.is_err();
            let taken = received.unwrap_or(0);
            self.arrived.drain(..taken);
            while matches!(session.read(&mut buf), Ok(1..)) {}
            if taken == 0 || broken {
                break;
            }
        }
        let mut out = Vec::new();
        while session.wants_transmit() {
            if session.transmit(&mut out).expect("a Vec takes all") == 0 {
                break;
            }
        }
        if broken {
            self.server = Server::Over;
        }
        self.hear(&out);
    }

    /// Whatever happened, the deadline ends it.
    fn finish(mut self) {
        if let Server::Handshake(handshake) = &mut self.server {
            handshake.handle_timeout(TIMEOUT);
            self.now = TIMEOUT;
            self.drain();
            assert!(
                matches!(self.server, Server::Over),
                "open after the deadline"
            );
        }
        if matches!(self.setup.encryption, WantEncryption::Required) && !self.setup.unix {
            let ok = b"R\0\0\0\x08\0\0\0\0";
            assert!(!self.plain.windows(ok.len()).any(|said| said == ok));
        }
    }
}
