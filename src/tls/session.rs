//! The one place that drives rustls: ciphertext in, ciphertext and plaintext out.

use std::io::{self, BufRead, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{Acceptor, ClientHello};
use rustls::{Error, HandshakeKind, PeerIncompatible, ServerConfig, ServerConnection};

use crate::meters;
use crate::tls::facts::{TlsFacts, TlsVersion, suite_name};

/// protocol_version (RFC 8446 §6.2).
const PROTOCOL_VERSION: u8 = 70;

/// Picks the configuration for a ClientHello.
pub(crate) trait Select {
    fn select(&self, hello: ClientHello<'_>) -> Result<Choice, Refusal>;
}

/// A configuration, and what verified the client certificates that its tickets carry.
#[derive(Clone)]
pub(crate) struct Choice {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) verifier: Option<Arc<dyn ClientCertVerifier>>,
    /// Whether client certificates can be verified, as far as is known.
    pub(crate) has_ca: bool,
    /// The certificate that it presents.
    pub(crate) leaf: Option<Arc<CertificateDer<'static>>>,
}

/// There is no configuration for a ClientHello.
pub(crate) struct Refusal {
    /// For the log.
    pub(crate) why: String,
    /// The description of the fatal alert (RFC 8446 §6).
    pub(crate) alert: u8,
}

/// One TLS connection, from its ClientHello on.
#[derive(Debug)]
pub(crate) struct TlsSession {
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Failed,
    Hello(Box<Hello>),
    Running(Box<Running>),
}

struct Running {
    connection: ServerConnection,
    /// Needed until the handshake is done.
    choice: Option<Choice>,
    /// close_notify was queued.
    closed: bool,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Running")
    }
}

struct Hello(Acceptor);

impl std::fmt::Debug for Hello {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hello")
    }
}

/// What came out of the plaintext side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Plaintext {
    /// This many bytes.
    Bytes(usize),
    /// None for now.
    Empty,
    /// The peer said close_notify: no more will come.
    Closed,
    /// The stream ended without close_notify: data may be missing.
    Truncated,
}

impl TlsSession {
    pub(crate) fn new() -> Self {
        Self {
            stage: Stage::Hello(Box::new(Hello(Acceptor::default()))),
        }
    }

    /// Takes ciphertext from the front of `wire`, as much as there is room for. What has to be
    /// sent is left for [`TlsSession::write_wire`], but for an alert about the ClientHello: there
    /// is no session to carry it, so it is put into `alert`.
    pub(crate) fn receive(
        &mut self,
        wire: &mut &[u8],
        select: &dyn Select,
        alert: &mut Vec<u8>,
    ) -> Result<(), String> {
        if let Stage::Hello(hello) = &mut self.stage {
            match accept(&mut hello.0, wire, select, alert) {
                Ok(None) => return Ok(()),
                Ok(Some(running)) => self.stage = Stage::Running(Box::new(running)),
                Err(why) => {
                    self.stage = Stage::Failed;
                    return Err(why);
                }
            }
        }
        let Stage::Running(running) = &mut self.stage else {
            return Err("the TLS session has failed".into());
        };
        if running.closed {
            return feed_after_close(&mut running.connection, wire);
        }
        feed(&mut running.connection, wire)
    }

    /// What is known of the session, once its handshake is done. A client certificate that a
    /// ticket brought back was verified when the ticket was given; it may have ended since.
    ///
    /// To be asked until it answers, and not again.
    pub(crate) fn facts(&mut self) -> Result<Option<TlsFacts>, String> {
        let Stage::Running(running) = &mut self.stage else {
            return Ok(None);
        };
        if running.connection.is_handshaking() {
            return Ok(None);
        }
        let Some(mut facts) = facts(&running.connection) else {
            return Ok(None);
        };
        if let Some(choice) = running.choice.take() {
            if facts.resumed {
                verify_again(&choice, &facts.peer_certificates)?;
            }
            facts.has_ca = choice.has_ca;
            facts.server_certificate = choice.leaf;
        }
        Ok(Some(facts))
    }

    /// Reads plaintext into `buf`.
    pub(crate) fn read(&mut self, buf: &mut [u8]) -> Plaintext {
        let Stage::Running(running) = &mut self.stage else {
            return Plaintext::Empty;
        };
        match running.connection.reader().read(buf) {
            Ok(0) => Plaintext::Closed,
            Ok(n) => Plaintext::Bytes(n),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Plaintext::Truncated,
            Err(_) => Plaintext::Empty,
        }
    }

