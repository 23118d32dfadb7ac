//! Who is at the other end of a Unix socket.

use crate::Peer;
#[cfg(unix)]
use crate::PeerCredentials;

#[cfg(unix)]
impl Peer {
    /// The other end of a Unix socket, with what the system knows of its process: the user and
    /// group it had when it connected.
    #[must_use]
    pub fn of_unix(socket: &impl std::os::fd::AsFd) -> Self {
        Self::Unix(credentials(socket))
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn credentials(socket: &impl std::os::fd::AsFd) -> Option<PeerCredentials> {
    use nix::sys::socket::{getsockopt, sockopt};
    let who = getsockopt(socket, sockopt::PeerCredentials).ok()?;
    // 0 stands for a process in a namespace that cannot be seen from here.
    let pid = (who.pid() != 0).then_some(who.pid());
    Some(PeerCredentials::new(who.uid(), who.gid(), pid))
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
fn credentials(socket: &impl std::os::fd::AsFd) -> Option<PeerCredentials> {
    #[cfg(any(
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "dragonfly",
        target_os = "netbsd",
        target_os = "openbsd"
    ))]
    {
        let (uid, gid) = nix::unistd::getpeereid(socket).ok()?;
        Some(PeerCredentials::new(uid.as_raw(), gid.as_raw(), None))
    }
    #[cfg(not(any(
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "dragonfly",
        target_os = "netbsd",
        target_os = "openbsd"
    )))]
    {
        let _ = socket;
        None
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_unix_socket_tells_who_is_there() {
        let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let Peer::Unix(Some(who)) = Peer::of_unix(&one) else {
            panic!("no credentials");
        };
        assert_eq!(who.uid(), rustix::process::getuid().as_raw());
        assert_eq!(who.gid(), rustix::process::getgid().as_raw());
        #[cfg(target_os = "linux")]
        assert_eq!(who.pid(), Some(rustix::process::getpid().as_raw_pid()));
    }

    #[test]
    fn nothing_is_known_of_what_is_no_unix_socket() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        #[cfg(target_os = "linux")]
        // Linux answers for any socket, with nobody's ids.
        assert!(matches!(Peer::of_unix(&socket), Peer::Unix(_)));
        drop(socket);
    }
}
