//! The loop that serves connections until it is told to stop.

mod carried;
#[cfg(all(
    test,
    feature = "tokio",
    feature = "sqlite",
    feature = "certificates",
    any(feature = "aws-lc-rs", feature = "ring")
))]
mod faults;

use core::future::{Future, pending, poll_fn};
use core::panic::AssertUnwindSafe;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use std::io;
use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use futures_io::{AsyncRead, AsyncWrite};

use self::carried::Carried;
use super::accept::{accept_since, poll_send};
use super::listen::{self, Bound, Listeners};
use super::stream::Stream;
use super::{Accepted, Runtime, with_scratch};
use crate::server::{Database, DatabaseSession, QuerySession, Rows, StatementTimer, Turn};
use crate::{ErrorResponse, Peer, PgServer, SqlState};

/// Read at once from a session. Most queries are short.
const READ: usize = 16 * 1024;
/// After an error in accepting, such as too many open files, the loop waits this long, then twice
/// as long, up to the second value.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));
/// When nothing can be accepted, this many of those that do not log in make room.
const EVICT: usize = 16;
/// The shortest time between two wake-ups of an idle server.
const TICK: Duration = Duration::from_secs(1);
/// What ends soon is logged once more after this time.
const DAY: Duration = Duration::from_secs(86_400);
/// What is told that its statement is interrupted has this long to say so.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Where connections come from.
pub(crate) trait Listener: Send + Sync + Sized {
    /// The same socket before it came to the runtime.
    type Std;
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn from_std(listener: Self::Std) -> io::Result<Self>;

    fn accept(&self) -> impl Future<Output = io::Result<(Self::Io, Peer)>> + Send;
}

/// A channel that carries nothing: it is closed by dropping its sender.
type Signal = Receiver<core::convert::Infallible>;

/// What a connection's task is told by its server.
#[derive(Clone)]
struct Told {
    /// Go on with what is in flight, begin nothing more.
    stop: Signal,
    /// End at once.
    kill: Signal,
    /// Held while the task lives.
    _alive: Sender<core::convert::Infallible>,
}

/// Serves until `stop` is done, then lets what is in flight end within the grace time.
pub(super) async fn serve<R, D>(
    server: PgServer<D>,
    listeners: Listeners,
    stop: impl Future<Output = ()>,
) -> io::Result<()>
where
    R: Runtime,
    D: Database,
{
    let (stopper, told_to_stop) = async_channel::bounded(1);
    let (killer, told_to_die) = async_channel::bounded(1);
    let (alive, all_gone) = async_channel::bounded(1);
    let told = Told {
        stop: told_to_stop,
        kill: told_to_die,
        _alive: alive,
    };
    let mut loops: Vec<Pin<Box<dyn Future<Output = ()> + Send>>> = Vec::new();
    // A socket's file goes when its listener has gone.
    #[cfg(unix)]
    let mut files = Vec::new();
    for bound in listeners.bound {
        let (server, told) = (server.clone(), told.clone());
        match bound {
            Bound::Tcp(listener) => {
                listen::apply(server.tcp_settings(), &listener)?;
                let listener = R::Tcp::from_std(listener)?;
                loops.push(Box::pin(accept_loop::<R, _, D>(server, listener, told)));
            }
            #[cfg(unix)]
            Bound::Unix(listener, file) => {
                let listener = R::Unix::from_std(listener)?;
                files.push(file);
                loops.push(Box::pin(accept_loop::<R, _, D>(server, listener, told)));
            }
        }
    }
    // A runtime wakes up to take in a timer that ends before all others it has. While one is there
    // that ends before any login's deadline, no login costs that.
    let tick = (server.front_door().timeout() / 2).clamp(TICK, DAY);
    let door = server.front_door().clone();
    loops.push(Box::pin(async move {
        let mut logged = R::now();
        loop {
            R::sleep(tick).await;
            if R::now().saturating_duration_since(logged) >= DAY {
                logged = R::now();
                door.log_expiries();
            }
        }
    }));
    let accepting = poll_fn(|cx| {
        for one in &mut loops {
            // They do not end.
            let _ = one.as_mut().poll(cx);
        }
        Poll::<()>::Pending
    });
    let _ = first(stop, accepting).await;
    // Idle sessions first: whoever asks for the listeners after they are gone finds all told.
    drop((stopper, told, loops));
    #[cfg(unix)]
    drop(files);
    let gone = async || first(pin!(ended(&all_gone)), R::sleep(server.shutdown_grace())).await;
    if let First::Right(()) = gone().await {
        tracing::info!(target: "pgtls::server", "interrupting what still runs");
        server.interrupt_all();
        let _ = first(pin!(ended(&all_gone)), R::sleep(LAST_WORDS)).await;
        drop(killer);
        let _ = first(pin!(ended(&all_gone)), R::sleep(LAST_WORDS)).await;
    }
    Ok(())
}

