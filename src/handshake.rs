//! The pure machine and TLS joined: raw bytes on both sides, still no I/O.

use std::fmt;
use std::io::IoSlice;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::audit::Record;
use crate::auth::Found;
use crate::close::{Close, Reason};
use crate::connection::{Action, Answer, Connection, Lookup, Question, Step, Upgrade};
use crate::front_door::{Peer, Room};
use crate::half_open::{Place, TooMuch};
use crate::policy::Rules;
use crate::proxy::{Malformed, Proxied, ProxyStep};
use crate::session::Session;
use crate::tls::session::{Plaintext, Select, TlsSession};
use crate::wire::request::CancelRequest;
use zeroize::Zeroize;

/// What the owner of a [`Handshake`] is to do.
///
/// `Cancel`, `Close` and `Done` are final.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    /// Decide about this login and tell [`Handshake::answer`].
    Ask(Question),
    /// Cancel a query; answer nothing but [`CancelRequest::close_notify`]; close.
    Cancel(CancelRequest),
    /// Close; the farewell, if there is one, was sent before. Read and drop for a bounded moment
    /// first, or a reset may eat it.
    Close(Close),
    /// The client is in.
    Done(Box<Session>),
    /// Look up the user's secret ([`FrontDoor::look_up`](crate::FrontDoor::look_up)) and tell
    /// [`Handshake::found`].
    LookUp(Lookup),
    /// Send these bytes.
    Send(Vec<u8>),
    /// Wait for input, the end of the stream, or this time since accept.
    Wait(Option<Duration>),
}

/// One connection from its first raw byte to the established session.
///
/// Give it one input, then drain [`Handshake::poll_output`] until it says `Wait`.
pub struct Handshake {
    connection: Connection,
    select: Option<Arc<dyn Select + Send + Sync>>,
    tls: Option<TlsSession>,
    upgrade: Option<Upgrade>,
    /// Plaintext received and not consumed: at most one packet or message.
    input: Vec<u8>,
    /// Replies that wait for company: they leave with the next flush, in one write.
    held: Vec<u8>,
    /// Bytes for the wire.
    out: Vec<u8>,
    /// The order that follows when `out` is sent.
    order: Option<Output>,
    /// What was asked about, should it be refused.
    record: Option<Box<Record>>,
    waited: Duration,
    peer_closed: bool,
    over: bool,
    /// Among the half-open ones.
    place: Place,
    peer: Peer,
    /// A proxy's header is awaited.
    proxy: Option<ProxyStep>,
    proxied: Option<Arc<Proxied>>,
    room: Arc<Room>,
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("connection", &self.connection)
            .field("tls", &self.tls.is_some())
            .field("input", &self.input.len())
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}

impl Handshake {
    pub(crate) fn new(
        rules: Rules,
        select: Option<Arc<dyn Select + Send + Sync>>,
        peer: &Peer,
        behind_proxy: bool,
        room: Arc<Room>,
    ) -> Self {
        let proxy = match peer {
            Peer::Tcp(address) if behind_proxy => Some(ProxyStep::new(*address)),
            _ => None,
        };
        // The proxy's address is that of all its clients.
        let counted_as = if proxy.is_some() {
            &Peer::Unknown
        } else {
            peer
        };
        Self {
            connection: Connection::new(rules),
            select,
            tls: None,
            upgrade: None,
            input: Vec::new(),
            held: Vec::new(),
            out: Vec::new(),
            order: None,
            record: None,
            waited: Duration::ZERO,
            peer_closed: false,
            over: false,
            place: room.half_open.enter(counted_as),
            peer: *peer,
            proxy,
            proxied: None,
            room,
        }
    }

    /// Who is at the other end: the client, once a proxy has named it.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// What a proxy said, if the connection came through one
    /// ([`FrontDoor::proxies`](crate::FrontDoor::proxies)).
    #[must_use]
    pub fn proxied(&self) -> Option<&Proxied> {
        self.proxied.as_deref()
    }

    /// Takes raw bytes from the transport and returns how many; the rest must be offered again
    /// when `poll_output` says `Wait`, or belongs to the [`Session`] once that is there.
    pub fn handle_input(&mut self, now: Duration, raw: &[u8]) -> usize {
        let mut rest = raw;
        while !self.over && self.order.is_none() && !rest.is_empty() {
            let before = rest.len();
            if self.proxy.is_some() {
                self.receive_header(&mut rest);
                continue;
            }
            match &self.tls {
                Some(_) => self.receive(&mut rest),
                None => self.receive_plain(&mut rest),
            }
            self.advance(now);
            if rest.len() == before {
                break;
            }
        }
        let taken = raw.len().saturating_sub(rest.len());
        if self.place.received(taken) == Err(TooMuch) && !self.over {
            self.hang_up(Reason::TooManyBytes);
        }
        taken
    }

