//! The adapter for smol. Tasks run on its global executor.

#[cfg(feature = "server")]
use core::future::pending;
use core::net::{IpAddr, SocketAddr};
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;
#[cfg(feature = "server")]
use std::net;
#[cfg(all(feature = "server", unix))]
use std::os::unix::net as unix;
use std::time::{Duration, Instant};

use futures_io::{AsyncRead, AsyncWrite};

#[cfg(feature = "server")]
use super::Listeners;
pub use super::stream::Stream;
use super::{Accepted, Runtime};
use crate::{FrontDoor, Peer};

struct Smol;

/// Ends when its time has passed.
struct Sleep(::smol::Timer);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl Runtime for Smol {
    type Sleep = Sleep;

    #[expect(clippy::disallowed_methods, reason = "its timers go by this clock")]
    fn now() -> Instant {
        Instant::now()
    }

    fn sleep(time: Duration) -> Sleep {
        Sleep(::smol::Timer::after(time))
    }

    async fn resolve(host: String) -> io::Result<Vec<IpAddr>> {
        let addresses = ::smol::net::resolve((host, 0)).await?;
        Ok(addresses.iter().map(SocketAddr::ip).collect())
    }

    #[cfg(feature = "server")]
    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        // Dropping the handle would end the task.
        ::smol::spawn(task).detach();
    }

    #[cfg(feature = "server")]
    type Tcp = ::smol::net::TcpListener;

    #[cfg(all(feature = "server", unix))]
    type Unix = ::smol::net::unix::UnixListener;
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
    super::accept::accept::<Smol, _>(stream, peer, door).await
}

/// Serves a [`PgServer`](crate::PgServer) on smol.
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
        super::serve::serve::<Smol, D>(self.clone(), listeners.into(), stop).await
    }
}

#[cfg(feature = "server")]
impl super::serve::Listener for ::smol::net::TcpListener {
    type Std = net::TcpListener;
    type Io = ::smol::net::TcpStream;

    fn from_std(listener: net::TcpListener) -> io::Result<Self> {
        listener.try_into()
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
impl super::serve::Listener for ::smol::net::unix::UnixListener {
    type Std = unix::UnixListener;
    type Io = ::smol::net::unix::UnixStream;

    fn from_std(listener: unix::UnixListener) -> io::Result<Self> {
        listener.try_into()
    }

    async fn accept(&self) -> io::Result<(Self::Io, Peer)> {
        let (stream, _) = self.accept().await?;
        let peer = Peer::of_unix(&stream);
        Ok((stream, peer))
    }
}
