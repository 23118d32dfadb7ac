//! A door and a rustls client joined in memory: no sockets.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pgtls::{Close, FrontDoor, Login, Output, Peer, Session};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::raw::startup;

/// How a login over direct TLS went.
pub struct Met {
    /// Whom the door let in.
    pub session: Option<Box<Session>>,
    /// Why the door stayed shut.
    pub close: Option<Close>,
    pub client: ClientConnection,
    /// What the client had to say about the handshake.
    pub client_error: Option<rustls::Error>,
    /// What the client read under TLS.
    pub read: Vec<u8>,
}

impl Met {
    pub fn login(&self) -> &Login {
        let session = self.session.as_ref();
        session
            .unwrap_or_else(|| panic!("{:?} {:?}", self.close, self.client_error))
            .login()
    }

    /// The reason in the log, or nothing if the client got in.
    pub fn reason(&self) -> String {
        let reason = self.close.as_ref().map(|c| c.reason().to_string());
        reason.unwrap_or_default()
    }
}

/// A client that asks for this host logs in as postgres.
pub fn meet(door: &FrontDoor, config: &Arc<ClientConfig>, host: &str) -> Met {
    meet_from(door, config, host, "postgres", "127.0.0.1:1", &[])
}

/// As this user, from there, while the name service knows these hosts.
pub fn meet_from(
    door: &FrontDoor,
    config: &Arc<ClientConfig>,
    host: &str,
    user: &str,
    peer: &str,
    hosts: &[(&str, &str)],
) -> Met {
    meet_while(door, config, host, user, peer, hosts, &mut || {})
}

/// While something happens between the client's connection and its first byte.
pub fn meet_while(
    door: &FrontDoor,
    config: &Arc<ClientConfig>,
    host: &str,
    user: &str,
    peer: &str,
    hosts: &[(&str, &str)],
    meanwhile: &mut dyn FnMut(),
) -> Met {
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let mut met = Met {
        session: None,
        close: None,
        client: ClientConnection::new(Arc::clone(config), name).unwrap(),
        client_error: None,
        read: Vec::new(),
    };
    let peer: SocketAddr = peer.parse().unwrap();
    let peer = Peer::Tcp(peer);
    let mut handshake = door.handshake(&peer);
    meanwhile();
    met.client
        .writer()
        .write_all(&startup(&[("user", user)]))
        .unwrap();
    while met.session.is_none() && met.close.is_none() {
        let mut wire = Vec::new();
        while met.client.wants_write() {
            met.client.write_tls(&mut wire).unwrap();
        }
        if wire.is_empty() {
            handshake.handle_eof(Duration::ZERO);
        } else {
            let taken = handshake.handle_input(Duration::ZERO, &wire);
            assert_eq!(taken, wire.len());
        }
        loop {
            match handshake.poll_output() {
                Output::Ask(mut question) => {
                    for (host, address) in hosts {
                        question.resolved(host, &[address.parse().unwrap()]);
                    }
                    let answer = pollster::block_on(door.decide(&question, &peer));
                    handshake.answer(Duration::ZERO, question, answer);
                }
                Output::LookUp(lookup) => {
                    let found = pollster::block_on(door.look_up(&lookup));
                    handshake.found(Duration::ZERO, lookup, found);
                }
                Output::Close(close) => met.close = Some(close),
                Output::Done(session) => met.session = Some(session),
                Output::Send(bytes) => met.take(&bytes),
                Output::Wait(_) => break,
                other => panic!("{other:?}"),
            }
            if met.session.is_some() || met.close.is_some() {
                break;
            }
        }
    }
    if let Some(mut session) = met.session.take() {
        let mut wire = Vec::new();
        while session.wants_transmit() {
            session.transmit(&mut wire).unwrap();
        }
        met.take(&wire);
        met.session = Some(session);
    }
    met
}

impl Met {
    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.client_error.is_none() {
            self.client.read_tls(&mut bytes).unwrap();
            match self.client.process_new_packets() {
                Ok(_) => {}
                Err(e) => self.client_error = Some(e),
            }
        }
        let mut plain = [0; 4096];
        while let Ok(n @ 1..) = self.client.reader().read(&mut plain) {
            self.read.extend_from_slice(&plain[..n]);
        }
    }
}
