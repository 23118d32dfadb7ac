//! A TLS session that the server has closed: the client may go on, until it is done too.

use std::io::{ErrorKind, Write};
use std::sync::Arc;

use crate::common::Certs;
use crate::common::pair::{Met, meet};
use crate::common::raw::provider;
use pgtls::{FrontDoor, Session, SslMode};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Clients that are in, by TLS 1.3 and by TLS 1.2, and their sessions, closed by now.
fn closed() -> [(Met, Box<Session>); 2] {
    let certs = Certs::new();
    let door = FrontDoor::new(certs.made.ssl_config(SslMode::Require)).unwrap();
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(certs.made.ca_cert()).unwrap();
    roots.add(ca).unwrap();
    [&rustls::version::TLS13, &rustls::version::TLS12].map(|version| {
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        let mut met = meet(&door, &Arc::new(config), "localhost");
        let mut session = met.session.take().unwrap();
        session.close();
        let mut wire = Vec::new();
        while session.wants_transmit() {
            session.transmit(&mut wire).unwrap();
        }
        met.client.read_tls(&mut wire.as_slice()).unwrap();
        let state = met.client.process_new_packets().unwrap();
        assert!(state.peer_has_closed());
        (met, session)
    })
}

/// What the client sends: these words, in a record of their own.
fn record(met: &mut Met, words: &[u8]) -> Vec<u8> {
    met.client.writer().write_all(words).unwrap();
    flush(met)
}

fn flush(met: &mut Met) -> Vec<u8> {
    let mut wire = Vec::new();
    while met.client.wants_write() {
        met.client.write_tls(&mut wire).unwrap();
    }
    wire
}

#[test]
fn the_client_is_heard_until_it_is_done_too() {
    for (mut met, mut session) in closed() {
        let mut heard = Vec::new();
        for _ in 0..10 {
            let mut sent = record(&mut met, &[b'x'; 16_000]);
            session.receive(&mut sent).unwrap();
            let mut some = [0; 20_000];
            let n = session.read(&mut some).unwrap();
            heard.extend_from_slice(&some[..n]);
            let none = session.read(&mut some).unwrap_err();
            assert_eq!(none.kind(), ErrorKind::WouldBlock);
        }
        assert!(heard == [b'x'; 160_000]);
        met.client.send_close_notify();
        let mut last = flush(&mut met);
        session.receive(&mut last).unwrap();
        assert_eq!(session.read(&mut [0; 1]).unwrap(), 0);
        // What comes behind it is nobody's.
        session.receive(&mut b"GET / HTTP/1.1".to_vec()).unwrap();
        assert_eq!(session.read(&mut [0; 1]).unwrap(), 0);
    }
}

#[test]
fn what_is_no_tls_ends_it_with_an_error() {
    let no_record = b"GET / HTTP/1.1\r\n\r\n".to_vec();
    let nobodys = [&[23, 3, 3, 0, 32][..], &[7; 32]].concat();
    let too_long = [&[23, 3, 3, 0xff, 0xff][..], &[7; 100]].concat();
    let handshake = vec![22, 3, 3, 0, 4, 1, 0, 0, 0];
    let alert = vec![21, 3, 3, 0, 2, 2, 40];
    for wrong in [no_record, nobodys, too_long, handshake, alert] {
        for (mut met, mut session) in closed() {
            let mut sent = record(&mut met, b"right");
            sent.extend_from_slice(&wrong);
            let error = session.receive(&mut sent).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{wrong:?}");
            // What was right before it can still be read, and no more comes.
            let mut some = [0; 10];
            let n = session.read(&mut some).unwrap();
            assert_eq!(&some[..n], b"right");
            let mut more = record(&mut met, b"more");
            assert!(session.receive(&mut more).is_err());
            assert!(session.read(&mut some).is_err());
            session.close();
            session.receive_eof();
            while session.wants_transmit() {
                session.transmit(&mut Vec::new()).unwrap();
            }
        }
    }
}
