//! An adapter of one's own: one thread, one `mio` poll, any number of connections. It shows all
//! that an adapter has to do: move bytes, keep time, run the futures of a decision, and take none.
//!
//! `cargo run --example custom_event_loop`, then `psql "host=127.0.0.1 user=me" -c "hello"`. Every
//! query is answered with its own text.
#![allow(
    clippy::disallowed_methods,
    reason = "an adapter is where time comes from"
)]

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Token};
use pgtls::{CertificateManager, Close, FrontDoor, Handshake, Output, Peer, Session, SslMode};

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
/// After a farewell the client's bytes are dropped for this long, so that no reset overtakes it.
const LINGER: Duration = Duration::from_secs(1);
/// Longer queries are not taken.
const MAX_MESSAGE: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let certificates = CertificateManager::setup_test_certs()?;
    let door = FrontDoor::new(certificates.ssl_config(SslMode::Prefer))?.max_sessions(100);
    let address = std::env::args().nth(1);
    let address: SocketAddr = address.as_deref().unwrap_or("127.0.0.1:5432").parse()?;
    let mut poll = mio::Poll::new()?;
    let mut listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let woken = Arc::new(Woken {
        tokens: Mutex::new(Vec::new()),
        poll: mio::Waker::new(poll.registry(), WAKER)?,
    });
    let mut connections: HashMap<Token, Connection> = HashMap::new();
    let (mut events, mut next) = (Events::with_capacity(256), 2);
    // One for all: a connection that waits holds no buffer.
    let mut scratch = vec![0; 64 * 1024];
    loop {
        let deadline = connections.values().filter_map(Connection::deadline).min();
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        match poll.poll(&mut events, left) {
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            other => other?,
        }
        let mut due: Vec<Token> = events.iter().map(mio::event::Event::token).collect();
        due.append(&mut woken.tokens.lock().unwrap_or_else(PoisonError::into_inner));
        let now = Instant::now();
        let late = |c: &Connection| c.deadline().is_some_and(|at| at <= now);
        due.extend(connections.iter().filter(|(_, c)| late(c)).map(|(t, _)| *t));
        if due.contains(&LISTENER) {
            while let Ok((mut socket, peer)) = listener.accept() {
                let token = Token(next);
                next += 1;
                let both = Interest::READABLE | Interest::WRITABLE;
                if poll.registry().register(&mut socket, token, both).is_ok() {
                    let waker = Waker::from(Arc::new(Wakes(token, Arc::clone(&woken))));
                    connections.insert(token, Connection::new(socket, peer, &door, waker));
                    due.push(token);
                }
            }
        }
        for token in due {
            if let Some(connection) = connections.get_mut(&token)
                && connection.turn(&door, &mut scratch).is_err()
            {
                connections.remove(&token);
            }
        }
    }
}

/// Connections whose futures can go on.
struct Woken {
    tokens: Mutex<Vec<Token>>,
    poll: mio::Waker,
}

struct Wakes(Token, Arc<Woken>);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        let tokens = &self.1.tokens;
        tokens
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(self.0);
        let _ = self.1.poll.wake();
    }
}

/// The answer to a question of the handshake, once it is there.
type Decision = Pin<Box<dyn Future<Output = Box<dyn FnOnce(&mut Handshake, Duration)>>>>;

enum Phase {
    /// Not in yet; and what is being decided, if anything is.
    Login(Box<Handshake>, Option<Decision>),
    Open(Box<Session>, Echo),
    /// All is said; what still comes is dropped.
    Closing(Instant),
}

struct Connection {
    socket: TcpStream,
    accepted: Instant,
    waker: Waker,
    phase: Phase,
    /// Bytes to be sent before anything else happens.
    out: Vec<u8>,
    /// Bytes that came and were not taken yet.
    rest: Vec<u8>,
    /// When the handshake wants to be told the time.
    timeout: Option<Duration>,
    /// Nothing is decided before.
    asleep: Option<Instant>,
}

/// Why a connection is dropped: an error, or its end.
struct Over;

impl<E: Into<io::Error>> From<E> for Over {
    fn from(_: E) -> Self {
        Self
    }
}

