//! The one place that drives rustls: ciphertext in, ciphertext and plaintext out.

use std::io::{self, Read, Write};

use rustls::pki_types::CertificateDer;
use rustls::server::UnbufferedServerConnection;
use rustls::{Error, HandshakeKind, PeerIncompatible};

pub(crate) use super::hello::{Choice, Refusal, Select};
use super::hello::{Chosen, Hello};
pub(crate) use super::records::Exhausted;
use super::records::Records;
use crate::meters;
use crate::tls::facts::{TlsFacts, TlsVersion, suite_name};

/// One TLS connection, from its ClientHello on.
pub(crate) struct TlsSession {
    stage: Stage,
}

enum Stage {
    Failed,
    Hello(Hello),
    Running(Box<Running>),
}

struct Running {
    records: Records,
    /// Needed until the handshake is done.
    opening: Option<Box<Opening>>,
    /// The transport has ended.
    eof: bool,
}

struct Opening {
    choice: Choice,
    sni: Option<String>,
}

impl std::fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.stage {
            Stage::Failed => "Failed",
            Stage::Hello(_) => "Hello",
            Stage::Running(_) => "Running",
        })
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
            stage: Stage::Hello(Hello::default()),
        }
    }

    /// Takes ciphertext from the front of `wire`: all of it, or none while there is no room. What
    /// has to be sent is left for [`TlsSession::write_wire`], but for an alert about the
    /// ClientHello: there is no session to carry it, so it is put into `alert`.
    pub(crate) fn shake_hands(
        &mut self,
        wire: &mut &[u8],
        select: &dyn Select,
        alert: &mut Vec<u8>,
    ) -> Result<(), String> {
        let mut owned;
        if let Stage::Hello(hello) = &mut self.stage {
            match hello.receive(std::mem::take(wire), select, alert) {
                Ok(None) => return Ok(()),
                Ok(Some(Chosen {
                    connection,
                    choice,
                    sni,
                    wire,
                })) => {
                    owned = wire;
                    self.stage = Stage::Running(Box::new(Running {
                        records: Records::new(connection),
                        opening: Some(Box::new(Opening { choice, sni })),
                        eof: false,
                    }));
                }
                Err(why) => {
                    self.stage = Stage::Failed;
                    return Err(why);
                }
            }
        } else {
            owned = wire.to_vec();
        }
        let received = self.receive(&mut owned);
        if !matches!(received, Ok(0)) {
            *wire = &[];
        }
        received.map(drop)
    }

    /// Takes ciphertext, which is overwritten: all of it, or none while there is no room.
    pub(crate) fn receive(&mut self, wire: &mut [u8]) -> Result<usize, String> {
        match &mut self.stage {
            Stage::Running(running) if !running.records.has_failed() => {
                running.records.receive(wire).map_err(|e| failed(&e))
            }
            _ => Err("the TLS session has failed".into()),
        }
    }

    /// What is known of the session, once its handshake is done. A client certificate that a
    /// ticket brought back was verified when the ticket was given; it may have ended since.
    ///
    /// To be asked until it answers, and not again.
    pub(crate) fn facts(&mut self) -> Result<Option<TlsFacts>, String> {
        let Stage::Running(running) = &mut self.stage else {
            return Ok(None);
        };
        if running.records.connection.is_handshaking() {
            return Ok(None);
        }
        let Some(mut facts) = facts(&running.records.connection) else {
            return Ok(None);
        };
        if let Some(opening) = running.opening.take() {
            let Opening { choice, sni } = *opening;
            if facts.resumed {
                verify_again(&choice, &facts.peer_certificates)?;
            }
            facts.sni = sni;
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
        let mut plain = running.records.plain();
        if plain.is_empty() {
            return running.end();
        }
        // Reading from a slice does not fail.
        let count = plain.read(buf).unwrap_or(0);
        running.records.read(count);
        Plaintext::Bytes(count)
    }

    /// Appends plaintext to `into` until that holds `limit` bytes.
    pub(crate) fn read_up_to(&mut self, into: &mut Vec<u8>, limit: usize) -> Plaintext {
        let Stage::Running(running) = &mut self.stage else {
            return Plaintext::Empty;
        };
        let plain = running.records.plain();
        if plain.is_empty() {
            return running.end();
        }
        let room = limit.saturating_sub(into.len()).min(plain.len());
        into.extend_from_slice(plain.get(..room).unwrap_or_default());
        running.records.read(room);
        running.records.release();
        match room {
            0 => Plaintext::Empty,
            count => Plaintext::Bytes(count),
        }
    }

    /// Encrypts slices of plaintext; takes less than offered while much waits to be sent.
    pub(crate) fn write(&mut self, plain: &[io::IoSlice<'_>]) -> Result<usize, Exhausted> {
        match &mut self.stage {
            Stage::Running(running) => running.records.write(plain),
            Stage::Failed | Stage::Hello(_) => Err(Exhausted),
        }
    }

    /// How much may wait to be sent before no more plaintext is taken.
    #[cfg(feature = "server")]
    pub(crate) fn set_max_waiting(&mut self, bytes: usize) {
        if let Stage::Running(running) = &mut self.stage {
            running.records.max_waiting = bytes;
        }
    }

    /// Queues close_notify, if there is a session to be closed.
    pub(crate) fn close(&mut self) {
        if let Stage::Running(running) = &mut self.stage {
            running.records.close();
        }
    }

    /// The transport has ended.
    pub(crate) fn eof(&mut self) {
        if let Stage::Running(running) = &mut self.stage {
            running.eof = true;
        }
    }

    /// Whether ciphertext waits to be sent.
    pub(crate) fn wants_write(&self) -> bool {
        matches!(&self.stage, Stage::Running(running) if !running.records.outgoing().is_empty())
    }

    /// Whether ciphertext can be taken; not while much plaintext is unread.
    pub(crate) fn wants_read(&self) -> bool {
        match &self.stage {
            Stage::Failed => false,
            Stage::Hello(_) => true,
            Stage::Running(running) => !running.records.is_closed() && running.records.has_room(),
        }
    }

    /// Sends ciphertext; one call is at most one write.
    pub(crate) fn write_wire(&mut self, wire: &mut dyn Write) -> io::Result<usize> {
        let Stage::Running(running) = &mut self.stage else {
            return Ok(0);
        };
        let count = wire.write(running.records.outgoing())?;
        running.records.sent(count);
        Ok(count)
    }

    /// Appends all waiting ciphertext.
    pub(crate) fn take_wire(&mut self, out: &mut Vec<u8>) {
        if let Stage::Running(running) = &mut self.stage {
            let waiting = running.records.outgoing();
            let count = waiting.len();
            out.extend_from_slice(waiting);
            running.records.sent(count);
            running.records.release();
        }
    }

    /// Gives back the buffers that hold nothing.
    pub(crate) fn release(&mut self) {
        if let Stage::Running(running) = &mut self.stage {
            running.records.release();
        }
    }
}

impl Running {
    /// Why there is no plaintext.
    fn end(&self) -> Plaintext {
        if self.records.is_closed() {
            Plaintext::Closed
        } else if self.eof {
            Plaintext::Truncated
        } else {
            Plaintext::Empty
        }
    }
}

fn facts(connection: &UnbufferedServerConnection) -> Option<TlsFacts> {
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
        sni: None,
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

pub(super) fn failed(error: &Error) -> String {
    meters::tls_failed(error);
    describe(error)
}

/// The text for the log, with PostgreSQL's advice where a version is the trouble.
pub(super) fn describe(error: &Error) -> String {
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
