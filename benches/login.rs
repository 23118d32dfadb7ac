//! One login, many times over, for an instruction counter: `benches/run` counts the functions
//! named `counted_*` and nothing else, so the client's half costs nothing in its tables.
//!
//! Only TLS 1.3 with X25519 and P-256 is measured. They are the cheapest there is, and so the
//! least favourable for the ratio of pgtls to bare rustls.

use std::error::Error;
use std::hint::black_box;
use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use pgtls::{
    Action, Answer, AuthMethod, Challenge, Connection, Encryption, Found, FrontDoor, Handshake,
    MockSecrets, Output, Peer, Rules, Secret, Session,
};
use pollster::block_on;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, NamedGroup, RootCertStore};
use rustls::{ServerConfig, ServerConnection};
use sha2::{Digest, Sha256};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "\
login SCENARIO N

  machine-plain    SSLRequest, N, StartupMessage, admitted
  machine-startup  StartupMessage, admitted
  machine-cancel   CancelRequest
  machine-scram    StartupMessage, SCRAM-SHA-256 with a stored secret, admitted
  scram-hashes     the two HMACs and the hash that judging one proof takes
  raw, pgtls       N logins over TLS
  raw-down, pgtls-down, raw-up, pgtls-up
                   N pieces of 64 KiB through one session
Counted by benches/run.";

const SSL_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";
const CANCEL_REQUEST: &[u8] = b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x07abcd";
const READY_FOR_QUERY: &[u8] = b"Z\0\0\0\x05I";
/// The answer of both servers, in one record.
const ANSWER: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
const ALPN: &[u8] = b"postgresql";
const PIECE: usize = 64 * 1024;
const NOW: Duration = Duration::ZERO;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1).filter(|a| a != "--bench");
    let (Some(scenario), Some(n)) = (args.next(), args.next()) else {
        println!("{USAGE}");
        return Ok(());
    };
    let n: usize = n.parse()?;
    match scenario.as_str() {
        "machine-plain" => machine(n, &[SSL_REQUEST, &startup_message()]),
        "machine-startup" => machine(n, &[&startup_message()]),
        "machine-cancel" => machine(n, &[CANCEL_REQUEST]),
        "machine-scram" => scram(n),
        "scram-hashes" => scram_hashes(n),
        "raw" => logins::<Raw>(n),
        "pgtls" => logins::<Door>(n),
        "raw-down" => down::<Raw>(n),
        "pgtls-down" => down::<Door>(n),
        "raw-up" => up::<Raw>(n),
        "pgtls-up" => up::<Door>(n),
        _ => Err(USAGE.into()),
    }
}

fn startup_message() -> Vec<u8> {
    let mut message = Vec::from(&b"\0\0\0\0\0\x03\0\0"[..]);
    for text in [
        "user",
        "alice",
        "database",
        "orders",
        "application_name",
        "psql",
        "client_encoding",
        "UTF8",
        "",
    ] {
        message.extend_from_slice(text.as_bytes());
        message.push(0);
    }
    let length = u32::try_from(message.len()).unwrap_or(0);
    message.splice(..4, length.to_be_bytes());
    message
}

// The pure machine.

fn machine(n: usize, packets: &[&[u8]]) -> Result<()> {
    let mut out = Vec::with_capacity(64);
    for _ in 0..n {
        out.clear();
        counted_connection(black_box(packets), &mut out)?;
    }
    Ok(())
}

#[inline(never)]
fn counted_connection(packets: &[&[u8]], out: &mut Vec<u8>) -> Result<()> {
    let mut connection = Connection::new(Rules::new(Encryption::Unavailable));
    for packet in packets {
        let mut rest = *packet;
        loop {
            let step = connection.handle_input(NOW, rest);
            rest = rest.get(step.consumed..).unwrap_or_default();
            match step.action {
                Action::Ask(question) => {
                    connection.answer(question, Answer::Require(AuthMethod::Trust.into()));
                }
                Action::Reply(reply) => reply.put(out),
                Action::NeedInput => break,
                Action::Admit(login) => {
                    black_box(login);
                    return Ok(());
                }
                Action::Cancel(request) => {
                    black_box(request);
                    return Ok(());
                }
                other => return Err(format!("unexpected: {other:?}").into()),
            }
        }
    }
    Err("neither admitted nor cancelled".into())
}

// SCRAM: the server's half is counted, the client's is not.

const CLIENT_BARE: &str = "n=,r=rOprNGfwEbeRWgbNEkqO";
const USER_PASSWORD: &str = "pencil";

