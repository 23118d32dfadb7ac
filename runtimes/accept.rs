//! The one loop that takes a connection through the door.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use std::io;
use std::time::{Duration, Instant};

use futures_io::{AsyncRead, AsyncWrite};

use super::resolve::resolve_hosts;
use super::stream::Stream;
use super::{Accepted, Runtime, with_scratch};
use crate::{Close, FrontDoor, Handshake, Output, Peer};

/// Read at once before login. A client sends little until it is answered.
const READ: usize = 8 * 1024;
/// After a farewell, the client's unread bytes are dropped for this long and this much, so that a
/// reset does not overtake the farewell.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 * 1024;

/// Takes a connection through the door.
pub(super) async fn accept<R: Runtime, S>(
    io: S,
    peer: Peer,
    door: &FrontDoor,
) -> Accepted<Stream<S>, S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    accept_since::<R, S>(io, peer, door, R::now()).await
}

/// Takes a connection through the door that was accepted at `started`.
pub(super) async fn accept_since<R: Runtime, S>(
    io: S,
    peer: Peer,
    door: &FrontDoor,
    started: Instant,
) -> Accepted<Stream<S>, S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // What a login takes is given back when it is over, not kept in the task of the session.
    Box::pin(through::<R, S>(io, peer, door, started)).await
}

async fn through<R: Runtime, S>(
    io: S,
    peer: Peer,
    door: &FrontDoor,
    started: Instant,
) -> Accepted<Stream<S>, S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut login = Login {
        io,
        machine: door.handshake(&peer),
        rest: Vec::new(),
        started,
    };
    let Output::Wait(Some(timeout)) = login.machine.poll_output() else {
        return Accepted::Refused(Close::transport("the door is shut"));
    };
    let mut deadline = pin!(R::sleep(timeout.saturating_sub(login.now::<R>())));
    let mut spoke = false;
    loop {
        match login.machine.poll_output() {
            Output::Ask(mut question) => {
                let peer = *login.machine.peer();
                let delay = door.delay(&mut login.machine, R::now());
                let decision = async {
                    if !delay.is_zero() {
                        R::sleep(delay).await;
                    }
                    resolve_hosts::<R>(&mut question).await;
                    door.decide(&question, &peer).await
                };
                if let Some(answer) = login.waits::<R, _>(decision, deadline.as_mut()).await {
                    login.machine.answer(login.now::<R>(), question, answer);
                }
            }
            Output::Cancel(request) => return Accepted::Cancel(request, login.io),
            Output::Close(close) => {
                login.note_refused::<R>(door, &close);
                if spoke {
                    linger::<R, S>(&mut login.io).await;
                }
                return Accepted::Refused(close);
            }
            Output::Done(session) => {
                door.note_admitted(&login.machine, &session, login.now::<R>());
                return Accepted::Session(Stream::new(login.io, *session, login.rest));
            }
            Output::LookUp(lookup) => {
                let store = door.look_up(&lookup);
                if let Some(found) = login.waits::<R, _>(store, deadline.as_mut()).await {
                    login.machine.found(login.now::<R>(), lookup, found);
                }
            }
            Output::Send(bytes) => {
                spoke = true;
                match login.send::<R>(&bytes, deadline.as_mut()).await {
                    Ok(()) => {}
                    Err(e) => return login.lost::<R, _>(door, &e),
                }
            }
            Output::Wait(_) => {
                spoke = false;
                match login.receive::<R>(deadline.as_mut()).await {
                    Ok(()) => {}
                    Err(e) => return login.lost::<R, _>(door, &e),
                }
            }
        }
    }
}

