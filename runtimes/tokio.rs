//! The adapter for tokio.

#[cfg(feature = "server")]
use core::future::pending;
use core::net::IpAddr;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io::{self, IoSlice};
#[cfg(feature = "server")]
use std::net;
#[cfg(all(feature = "server", unix))]
use std::os::unix::net as unix;
use std::time::{Duration, Instant};

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
#[cfg(feature = "server")]
use ::tokio::net::{TcpListener, TcpStream};
#[cfg(all(feature = "server", unix))]
use ::tokio::net::{UnixListener, UnixStream};
use ::tokio::time::Sleep;

#[cfg(feature = "server")]
use super::Listeners;
use super::{Accepted, Parts, Runtime};
use crate::{FrontDoor, Login, Peer, Proxied};

struct Tokio;

impl Runtime for Tokio {
    type Sleep = Sleep;

    fn now() -> Instant {
        ::tokio::time::Instant::now().into_std()
    }

    fn sleep(time: Duration) -> Sleep {
        ::tokio::time::sleep(time)
    }

    async fn resolve(host: String) -> io::Result<Vec<IpAddr>> {
        let addresses = ::tokio::net::lookup_host((host, 0)).await?;
        Ok(addresses.map(|address| address.ip()).collect())
    }

    #[cfg(feature = "server")]
    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        drop(::tokio::spawn(task));
    }

    #[cfg(feature = "server")]
    fn elsewhere() -> Option<impl Fn(&mut dyn FnMut()) + Send + Sync + 'static> {
        let runtime = ::tokio::runtime::Handle::current();
        Some(move |poll: &mut dyn FnMut()| {
            // Timers that are made belong to it.
            let _entered = runtime.enter();
            poll();
        })
    }

    #[cfg(feature = "server")]
    type Tcp = TcpListener;

    #[cfg(all(feature = "server", unix))]
    type Unix = UnixListener;
}

/// Takes a connection through the door, from its first byte to its admission.
///
/// The future always ends: by the door's login timeout at the latest, and a second more for the
/// client to read why it was refused. Dropping it drops the connection.
pub async fn accept<S>(stream: S, door: &FrontDoor) -> Accepted<Stream<S>, S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    accept_from(stream, Peer::Unknown, door).await
}

/// As [`accept`], for a connection whose other end is known.
pub async fn accept_from<S>(stream: S, peer: Peer, door: &FrontDoor) -> Accepted<Stream<S>, S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match super::accept::accept::<Tokio, _>(Compat(stream), peer, door).await {
        Accepted::Cancel(request, stream) => Accepted::Cancel(request, stream.0),
        Accepted::Refused(close) => Accepted::Refused(close),
        Accepted::Session(stream) => Accepted::Session(Stream(stream)),
    }
}

/// Serves a [`PgServer`](crate::PgServer) on tokio.
#[cfg(feature = "server")]
pub trait Serve {
    /// Listens at all the server's addresses and serves for ever.
    ///
    /// # Errors
    /// It cannot listen; see [`PgServer::bind`](crate::PgServer::bind). Once it listens, errors
    /// end no more than the connection they befall.
    fn serve(&self) -> impl Future<Output = io::Result<()>> + Send {
        self.serve_until(pending())
    }

    /// Listens at all the server's addresses and serves until `stop` is done: then takes no more
    /// connections, lets logins and statements in flight end within the server's grace time, tells
    /// idle sessions 57P01, and returns.
    ///
    /// # Errors
    /// As [`Serve::serve`].
    fn serve_until(
        &self,
        stop: impl Future<Output = ()> + Send,
    ) -> impl Future<Output = io::Result<()>> + Send;

    /// As [`Serve::serve_until`], at sockets that are listening already.
    ///
    /// # Errors
    /// The runtime does not take one of the sockets.
    fn serve_on(
        &self,
        listeners: impl Into<Listeners> + Send,
        stop: impl Future<Output = ()> + Send,
    ) -> impl Future<Output = io::Result<()>> + Send;
}

#[cfg(feature = "server")]
impl<D: crate::server::Database> Serve for crate::PgServer<D> {
    async fn serve_until(&self, stop: impl Future<Output = ()> + Send) -> io::Result<()> {
        self.serve_on(self.bind()?, stop).await
    }

    async fn serve_on(
        &self,
        listeners: impl Into<Listeners> + Send,
        stop: impl Future<Output = ()> + Send,
    ) -> io::Result<()> {
        super::serve::serve::<Tokio, D>(self.clone(), listeners.into(), stop).await
    }
}

#[cfg(feature = "server")]
impl super::serve::Listener for TcpListener {
    type Std = net::TcpListener;
    type Io = Compat<TcpStream>;

    fn from_std(listener: net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Self::from_std(listener)
    }

    async fn accept(&self) -> io::Result<(Self::Io, Peer)> {
        let (stream, address) = self.accept().await?;
        // Answers are written whole: waiting for more only delays them. It fails on a connection
        // that is gone, which shows soon enough.
        let _ = stream.set_nodelay(true);
        Ok((Compat(stream), Peer::Tcp(address)))
    }
}

#[cfg(all(feature = "server", unix))]
impl super::serve::Listener for UnixListener {
    type Std = unix::UnixListener;
    type Io = Compat<UnixStream>;

    fn from_std(listener: unix::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Self::from_std(listener)
    }

    async fn accept(&self) -> io::Result<(Self::Io, Peer)> {
        let (stream, _) = self.accept().await?;
        let peer = Peer::of_unix(&stream);
        Ok((Compat(stream), peer))
    }
}

/// An admitted connection: reads and writes plaintext, whatever the transport carries.
///
/// Shutting down says close_notify under TLS and ends the transport's sending half.
#[derive(Debug)]
pub struct Stream<S>(super::stream::Stream<Compat<S>>);

impl<S> Stream<S> {
    /// Who came in, and over what.
    #[must_use]
    pub fn login(&self) -> &Login {
        self.0.login()
    }

    /// Takes it apart.
    #[must_use]
    pub fn into_parts(self) -> Parts<S> {
        self.0
            .map_transport(|Compat(transport)| transport)
            .into_parts()
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
        &self.0.get_ref().0
    }
}

/// A tokio stream with the traits of `futures-io`.
pub(crate) struct Compat<S>(pub(super) S);

impl<S: AsyncRead + Unpin> futures_io::AsyncRead for Compat<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

impl<S: AsyncWrite + Unpin> futures_io::AsyncWrite for Compat<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = {
            let space = buf.initialize_unfilled();
            ready!(futures_io::AsyncRead::poll_read(
                Pin::new(&mut self.0),
                cx,
                space
            ))?
        };
        buf.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        futures_io::AsyncWrite::poll_write(Pin::new(&mut self.0), cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        futures_io::AsyncWrite::poll_write_vectored(Pin::new(&mut self.0), cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        futures_io::AsyncWrite::poll_flush(Pin::new(&mut self.0), cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        futures_io::AsyncWrite::poll_close(Pin::new(&mut self.0), cx)
    }
}
