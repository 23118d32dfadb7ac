//! The sockets a server listens at. They are opened before a runtime comes in, so that all
//! runtimes have the same.

use std::io;
use std::net::{SocketAddr, TcpListener};
#[cfg(unix)]
use std::os::unix::net::UnixListener;
#[cfg(unix)]
use std::path::Path;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

#[cfg(unix)]
use super::unix_socket::{self, SocketFile};
use crate::PgServer;
use crate::server::TcpSettings;

/// Connections that the system keeps until they are accepted; it may have a lower limit
/// (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// The sockets a server listens at: TCP and Unix, any number of each. They accept nothing before
/// they are served.
///
/// Sockets opened elsewhere, for example by a service manager, come in with `From`; those of a
/// runtime with its `into_std` first.
#[derive(Debug, Default)]
pub struct Listeners {
    pub(super) bound: Vec<Bound>,
}

#[derive(Debug)]
pub(super) enum Bound {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener, Option<SocketFile>),
}

impl Listeners {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens at a TCP address too; port 0 lets the system choose. `only_v6` keeps `[::]` from
    /// taking IPv4 connections as well.
    ///
    /// # Errors
    /// The address is taken, or not this machine's, or the port needs privileges.
    pub fn tcp(mut self, address: SocketAddr, only_v6: bool) -> io::Result<Self> {
        let listener = listen(address, only_v6)
            .map_err(|e| io::Error::new(e.kind(), format!("cannot listen at {address}: {e}")))?;
        self.bound.push(Bound::Tcp(listener));
        Ok(self)
    }

    /// Listens at a Unix socket too, `.s.PGSQL.<port>` in a directory that is there, as PostgreSQL
    /// names it. `permissions` are those of the socket: who may write to it may connect.
    ///
    /// What a server left that has died is removed. The socket goes when it is served no more.
    ///
    /// # Errors
    /// Another server listens there, or something else has that name, or the directory is not
    /// there or not to be written to.
    #[cfg(unix)]
    pub fn unix(mut self, directory: &Path, port: u16, permissions: u32) -> io::Result<Self> {
        let (listener, file) = unix_socket::listen(directory, port, permissions)?;
        self.bound.push(Bound::Unix(listener, Some(file)));
        Ok(self)
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, others: impl Into<Self>) -> Self {
        self.bound.append(&mut others.into().bound);
        self
    }

    /// The address of the first TCP socket, with the port that the system chose.
    ///
    /// # Errors
    /// There is none.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.bound
            .iter()
            .find_map(|bound| match bound {
                Bound::Tcp(listener) => Some(listener.local_addr()),
                #[cfg(unix)]
                Bound::Unix(..) => None,
            })
            .unwrap_or_else(|| {
                Err(io::Error::new(
                    io::ErrorKind::AddrNotAvailable,
                    "the server listens at no TCP address",
                ))
            })
    }
}

impl From<TcpListener> for Listeners {
    fn from(listener: TcpListener) -> Self {
        Self {
            bound: vec![Bound::Tcp(listener)],
        }
    }
}

#[cfg(unix)]
impl From<UnixListener> for Listeners {
    fn from(listener: UnixListener) -> Self {
        Self {
            bound: vec![Bound::Unix(listener, None)],
        }
    }
}

fn listen(address: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A server that is started again need not wait for its old connections to be forgotten.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() && only_v6 {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Sets what accepted connections are to inherit, so that it costs no system call for each.
pub(super) fn apply(settings: TcpSettings, listener: &TcpListener) -> io::Result<()> {
    let socket = SockRef::from(listener);
    let mut keepalive = TcpKeepalive::new();
    if let Some(time) = settings.keepalives_idle {
        keepalive = keepalive.with_time(time);
    }
    if let Some(time) = settings.keepalives_interval {
        keepalive = keepalive.with_interval(time);
    }
    #[cfg(not(windows))]
    if let Some(count) = settings.keepalives_count {
        keepalive = keepalive.with_retries(count);
    }
    socket.set_keepalive(true)?;
    if settings.keepalives_idle.is_some()
        || settings.keepalives_interval.is_some()
        || settings.keepalives_count.is_some()
    {
        socket.set_tcp_keepalive(&keepalive)?;
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if settings.user_timeout.is_some() {
        socket.set_tcp_user_timeout(settings.user_timeout)?;
    }
    Ok(())
}

impl<D> PgServer<D> {
    /// Listens at all the server's addresses and Unix sockets.
    ///
    /// # Errors
    /// One of them is taken or cannot be had; the error says which.
    pub fn bind(&self) -> io::Result<Listeners> {
        let mut listeners = Listeners::new();
        let addresses = self.addresses();
        // As PostgreSQL has it: each address is its own, and `[::]` leaves IPv4 to `0.0.0.0`.
        let with_v4 = addresses.iter().any(SocketAddr::is_ipv4);
        for address in addresses {
            listeners = listeners.tcp(*address, with_v4)?;
        }
        #[cfg(unix)]
        {
            let port = listeners
                .local_addr()
                .map_or_else(|_| self.address().port(), |address| address.port());
            for directory in self.unix_socket_directories() {
                listeners = listeners.unix(directory, port, self.unix_socket_permissions())?;
            }
        }
        if listeners.bound.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the server has neither an address nor a Unix socket to listen at",
            ));
        }
        Ok(listeners)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn both_families_listen_at_the_same_port() {
        let v4 = Listeners::new()
            .tcp("0.0.0.0:0".parse().unwrap(), true)
            .unwrap();
        let port = v4.local_addr().unwrap().port();
        let v6 = SocketAddr::new("::".parse().unwrap(), port);
        // A machine without IPv6 has nothing to show here.
        if TcpListener::bind("[::1]:0").is_ok() {
            let both = v4.and(Listeners::new().tcp(v6, true).unwrap());
            assert_eq!(both.local_addr().unwrap().port(), port);
            assert_eq!(both.bound.len(), 2);
        }
    }

    #[test]
    fn accepted_connections_have_the_keepalive_settings() {
        let listeners = Listeners::new()
            .tcp("127.0.0.1:0".parse().unwrap(), false)
            .unwrap();
        let address = listeners.local_addr().unwrap();
        let Some(Bound::Tcp(listener)) = listeners.bound.first() else {
            panic!("no listener")
        };
        let settings = TcpSettings {
            keepalives_idle: Some(Duration::from_secs(77)),
            keepalives_interval: Some(Duration::from_secs(11)),
            keepalives_count: Some(3),
            user_timeout: Some(Duration::from_secs(120)),
        };
        apply(settings, listener).unwrap();
        let _client = std::net::TcpStream::connect(address).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let accepted = SockRef::from(&accepted);
        assert!(accepted.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        {
            assert_eq!(accepted.tcp_keepalive_time().unwrap().as_secs(), 77);
            assert_eq!(accepted.tcp_keepalive_interval().unwrap().as_secs(), 11);
            assert_eq!(accepted.tcp_keepalive_retries().unwrap(), 3);
            let timeout = accepted.tcp_user_timeout().unwrap();
            assert_eq!(timeout, settings.user_timeout);
        }
    }

    #[test]
    fn a_taken_address_is_named() {
        let one = Listeners::new()
            .tcp("127.0.0.1:0".parse().unwrap(), false)
            .unwrap();
        let address = one.local_addr().unwrap();
        let error = Listeners::new().tcp(address, false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&address.to_string()), "{error}");
        assert!(Listeners::new().local_addr().is_err());
    }
}