impl Connection {
    fn new(socket: TcpStream, peer: SocketAddr, door: &FrontDoor, waker: Waker) -> Self {
        // Answers are written whole: waiting for more only delays them.
        let _ = socket.set_nodelay(true);
        let peer = Peer::Tcp(peer);
        Self {
            socket,
            accepted: Instant::now(),
            waker,
            phase: Phase::Login(Box::new(door.handshake(&peer)), None),
            out: Vec::new(),
            rest: Vec::new(),
            timeout: None,
            asleep: None,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Login(..) => {
                let timeout = self.timeout.map(|timeout| self.accepted + timeout);
                timeout.into_iter().chain(self.asleep).min()
            }
            Phase::Open(..) => None,
            Phase::Closing(until) => Some(*until),
        }
    }

    /// Does all that can be done now.
    fn turn(&mut self, door: &FrontDoor, scratch: &mut [u8]) -> Result<(), Over> {
        loop {
            let progress = match &mut self.phase {
                Phase::Login(..) => self.log_in(door, scratch)?,
                Phase::Open(..) => self.serve(scratch)?,
                Phase::Closing(until) if *until <= Instant::now() => return Err(Over),
                Phase::Closing(_) => match self.socket.read(scratch) {
                    Err(e) if e.kind() == ErrorKind::WouldBlock => false,
                    Ok(1..) => true,
                    _ => return Err(Over),
                },
            };
            if !progress {
                return Ok(());
            }
        }
    }

    /// One step of the login. False: it waits.
    fn log_in(&mut self, door: &FrontDoor, scratch: &mut [u8]) -> Result<bool, Over> {
        let now = self.accepted.elapsed();
        let Phase::Login(handshake, decision) = &mut self.phase else {
            return Ok(true);
        };
        if self.timeout.is_some_and(|timeout| timeout <= now) {
            (self.timeout, self.asleep, *decision) = (None, None, None);
            self.out.clear();
            handshake.handle_timeout(now);
        }
        // Too many are not in yet, and this is the oldest: the handshake says what comes of it.
        let mut cx = Context::from_waker(&self.waker);
        if handshake.poll_evicted(&self.waker).is_ready() {
            *decision = None;
            self.out.clear();
        }
        while !self.out.is_empty() {
            match self.socket.write(&self.out) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
                Ok(n @ 1..) => drop(self.out.drain(..n)),
                Ok(_) => return Err(self.lose(door, &ErrorKind::WriteZero.into())),
                Err(e) => return Err(self.lose(door, &e)),
            }
        }
        if self.asleep.is_some_and(|until| until > Instant::now()) {
            return Ok(false);
        }
        self.asleep = None;
        if let Some(future) = decision {
            match future.as_mut().poll(&mut cx) {
                Poll::Pending => return Ok(false),
                Poll::Ready(tell) => tell(handshake, now),
            }
            *decision = None;
        }
        match handshake.poll_output() {
            Output::Ask(question) => {
                // Who has guessed passwords waits before the next guess is heard.
                let delay = door.delay(handshake, Instant::now());
                self.asleep = (!delay.is_zero()).then(|| Instant::now() + delay);
                // Names in client certificates may have to be looked up here, too: see
                // `Question::hosts_to_resolve`. This server's mode asks for none.
                let (door, peer) = (door.clone(), *handshake.peer());
                *decision = Some(Box::pin(async move {
                    let answer = door.decide(&question, &peer).await;
                    let tell = move |handshake: &mut Handshake, now| {
                        handshake.answer(now, question, answer);
                    };
                    Box::new(tell) as Box<dyn FnOnce(&mut Handshake, Duration)>
                }));
            }
            Output::LookUp(lookup) => {
                let door = door.clone();
                *decision = Some(Box::pin(async move {
                    let found = door.look_up(&lookup).await;
                    let tell = move |handshake: &mut Handshake, now| {
                        handshake.found(now, lookup, found);
                    };
                    Box::new(tell) as Box<dyn FnOnce(&mut Handshake, Duration)>
                }));
            }
            // This server runs nothing that could be cancelled. There is no answer but the end of
            // the stream, within TLS too.
            Output::Cancel(request) => {
                let _ = self.socket.write(request.close_notify());
                return Err(Over);
            }
            Output::Close(close) => {
                door.note_refused(handshake, &close, now, Instant::now());
                self.hang_up();
            }
            Output::Done(session) => {
                door.note_admitted(handshake, &session, now);
                self.phase = Phase::Open(session, Echo::new());
            }
            Output::Send(bytes) => self.out = bytes,
            Output::Wait(timeout) => {
                self.timeout = timeout;
                if !self.rest.is_empty() {
                    let taken = handshake.handle_input(now, &self.rest);
                    self.rest.drain(..taken);
                    return Ok(taken > 0);
                }
                match self.socket.read(scratch) {
                    Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
                    Err(e) => return Err(self.lose(door, &e)),
                    Ok(0) => handshake.handle_eof(now),
                    Ok(n) => {
                        let taken = handshake.handle_input(now, &scratch[..n]);
                        self.rest.extend_from_slice(&scratch[taken..n]);
                    }
                }
            }
            _ => return Err(Over),
        }
        Ok(true)
    }

    /// The socket failed before the login was over.
    fn lose(&mut self, door: &FrontDoor, error: &io::Error) -> Over {
        if let Phase::Login(handshake, _) = &mut self.phase {
            // Who does not stay to hear why it was refused was refused nevertheless.
            let close = match handshake.poll_output() {
                Output::Close(close) => close,
                _ => Close::transport(&error.to_string()),
            };
            door.note_refused(handshake, &close, self.accepted.elapsed(), Instant::now());
        }
        Over
    }

    fn hang_up(&mut self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Write);
        self.phase = Phase::Closing(Instant::now() + LINGER);
    }

    /// One step of what is behind the door. False: it waits.
    fn serve(&mut self, scratch: &mut [u8]) -> Result<bool, Over> {
        let Phase::Open(session, echo) = &mut self.phase else {
            return Ok(true);
        };
        // What is to be sent goes first: a client that does not read is not read either.
        let taken = session.write(&[IoSlice::new(&echo.out)])?;
        echo.out.drain(..taken);
        if session.wants_transmit() {
            match session.transmit(&mut self.socket) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
                sent => {
                    sent?;
                    return Ok(true);
                }
            }
        }
        if echo.over {
            self.hang_up();
            return Ok(true);
        }
        match session.read(scratch) {
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => return Err(Over),
            Ok(n) => {
                echo.hear(&scratch[..n])?;
                if echo.over {
                    // close_notify under TLS.
                    session.close();
                }
                return Ok(true);
            }
        }
        if !self.rest.is_empty() {
            let taken = session.receive(&mut self.rest)?;
            self.rest.drain(..taken);
            return Ok(true);
        }
        match self.socket.read(scratch) {
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                session.release();
                return Ok(false);
            }
            Err(_) => return Err(Over),
            Ok(0) => session.receive_eof(),
            Ok(n) => {
                let taken = session.receive(&mut scratch[..n])?;
                self.rest.extend_from_slice(&scratch[taken..n]);
            }
        }
        Ok(true)
    }
}