    /// The transport has ended.
    pub fn handle_eof(&mut self, now: Duration) {
        if self.place.is_evicted() {
            // Whoever drives a blocking socket was told by its end.
            return self.hang_up(Reason::Evicted);
        }
        if self.proxy.as_ref().is_some_and(|p| !p.is_empty()) {
            return self.hang_up(Reason::ProxyHeader);
        }
        self.peer_closed = true;
        self.advance(now);
    }

    /// Ready when the connection has to go because too many do not log in
    /// ([`FrontDoor::max_half_open`](crate::FrontDoor::max_half_open)); `poll_output` then says
    /// `Close`. Otherwise `waker` is woken when that happens.
    ///
    /// To be called before each wait for the client. Where reading blocks the thread, the waker
    /// can end the socket: [`Handshake::handle_eof`] knows why.
    pub fn poll_evicted(&mut self, waker: &Waker) -> Poll<()> {
        if self.over {
            return Poll::Pending;
        }
        self.place
            .poll_evicted(waker)
            .map(|()| self.hang_up(Reason::Evicted))
    }

    /// Time has passed; closes at the deadline.
    pub fn handle_timeout(&mut self, now: Duration) {
        if let Step {
            action: Action::Close(close),
            ..
        } = self.connection.handle_timeout(now)
        {
            self.end_silently(close);
        }
    }

    /// The decision about a login.
    pub fn answer(&mut self, now: Duration, question: Question, answer: Answer) {
        self.record = Some(Box::new(Record::new(&question, &answer, self.waited)));
        self.connection.answer(question, answer);
        self.advance(now);
    }