/// Accepts for as long as it is polled.
async fn accept_loop<R, L, D>(server: PgServer<D>, listener: L, told: Told)
where
    R: Runtime,
    L: Listener,
    D: Database,
{
    let mut pause = BACKOFF.0;
    loop {
        match listener.accept().await {
            Ok((io, peer)) => {
                pause = BACKOFF.0;
                let (server, told, started) = (server.clone(), told.clone(), R::now());
                R::spawn(async move {
                    let kill = told.kill.clone();
                    // By reference: an argument of an async function is kept twice.
                    let connection = pin!(connection::<R, _, D>(server, io, peer, started, told));
                    let _ = first(pin!(ended(&kill)), connection).await;
                });
            }
            Err(error) if is_the_clients_own(&error) => {
                tracing::debug!(target: "pgtls::server", %error, "connection lost before accept");
            }
            Err(error) => {
                let evicted = server.front_door().evict_half_open(EVICT);
                tracing::warn!(target: "pgtls::server", %error, evicted, "cannot accept; raise the limit of open files if that is the cause");
                R::sleep(pause).await;
                pause = pause.saturating_mul(2).min(BACKOFF.1);
            }
        }
    }
}

/// A fault of one connection, not of the listener (accept(2): these are to be retried at once).
fn is_the_clients_own(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

/// One connection, from its acceptance to its end.
async fn connection<R, S, D>(server: PgServer<D>, io: S, peer: Peer, started: Instant, told: Told)
where
    R: Runtime,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    D: Database,
{
    let door = server.front_door();
    let stream = match accept_since::<R, S>(io, peer, door, started).await {
        Accepted::Cancel(request, mut io) => {
            server.cancel(&request);
            let mut last = request.close_notify();
            let said = async {
                let sent = poll_fn(|cx| poll_send(Pin::new(&mut io), cx, &mut last)).await;
                if sent.is_ok() {
                    let _ = poll_fn(|cx| Pin::new(&mut io).poll_close(cx)).await;
                }
            };
            let _ = first(pin!(R::sleep(LAST_WORDS)), said).await;
            return;
        }
        Accepted::Refused(_) => return,
        Accepted::Session(stream) => stream,
    };
    // What a session takes is not kept ready for those that never become one.
    let Some(opened) = Box::pin(open::<R, S, D>(&server, stream, peer, started)).await else {
        return;
    };
    let context = opened.session.context().clone();
    let session = Box::pin(session::<R, S, D>(told, opened));
    match R::elsewhere() {
        None => session.await,
        Some(poller) => {
            let session = Carried::new(poller, session);
            context.set_stand_in(session.stand_in());
            drop(context);
            session.await;
        }
    }
}

/// A session that was greeted, and its stream.
struct Opened<S, D: Database> {
    session: QuerySession<D::Session>,
    stream: Stream<S>,
}

/// Up to the greeting.
async fn open<R, S, D>(
    server: &PgServer<D>,
    mut stream: Stream<S>,
    peer: Peer,
    started: Instant,
) -> Option<Box<Opened<S, D>>>
where
    R: Runtime,
    S: AsyncRead + AsyncWrite + Unpin,
    D: Database,
{
    // All of a piece of a long result goes with one call.
    stream.set_max_waiting(Rows::MOST);
    let left = server
        .front_door()
        .timeout()
        .saturating_sub(R::now().saturating_duration_since(started));
    let greeted = {
        let greeting = pin!(greet(server, &mut stream));
        first(pin!(R::sleep(left)), greeting).await
    };
    match greeted {
        First::Left(()) => {
            tracing::info!(target: "pgtls::server", %peer, "the database did not open a session in time");
            None
        }
        First::Right(Some(session)) => Some(Box::new(Opened { session, stream })),
        First::Right(None) => {
            let _ = poll_fn(|cx| Pin::new(&mut stream).poll_close(cx)).await;
            None
        }
    }
}

/// From the greeting to the end. `told` comes first, so it is dropped last.
async fn session<R, S, D>(told: Told, mut opened: Box<Opened<S, D>>)
where
    R: Runtime,
    S: AsyncRead + AsyncWrite + Unpin,
    D: Database,
{
    let Opened { session, stream } = &mut *opened;
    if query_phase::<R, S, _>(session, stream, &told).await.is_ok() {
        let _ = poll_fn(|cx| Pin::new(&mut *stream).poll_close(cx)).await;
    }
}

async fn greet<S, D>(
    server: &PgServer<D>,
    stream: &mut Stream<S>,
) -> Option<QuerySession<D::Session>>
where
    S: AsyncRead + AsyncWrite + Unpin,
    D: Database,
{
    let opened = {
        let opening = pin!(QuerySession::open(server, stream.login()));
        guarded(opening).await
    };
    let mut session = match opened.unwrap_or_else(|Panicked| Err(internal_error())) {
        Ok(session) => session,
        Err(error) => {
            let mut farewell = Vec::new();
            error.put(&mut farewell);
            let _ = send(stream, farewell).await;
            return None;
        }
    };
    match session.advance().await {
        Turn::Send(greeting) => send(stream, greeting).await.ok().map(|()| session),
        Turn::Close | Turn::Wait => Some(session),
    }
}

/// Moves bytes between the client and its session. `Err` if the client is gone.
async fn query_phase<R, S, D>(
    session: &mut QuerySession<D>,
    stream: &mut Stream<S>,
    told: &Told,
) -> io::Result<()>
where
    R: Runtime,
    S: AsyncRead + AsyncWrite + Unpin,
    D: DatabaseSession,
{
    let mut idle_since = None;
    // Which statement runs, and since when.
    let mut runs = (u64::MAX, R::now());
    loop {
        let turn = {
            let timer = session.statement_timer();
            let advance = pin!(session.advance());
            match timer {
                None => guarded(advance).await,
                Some(timer) => timed::<R, _>(&timer, &mut runs, guarded(advance)).await,
            }
        };
        match turn {
            Ok(Turn::Close) => return Ok(()),
            Ok(Turn::Send(bytes)) => {
                idle_since = None;
                let ended = pin!(session.terminated());
                match first(pin!(send(stream, bytes)), ended).await {
                    First::Left(sent) => sent?,
                    First::Right(()) => return Err(io::ErrorKind::ConnectionAborted.into()),
                }
            }
            Ok(Turn::Wait) => {
                let limit = session.idle_timeout();
                // Half a message is no sign of life.
                let since = limit.map(|_| *idle_since.get_or_insert_with(R::now));
                let event = {
                    let timeout = pin!(async {
                        match (limit, since) {
                            (Some(limit), Some(since)) => {
                                let idle = R::now().saturating_duration_since(since);
                                R::sleep(limit.saturating_sub(idle)).await;
                            }
                            _ => pending().await,
                        }
                    });
                    let woken = pin!(session.woken());
                    let more = pin!(first(woken, receive(session, stream)));
                    let stop = pin!(ended(&told.stop));
                    first(pin!(first(stop, more)), timeout).await
                };
                match event {
                    First::Left(First::Left(())) => {
                        return send(stream, session.shut_down()).await;
                    }
                    First::Left(First::Right(First::Right(0))) => return Ok(()),
                    First::Left(First::Right(First::Left(()) | First::Right(_))) => {}
                    First::Right(()) => return send(stream, session.time_out()).await,
                }
            }
            Err(Panicked) => {
                let mut farewell = Vec::new();
                internal_error().put(&mut farewell);
                return send(stream, farewell).await;
            }
        }
    }
}

/// Interrupts a statement that takes too long. One that begins within a turn, behind another of the
/// same message or pipeline, may get up to twice the time.
async fn timed<R: Runtime, T>(
    timer: &StatementTimer,
    runs: &mut (u64, Instant),
    turn: impl Future<Output = T>,
) -> T {
    let mut turn = pin!(turn);
    loop {
        let statement = timer.statement();
        if runs.0 != statement {
            *runs = (statement, R::now());
        }
        let past = R::now().saturating_duration_since(runs.1);
        let left = timer.limit().saturating_sub(past);
        if !left.is_zero()
            && let First::Left(turn) = first(turn.as_mut(), R::sleep(left)).await
        {
            return turn;
        }
        // The time may have been that of several.
        if timer.statement() == statement {
            timer.fire();
            return turn.await;
        }
    }
}

/// Reads once and hands it to the session; 0 at the end of the stream, clean or not.
async fn receive<S, D>(session: &mut QuerySession<D>, stream: &mut Stream<S>) -> usize
where
    S: AsyncRead + AsyncWrite + Unpin,
    D: DatabaseSession,
{
    poll_fn(|cx| {
        with_scratch(|scratch| {
            let space = scratch.get_mut(..READ).unwrap_or_default();
            Pin::new(&mut *stream).poll_read(cx, space).map(|read| {
                let n = read.unwrap_or_else(|error| {
                    tracing::debug!(target: "pgtls::server", %error, "client went away");
                    0
                });
                session.handle_input(space.get(..n).unwrap_or_default());
                n
            })
        })
    })
    .await
}

async fn send<S>(stream: &mut Stream<S>, bytes: Vec<u8>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut bytes, mut sent) = (bytes, 0_usize);
    poll_fn(|cx| {
        while let Some(left @ [_, ..]) = bytes.get(sent..) {
            match Pin::new(&mut *stream).poll_write(cx, left) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(n)) => sent = sent.saturating_add(n),
                Poll::Ready(Err(e)) => return Poll::Ready(Err(e)),
                Poll::Pending => return Poll::Pending,
            }
        }
        // A slow client is waited for without them.
        (bytes, sent) = (Vec::new(), 0);
        Pin::new(&mut *stream).poll_flush(cx)
    })
    .await
}