    /// Appends plaintext to `into` until that holds `limit` bytes.
    pub(crate) fn read_up_to(&mut self, into: &mut Vec<u8>, limit: usize) -> Plaintext {
        let Stage::Running(running) = &mut self.stage else {
            return Plaintext::Empty;
        };
        let before = into.len();
        let mut reader = running.connection.reader();
        loop {
            let room = limit.saturating_sub(into.len());
            let end = match reader.fill_buf() {
                Ok([]) => Plaintext::Closed,
                Ok(_) if room == 0 => Plaintext::Empty,
                Ok(chunk) => {
                    let n = chunk.len().min(room);
                    into.extend_from_slice(chunk.get(..n).unwrap_or_default());
                    reader.consume(n);
                    continue;
                }
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Plaintext::Truncated,
                Err(_) => Plaintext::Empty,
            };
            let taken = into.len().saturating_sub(before);
            return if taken > 0 {
                Plaintext::Bytes(taken)
            } else {
                end
            };
        }
    }

    /// Encrypts plaintext; takes less than offered while much waits to be sent.
    pub(crate) fn write(&mut self, plain: &[u8]) -> usize {
        let Stage::Running(running) = &mut self.stage else {
            return 0;
        };
        running.connection.writer().write(plain).unwrap_or(0)
    }

    /// How much may wait to be sent before no more plaintext is taken.
    #[cfg(feature = "server")]
    pub(crate) fn set_max_waiting(&mut self, bytes: usize) {
        if let Stage::Running(running) = &mut self.stage {
            running.connection.set_buffer_limit(Some(bytes));
        }
    }

