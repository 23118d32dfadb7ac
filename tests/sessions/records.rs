//! Records of an established session: however they are cut, they carry the same stream.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use crate::common::Certs;
use crate::common::pair::{Met, meet};
use crate::common::raw::provider;

use pgtls::{Encryption, FrontDoor, Output, Peer, Rules, Session, SslMode};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion,
};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];

fn client(certs: &Certs, version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(certs.made.ca_cert()).unwrap();
    roots.add(ca).unwrap();
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Arc::new(config)
}

/// A client that is in, and its session.
fn admitted(version: &'static SupportedProtocolVersion) -> (Met, Box<Session>) {
    let certs = Certs::new();
    let door = FrontDoor::new(certs.made.ssl_config(SslMode::Require)).unwrap();
    let mut met = meet(&door, &client(&certs, version), "localhost");
    let session = met.session.take().unwrap();
    (met, session)
}

/// One whose server may encrypt so many records with a key.
fn with_keys_for(records: u64, version: &'static SupportedProtocolVersion) -> (Met, Box<Session>) {
    let certs = Certs::new();
    let mut limited = (*provider()).clone();
    for suite in &mut limited.cipher_suites {
        // What is leaked is small, and a test's process is short.
        *suite = match *suite {
            SupportedCipherSuite::Tls12(old) => {
                let mut common = rustls::crypto::CipherSuiteCommon { ..old.common };
                common.confidentiality_limit = records;
                SupportedCipherSuite::Tls12(Box::leak(Box::new(rustls::Tls12CipherSuite {
                    common,
                    ..*old
                })))
            }
            SupportedCipherSuite::Tls13(old) => {
                let mut common = rustls::crypto::CipherSuiteCommon { ..old.common };
                common.confidentiality_limit = records;
                SupportedCipherSuite::Tls13(Box::leak(Box::new(rustls::Tls13CipherSuite {
                    common,
                    ..*old
                })))
            }
        };
    }
    let made = &certs.made;
    let chain = CertificateDer::pem_file_iter(made.server_cert()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::<CryptoProvider>::new(limited))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            chain.map(Result::unwrap).collect(),
            PrivateKeyDer::from_pem_file(made.server_key()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    let door = FrontDoor::with_rustls(Rules::new(Encryption::Required), Arc::new(config));
    let mut met = meet(&door, &client(&certs, version), "localhost");
    let session = met.session.take().unwrap();
    (met, session)
}

/// Bytes in which each place can be told from its neighbours.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i % 251) as u8).collect()
}

fn from_client(met: &mut Met, plain: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut rest = plain;
    loop {
        let taken = met.client.writer().write(rest).unwrap();
        rest = &rest[taken..];
        while met.client.wants_write() {
            met.client.write_tls(&mut wire).unwrap();
        }
        if rest.is_empty() {
            return wire;
        }
    }
}

/// All that the session sends.
fn from_server(session: &mut Session) -> Vec<u8> {
    let mut wire = Vec::new();
    while session.wants_transmit() {
        session.transmit(&mut wire).unwrap();
    }
    wire
}

/// What the client makes of it.
fn heard(met: &mut Met, mut wire: &[u8]) -> Vec<u8> {
    let mut heard = Vec::new();
    while !wire.is_empty() {
        met.client.read_tls(&mut wire).unwrap();
        met.client.process_new_packets().unwrap();
        let mut some = [0; 40_000];
        while let Ok(n @ 1..) = met.client.reader().read(&mut some) {
            heard.extend_from_slice(&some[..n]);
        }
    }
    heard
}

fn read_all(session: &mut Session, into: &mut Vec<u8>) {
    let mut some = [0; 3000];
    loop {
        match session.read(&mut some) {
            Ok(n) => into.extend_from_slice(&some[..n]),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return,
            Err(e) => panic!("{e}"),
        }
    }
}

