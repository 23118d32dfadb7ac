//! An admitted connection as a stream of plaintext.

use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};
use std::fmt;
use std::io::{self, IoSlice, Write};
use std::sync::Arc;
use std::task::Wake;

use futures_io::{AsyncRead, AsyncWrite};

use super::with_scratch;
use crate::{Login, Peer, Proxied, Session};

/// An admitted connection: reads and writes plaintext, whatever the transport carries.
///
/// Closing says close_notify under TLS and ends the transport's sending half; reading goes on
/// until the peer has ended its own.
#[allow(
    unnameable_types,
    reason = "named by the adapters over futures-io, which may be off"
)]
pub struct Stream<S> {
    io: S,
    session: Session,
    /// Came over the transport and did not reach the session yet.
    rest: Vec<u8>,
    /// Who waits to write, while reads may have to send too.
    writer: Option<Waker>,
    closing: bool,
}

/// What a stream is made of. To go on with the transport alone, on a plain connection: transmit
/// what waits in the session, take what is left in it to be read, then [`Parts::unread`]. Under
/// TLS the session has to stay in between.
///
/// The session counts among the door's sessions until it is dropped.
#[derive(Debug)]
#[non_exhaustive]
pub struct Parts<S> {
    /// The transport.
    pub transport: S,
    /// The session: [`Session::transmit`] what waits in it, and [`Session::receive`] what comes.
    pub session: Session,
    /// Bytes that came over the transport and did not reach the session yet.
    pub unread: Vec<u8>,
}

impl<S> fmt::Debug for Stream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

impl<S> Stream<S> {
    pub(super) fn new(io: S, session: Session, rest: Vec<u8>) -> Self {
        Self {
            io,
            session,
            rest,
            writer: None,
            closing: false,
        }
    }

    #[cfg(feature = "server")]
    pub(super) fn set_max_waiting(&mut self, bytes: usize) {
        self.session.set_max_waiting(bytes);
    }

    /// Who came in, and over what.
    #[must_use]
    pub fn login(&self) -> &Login {
        self.session.login()
    }

    /// Takes it apart.
    #[must_use]
    pub fn into_parts(self) -> Parts<S> {
        Parts {
            transport: self.io,
            session: self.session,
            unread: self.rest,
        }
    }

    #[cfg(any(feature = "blocking", feature = "tokio"))]
    pub(super) fn map_transport<T>(self, map: impl FnOnce(S) -> T) -> Stream<T> {
        Stream {
            io: map(self.io),
            session: self.session,
            rest: self.rest,
            writer: self.writer,
            closing: self.closing,
        }
    }

    /// Who is at the other end: the client, also behind a proxy.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        self.session.peer()
    }

    /// What a proxy said, if the connection came through one.
    #[must_use]
    pub fn proxied(&self) -> Option<&Proxied> {
        self.session.proxied()
    }

    /// The transport underneath, for its addresses and options. Reading or writing it breaks TLS.
    pub fn get_ref(&self) -> &S {
        &self.io
    }
}

/// Lets the session write to the transport within one poll.
struct Transport<'a, 'b, S> {
    io: Pin<&'a mut S>,
    cx: &'a mut Context<'b>,
}

