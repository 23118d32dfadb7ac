//! The adapter for async-std, which is discontinued (RUSTSEC-2025-0052): smol is its successor.
//! It is here for servers that have not left async-std yet.

use core::any::Any;
#[cfg(feature = "server")]
use core::future::pending;
use core::net::IpAddr;
use core::ops::Deref;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io::{self, IoSlice};
#[cfg(feature = "server")]
use std::net;
use std::net::Shutdown;
#[cfg(all(feature = "server", unix))]
use std::os::unix::net as unix;
use std::time::{Duration, Instant};

use ::async_std::net::ToSocketAddrs;
use futures_io::{AsyncRead, AsyncWrite};

#[cfg(feature = "server")]
use super::Listeners;
use super::stream;
use super::{Accepted, Runtime};
use crate::{FrontDoor, Peer};

struct AsyncStd;

impl Runtime for AsyncStd {
    type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

    #[expect(clippy::disallowed_methods, reason = "its timers go by this clock")]
    fn now() -> Instant {
        Instant::now()
    }

    fn sleep(time: Duration) -> Self::Sleep {
        Box::pin(::async_std::task::sleep(time))
    }

    async fn resolve(host: String) -> io::Result<Vec<IpAddr>> {
        let addresses = (host.as_str(), 0).to_socket_addrs().await?;
        Ok(addresses.map(|address| address.ip()).collect())
    }

    #[cfg(feature = "server")]
    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        drop(::async_std::task::spawn(task));
    }

    #[cfg(feature = "server")]
    type Tcp = ::async_std::net::TcpListener;

    #[cfg(all(feature = "server", unix))]
    type Unix = ::async_std::os::unix::net::UnixListener;
}

/// An admitted connection.
pub type Stream<S> = stream::Stream<Transport<S>>;

/// A transport whose sending half ends when it is closed. async-std's own sockets would leave that
/// to the moment when they are dropped.
#[derive(Debug)]
pub struct Transport<S>(S);

impl<S> Transport<S> {
    /// The transport itself.
    pub fn into_inner(self) -> S {
        self.0
    }
}

impl<S> Deref for Transport<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Transport<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin + 'static> AsyncWrite for Transport<S> {
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
        ready!(Pin::new(&mut self.0).poll_close(cx))?;
        let socket: &dyn Any = &self.0;
        // It fails on a connection that has ended already.
        if let Some(tcp) = socket.downcast_ref::<::async_std::net::TcpStream>() {
            let _ = tcp.shutdown(Shutdown::Write);
        }
        #[cfg(unix)]
        if let Some(unix) = socket.downcast_ref::<::async_std::os::unix::net::UnixStream>() {
            let _ = unix.shutdown(Shutdown::Write);
        }
        Poll::Ready(Ok(()))
    }
}

/// Takes a connection through the door, from its first byte to its admission.
///
/// The future always ends: by the door's login timeout at the latest, and a second more for the
/// client to read why it was refused. Dropping it drops the connection.
pub async fn accept<S>(stream: S, door: &FrontDoor) -> Accepted<Stream<S>, S>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    accept_from(stream, Peer::Unknown, door).await
}

/// As [`accept`], for a connection whose other end is known.
pub async fn accept_from<S>(stream: S, peer: Peer, door: &FrontDoor) -> Accepted<Stream<S>, S>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    match super::accept::accept::<AsyncStd, _>(Transport(stream), peer, door).await {
        Accepted::Cancel(request, stream) => Accepted::Cancel(request, stream.0),
        Accepted::Refused(close) => Accepted::Refused(close),
        Accepted::Session(stream) => Accepted::Session(stream),
    }
}

/// Serves a [`PgServer`](crate::PgServer) on async-std.
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
        super::serve::serve::<AsyncStd, D>(self.clone(), listeners.into(), stop).await
    }
}

#[cfg(feature = "server")]
impl super::serve::Listener for ::async_std::net::TcpListener {
    type Std = net::TcpListener;
    type Io = Transport<::async_std::net::TcpStream>;

    fn from_std(listener: net::TcpListener) -> io::Result<Self> {
        Ok(listener.into())
    }

    async fn accept(&self) -> io::Result<(Self::Io, Peer)> {
        let (stream, address) = self.accept().await?;
        // Answers are written whole: waiting for more only delays them. It fails on a connection
        // that is gone, which shows soon enough.
        let _ = stream.set_nodelay(true);
        Ok((Transport(stream), Peer::Tcp(address)))
    }
}

#[cfg(all(feature = "server", unix))]
impl super::serve::Listener for ::async_std::os::unix::net::UnixListener {
    type Std = unix::UnixListener;
    type Io = Transport<::async_std::os::unix::net::UnixStream>;

    fn from_std(listener: unix::UnixListener) -> io::Result<Self> {
        Ok(listener.into())
    }

    async fn accept(&self) -> io::Result<(Self::Io, Peer)> {
        let (stream, _) = self.accept().await?;
        let peer = Peer::of_unix(&stream);
        Ok((Transport(stream), peer))
    }
}
