//! After login: plaintext on one side, the wire on the other.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;

use crate::front_door::{Peer, SessionPermit};
use crate::login::Login;
use crate::proxy::Proxied;
use crate::tls::session::{Exhausted, Plaintext, TlsSession};

/// How much may wait for a plain transport, as rustls has it for TLS.
const MAX_WAITING: usize = 64 * 1024;

/// An admitted connection, sans-IO: [`Session::receive`] and [`Session::transmit`] face the
/// transport, [`Session::read`] and [`Session::write`] the server behind the door.
///
/// AuthenticationOk waits inside and leaves with the server's first bytes, in one write.
pub struct Session {
    login: Box<Login>,
    tls: Option<TlsSession>,
    /// Plaintext to be sent; under TLS only until the first write.
    held: Vec<u8>,
    /// Plaintext received, not yet read.
    received: Vec<u8>,
    taken: usize,
    eof: bool,
    from: (Peer, Option<Arc<Proxied>>),
    /// Counts it while it lives.
    _permit: SessionPermit,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) fn new(
        login: Box<Login>,
        from: (Peer, Option<Arc<Proxied>>),
        permit: SessionPermit,
        tls: Option<TlsSession>,
        held: Vec<u8>,
        received: Vec<u8>,
    ) -> Self {
        Self {
            login,
            tls,
            held,
            received,
            taken: 0,
            eof: false,
            from,
            _permit: permit,
        }
    }

    /// Who came in.
    #[must_use]
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// Who is at the other end: the client, also behind a proxy.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.from.0
    }

    /// What a proxy said, if the connection came through one
    /// ([`FrontDoor::proxies`](crate::FrontDoor::proxies)).
    #[must_use]
    pub fn proxied(&self) -> Option<&Proxied> {
        self.from.1.as_deref()
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Takes bytes that came over the transport, and says how many: all, or none while 64 KiB of
    /// plaintext are unread; then they must be offered again. What is taken is overwritten: it is
    /// decrypted where it lies.
    ///
    /// # Errors
    /// The peer broke TLS (`InvalidData`). What is left to be sent is an alert.
    pub fn receive(&mut self, wire: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => tls.receive(wire).map_err(|why| {
                self.held.clear();
                io::Error::new(io::ErrorKind::InvalidData, why)
            }),
            None if self.received.len() < MAX_WAITING => {
                self.received.extend_from_slice(wire);
                Ok(wire.len())
            }
            None => Ok(0),
        }
    }

    /// Gives back the buffers that hold nothing; until then they are kept for what comes next. To
    /// be called when there is nothing to read for now: a session that waits for its client then
    /// holds no buffer.
    pub fn release(&mut self) {
        if self.held.is_empty() {
            self.held = Vec::new();
        }
        if let Some(tls) = &mut self.tls {
            tls.release();
        }
    }

    /// The transport has ended.
    pub fn receive_eof(&mut self) {
        self.eof = true;
        if let Some(tls) = &mut self.tls {
            tls.eof();
        }
    }

    /// Reads plaintext. `Ok(0)` is the end of the stream; an empty `buf` reads nothing.
    ///
    /// # Errors
    /// `WouldBlock`: nothing there yet, [`Session::receive`] more. `UnexpectedEof`: the transport
    /// ended without close_notify, so bytes may be missing.
    pub fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut waiting = self.received.get(self.taken..).unwrap_or_default();
        if !waiting.is_empty() {
            let n = waiting.read(buf)?;
            self.taken = self.taken.saturating_add(n);
            if self.taken >= self.received.len() {
                (self.received, self.taken) = (Vec::new(), 0);
            }
            return Ok(n);
        }
        let plain = match &mut self.tls {
            Some(tls) => tls.read(buf),
            None if self.eof => Plaintext::Closed,
            None => Plaintext::Empty,
        };
        match plain {
            Plaintext::Bytes(n) => Ok(n),
            Plaintext::Closed => Ok(0),
            Plaintext::Empty => Err(io::ErrorKind::WouldBlock.into()),
            Plaintext::Truncated => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Takes plaintext for the peer and returns how much; 0 while 64 KiB wait to be transmitted.
    ///
    /// # Errors
    /// `BrokenPipe`: nothing more can be sent, because the session has failed, or because its keys
    /// may encrypt no more (TLS 1.2 does not renew them; 2²⁴ records with AES-GCM).
    pub fn write(&mut self, plain: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            let mut taken = 0_usize;
            for slice in plain {
                let room = MAX_WAITING.saturating_sub(self.held.len()).min(slice.len());
                self.held
                    .extend_from_slice(slice.get(..room).unwrap_or_default());
                taken = taken.saturating_add(room);
            }
            return Ok(taken);
        };
        if self.held.is_empty() {
            return tls.write(plain).map_err(broken);
        }
        // The login's last words and the server's first share a record.
        let mut all = Vec::with_capacity(plain.len().saturating_add(1));
        all.push(IoSlice::new(&self.held));
        all.extend(plain.iter().map(|s| IoSlice::new(s)));
        let taken = tls.write(&all).map_err(broken)?;
        let held = self.held.len().min(taken);
        self.held.drain(..held);
        Ok(taken.saturating_sub(held))
    }

    /// Lets so many bytes wait to be transmitted under TLS, in place of 64 KiB.
    #[cfg(feature = "server")]
    #[allow(
        dead_code,
        reason = "without a runtime nobody has more to write at once"
    )]
    pub(crate) fn set_max_waiting(&mut self, bytes: usize) {
        if let Some(tls) = &mut self.tls {
            tls.set_max_waiting(bytes);
        }
    }

    /// Whether bytes wait to be transmitted.
    #[must_use]
    pub fn wants_transmit(&self) -> bool {
        !self.held.is_empty() || self.tls.as_ref().is_some_and(TlsSession::wants_write)
    }

    /// Whether [`Session::receive`] has room.
    #[must_use]
    pub fn wants_receive(&self) -> bool {
        match &self.tls {
            Some(tls) => tls.wants_read(),
            None => self.received.len() < MAX_WAITING,
        }
    }

    /// Sends what waits, with at most one (vectored) write per call; 0 when nothing waits.
    ///
    /// # Errors
    /// Those of `wire`; nothing is lost by them.
    pub fn transmit(&mut self, wire: &mut dyn Write) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => {
                say(tls, &mut self.held);
                if tls.wants_write() {
                    tls.write_wire(wire)
                } else {
                    Ok(0)
                }
            }
            None if self.held.is_empty() => Ok(0),
            None => {
                let n = wire.write(&self.held)?;
                self.held.drain(..n.min(self.held.len()));
                if self.held.is_empty() {
                    self.held = Vec::new();
                }
                Ok(n)
            }
        }
    }

    /// Says that nothing more will be written: queues close_notify under TLS. The transport's own
    /// end is for the owner to close once all is transmitted.
    pub fn close(&mut self) {
        if let Some(tls) = &mut self.tls {
            say(tls, &mut self.held);
            tls.close();
        }
    }
}

/// Encrypts what is held, as far as there is room. Once nothing can be sent, it never will be.
fn say(tls: &mut TlsSession, held: &mut Vec<u8>) {
    if !held.is_empty() {
        match tls.write(&[IoSlice::new(held)]) {
            Ok(taken) => drop(held.drain(..taken.min(held.len()))),
            Err(Exhausted) => held.clear(),
        }
    }
}

fn broken(_: Exhausted) -> io::Error {
    io::Error::new(
        io::ErrorKind::BrokenPipe,
        "the TLS session can send no more; close the connection",
    )
}