fn or_would_block<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl<S: AsyncWrite> Write for Transport<'_, '_, S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        or_would_block(self.io.as_mut().poll_write(self.cx, buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        or_would_block(self.io.as_mut().poll_flush(self.cx))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<S> {
    /// Sends all that waits.
    fn poll_transmit(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.wants_transmit() {
            let mut wire = Transport {
                io: Pin::new(&mut self.io),
                cx,
            };
            match self.session.transmit(&mut wire) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// As [`Self::poll_transmit`], within a read. The transport keeps one waker for writing: that
    /// of a task which waits to write must not be lost to a task that only reads.
    fn poll_transmit_beside(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let writer = match self.writer.take() {
            Some(writer) if !writer.will_wake(cx.waker()) => writer,
            same_or_none => {
                let sent = self.poll_transmit(cx);
                self.writer = same_or_none.filter(|_| sent.is_pending());
                return sent;
            }
        };
        let both = Waker::from(Arc::new(Both(writer.clone(), cx.waker().clone())));
        let sent = self.poll_transmit(&mut Context::from_waker(&both));
        if sent.is_pending() {
            self.writer = Some(writer);
        } else {
            writer.wake();
        }
        sent
    }

    /// Remembers who waits to write.
    fn written<T>(&mut self, cx: &Context<'_>, result: Poll<T>) -> Poll<T> {
        self.writer = result.is_pending().then(|| cx.waker().clone());
        result
    }

    /// Feeds the session with what is left over, or what the transport has.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.rest.is_empty() {
            let mut rest = std::mem::take(&mut self.rest);
            if self.session.receive(&mut rest)? == 0 {
                self.rest = rest;
            }
            return Poll::Ready(Ok(()));
        }
        with_scratch(|scratch| {
            let n = match Pin::new(&mut self.io).poll_read(cx, scratch) {
                Poll::Ready(n) => n?,
                Poll::Pending => {
                    // A session that waits for its client holds no buffer.
                    self.session.release();
                    return Poll::Pending;
                }
            };
            if n == 0 {
                self.session.receive_eof();
                return Poll::Ready(Ok(()));
            }
            let wire = scratch.get_mut(..n).unwrap_or_default();
            let taken = self.session.receive(wire)?;
            self.rest
                .extend_from_slice(wire.get(taken..).unwrap_or_default());
            Poll::Ready(Ok(()))
        })
    }
}

/// Wakes two tasks.
struct Both(Waker, Waker);

impl Wake for Both {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.wake_by_ref();
        self.1.wake_by_ref();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        loop {
            match this.session.read(buf) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
            // The peer may wait for what we hold before it sends more.
            if this.session.wants_transmit()
                && let Poll::Ready(Err(e)) = this.poll_transmit_beside(cx)
            {
                return Poll::Ready(Err(e));
            }
            if !this.session.is_encrypted() && this.rest.is_empty() {
                return Pin::new(&mut this.io).poll_read(cx, buf);
            }
            if let Err(e) = ready!(this.poll_receive(cx)) {
                // The alert, if it can still be sent; the error stands either way.
                let _ = this.poll_transmit(cx);
                return Poll::Ready(Err(e));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.closing {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if !this.session.is_encrypted() && !this.session.wants_transmit() {
            return Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        }
        if bufs.iter().all(|b| b.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        loop {
            let taken = this.session.write(bufs)?;
            let sent = this.poll_transmit(cx);
            if taken > 0 {
                // Taken is taken: a failure shows in the next call.
                return this.written(cx, Poll::Ready(Ok(taken)));
            }
            ready!(this.written(cx, sent))?;
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let sent = this.poll_transmit(cx);
        ready!(this.written(cx, sent))?;
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.closing {
            this.closing = true;
            this.session.close();
        }
        let sent = this.poll_transmit(cx);
        ready!(this.written(cx, sent))?;
        Pin::new(&mut this.io).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::{FrontDoor, Output, Peer};

    /// A transport that takes nothing and has nothing, and keeps the last waker for writing.
    #[derive(Default)]
    struct Stuck(Option<Waker>);

    impl AsyncRead for Stuck {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Stuck {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.0 = Some(cx.waker().clone());
            Poll::Pending
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn admitted() -> Session {
        let door = FrontDoor::plain();
        let mut handshake = door.handshake(&Peer::Unknown);
        let startup = b"\0\0\0\x10\0\x03\0\0user\0a\0\0";
        handshake.handle_input(Duration::ZERO, startup);
        loop {
            match handshake.poll_output() {
                Output::Ask(question) => {
                    let decide = door.decide(&question, &Peer::Unknown);
                    let Poll::Ready(answer) =
                        core::pin::pin!(decide).poll(&mut Context::from_waker(Waker::noop()))
                    else {
                        panic!("trust asks nobody");
                    };
                    handshake.answer(Duration::ZERO, question, answer);
                }
                Output::Done(session) => return *session,
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_read_does_not_take_the_place_of_a_task_that_waits_to_write() {
        let mut stream = Stream::new(Stuck::default(), admitted(), Vec::new());
        let (writer, reader) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
        let wakers = [Waker::from(writer.clone()), Waker::from(reader.clone())];
        let [mut writing, mut reading] = wakers.each_ref().map(Context::from_waker);
        while Pin::new(&mut stream)
            .poll_write(&mut writing, &[0; 10_000])
            .is_ready()
        {}
        let read = Pin::new(&mut stream).poll_read(&mut reading, &mut [0]);
        assert!(read.is_pending());
        // What the transport has is one waker, and it wakes both.
        stream.io.0.take().unwrap().wake();
        let count = |woken: &Woken| woken.0.load(Ordering::Relaxed);
        assert_eq!((count(&writer), count(&reader)), (1, 1));
    }
}