/// The server behind the door: plaintext messages in, plaintext messages out.
struct Echo {
    input: Vec<u8>,
    out: Vec<u8>,
    over: bool,
}

impl Echo {
    fn new() -> Self {
        let mut out = Vec::new();
        put(&mut out, b'S', b"client_encoding\0UTF8\0");
        put(&mut out, b'Z', b"I");
        Self {
            input: Vec::new(),
            out,
            over: false,
        }
    }

    fn hear(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.input.extend_from_slice(bytes);
        while let Some((&[kind, a, b, c, d], rest)) = self.input.split_first_chunk() {
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            if !(4..=MAX_MESSAGE).contains(&length) {
                return Err(ErrorKind::InvalidData.into());
            }
            let Some(body) = rest.get(..length - 4) else {
                break;
            };
            match kind {
                b'Q' => answer(&mut self.out, body.strip_suffix(b"\0").unwrap_or(body)),
                b'X' => self.over = true,
                _ => {
                    put(
                        &mut self.out,
                        b'E',
                        b"SERROR\0VERROR\0C0A000\0Monly simple queries\0\0",
                    );
                    put(&mut self.out, b'Z', b"I");
                }
            }
            self.input.drain(..=length);
        }
        Ok(())
    }
}

/// One row with one column of type text (PostgreSQL docs, "Message Formats").
fn answer(out: &mut Vec<u8>, text: &[u8]) {
    put(
        out,
        b'T',
        b"\0\x01echo\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0",
    );
    let mut row = vec![0, 1];
    row.extend_from_slice(&(text.len() as u32).to_be_bytes());
    row.extend_from_slice(text);
    put(out, b'D', &row);
    put(out, b'C', b"SELECT 1\0");
    put(out, b'Z', b"I");
}

fn put(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    out.push(kind);
    out.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    out.extend_from_slice(body);
}