fn scram(n: usize) -> Result<()> {
    // One iteration: how many there are costs the client alone.
    let secret = Secret::scram_sha_256_with(USER_PASSWORD, b"0123456789abcdef", 1)?;
    let mock = MockSecrets::new([7; 32]);
    let mut begin = startup_message();
    begin.extend(sasl(
        &[
            &b"SCRAM-SHA-256\0\0\0\0\x1c"[..],
            b"n,,",
            CLIENT_BARE.as_bytes(),
        ]
        .concat(),
    )?);
    let mut out = Vec::with_capacity(512);
    for _ in 0..n {
        out.clear();
        let found = Found::Secret(
            secret.clone(),
            Challenge::new([9; Challenge::RANDOM], &mock),
        );
        let mut connection = counted_scram_begin(black_box(&begin), found, &mut out)?;
        // Behind R 10, 24 bytes, and the head of R 11.
        let server_first = std::str::from_utf8(out.get(33..).ok_or("no server-first")?)?;
        let answer = sasl(client_final(server_first)?.as_bytes())?;
        counted_scram_end(&mut connection, black_box(&answer), &mut out)?;
    }
    Ok(())
}

#[inline(never)]
fn counted_scram_begin(input: &[u8], found: Found, out: &mut Vec<u8>) -> Result<Connection> {
    let mut connection = Connection::new(Rules::new(Encryption::Unavailable));
    let (mut rest, mut found) = (input, Some(found));
    loop {
        let step = connection.handle_input(NOW, rest);
        rest = rest.get(step.consumed..).unwrap_or_default();
        match step.action {
            Action::Ask(question) => {
                connection.answer(question, Answer::Require(AuthMethod::ScramSha256.into()));
            }
            Action::LookUp(lookup) => {
                connection.found(lookup, found.take().ok_or("asked twice")?);
            }
            Action::Reply(reply) => reply.put(out),
            Action::NeedInput => return Ok(connection),
            other => return Err(format!("unexpected: {other:?}").into()),
        }
    }
}

#[inline(never)]
fn counted_scram_end(connection: &mut Connection, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let mut rest = input;
    loop {
        let step = connection.handle_input(NOW, rest);
        rest = rest.get(step.consumed..).unwrap_or_default();
        match step.action {
            Action::Reply(reply) => reply.put(out),
            Action::Admit(login) => {
                black_box(login);
                return Ok(());
            }
            other => return Err(format!("unexpected: {other:?}").into()),
        }
    }
}

fn scram_hashes(n: usize) -> Result<()> {
    // As long as the AuthMessage of the scenario above.
    let message = vec![b'x'; 157];
    for _ in 0..n {
        black_box(counted_scram_hashes(
            black_box(&[1; 32]),
            black_box(&message),
        )?);
    }
    Ok(())
}

#[inline(never)]
fn counted_scram_hashes(key: &[u8; 32], message: &[u8]) -> Result<[[u8; 32]; 2]> {
    let client_signature = hmac_sha256(key, message)?;
    Ok([
        Sha256::digest(client_signature).into(),
        hmac_sha256(key, message)?,
    ])
}

fn client_final(server_first: &str) -> Result<String> {
    let attribute = |name: &str| {
        let value = server_first.split(',').find_map(|a| a.strip_prefix(name));
        value.ok_or("an attribute is missing")
    };
    let salt = Base64::decode_vec(attribute("s=")?).map_err(|e| e.to_string())?;
    let mut salted = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(USER_PASSWORD.as_bytes(), &salt, 1, &mut salted);
    let client_key = hmac_sha256(&salted, b"Client Key")?;
    let stored_key: [u8; 32] = Sha256::digest(client_key).into();
    let unproved = format!("c=biws,r={}", attribute("r=")?);
    let message = format!("{CLIENT_BARE},{server_first},{unproved}");
    let mut proof = hmac_sha256(&stored_key, message.as_bytes())?;
    for (byte, key) in proof.iter_mut().zip(client_key) {
        *byte ^= key;
    }
    Ok(format!("{unproved},p={}", Base64::encode_string(&proof)))
}

fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> Result<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    mac.update(message);
    Ok(mac.finalize().into_bytes().into())
}

fn sasl(body: &[u8]) -> Result<Vec<u8>> {
    let mut message = vec![b'p'];
    message.extend(u32::try_from(body.len() + 4)?.to_be_bytes());
    message.extend(body);
    Ok(message)
}

// Logins over TLS: one client for two servers.

/// The server half of one connection.
trait Server: Sized {
    /// Whether the client asks for TLS before it begins.
    const ASKS: bool;

