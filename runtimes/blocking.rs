//! The adapter for threads over `std::net`: one thread per connection, no runtime.
//!
//! It drives the same loops as the others. What they wait for is a read or a write that blocks for
//! a bounded time, or a parked thread.

mod executor;
#[cfg(feature = "server")]
mod listen;

use core::net::{IpAddr, SocketAddr};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
#[cfg(feature = "server")]
use std::thread;
use std::time::{Duration, Instant};

use futures_io::{AsyncRead, AsyncWrite};

use self::executor::{Sleep, block_on, in_a_thread};
use super::stream;
use super::{Accepted, Parts, Runtime};
use crate::{FrontDoor, Login, Peer, Proxied};
#[cfg(feature = "server")]
use crate::{PgServer, runtimes::Listeners, server::Database};

struct Blocking;

impl Runtime for Blocking {
    type Sleep = Sleep;

    #[expect(clippy::disallowed_methods, reason = "this is where time comes from")]
    fn now() -> Instant {
        Instant::now()
    }

    fn sleep(time: Duration) -> Sleep {
        Sleep::until(Self::now().checked_add(time))
    }

    async fn resolve(host: String) -> io::Result<Vec<IpAddr>> {
        // The name service has its own idea of time; the deadline must not wait for it.
        in_a_thread(move || {
            let addresses = (host, 0).to_socket_addrs()?;
            Ok(addresses.map(|address: SocketAddr| address.ip()).collect())
        })
        .await?
    }

    #[cfg(feature = "server")]
    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        let spawned = thread::Builder::new()
            .name("pgtls-connection".into())
            .spawn(move || {
                super::small_scratch();
                block_on(task);
            });
        if let Err(error) = spawned {
            tracing::warn!(target: "pgtls::server", %error, "no thread for a connection; it is closed");
        }
    }

    #[cfg(feature = "server")]
    fn elsewhere() -> Option<impl Fn(&mut dyn FnMut()) + Send + Sync + 'static> {
        // A read takes the thread's time.
        None::<fn(&mut dyn FnMut())>
    }

    #[cfg(feature = "server")]
    type Tcp = listen::Incoming<TcpStream>;

    #[cfg(feature = "server")]
    type Unix = listen::Incoming<UnixStream>;
}

/// A transport that blocks, with a bound to it.
pub trait Socket: Read + Write {
    /// How long a read may block; see [`TcpStream::set_read_timeout`].
    ///
    /// # Errors
    /// The transport is gone.
    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()>;

    /// How long a write may block; see [`TcpStream::set_write_timeout`].
    ///
    /// # Errors
    /// The transport is gone.
    fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()>;

    /// Ends the sending half.
    ///
    /// # Errors
    /// The transport is gone.
    fn shutdown_write(&self) -> io::Result<()>;
}

macro_rules! socket {
    ($($stream:ty),*) => {$(
        impl Socket for $stream {
            fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                <$stream>::set_read_timeout(self, timeout)
            }

            fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                <$stream>::set_write_timeout(self, timeout)
            }

            fn shutdown_write(&self) -> io::Result<()> {
                self.shutdown(Shutdown::Write)
            }
        }
    )*};
}

socket!(TcpStream);
socket!(UnixStream);

/// Takes a connection through the door, from its first byte to its admission.
///
/// Blocks until it is decided: to the door's login timeout at the latest, and a second more for
/// the client to read why it was refused.
pub fn accept<S: Socket + Unpin>(stream: S, door: &FrontDoor) -> Accepted<Stream<S>, S> {
    accept_from(stream, Peer::Unknown, door)
}

/// As [`accept`], for a connection whose other end is known.
pub fn accept_from<S: Socket + Unpin>(
    stream: S,
    peer: Peer,
    door: &FrontDoor,
) -> Accepted<Stream<S>, S> {
    super::small_scratch();
    let io = Io::new(stream);
    match block_on(super::accept::accept::<Blocking, _>(io, peer, door)) {
        Accepted::Cancel(request, io) => Accepted::Cancel(request, io.hand_over()),
        Accepted::Refused(close) => Accepted::Refused(close),
        Accepted::Session(stream) => Accepted::Session(Stream(stream.map_transport(|io| Io {
            ticks: false,
            ..Io::new(io.hand_over())
        }))),
    }
}

/// Serves a [`PgServer`] with threads.
#[cfg(feature = "server")]
pub trait Serve {
    /// Listens at all the server's addresses and serves for ever.
    ///
    /// # Errors
    /// It cannot listen; see [`PgServer::bind`](crate::PgServer::bind). Once it listens, errors
    /// end no more than the connection they befall.
    fn serve(&self) -> io::Result<()> {
        self.serve_until(|| {
            loop {
                thread::park();
            }
        })
    }

    /// Listens at all the server's addresses and serves until `stop` returns, which has a thread
    /// of its own, for example one that waits for a channel. Then takes no more connections, lets
    /// logins and statements in flight end within the server's grace time, tells idle sessions
    /// 57P01, and returns.
    ///
    /// # Errors
    /// As [`Serve::serve`].
    fn serve_until(&self, stop: impl FnOnce() + Send + 'static) -> io::Result<()>;

    /// As [`Serve::serve_until`], at sockets that are listening already.
    ///
    /// # Errors
    /// A thread to accept or to stop cannot be had.
    fn serve_on(
        &self,
        listeners: impl Into<Listeners>,
        stop: impl FnOnce() + Send + 'static,
    ) -> io::Result<()>;
}

#[cfg(feature = "server")]
impl<D: Database> Serve for PgServer<D> {
    fn serve_until(&self, stop: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.serve_on(self.bind()?, stop)
    }

