//! The adapter for async-std, which is discontinued (RUSTSEC-2025-0052): smol is its successor.
//! It is here for servers that have not left async-std yet.

#[cfg(feature = "server")]
use core::future::pending;
use core::net::IpAddr;
use core::pin::Pin;
use std::io;
#[cfg(feature = "server")]
use std::net;
#[cfg(all(feature = "server", unix))]
use std::os::unix::net as unix;
use std::time::{Duration, Instant};

use ::async_std::net::ToSocketAddrs;
use futures_io::{AsyncRead, AsyncWrite};

#[cfg(feature = "server")]
use super::Listeners;
pub use super::stream::Stream;
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
    super::accept::accept::<AsyncStd, _>(stream, peer, door).await
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
    type Io = ::async_std::net::TcpStream;

    fn from_std(listener: net::TcpListener) -> io::Result<Self> {
        Ok(listener.into())
    }

    async fn accept(&self) -> io::Result<(Self::Io, Peer)> {
        let (stream, address) = self.accept().await?;
        // Answers are written whole: waiting for more only delays them. It fails on a connection
        // that is gone, which shows soon enough.
        let _ = stream.set_nodelay(true);
        Ok((stream, Peer::Tcp(address)))
    }
}

#[cfg(all(feature = "server", unix))]
impl super::serve::Listener for ::async_std::os::unix::net::UnixListener {
    type Std = unix::UnixListener;
    type Io = ::async_std::os::unix::net::UnixStream;

    fn from_std(listener: unix::UnixListener) -> io::Result<Self> {
        Ok(listener.into())
    }

    async fn accept(&self) -> io::Result<(Self::Io, Peer)> {
        let (stream, _) = self.accept().await?;
        let peer = Peer::of_unix(&stream);
        Ok((stream, peer))
    }
}