fn lengths(mut wire: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let [_, 3, 3, high, low, rest @ ..] = wire {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        lengths.push(length);
        wire = &rest[length..];
    }
    assert!(wire.is_empty());
    lengths
}

#[test]
fn records_that_come_in_pieces_of_any_size() {
    let said = pattern(70_000);
    for version in VERSIONS {
        for piece in [
            1,
            2,
            4,
            5,
            6,
            7,
            1000,
            16_405,
            16_406,
            16_411,
            40_000,
            65_536,
            1 << 20,
        ] {
            let (mut met, mut session) = admitted(version);
            let mut wire = from_client(&mut met, &said[..10]);
            wire.extend(from_client(&mut met, &said[10..60_000]));
            wire.extend(from_client(&mut met, &said[60_000..]));
            let mut got = Vec::new();
            for part in wire.chunks_mut(piece) {
                assert_eq!(session.receive(part).unwrap(), part.len());
                if piece % 2 == 0 {
                    session.release();
                }
                read_all(&mut session, &mut got);
            }
            assert!(got == said, "{version:?} in pieces of {piece}");
        }
    }
}

#[test]
fn no_more_is_taken_while_64_kib_are_unread() {
    let (mut met, mut session) = admitted(&rustls::version::TLS13);
    let said = pattern(150_000);
    let mut wire = from_client(&mut met, &said);
    let mut got = Vec::new();
    let (mut at, mut refused) = (0, 0);
    while at < wire.len() {
        let end = wire.len().min(at + 10_000);
        match session.receive(&mut wire[at..end]).unwrap() {
            0 => {
                refused += 1;
                read_all(&mut session, &mut got);
                assert!(got.len() <= refused * (64 * 1024 + 16 * 1024));
            }
            taken => at += taken,
        }
    }
    read_all(&mut session, &mut got);
    assert!(got == said);
    assert_eq!(refused, 2);
}

#[test]
fn small_slices_share_a_record_and_large_ones_fill_theirs() {
    for version in VERSIONS {
        let (mut met, mut session) = admitted(version);
        heard(&mut met, &from_server(&mut session));
        let small = [b"one".as_slice(), b"", b"two", b"three"].map(IoSlice::new);
        assert_eq!(session.write(&small).unwrap(), 11);
        let wire = from_server(&mut session);
        assert_eq!(lengths(&wire).len(), 1);
        assert_eq!(heard(&mut met, &wire), b"onetwothree");

        let large = pattern(40_000);
        let mixed = [b"head".as_slice(), &large, b"tail"].map(IoSlice::new);
        assert_eq!(session.write(&mixed).unwrap(), 40_008);
        let wire = from_server(&mut session);
        assert_eq!(lengths(&wire).len(), 5);
        let said = [b"head".as_slice(), &large, b"tail"].concat();
        assert!(heard(&mut met, &wire) == said);
    }
}

/// Takes a few bytes a call, and none every other time.
struct Slow(Vec<u8>, bool);

