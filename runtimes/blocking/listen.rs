//! Accepts in a thread of its own, which ends with its listener.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use async_channel::{Receiver, Sender};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Io, Socket};
use crate::Peer;
use crate::runtimes::serve::Listener;

/// Connections of one listener at once, and so threads. The rest waits in the system's backlog.
const MAX_CONNECTIONS: usize = 8192;

/// A listening socket, the blocking way.
pub(crate) trait Accept: AsFd + Send + 'static {
    type Stream: Socket + Unpin + Send + 'static;

    fn set_nonblocking(&self) -> io::Result<()>;

    /// A connection that blocks.
    fn accept(&self) -> io::Result<(Self::Stream, Peer)>;
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    fn set_nonblocking(&self) -> io::Result<()> {
        self.set_nonblocking(true)
    }

    fn accept(&self) -> io::Result<(TcpStream, Peer)> {
        let (stream, address) = self.accept()?;
        // Some systems hand the listener's mode down.
        stream.set_nonblocking(false)?;
        // Answers are written whole: waiting for more only delays them. It fails on a connection
        // that is gone, which shows soon enough.
        let _ = stream.set_nodelay(true);
        Ok((stream, Peer::Tcp(address)))
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    fn set_nonblocking(&self) -> io::Result<()> {
        self.set_nonblocking(true)
    }

    fn accept(&self) -> io::Result<(UnixStream, Peer)> {
        let (stream, _) = self.accept()?;
        stream.set_nonblocking(false)?;
        let peer = Peer::of_unix(&stream);
        Ok((stream, peer))
    }
}

type Connection<S> = io::Result<(S, Peer, Place)>;

/// The connections that a listener's thread accepts.
pub(crate) struct Incoming<S> {
    connections: Receiver<Connection<S>>,
    /// Its end tells the thread to end.
    _alive: UnixStream,
}

impl<S: Socket + Unpin + Send + 'static> Incoming<S> {
    fn start<L: Accept<Stream = S>>(listener: L) -> io::Result<Self> {
        listener.set_nonblocking()?;
        let (alive, watched) = UnixStream::pair()?;
        let (send, connections) = async_channel::bounded(1);
        thread::Builder::new()
            .name("pgtls-accept".into())
            .spawn(move || accept_all(&listener, &watched, &send))?;
        Ok(Self {
            connections,
            _alive: alive,
        })
    }
}

impl Listener for Incoming<TcpStream> {
    type Std = TcpListener;
    type Io = Io<TcpStream>;

    fn from_std(listener: TcpListener) -> io::Result<Self> {
        Self::start(listener)
    }

    async fn accept(&self) -> io::Result<(Self::Io, Peer)> {
        self.next().await
    }
}

impl Listener for Incoming<UnixStream> {
    type Std = UnixListener;
    type Io = Io<UnixStream>;

    fn from_std(listener: UnixListener) -> io::Result<Self> {
        Self::start(listener)
    }

    async fn accept(&self) -> io::Result<(Self::Io, Peer)> {
        self.next().await
    }
}

impl<S: Socket> Incoming<S> {
    async fn next(&self) -> io::Result<(Io<S>, Peer)> {
        match self.connections.recv().await {
            Ok(Ok((stream, peer, place))) => Ok((Io::new(stream).at(place), peer)),
            Ok(Err(e)) => Err(e),
            Err(_) => Err(io::Error::other("the thread that accepts has ended")),
        }
    }
}

/// A connection's place among [`MAX_CONNECTIONS`].
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The thread: accepts until nobody wants connections any more.
fn accept_all<L: Accept>(listener: &L, watched: &UnixStream, send: &Sender<Connection<L::Stream>>) {
    let taken = Arc::new(AtomicUsize::new(0));
    loop {
        // Only this thread adds to it.
        let full = taken.load(Ordering::Relaxed) >= MAX_CONNECTIONS;
        if !wait(listener, watched, full) {
            return;
        }
        if full {
            continue;
        }
        let accepted = match listener.accept() {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => continue,
            Ok((stream, peer)) => {
                taken.fetch_add(1, Ordering::Relaxed);
                Ok((stream, peer, Place(Arc::clone(&taken))))
            }
            Err(e) => Err(e),
        };
        if send.send_blocking(accepted).is_err() {
            return;
        }
    }
}

/// Waits for a connection, or for a place to have one; false when the thread is to end.
fn wait<L: AsFd>(listener: &L, watched: &UnixStream, full: bool) -> bool {
    let a_moment = Timespec {
        tv_sec: 0,
        tv_nsec: 10_000_000,
    };
    let mut ready = [
        PollFd::new(watched, PollFlags::IN),
        PollFd::new(listener, PollFlags::IN),
    ];
    let (watch, timeout) = if full {
        (ready.get_mut(..1), Some(&a_moment))
    } else {
        (ready.get_mut(..), None)
    };
    // Interrupted, it looks once more.
    let _ = poll(watch.unwrap_or_default(), timeout);
    ready
        .first()
        .is_none_or(|watched| watched.revents().is_empty())
}