fn internal_error() -> ErrorResponse {
    ErrorResponse::fatal(SqlState::INTERNAL_ERROR, "internal error")
        .with_hint("Connect again; the server's log may say more.")
}

/// A database panicked. It ends one session, not the server.
struct Panicked;

/// By reference: an async function has room for what it is given twice over, and a session keeps
/// that while it is idle.
async fn guarded<T>(mut future: Pin<&mut impl Future<Output = T>>) -> Result<T, Panicked> {
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => {
                tracing::error!(target: "pgtls::server", "a database panicked; its session ends");
                Poll::Ready(Err(Panicked))
            }
        },
    )
    .await
}

/// Ends when the signal's sender is dropped.
async fn ended(signal: &Signal) {
    while signal.recv().await.is_ok() {}
}

/// Which of two futures was done first. Large ones are given pinned, as to [`guarded`].
enum First<A, B> {
    Left(A),
    Right(B),
}

async fn first<A, B>(left: impl Future<Output = A>, right: impl Future<Output = B>) -> First<A, B> {
    let (mut left, mut right) = (pin!(left), pin!(right));
    let both = |cx: &mut Context<'_>| match left.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(First::Left(value)),
        Poll::Pending => right.as_mut().poll(cx).map(First::Right),
    };
    poll_fn(both).await
}