impl Write for Slow {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.0.extend_from_slice(&buf[..buf.len().min(5000)]);
        Ok(buf.len().min(5000))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_slow_transport_gets_all_of_it_in_order_and_holds_up_the_writer() {
    let (mut met, mut session) = admitted(&rustls::version::TLS13);
    heard(&mut met, &from_server(&mut session));
    let said = pattern(400_000);
    let mut slow = Slow(Vec::new(), false);
    let (mut rest, mut sent, mut refused) = (said.as_slice(), 0, 0);
    while !rest.is_empty() || session.wants_transmit() {
        let taken = session
            .write(&[IoSlice::new(&rest[..rest.len().min(30_000)])])
            .unwrap();
        refused += usize::from(taken == 0 && !rest.is_empty());
        rest = &rest[taken..];
        sent += taken;
        let waiting = sent.saturating_sub(slow.0.len());
        assert!(waiting <= 66 * 1024, "{waiting} bytes wait");
        session.release();
        match session.transmit(&mut slow) {
            Err(e) => assert_eq!(e.kind(), ErrorKind::WouldBlock),
            Ok(n) => assert!(n > 0),
        }
    }
    assert!(refused > 0);
    assert!(heard(&mut met, &slow.0) == said);
}

#[test]
fn keys_are_renewed_on_either_side() {
    let (mut met, mut session) = admitted(&rustls::version::TLS13);
    heard(&mut met, &from_server(&mut session));
    for round in 0..5 {
        met.client.refresh_traffic_keys().unwrap();
        let mut wire = from_client(&mut met, b"new keys");
        session.receive(&mut wire).unwrap();
        let mut got = Vec::new();
        read_all(&mut session, &mut got);
        assert_eq!(got, b"new keys", "{round}");
        // The answer is asked to renew its keys too, and does so before it says anything.
        assert_eq!(session.write(&[IoSlice::new(b"yes")]).unwrap(), 3);
        let wire = from_server(&mut session);
        assert_eq!(lengths(&wire).len(), 2, "{round}");
        assert_eq!(heard(&mut met, &wire), b"yes");
    }
}

#[test]
fn tls_1_3_renews_keys_that_have_done_their_share() {
    let (mut met, mut session) = with_keys_for(4, &rustls::version::TLS13);
    heard(&mut met, &from_server(&mut session));
    for i in 0..50_u8 {
        assert_eq!(session.write(&[IoSlice::new(&[i; 100])]).unwrap(), 100);
        let wire = from_server(&mut session);
        assert_eq!(heard(&mut met, &wire), [i; 100]);
        // The client answers by renewing its own.
        let mut wire = from_client(&mut met, b"");
        session.receive(&mut wire).unwrap();
    }
}

#[test]
fn tls_1_2_ends_when_its_keys_have_done_their_share() {
    let (mut met, mut session) = with_keys_for(10, &rustls::version::TLS12);
    heard(&mut met, &from_server(&mut session));
    let mut said = 0;
    let error = loop {
        match session.write(&[IoSlice::new(b"again")]) {
            Ok(n) => {
                assert_eq!(n, 5);
                assert_eq!(heard(&mut met, &from_server(&mut session)), b"again");
                said += 1;
            }
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert!((1..10).contains(&said), "{said}");
    // It stays so, and the client is told properly.
    assert!(session.write(&[IoSlice::new(b"again")]).is_err());
    session.close();
    let mut wire = &from_server(&mut session)[..];
    met.client.read_tls(&mut wire).unwrap();
    assert!(met.client.process_new_packets().unwrap().peer_has_closed());
}

#[test]
fn a_client_hello_in_many_records() {
    let certs = Certs::new();
    let door = FrontDoor::new(certs.made.ssl_config(SslMode::Require)).unwrap();
    let config = client(&certs, &rustls::version::TLS13);
    for fragment in [1, 3, 100, 16_384] {
        let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        let mut client = rustls::ClientConnection::new(Arc::clone(&config), name).unwrap();
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        let mut wire = Vec::new();
        for part in hello[5..].chunks(fragment) {
            wire.extend_from_slice(&[22, 3, 1]);
            wire.extend_from_slice(&u16::try_from(part.len()).unwrap().to_be_bytes());
            wire.extend_from_slice(part);
        }
        for step in [1, 7, wire.len()] {
            let mut handshake = door.handshake(&Peer::Unknown);
            let mut answer = Vec::new();
            for part in wire.chunks(step) {
                assert!(
                    answer.is_empty(),
                    "answered before the ClientHello was whole"
                );
                assert_eq!(handshake.handle_input(Duration::ZERO, part), part.len());
                if let Output::Send(bytes) = handshake.poll_output() {
                    answer = bytes;
                }
            }
            assert_eq!(
                answer.first(),
                Some(&22),
                "records of {fragment}, {step} at once"
            );
        }
    }
}