    fn serve_on(
        &self,
        listeners: impl Into<Listeners>,
        stop: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let stopped = async {
            if let Err(error) = in_a_thread(stop).await {
                tracing::error!(target: "pgtls::server", %error, "what stops the server has failed: it stops");
            }
        };
        block_on(super::serve::serve::<Blocking, D>(
            self.clone(),
            listeners.into(),
            stopped,
        ))
    }
}

/// An admitted connection: reads and writes plaintext, whatever the transport carries.
///
/// The transport's own timeouts apply, once they are set: an operation that takes longer fails
/// with `WouldBlock` or `TimedOut`, and can be tried again.
#[derive(Debug)]
pub struct Stream<S>(stream::Stream<Io<S>>);

impl<S: Socket + Unpin> Stream<S> {
    /// Who came in, and over what.
    #[must_use]
    pub fn login(&self) -> &Login {
        self.0.login()
    }

    /// Who is at the other end: the client, also behind a proxy.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        self.0.peer()
    }

    /// What a proxy said, if the connection came through one.
    #[must_use]
    pub fn proxied(&self) -> Option<&Proxied> {
        self.0.proxied()
    }

    /// The transport underneath, for its addresses and options. Reading or writing it breaks TLS.
    pub fn get_ref(&self) -> &S {
        &self.0.get_ref().socket
    }

    /// Says close_notify under TLS and ends the transport's sending half. What the peer still
    /// sends can be read.
    ///
    /// # Errors
    /// The transport is gone.
    pub fn shutdown(&mut self) -> io::Result<()> {
        now(|cx| Pin::new(&mut self.0).poll_close(cx))
    }

    /// Takes it apart.
    #[must_use]
    pub fn into_parts(self) -> Parts<S> {
        let Parts {
            transport,
            session,
            unread,
        } = self.0.into_parts();
        Parts {
            transport: transport.socket,
            session,
            unread,
        }
    }
}

impl<S: Socket + Unpin> Read for Stream<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        now(|cx| Pin::new(&mut self.0).poll_read(cx, buf))
    }
}

impl<S: Socket + Unpin> Write for Stream<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        now(|cx| Pin::new(&mut self.0).poll_write(cx, buf))
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        now(|cx| Pin::new(&mut self.0).poll_write_vectored(cx, bufs))
    }

    fn flush(&mut self) -> io::Result<()> {
        now(|cx| Pin::new(&mut self.0).poll_flush(cx))
    }
}

/// A transport that blocks has an answer to everything, if only that it took too long.
fn now<T>(operation: impl FnOnce(&mut Context<'_>) -> Poll<io::Result<T>>) -> io::Result<T> {
    match operation(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// A blocking transport with the traits of `futures-io`.
#[derive(Debug)]
pub(crate) struct Io<S> {
    socket: S,
    /// Whether operations give up now and then to see what else has happened.
    ticks: bool,
    /// What the socket's timeouts are, as far as they were set here.
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
    #[cfg(feature = "server")]
    _place: Option<listen::Place>,
}

/// How long a read or a write blocks at most before its thread looks up: whether the server stops,
/// or the connection has been given up. Deadlines are kept to the millisecond nevertheless.
const TICK: Duration = Duration::from_millis(250);

impl<S: Socket> Io<S> {
    fn new(socket: S) -> Self {
        Self {
            socket,
            ticks: true,
            read_timeout: None,
            write_timeout: None,
            #[cfg(feature = "server")]
            _place: None,
        }
    }

    /// Counted among its listener's connections.
    #[cfg(feature = "server")]
    fn at(mut self, place: listen::Place) -> Self {
        self._place = Some(place);
        self
    }

    fn hand_over(self) -> S {
        // On a socket that is gone this fails, as will the next read.
        if self.read_timeout.is_some() {
            let _ = self.socket.set_read_timeout(None);
        }
        if self.write_timeout.is_some() {
            let _ = self.socket.set_write_timeout(None);
        }
        self.socket
    }

    /// The time to block: to the next deadline of this thread, but not long.
    fn patience() -> Duration {
        let left = executor::next_deadline()
            .map_or(TICK, |at| at.saturating_duration_since(Blocking::now()));
        // Zero would mean for ever.
        left.clamp(Duration::from_millis(1), TICK)
    }

    fn poll<T>(&self, result: io::Result<T>) -> Poll<io::Result<T>> {
        match result {
            Err(e)
                if self.ticks
                    && matches!(
                        e.kind(),
                        io::ErrorKind::WouldBlock
                            | io::ErrorKind::TimedOut
                            | io::ErrorKind::Interrupted
                    ) =>
            {
                executor::again();
                Poll::Pending
            }
            result => Poll::Ready(result),
        }
    }

    fn poll_write_with(
        &mut self,
        write: impl FnOnce(&mut S) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let patience = Some(Self::patience());
        if self.ticks && self.write_timeout != patience {
            self.socket.set_write_timeout(patience)?;
            self.write_timeout = patience;
        }
        let result = write(&mut self.socket);
        self.poll(result)
    }
}

impl<S: Socket + Unpin> AsyncRead for Io<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let patience = Some(Self::patience());
        if self.ticks && self.read_timeout != patience {
            self.socket.set_read_timeout(patience)?;
            self.read_timeout = patience;
        }
        let result = self.socket.read(buf);
        self.poll(result)
    }
}

impl<S: Socket + Unpin> AsyncWrite for Io<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(|socket| socket.write(buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(|socket| socket.write_vectored(bufs))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = self.socket.flush();
        self.poll(result)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.shutdown_write())
    }
}