    fn open(shared: &Shared) -> Result<Self>;
    /// Takes what the client sent, leaves what is sent to it.
    fn turn(&mut self, shared: &Shared, wire: &[u8], out: &mut Vec<u8>) -> Result<()>;
    fn send(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<()>;
    /// Takes ciphertext, which may be overwritten.
    fn receive(&mut self, wire: &mut [u8], buf: &mut [u8]) -> Result<usize>;
}

#[inline(never)]
fn counted_open<S: Server>(shared: &Shared) -> Result<S> {
    S::open(shared)
}

#[inline(never)]
fn counted_turn<S: Server>(
    server: &mut S,
    shared: &Shared,
    wire: &[u8],
    out: &mut Vec<u8>,
) -> Result<()> {
    server.turn(shared, wire, out)
}

#[inline(never)]
fn counted_send<S: Server>(server: &mut S, plain: &[u8], out: &mut Vec<u8>) -> Result<()> {
    server.send(plain, out)
}

#[inline(never)]
fn counted_receive<S: Server>(server: &mut S, wire: &mut [u8], buf: &mut [u8]) -> Result<usize> {
    server.receive(wire, buf)
}

#[inline(never)]
fn counted_close<S: Server>(server: S) {
    drop(server);
}

/// rustls as one would drive it who knows the length of what comes.
struct Raw {
    tls: ServerConnection,
}

impl Raw {
    fn take(&mut self, mut wire: &[u8], buf: &mut [u8]) -> Result<usize> {
        let mut got = 0;
        while !wire.is_empty() {
            self.tls.read_tls(&mut wire)?;
            self.tls.process_new_packets()?;
            loop {
                match self.tls.reader().read(buf) {
                    Ok(0) => break,
                    Ok(n) => got += n,
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                    Err(e) => return Err(e.into()),
                }
            }
        }
        Ok(got)
    }
}

impl Server for Raw {
    const ASKS: bool = false;

    fn open(shared: &Shared) -> Result<Self> {
        Ok(Self {
            tls: ServerConnection::new(Arc::clone(&shared.server))?,
        })
    }

    fn turn(&mut self, shared: &Shared, wire: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let mut buf = [0; 1024];
        let got = self.take(wire, &mut buf)?;
        if got > 0 {
            if buf.get(..got) != Some(&shared.startup) {
                return Err("not the StartupMessage".into());
            }
            self.tls.writer().write_all(ANSWER)?;
        }
        while self.tls.wants_write() {
            self.tls.write_tls(out)?;
        }
        Ok(())
    }

    fn send(&mut self, mut plain: &[u8], out: &mut Vec<u8>) -> Result<()> {
        while !plain.is_empty() {
            let taken = self.tls.writer().write(plain)?;
            plain = plain.get(taken..).unwrap_or_default();
            while self.tls.wants_write() {
                self.tls.write_tls(out)?;
            }
        }
        Ok(())
    }

    fn receive(&mut self, wire: &mut [u8], buf: &mut [u8]) -> Result<usize> {
        self.take(wire, buf)
    }
}

/// pgtls, driven as an adapter does.
struct Door {
    handshake: Handshake,
    session: Option<Box<Session>>,
}

impl Server for Door {
    const ASKS: bool = true;

    fn open(shared: &Shared) -> Result<Self> {
        Ok(Self {
            handshake: shared.door.handshake(&Peer::Unknown),
            session: None,
        })
    }

    fn turn(&mut self, shared: &Shared, wire: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let mut rest = wire;
        let mut session = loop {
            match self.handshake.poll_output() {
                Output::Ask(question) => {
                    let answer = block_on(shared.door.decide(&question, &Peer::Unknown));
                    self.handshake.answer(NOW, question, answer);
                }
                Output::Done(session) => break session,
                Output::Send(bytes) => out.write_all(&bytes)?,
                Output::Wait(_) if rest.is_empty() => return Ok(()),
                Output::Wait(_) => {
                    let used = self.handshake.handle_input(NOW, rest);
                    rest = rest.get(used..).unwrap_or_default();
                }
                other => return Err(format!("unexpected: {other:?}").into()),
            }
        };
        session.receive(&mut rest.to_vec())?;
        session.write(&[IoSlice::new(READY_FOR_QUERY)])?;
        while session.wants_transmit() {
            session.transmit(out)?;
        }
        self.session = Some(session);
        Ok(())
    }

    fn send(&mut self, mut plain: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let session = self.session.as_mut().ok_or("no session")?;
        while !plain.is_empty() {
            let taken = session.write(&[IoSlice::new(plain)])?;
            plain = plain.get(taken..).unwrap_or_default();
            while session.wants_transmit() {
                session.transmit(out)?;
            }
        }
        Ok(())
    }