struct Login<S> {
    io: S,
    machine: Handshake,
    /// Raw bytes the machine had no room for yet.
    rest: Vec<u8>,
    started: Instant,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Login<S> {
    fn now<R: Runtime>(&self) -> Duration {
        R::now().saturating_duration_since(self.started)
    }

    fn note_refused<R: Runtime>(&self, door: &FrontDoor, close: &Close) {
        door.note_refused(&self.machine, close, self.now::<R>(), R::now());
    }

    fn lost<R: Runtime, T>(mut self, door: &FrontDoor, error: &io::Error) -> Accepted<T, S> {
        // Whoever does not stay to hear why it was refused was refused nevertheless.
        let close = match self.machine.poll_output() {
            Output::Close(close) => close,
            _ => Close::transport(&error.to_string()),
        };
        self.note_refused::<R>(door, &close);
        Accepted::Refused(close)
    }

    /// Waits for one input: bytes, the end of the stream, or the deadline.
    async fn receive<R: Runtime>(&mut self, mut deadline: Pin<&mut R::Sleep>) -> io::Result<()> {
        let now = self.now::<R>();
        if !self.rest.is_empty() {
            let taken = self.machine.handle_input(now, &self.rest);
            self.rest.drain(..taken);
            if taken > 0 {
                return Ok(());
            }
        }
        poll_fn(|cx| {
            with_scratch(|scratch| {
                let space = scratch.get_mut(..READ).unwrap_or_default();
                match Pin::new(&mut self.io).poll_read(cx, space) {
                    Poll::Ready(Ok(0)) => self.machine.handle_eof(self.now::<R>()),
                    Poll::Ready(Ok(n)) => {
                        let raw = space.get(..n).unwrap_or_default();
                        let taken = self.machine.handle_input(self.now::<R>(), raw);
                        self.rest
                            .extend_from_slice(raw.get(taken..).unwrap_or_default());
                    }
                    Poll::Ready(Err(e)) => return Poll::Ready(Err(e)),
                    Poll::Pending if self.is_over::<R>(cx, deadline.as_mut()) => {}
                    Poll::Pending => return Poll::Pending,
                }
                Poll::Ready(Ok(()))
            })
        })
        .await
    }

    /// Waits for what is looked up somewhere. `None` if the machine closed meanwhile.
    async fn waits<R: Runtime, T>(
        &mut self,
        future: impl Future<Output = T>,
        mut deadline: Pin<&mut R::Sleep>,
    ) -> Option<T> {
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if self.is_over::<R>(cx, deadline.as_mut()) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// While it is kept waiting: whether the machine has closed.
    fn is_over<R: Runtime>(&mut self, cx: &mut Context<'_>, deadline: Pin<&mut R::Sleep>) -> bool {
        if deadline.poll(cx).is_ready() {
            self.machine.handle_timeout(self.now::<R>());
            return true;
        }
        self.machine.poll_evicted(cx.waker()).is_ready()
    }

    /// Sends all, unless the deadline passes before the client takes it.
    async fn send<R: Runtime>(
        &mut self,
        mut bytes: &[u8],
        mut deadline: Pin<&mut R::Sleep>,
    ) -> io::Result<()> {
        poll_fn(
            |cx| match poll_send(Pin::new(&mut self.io), cx, &mut bytes) {
                Poll::Pending if self.is_over::<R>(cx, deadline.as_mut()) => Poll::Ready(Ok(())),
                other => other,
            },
        )
        .await
    }
}

pub(super) fn poll_send<S: AsyncWrite>(
    mut io: Pin<&mut S>,
    cx: &mut Context<'_>,
    bytes: &mut &[u8],
) -> Poll<io::Result<()>> {
    while !bytes.is_empty() {
        match io.as_mut().poll_write(cx, bytes) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(n)) => *bytes = bytes.get(n..).unwrap_or_default(),
            Poll::Ready(Err(e)) => return Poll::Ready(Err(e)),
            Poll::Pending => return Poll::Pending,
        }
    }
    io.poll_flush(cx)
}

/// Ends our side, then reads and drops what the client still sends.
async fn linger<R: Runtime, S: AsyncRead + AsyncWrite + Unpin>(io: &mut S) {
    let mut over = pin!(R::sleep(LINGER));
    let mut closed = false;
    let mut dropped = 0_usize;
    poll_fn(|cx| {
        if !closed {
            match Pin::new(&mut *io).poll_close(cx) {
                Poll::Ready(Ok(())) => closed = true,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => return over.as_mut().poll(cx),
            }
        }
        while dropped < LINGER_BYTES {
            match with_scratch(|scratch| Pin::new(&mut *io).poll_read(cx, scratch)) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(n)) => dropped = dropped.saturating_add(n),
                Poll::Pending => return over.as_mut().poll(cx),
            }
        }
        Poll::Ready(())
    })
    .await;
}
