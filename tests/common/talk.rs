//! A client's half of a login, in memory: plaintext messages to a door and back, with or without
//! TLS between them.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use pgtls::{Close, FrontDoor, Handshake, Output, Peer, Session};
use pollster::block_on;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::raw::SSL_REQUEST;

pub struct Talk {
    door: FrontDoor,
    handshake: Handshake,
    tls: Option<ClientConnection>,
    pub session: Option<Box<Session>>,
    pub close: Option<Close>,
    /// Plaintext that came and was not looked at yet.
    heard: Vec<u8>,
}

const NOW: Duration = Duration::ZERO;

impl Talk {
    pub fn plain(door: &FrontDoor) -> Self {
        Self {
            handshake: door.handshake(&Peer::Unknown),
            door: door.clone(),
            tls: None,
            session: None,
            close: None,
            heard: Vec::new(),
        }
    }

    pub fn tls(door: &FrontDoor, config: &Arc<ClientConfig>) -> Self {
        let mut talk = Self::plain(door);
        talk.send(&SSL_REQUEST);
        assert_eq!(std::mem::take(&mut talk.heard), b"S");
        let name = ServerName::try_from("localhost").unwrap();
        talk.tls = Some(ClientConnection::new(Arc::clone(config), name).unwrap());
        while talk.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            talk.send(b"");
        }
        talk.send(b"");
        talk
    }

    /// Says something and lets the door answer.
    pub fn send(&mut self, plain: &[u8]) {
        let mut wire = plain.to_vec();
        if let Some(tls) = &mut self.tls {
            wire.clear();
            tls.writer().write_all(plain).unwrap();
            while tls.wants_write() {
                tls.write_tls(&mut wire).unwrap();
            }
        }
        let mut rest = wire.as_slice();
        self.drive();
        while !rest.is_empty() && self.session.is_none() && self.close.is_none() {
            let taken = self.handshake.handle_input(NOW, rest);
            rest = &rest[taken..];
            self.drive();
        }
    }

    pub fn end(&mut self) {
        self.handshake.handle_eof(NOW);
        self.drive();
    }

    fn drive(&mut self) {
        while self.session.is_none() && self.close.is_none() {
            match self.handshake.poll_output() {
                Output::Ask(question) => {
                    let answer = block_on(self.door.decide(&question, &Peer::Unknown));
                    self.handshake.answer(NOW, question, answer);
                }
                Output::LookUp(lookup) => {
                    let found = block_on(self.door.look_up(&lookup));
                    self.handshake.found(NOW, lookup, found);
                }
                Output::Close(close) => self.close = Some(close),
                Output::Done(session) => {
                    let mut wire = Vec::new();
                    self.session = Some(session);
                    if let Some(session) = &mut self.session {
                        while session.wants_transmit() {
                            session.transmit(&mut wire).unwrap();
                        }
                    }
                    self.take(&wire);
                }
                Output::Send(bytes) => self.take(&bytes),
                Output::Wait(_) => return,
                other => panic!("{other:?}"),
            }
        }
    }

    fn take(&mut self, mut wire: &[u8]) {
        let Some(tls) = &mut self.tls else {
            return self.heard.extend_from_slice(wire);
        };
        while !wire.is_empty() {
            tls.read_tls(&mut wire).unwrap();
            tls.process_new_packets().unwrap();
        }
        let mut plain = [0; 4096];
        while let Ok(n @ 1..) = tls.reader().read(&mut plain) {
            self.heard.extend_from_slice(&plain[..n]);
        }
    }

    /// The next message that came, if there is one.
    pub fn hear(&mut self) -> Option<(u8, Vec<u8>)> {
        let (head, rest) = self.heard.split_first_chunk::<5>()?;
        let [kind, length @ ..] = *head;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap() - 4;
        let body = rest[..length].to_vec();
        self.heard.drain(..length + 5);
        Some((kind, body))
    }

    /// What came, in short: `R10`, `R0`, `28P01 text (detail)`; and `end` where it has ended.
    pub fn story(&mut self) -> String {
        let mut story = Vec::new();
        while let Some((kind, body)) = self.hear() {
            story.push(match kind {
                b'R' => format!("R{}", body[3]),
                b'E' => error(&body),
                other => char::from(other).to_string(),
            });
        }
        if self.close.is_some() {
            story.push("end".into());
        }
        story.join(" ")
    }
}

fn error(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let field = |kind: char| text.split('\0').find_map(|f| f.strip_prefix(kind));
    assert_eq!(field('S'), Some("FATAL"));
    let (code, message) = (field('C').unwrap(), field('M').unwrap());
    match field('D') {
        Some(detail) => format!("{code} {message} ({detail})"),
        None => format!("{code} {message}"),
    }
}