    /// Encrypts several slices of plaintext; see [`TlsSession::write`].
    pub(crate) fn write_vectored(&mut self, plain: &[io::IoSlice<'_>]) -> usize {
        let Stage::Running(running) = &mut self.stage else {
            return 0;
        };
        running
            .connection
            .writer()
            .write_vectored(plain)
            .unwrap_or(0)
    }

    /// Queues close_notify.
    pub(crate) fn close(&mut self) {
        if let Stage::Running(running) = &mut self.stage {
            running.connection.send_close_notify();
            running.closed = true;
        }
    }

    /// The transport has ended.
    pub(crate) fn eof(&mut self) {
        if let Stage::Running(running) = &mut self.stage {
            // Only tells rustls that the stream is over; there are no bytes to fail on.
            let _ = running.connection.read_tls(&mut io::empty());
        }
    }

    /// Whether ciphertext waits to be sent.
    pub(crate) fn wants_write(&self) -> bool {
        matches!(&self.stage, Stage::Running(running) if running.connection.wants_write())
    }

    /// Whether ciphertext can be taken; not while much plaintext is unread.
    pub(crate) fn wants_read(&self) -> bool {
        match &self.stage {
            Stage::Failed => false,
            Stage::Hello(_) => true,
            Stage::Running(running) => running.connection.wants_read(),
        }
    }

    /// Sends ciphertext; one call is at most one vectored write.
    pub(crate) fn write_wire(&mut self, wire: &mut dyn Write) -> io::Result<usize> {
        match &mut self.stage {
            Stage::Running(running) => running.connection.write_tls(wire),
            Stage::Failed | Stage::Hello(_) => Ok(0),
        }
    }

    /// Appends all waiting ciphertext.
    pub(crate) fn take_wire(&mut self, out: &mut Vec<u8>) {
        if let Stage::Running(running) = &mut self.stage {
            drain_wire(&mut running.connection, out);
        }
    }
}

fn facts(connection: &ServerConnection) -> Option<TlsFacts> {
    let suite = connection.negotiated_cipher_suite()?;
    let (cipher, cipher_bits) = suite_name(suite.suite());
    Some(TlsFacts {
        version: match connection.protocol_version()? {
            rustls::ProtocolVersion::TLSv1_2 => TlsVersion::Tls12,
            _ => TlsVersion::Tls13,
        },
        cipher,
        cipher_bits,
        group: connection
            .negotiated_key_exchange_group()
            .and_then(|g| g.name().as_str()),
        sni: connection.server_name().map(str::to_owned),
        alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
        peer_certificates: connection
            .peer_certificates()
            .map(|chain| chain.iter().map(|c| c.clone().into_owned()).collect())
            .unwrap_or_default(),
        server_certificate: None,
        has_ca: true,
        resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
    })
}

fn verify_again(choice: &Choice, chain: &[CertificateDer<'static>]) -> Result<(), String> {
    // Whoever brings a rustls configuration of their own decides about its tickets.
    let (Some((leaf, issuers)), Some(verifier)) = (chain.split_first(), &choice.verifier) else {
        return Ok(());
    };
    let time = &choice.config.time_provider;
    let now = time.current_time().ok_or("the time is not known")?;
    verifier
        .verify_client_cert(leaf, issuers, now)
        .map(drop)
        .map_err(|e| describe(&e))
}

fn accept(
    acceptor: &mut Acceptor,
    wire: &mut &[u8],
    select: &dyn Select,
    out: &mut Vec<u8>,
) -> Result<Option<Running>, String> {
    // The acceptor takes at most 4 KiB a call; a large ClientHello needs several.
    while !wire.is_empty() {
        acceptor.read_tls(wire).map_err(|e| e.to_string())?;
        let accepted = match acceptor.accept() {
            Ok(None) => continue,
            Ok(Some(accepted)) => accepted,
            Err((
                error @ Error::PeerIncompatible(
                    PeerIncompatible::SignatureAlgorithmsExtensionRequired,
                ),
                _,
            )) => {
                // Only clients of before TLS 1.2 do without. They deserve the alert that says so.
                put_alert(out, PROTOCOL_VERSION);
                return Err(describe(&error));
            }
            Err((error, mut alert)) => {
                let _ = alert.write_all(out);
                return Err(failed(&error));
            }
        };
        let choice = match select.select(accepted.client_hello()) {
            Ok(choice) => choice,
            Err(Refusal { why, alert }) => {
                put_alert(out, alert);
                return Err(why);
            }
        };
        return match accepted.into_connection(Arc::clone(&choice.config)) {
            Ok(connection) => Ok(Some(Running {
                connection,
                choice: Some(choice),
                closed: false,
            })),
            Err((error, mut alert)) => {
                let _ = alert.write_all(out);
                Err(failed(&error))
            }
        };
    }
    Ok(None)
}

/// A record of type alert, two bytes long: fatal, and its description.
fn put_alert(out: &mut Vec<u8>, description: u8) {
    meters::alert_sent(description.into());
    out.extend_from_slice(&[21, 3, 3, 0, 2, 2, description]);
}

fn feed(connection: &mut ServerConnection, wire: &mut &[u8]) -> Result<(), String> {
    // Also with no input: a ClientHello taken by the acceptor may have more behind it.
    loop {
        connection.process_new_packets().map_err(|e| failed(&e))?;
        if wire.is_empty() || !connection.wants_read() {
            return Ok(());
        }
        if connection.read_tls(wire).map_err(|e| e.to_string())? == 0 {
            return Ok(());
        }
    }
}

/// Where a peer breaks TLS, rustls sends an alert, also behind close_notify. With debug assertions
/// on it panics instead (`CommonState::send_fatal_alert`), and there is no asking it beforehand.
fn feed_after_close(connection: &mut ServerConnection, wire: &mut &[u8]) -> Result<(), String> {
    // What a panic leaves behind is a connection that takes nothing more.
    catch_unwind(AssertUnwindSafe(|| feed(connection, wire)))
        .unwrap_or_else(|_| Err("the peer broke TLS after the session was closed".into()))
}

fn drain_wire(connection: &mut ServerConnection, out: &mut Vec<u8>) {
    while connection.wants_write() {
        // Writing to a Vec does not fail.
        if !matches!(connection.write_tls(out), Ok(1..)) {
            return;
        }
    }
}

fn failed(error: &Error) -> String {
    meters::tls_failed(error);
    describe(error)
}

/// The text for the log, with PostgreSQL's advice where a version is the trouble.
fn describe(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(_) => {
            format!("client certificate verification failed: {error}")
        }
        Error::PeerIncompatible(
            PeerIncompatible::SignatureAlgorithmsExtensionRequired
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls13RequiredForQuic,
        ) => format!("{error}; the client offers no TLS version from 1.2 to 1.3"),
        _ => error.to_string(),
    }
}
