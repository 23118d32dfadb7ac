//! The other end of a connection.

use std::net::SocketAddr;

/// The other end of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Peer {
    /// A TCP connection from this address.
    Tcp(SocketAddr),
    /// A Unix socket: never TLS, and exempt from requiring it. With whose process is at the other
    /// end, where the system tells.
    Unix(Option<PeerCredentials>),
    /// Some other stream; treated like TCP from nowhere.
    Unknown,
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(_) => f.write_str("[local]"),
            Self::Unknown => f.write_str("[unknown]"),
        }
    }
}

/// The process at the other end of a Unix socket, as it was when it connected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PeerCredentials {
    uid: u32,
    gid: u32,
    pid: Option<i32>,
}

impl PeerCredentials {
    /// Its user, its group and, where the system tells it, its process id.
    #[must_use]
    pub fn new(uid: u32, gid: u32, pid: Option<i32>) -> Self {
        Self { uid, gid, pid }
    }

    /// The effective user id.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The effective group id.
    #[must_use]
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// The name of the user in the system's database, which may block. `None` if it has none.
    #[must_use]
    pub fn system_name(&self) -> Option<String> {
        #[cfg(unix)]
        {
            let uid = nix::unistd::Uid::from_raw(self.uid);
            Some(nix::unistd::User::from_uid(uid).ok()??.name)
        }
        #[cfg(not(unix))]
        None
    }

    /// The process id; `None` where the system does not tell, or does not see it.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        self.pid
    }
}