    /// The decision is put off.
    pub(crate) fn waits(&mut self, delay: Duration) {
        self.waited = delay;
    }

    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }

    pub(crate) fn record(&self) -> Option<&Record> {
        self.record.as_deref()
    }

    /// What became of looking up a secret.
    pub fn found(&mut self, now: Duration, lookup: Lookup, found: Found) {
        self.connection.found(lookup, found);
        self.advance(now);
    }

    /// What to do next. After an input, call until it says `Wait`.
    pub fn poll_output(&mut self) -> Output {
        if !self.out.is_empty() {
            return Output::Send(std::mem::take(&mut self.out));
        }
        let deadline = if self.over {
            None
        } else {
            self.connection.poll_timeout()
        };
        self.order.take().unwrap_or(Output::Wait(deadline))
    }

    /// The memory kept for input.
    #[cfg(any(test, feature = "_fuzzing"))]
    pub(crate) fn buffered(&self) -> usize {
        self.input.capacity()
    }

    /// Feeds the proxy's header.
    fn receive_header(&mut self, rest: &mut &[u8]) {
        let Some(step) = &mut self.proxy else { return };
        match step.receive(rest) {
            Ok(None) => {}
            Ok(Some(proxied)) => {
                self.proxy = None;
                if let Some(client) = proxied.client() {
                    self.peer = Peer::Tcp(client);
                    self.place.belongs_to(&self.peer);
                }
                self.proxied = Some(Arc::new(proxied));
            }
            Err(Malformed) => self.hang_up(Reason::ProxyHeader),
        }
    }

    fn receive_plain(&mut self, rest: &mut &[u8]) {
        let max = self.connection.max_input();
        let room = max.saturating_sub(self.input.len()).min(rest.len());
        if let Some((head, tail)) = rest.split_at_checked(room) {
            self.input.extend_from_slice(head);
            *rest = tail;
        }
    }

    /// Feeds ciphertext to the TLS session.
    fn receive(&mut self, rest: &mut &[u8]) {
        let (Some(tls), Some(select)) = (&mut self.tls, &self.select) else {
            return;
        };
        let facts = match tls.shake_hands(rest, select.as_ref(), &mut self.out) {
            Ok(()) if self.upgrade.is_some() => tls.facts(),
            Ok(()) => Ok(None),
            Err(why) => Err(why),
        };
        match facts {
            Ok(Some(facts)) => {
                if let Some(upgrade) = self.upgrade.take() {
                    self.connection.upgraded(upgrade, facts);
                }
            }
            Ok(None) => {}
            Err(why) => {
                tls.take_wire(&mut self.out);
                self.held.clear();
                let close = match self.upgrade.take() {
                    Some(upgrade) => match self.connection.upgrade_failed(upgrade, why).action {
                        Action::Close(close) => close,
                        _ => return,
                    },
                    None => Close::silent(Reason::Tls(why)),
                };
                self.end(Output::Close(close));
            }
        }
    }

    /// Lets the machine run until it waits for something.
    fn advance(&mut self, now: Duration) {
        while !self.over && self.order.is_none() {
            self.pull_plaintext();
            let secret = self.connection.input_is_secret();
            let Step { consumed, action } = self.connection.handle_input(now, &self.input);
            let consumed = consumed.min(self.input.len());
            if secret && let Some(done) = self.input.get_mut(..consumed) {
                done.zeroize();
            }
            self.input.drain(..consumed);
            match action {
                Action::Admit(login) => {
                    let permit = match self.room.admit() {
                        Ok(permit) => permit,
                        Err(full) => {
                            // AuthenticationOk has not left yet.
                            self.held.clear();
                            let close = Close::spoken(Reason::Refused(full.clone()), full);
                            self.say_goodbye(close);
                            break;
                        }
                    };
                    self.place.leave();
                    let session = Session::new(
                        login,
                        (self.peer, self.proxied.take()),
                        permit,
                        self.tls.take(),
                        std::mem::take(&mut self.held),
                        std::mem::take(&mut self.input),
                    );
                    self.end(Output::Done(Box::new(session)));
                }
                Action::Ask(question) => self.order = Some(Output::Ask(question)),
                Action::LookUp(lookup) => self.order = Some(Output::LookUp(lookup)),
                Action::BeginTls(upgrade) => self.begin_tls(upgrade),
                Action::Cancel(mut request) => {
                    self.flush();
                    if let Some(tls) = &mut self.tls {
                        let mut last = Vec::new();
                        tls.close();
                        tls.take_wire(&mut last);
                        request.set_close_notify(last);
                    }
                    self.end(Output::Cancel(request));
                }
                Action::Close(close) => self.say_goodbye(close),
                Action::NeedInput if self.peer_closed => {
                    if let Action::Close(close) = self.connection.handle_eof(&self.input).action {
                        self.say_goodbye(close);
                    } else {
                        break;
                    }
                }
                Action::NeedInput => {
                    self.flush();
                    if self.input.is_empty() {
                        // A connection that waits holds no buffer.
                        self.input = Vec::new();
                    }
                    break;
                }
                Action::Reply(reply) => reply.put(&mut self.held),
            }
        }
    }

    fn begin_tls(&mut self, upgrade: Upgrade) {
        self.flush();
        self.upgrade = Some(upgrade);
        self.tls = Some(TlsSession::new());
        // Whatever came behind an SSLRequest belongs to TLS: a ClientHello works there, and
        // anything else breaks the handshake instead of reaching the packet parser.
        let early = std::mem::take(&mut self.input);
        let mut rest = early.as_slice();
        while !self.over && !rest.is_empty() {
            let before = rest.len();
            self.receive(&mut rest);
            if rest.len() == before {
                break;
            }
        }
    }

    fn pull_plaintext(&mut self) {
        if self.upgrade.is_some() {
            return;
        }
        let Some(tls) = &mut self.tls else { return };
        // The end may stand right behind the last bytes.
        loop {
            match tls.read_up_to(&mut self.input, self.connection.max_input()) {
                Plaintext::Bytes(_) => {}
                Plaintext::Empty => return,
                Plaintext::Closed | Plaintext::Truncated => {
                    self.peer_closed = true;
                    return;
                }
            }
        }
    }

    fn say_goodbye(&mut self, close: Close) {
        if matches!(
            close.reason,
            Reason::DeadlinePassed | Reason::DecisionTooSlow
        ) {
            self.held.clear();
        } else {
            close.put_farewell(&mut self.held);
            self.flush();
            if let Some(tls) = &mut self.tls {
                tls.close();
                tls.take_wire(&mut self.out);
            }
        }
        self.end(Output::Close(close));
    }

    /// Moves what waits to the wire, encrypted if TLS is up.
    fn flush(&mut self) {
        match &mut self.tls {
            None if self.out.is_empty() => std::mem::swap(&mut self.out, &mut self.held),
            None => self.out.append(&mut self.held),
            Some(tls) => {
                if !self.held.is_empty() {
                    // At most a few kilobytes, well under the limit of 64. A session that has failed
                    // closes anyway.
                    let _ = tls.write(&[IoSlice::new(&self.held)]);
                    self.held.clear();
                }
                tls.take_wire(&mut self.out);
            }
        }
    }

    fn hang_up(&mut self, reason: Reason) {
        self.end_silently(Close::silent(reason));
    }

    fn end_silently(&mut self, close: Close) {
        // PostgreSQL's process exits on the spot: nothing more is said, not even in TLS.
        self.held.clear();
        self.out.clear();
        self.end(Output::Close(close));
    }

    fn end(&mut self, order: Output) {
        self.over = true;
        self.order = Some(order);
    }
}