    fn receive(&mut self, wire: &mut [u8], buf: &mut [u8]) -> Result<usize> {
        let session = self.session.as_mut().ok_or("no session")?;
        let mut got = 0;
        session.receive(wire)?;
        loop {
            match session.read(buf) {
                Ok(0) => return Ok(got),
                Ok(n) => got += n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(got),
                Err(e) => return Err(e.into()),
            }
        }
    }
}

/// What both servers and the client use, made once.
struct Shared {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    door: FrontDoor,
    startup: Vec<u8>,
}

#[cfg(feature = "aws-lc-rs")]
fn provider() -> Option<CryptoProvider> {
    Some(rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
fn provider() -> Option<CryptoProvider> {
    Some(rustls::crypto::ring::default_provider())
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
fn provider() -> Option<CryptoProvider> {
    None
}

impl Shared {
    fn new() -> Result<Self> {
        let mut provider = provider().ok_or("built without aws-lc-rs and ring")?;
        provider
            .kx_groups
            .retain(|g| g.name() == NamedGroup::X25519);
        let provider = Arc::new(provider);
        // rcgen's default key is P-256.
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let certificate = made.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());

        let tls13 = &[&rustls::version::TLS13];
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(tls13)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key.into())?;
        server.alpn_protocols = vec![ALPN.to_vec()];
        server.send_tls13_tickets = 0;
        let server = Arc::new(server);

        let mut roots = RootCertStore::empty();
        roots.add(certificate)?;
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(tls13)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.alpn_protocols = vec![ALPN.to_vec()];
        client.resumption = rustls::client::Resumption::disabled();

        Ok(Self {
            door: FrontDoor::with_rustls(Rules::new(Encryption::Required), Arc::clone(&server)),
            server,
            client: Arc::new(client),
            startup: startup_message(),
        })
    }

    /// One login, up to the client's reading of ReadyForQuery.
    fn login<S: Server>(&self) -> Result<(S, ClientConnection)> {
        let mut server: S = counted_open(self)?;
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        if S::ASKS {
            counted_turn(&mut server, self, SSL_REQUEST, &mut to_client)?;
            if to_client != b"S" {
                return Err("no TLS".into());
            }
            to_client.clear();
        }
        let name = ServerName::try_from("localhost")?;
        let mut client = ClientConnection::new(Arc::clone(&self.client), name)?;
        let mut asked = false;
        let mut buf = [0; 64];
        loop {
            if !asked && !client.is_handshaking() {
                client.writer().write_all(&self.startup)?;
                asked = true;
            }
            while client.wants_write() {
                client.write_tls(&mut to_server)?;
            }
            if to_server.is_empty() {
                return Err("nobody speaks".into());
            }
            counted_turn(&mut server, self, &to_server, &mut to_client)?;
            to_server.clear();
            let mut wire = to_client.as_slice();
            while !wire.is_empty() {
                client.read_tls(&mut wire)?;
                client.process_new_packets()?;
            }
            to_client.clear();
            match client.reader().read(&mut buf) {
                Ok(n) if buf.get(..n) == Some(ANSWER) => return Ok((server, client)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                other => return Err(format!("not the answer: {other:?}").into()),
            }
        }
    }
}

fn logins<S: Server>(n: usize) -> Result<()> {
    let shared = Shared::new()?;
    for _ in 0..n {
        let (server, _client) = shared.login::<S>()?;
        counted_close(server);
    }
    Ok(())
}

fn down<S: Server>(n: usize) -> Result<()> {
    let (mut server, _client) = Shared::new()?.login::<S>()?;
    let piece = vec![7; PIECE];
    let mut out = Vec::with_capacity(2 * PIECE);
    for _ in 0..n {
        out.clear();
        counted_send(&mut server, &piece, &mut out)?;
    }
    Ok(())
}

fn up<S: Server>(n: usize) -> Result<()> {
    let (mut server, mut client) = Shared::new()?.login::<S>()?;
    let piece = vec![7; PIECE];
    let mut buf = vec![0; PIECE];
    let mut wire = Vec::with_capacity(2 * PIECE);
    for _ in 0..n {
        wire.clear();
        let mut rest = piece.as_slice();
        while !rest.is_empty() {
            let taken = client.writer().write(rest)?;
            rest = rest.get(taken..).unwrap_or_default();
            while client.wants_write() {
                client.write_tls(&mut wire)?;
            }
        }
        if counted_receive(&mut server, &mut wire, &mut buf)? != PIECE {
            return Err("bytes are missing".into());
        }
    }
    Ok(())
}
