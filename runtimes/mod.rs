//! Adapters: they move bytes between a socket and the machine, keep time, and decide nothing.
//!
//! Each runtime has a module with the same names: `accept`, `accept_from`, `Stream`, and `serve`.
//! What they share is written once, over the read and write traits of `futures-io`.

mod accept;
#[cfg(feature = "server")]
mod listen;
mod peer;
mod resolve;
#[cfg(feature = "server")]
mod serve;
#[allow(
    unreachable_pub,
    reason = "some adapters show it as it is, some wrap it"
)]
mod stream;
#[cfg(all(feature = "server", unix))]
mod unix_socket;

#[cfg(feature = "async-std")]
pub mod async_std;
#[cfg(all(feature = "blocking", unix))]
pub mod blocking;
#[cfg(feature = "smol")]
pub mod smol;
#[cfg(feature = "tokio")]
pub mod tokio;

#[cfg(feature = "server")]
pub use listen::Listeners;
pub use stream::Parts;

use core::cell::{Cell, RefCell};
use core::future::Future;
use core::net::IpAddr;
use std::io;
use std::time::{Duration, Instant};

use crate::{CancelRequest, Close};

/// What a runtime has to offer besides its streams.
pub(crate) trait Runtime: 'static {
    /// Ends when the time has passed.
    type Sleep: Future<Output = ()> + Send;

    /// The runtime's clock.
    fn now() -> Instant;

    /// Sleeps for a while.
    fn sleep(time: Duration) -> Self::Sleep;

    /// Asks the name service for the addresses of a host.
    fn resolve(host: String) -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send;

    /// Runs a task of its own.
    #[cfg(feature = "server")]
    fn spawn(task: impl Future<Output = ()> + Send + 'static);

    /// What polls a future of this runtime on a thread that is none of its own; None if that
    /// cannot be. To be called within a task.
    #[cfg(feature = "server")]
    fn elsewhere() -> Option<impl Fn(&mut dyn FnMut()) + Send + Sync + 'static> {
        Some(|poll: &mut dyn FnMut()| poll())
    }

    /// Its TCP listener.
    #[cfg(feature = "server")]
    type Tcp: serve::Listener<Std = std::net::TcpListener>;

    /// Its listener at a Unix socket.
    #[cfg(all(feature = "server", unix))]
    type Unix: serve::Listener<Std = std::os::unix::net::UnixListener>;
}

/// What became of a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Accepted<Session, Transport> {
    /// A CancelRequest. Carry it out, send [`CancelRequest::close_notify`], and drop the
    /// transport: its end is all the answer the client gets.
    Cancel(CancelRequest, Transport),
    /// It ended at the door. What there was to say was said; the transport is closed.
    Refused(Close),
    /// The client is in.
    Session(Session),
}

/// Bytes read from a socket in one call, at most. Buffers belong to threads and are borrowed
/// within one poll: a connection that waits holds none. Their pages are the system's until they
/// are written to.
const SCRATCH: usize = 64 * 1024;
/// The same for threads that have one connection each.
#[cfg(all(feature = "blocking", unix))]
const SMALL_SCRATCH: usize = 32 * 1024;

thread_local! {
    static SIZE: Cell<usize> = const { Cell::new(SCRATCH) };
    static FREE: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// This thread has one connection only.
#[cfg(all(feature = "blocking", unix))]
fn small_scratch() {
    SIZE.set(SMALL_SCRATCH);
}

/// Lends a buffer of the thread. Borrows may be nested: one for what comes from the socket within
/// one for what comes out of TLS.
fn with_scratch<T>(f: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut buffer = FREE
        .with_borrow_mut(Vec::pop)
        .unwrap_or_else(|| vec![0; SIZE.get()].into_boxed_slice());
    let result = f(&mut buffer);
    FREE.with_borrow_mut(|free| free.push(buffer));
    result
}
