//! Sessions over a transport that misbehaves, from the accept loop to the end of the server: each
//! ends, and leaves nothing behind. The database has a thread for each session, so time is real.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests take their time and fail on surprises"
)]

#[path = "../../tests/common/faulty.rs"]
mod faulty;

use std::cell::RefCell;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use ::tokio::sync::oneshot;
use ::tokio::task::JoinHandle;
use ::tokio::time::timeout;
use futures_util::{SinkExt, TryStreamExt};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::error::SqlState as Code;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::*;
use crate::certificates::TestCertificates;
use crate::runtimes::tokio::Compat;
use crate::server::{
    Client as Connecting, Column, Event, Portal, Prepared, RowFormat, Rows, TransactionStatus,
    Type, Value,
};
use crate::{CertificateManager, EmbeddedDatabase, PgServerBuilder, SslMode};
use faulty::{Counts, Dice, Fault, Faulty};

#[cfg(feature = "aws-lc-rs")]
use rustls::crypto::aws_lc_rs as provider;
#[cfg(not(feature = "aws-lc-rs"))]
use rustls::crypto::ring as provider;

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(20);
/// Shorter than any limit of a server that is not told otherwise.
const SOON: Duration = Duration::from_secs(5);
/// What the transport holds in each direction.
const BUFFER: usize = 64 * 1024;

/// Tokio, with connections that are handed to it.
struct Scripted;

impl Runtime for Scripted {
    type Sleep = ::tokio::time::Sleep;

    fn now() -> Instant {
        Instant::now()
    }

    fn sleep(time: Duration) -> Self::Sleep {
        ::tokio::time::sleep(time)
    }

    async fn resolve(_: String) -> io::Result<Vec<IpAddr>> {
        Ok(Vec::new())
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        drop(::tokio::spawn(task));
    }

    type Tcp = Arrivals;

    #[cfg(unix)]
    type Unix = ::tokio::net::UnixListener;
}

/// Instead of a listening socket.
struct Arrivals(Receiver<Faulty>);

thread_local! {
    static NEXT: RefCell<Option<Arrivals>> = const { RefCell::new(None) };
}

impl Listener for Arrivals {
    type Std = std::net::TcpListener;
    type Io = Compat<Faulty>;

    fn from_std(_: std::net::TcpListener) -> io::Result<Self> {
        NEXT.take().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    async fn accept(&self) -> io::Result<(Self::Io, Peer)> {
        match self.0.recv().await {
            Ok(io) => Ok((Compat(io), Peer::Unknown)),
            Err(_) => pending().await,
        }
    }
}

/// A server that serves what is handed to it.
struct Place<D> {
    server: PgServer<D>,
    arrivals: Sender<Faulty>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<io::Result<()>>,
}

impl<D: Database> Place<D> {
    fn new(builder: PgServerBuilder, database: D) -> Self {
        let server = builder
            .address("127.0.0.1:0".parse().unwrap())
            .max_connections(100_000)
            .build(Arc::new(database))
            .unwrap();
        let (arrivals, next) = async_channel::unbounded();
        let (stop, stopped) = oneshot::channel();
        NEXT.set(Some(Arrivals(next)));
        let listeners = server.bind().unwrap();
        let serving = ::tokio::spawn(serve::<Scripted, D>(server.clone(), listeners, async {
            let _ = stopped.await;
        }));
        Self {
            server,
            arrivals,
            stop,
            serving,
        }
    }

    /// A connection: the client's end, and what is counted of the server's.
    fn connect(&self, reads: Fault, writes: Fault, seed: u64) -> (DuplexStream, Arc<Counts>) {
        let (io, far) = ::tokio::io::duplex(BUFFER);
        let counts = Arc::new(Counts::default());
        let io = Faulty {
            io,
            reads,
            writes,
            dice: (seed != 0).then_some(Dice(seed)),
            counts: Arc::clone(&counts),
        };
        self.arrivals.try_send(io).unwrap();
        (far, counts)
    }

    /// Stops it, and gives how long that took. Nothing may be left of its sessions.
    async fn stop(self) -> Duration {
        let began = Instant::now();
        self.stop.send(()).unwrap();
        let served = timeout(PATIENCE, self.serving).await;
        served.expect("the server stops").unwrap().unwrap();
        let took = began.elapsed();
        let door = self.server.front_door();
        assert_eq!((door.sessions(), door.half_open()), (0, 0));
        let sessions = format!("{:?}", self.server.sessions());
        assert_eq!(sessions, "Sessions { live: 0 }");
        took
    }
}

/// The server has let go of a connection.
async fn gone(counts: &Arc<Counts>) -> bool {
    let begun = Instant::now();
    while Arc::strong_count(counts) > 1 {
        if begun.elapsed() > SOON {
            return false;
        }
        ::tokio::time::sleep(Duration::from_millis(1)).await;
    }
    true
}

/// An embedded database in a file, certificates, and how to come in with TLS.
struct World {
    directory: tempfile::TempDir,
    made: TestCertificates,
    roots: Arc<RootCertStore>,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let made = CertificateManager::setup_test_certs_in(directory.path()).unwrap();
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_file(made.ca_cert()).unwrap();
        roots.add(ca).unwrap();
        Self {
            directory,
            made,
            roots: Arc::new(roots),
        }
    }

    fn place(&self, grace: Duration) -> Place<EmbeddedDatabase> {
        let database = EmbeddedDatabase::open(self.directory.path().join("data.db")).unwrap();
        let builder = PgServerBuilder::new()
            .ssl_config(self.made.ssl_config(SslMode::Prefer))
            .shutdown_grace(grace);
        Place::new(builder, database)
    }

    /// SQLite removes its log with the last connection: no session's thread is left.
    async fn assert_closed(&self) {
        let log = self.directory.path().join("data.db-wal");
        let begun = Instant::now();
        while log.exists() {
            assert!(begun.elapsed() < SOON, "a thread of the database is left");
            ::tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn log_in(
        &self,
        io: DuplexStream,
        tls: bool,
    ) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error> {
        let mut config = Config::new();
        config.user("alice");
        if !tls {
            config.ssl_mode(tokio_postgres::config::SslMode::Disable);
            let (client, connection) = config.connect_raw(io, NoTls).await?;
            return Ok((client, ::tokio::spawn(async { drop(connection.await) })));
        }
        config.ssl_mode(tokio_postgres::config::SslMode::Require);
        let provider = Arc::new(provider::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        let mut connect = MakeRustlsConnect::new(tls);
        let connect = tokio_postgres::tls::MakeTlsConnect::<DuplexStream>::make_tls_connect(
            &mut connect,
            "localhost",
        )
        .unwrap();
        let (client, connection) = config.connect_raw(io, connect).await?;
        Ok((client, ::tokio::spawn(async { drop(connection.await) })))
    }

    /// Logs in, talks, takes its leave. What is heard must be right; not everything need be heard.
    async fn talk(
        &self,
        io: DuplexStream,
        tls: bool,
        rows: i32,
    ) -> Result<(), tokio_postgres::Error> {
        let (client, driver) = self.log_in(io, tls).await?;
        let said = say(&client, rows).await;
        drop(client);
        driver.await.unwrap();
        said
    }
}

/// A conversation of all kinds: simple and extended queries, COPY both ways, a result of `rows`
/// rows of a kilobyte, an error.
async fn say(client: &Client, rows: i32) -> Result<(), tokio_postgres::Error> {
    client.batch_execute("create temp table t(n int)").await?;
    let row = client
        .query_one("select $1::int4 + 1, $2::text", &[&41, &"x"])
        .await?;
    assert_eq!((row.get(0), row.get(1)), (42, "x"));

    let lines: String = (0..rows).map(|n| format!("{n}\n")).collect();
    let mut sink = pin!(client.copy_in("copy t from stdin").await?);
    for part in lines.as_bytes().chunks(1000) {
        sink.send(bytes::Bytes::copy_from_slice(part)).await?;
    }
    assert_eq!(sink.finish().await?, u64::try_from(rows).unwrap());
    let copy = client.copy_out("copy t to stdout").await?;
    let heard: Vec<bytes::Bytes> = copy.try_collect().await?;
    assert!(heard.concat() == lines.as_bytes());

    let sql = "select n, repeat('x', 1000) from t order by n";
    let result = client.query(sql, &[]).await?;
    assert_eq!(result.len(), usize::try_from(rows).unwrap());
    for (row, n) in result.iter().zip(0..) {
        assert_eq!(row.get::<_, i32>(0), n);
        assert!(row.get::<_, &str>(1).len() == 1000);
    }
    let error = client.batch_execute("select 1/0").await.unwrap_err();
    match error.code() {
        Some(code) if *code == Code::DIVISION_BY_ZERO => Ok(()),
        _ => Err(error),
    }
}

fn run(test: impl Future<Output = ()>) {
    ::tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async {
            test.await;
            let tasks = || ::tokio::runtime::Handle::current().metrics();
            let begun = Instant::now();
            while tasks().num_alive_tasks() > 0 {
                assert!(begun.elapsed() < SOON, "a task is left");
                ::tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
}

#[test]
fn sessions_do_not_care_how_their_bytes_are_cut() {
    run(async {
        let world = World::new();
        let place = world.place(Duration::from_secs(10));
        for (tls, seed) in [false, true]
            .into_iter()
            .flat_map(|t| (1..4).map(move |s| (t, s)))
        {
            let (io, counts) = place.connect(Fault::None, Fault::None, seed * 7919);
            let said = timeout(PATIENCE, world.talk(io, tls, 300)).await;
            said.expect("it gets on").unwrap();
            assert!(gone(&counts).await, "the session ends with its client");
            assert!(Counts::of(&counts.written) > 300_000);
        }
        place.stop().await;
        world.assert_closed().await;
    });
}

/// Ends and errors at every `stride`th byte of a session, in both directions.
async fn at_each_byte(tls: bool, stride: usize) {
    let world = World::new();
    let place = world.place(Duration::from_secs(10));
    let (io, counts) = place.connect(Fault::None, Fault::None, 0);
    world.talk(io, tls, 3).await.unwrap();
    let (read, written) = (Counts::of(&counts.read), Counts::of(&counts.written));
    assert!(read > 400 && written > 3500, "{read} {written}");
    let reads = (0..read).step_by(stride).map(|at| (at, true));
    let writes = (0..written).step_by(stride * 4).map(|at| (at, false));
    for (at, reads) in reads.chain(writes) {
        for fault in [Fault::End(at), Fault::Error(at)] {
            let what = format!("tls: {tls}, reads: {reads}, {fault:?} of {read}, {written}");
            let (io, counts) = match reads {
                true => place.connect(fault, Fault::None, 0),
                false => place.connect(Fault::None, fault, 0),
            };
            let mut talk = pin!(timeout(PATIENCE, world.talk(io, tls, 3)));
            let (talked, ended) = ::tokio::join!(&mut talk, gone(&counts));
            assert!(ended, "{what}: the server keeps it");
            let talked = talked.unwrap_or_else(|_| panic!("{what}: the client waits"));
            // What becomes of its Terminate and close_notify the client does not learn.
            assert!(talked.is_err() || at + 120 > read || !reads, "{what}");
        }
    }
    place.stop().await;
    world.assert_closed().await;
}

#[test]
fn ends_and_errors_at_every_byte_of_a_plain_session() {
    run(at_each_byte(false, 3));
}

#[test]
fn ends_and_errors_in_a_session_over_tls() {
    run(at_each_byte(true, 11));
}

/// Stalls at every `stride`th byte, all at once; then the server is told to stop.
async fn stalls(tls: bool, stride: usize) {
    let world = World::new();
    let grace = Duration::from_millis(200);
    for reads in [true, false] {
        let place = world.place(grace);
        let (io, counts) = place.connect(Fault::None, Fault::None, 0);
        world.talk(io, tls, 3).await.unwrap();
        let (read, written) = (Counts::of(&counts.read), Counts::of(&counts.written));
        let stalled: Vec<_> = if reads {
            let at = (0..read).step_by(stride);
            at.map(|at| place.connect(Fault::Stall(at), Fault::None, 0))
                .collect()
        } else {
            let at = (0..written).step_by(stride * 5);
            at.map(|at| place.connect(Fault::None, Fault::Stall(at), 0))
                .collect()
        };
        let (clients, counts): (Vec<_>, Vec<_>) = stalled.into_iter().unzip();
        let talks = clients.into_iter().map(|io| world.talk(io, tls, 3));
        let mut talks = pin!(futures_util::future::join_all(talks));
        // They get as far as they get.
        let _ = timeout(Duration::from_secs(2), &mut talks).await;
        let open = counts.iter().filter(|c| Arc::strong_count(c) > 1).count();
        assert!(open * 10 > counts.len() * 9, "{open} of {}", counts.len());
        let (took, talked) = ::tokio::join!(place.stop(), timeout(PATIENCE, &mut talks));
        assert!(took < grace + 2 * LAST_WORDS + SOON / 5, "{took:?}");
        let lost = talked
            .expect("they hear of it")
            .into_iter()
            .filter(Result::is_err);
        assert!(lost.count() >= open - 5);
        assert!(counts.iter().all(|c| Arc::strong_count(c) == 1));
        world.assert_closed().await;
    }
}

#[test]
fn stalls_in_a_plain_session_end_with_the_server() {
    run(stalls(false, 9));
}

#[test]
fn stalls_in_a_session_over_tls_end_with_the_server() {
    run(stalls(true, 29));
}

/// Rows without end, and how many bytes of them were asked for.
#[derive(Clone, Default)]
struct Endless(Arc<AtomicU64>);

impl Database for Endless {
    type Session = Self;

    async fn connect(&self, _: Connecting<'_>) -> Result<Self, ErrorResponse> {
        Ok(self.clone())
    }
}

impl DatabaseSession for Endless {
    type Statement = ();
    type Portal = Self;

    async fn query(&mut self, _: &str) -> Result<Self, ErrorResponse> {
        Ok(self.clone())
    }

    async fn prepare(
        &mut self,
        _: &str,
        _: &[Option<Type>],
    ) -> Result<Prepared<()>, ErrorResponse> {
        Ok(Prepared::new(()))
    }

    async fn bind(
        &mut self,
        (): &(),
        _: Vec<Value<'static>>,
        _: RowFormat,
    ) -> Result<Self, ErrorResponse> {
        Ok(self.clone())
    }

    fn transaction_status(&self) -> TransactionStatus {
        TransactionStatus::Idle
    }
}

impl Portal for Endless {
    async fn next(&mut self, _: u64) -> Result<Option<Event>, ErrorResponse> {
        let columns = [Column::new("x", Type::TEXT)];
        let mut rows = Rows::new(&RowFormat::text(&columns));
        rows.push([Value::from("x".repeat(10_000))])?;
        self.0.fetch_add(10_000, Ordering::Relaxed);
        Ok(Some(Event::Rows(rows)))
    }
}

/// Logs in by hand and asks for a result; what is not read waits.
async fn ask(mut io: DuplexStream, sql: &str) -> DuplexStream {
    io.write_all(b"\0\0\0\x10\0\x03\0\0user\0a\0\0")
        .await
        .unwrap();
    let mut query = vec![b'Q'];
    query.extend(u32::try_from(sql.len() + 5).unwrap().to_be_bytes());
    query.extend(sql.as_bytes());
    query.push(0);
    io.write_all(&query).await.unwrap();
    io
}

async fn until_it_stands_still(counts: &Counts) -> usize {
    let begun = Instant::now();
    let mut before = 0;
    loop {
        ::tokio::time::sleep(Duration::from_millis(100)).await;
        let now = Counts::of(&counts.written);
        if now == before && now > 0 {
            return now;
        }
        assert!(begun.elapsed() < PATIENCE, "it does not stop at {now}");
        before = now;
    }
}

#[test]
fn no_more_is_made_of_a_result_than_the_client_takes() {
    run(async {
        let made = Endless::default();
        let builder = PgServerBuilder::new().shutdown_grace(Duration::from_millis(100));
        let place = Place::new(builder, made.clone());
        let (io, counts) = place.connect(Fault::None, Fault::None, 0);
        let mut io = ask(io, "rows").await;
        for _ in 0..3 {
            let sent = until_it_stands_still(&counts).await;
            let made = usize::try_from(made.0.load(Ordering::Relaxed)).unwrap();
            // Beside what was sent, what is about to be: one chunk.
            assert!(made < sent + 2 * Rows::ENOUGH, "{made} of {sent}");
            let mut some = vec![0; 1_000_000];
            io.read_exact(&mut some).await.unwrap();
        }
        // Its sending does not end, so it is ended.
        let took = place.stop().await;
        assert!(took < 3 * LAST_WORDS, "{took:?}");
        assert!(gone(&counts).await);
    });
}

#[test]
fn who_does_not_read_keeps_nobody_waiting_and_gets_all_of_it_later() {
    run(async {
        let world = World::new();
        let place = world.place(Duration::from_secs(10));
        let sql = "set statement_timeout = 300; set idle_session_timeout = 300;\
                   select repeat('x', 1000) from generate_series(1, 3000)";
        let (io, counts) = place.connect(Fault::None, Fault::None, 0);
        let mut slow = ask(io, sql).await;
        let sent = until_it_stands_still(&counts).await;
        assert!(sent < 2 * BUFFER, "{sent}");
        let (io, other) = place.connect(Fault::None, Fault::None, 0);
        world.talk(io, false, 100).await.unwrap();
        assert!(gone(&other).await);
        // Neither a statement that takes long nor an idle session, in PostgreSQL too.
        ::tokio::time::sleep(Duration::from_millis(400)).await;
        let mut heard = Vec::new();
        while !heard.ends_with(b"Z\0\0\0\x05I") {
            let n = timeout(SOON, slow.read_buf(&mut heard)).await;
            assert!(n.expect("it goes on").unwrap() > 0);
        }
        assert!(heard.windows(12).any(|w| w == b"SELECT 3000\0"));
        // Now it is idle.
        timeout(SOON, slow.read_to_end(&mut heard))
            .await
            .unwrap()
            .unwrap();
        assert!(heard.windows(6).any(|w| w == b"C57P05"));
        place.stop().await;
        world.assert_closed().await;
    });
}

#[test]
fn what_waits_for_its_client_can_be_cancelled() {
    run(async {
        let world = World::new();
        let place = world.place(Duration::from_secs(10));
        let (io, counts) = place.connect(Fault::None, Fault::None, 0);
        let (client, driver) = world.log_in(io, false).await.unwrap();
        let cancel = client.cancel_token();
        let sql = "select repeat('x', 1000) from generate_series(1, 1000000)";
        let mut result = pin!(client.query_raw(sql, Vec::<i32>::new()).await.unwrap());
        assert!(result.try_next().await.unwrap().is_some());
        until_it_stands_still(&counts).await;
        let (io, _) = place.connect(Fault::None, Fault::None, 0);
        cancel.cancel_query_raw(io, NoTls).await.unwrap();
        ::tokio::time::sleep(Duration::from_millis(100)).await;
        let error = loop {
            match timeout(SOON, result.try_next()).await.expect("it goes on") {
                Ok(row) => assert!(row.is_some(), "it was not cancelled"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.code(), Some(&Code::QUERY_CANCELED));

        client
            .batch_execute("create temp table t(n int)")
            .await
            .unwrap();
        let mut sink = pin!(client.copy_in("copy t from stdin").await.unwrap());
        sink.send(bytes::Bytes::from_static(b"1\n")).await.unwrap();
        sink.flush().await.unwrap();
        until_it_stands_still(&counts).await;
        let (io, _) = place.connect(Fault::None, Fault::None, 0);
        cancel.cancel_query_raw(io, NoTls).await.unwrap();
        ::tokio::time::sleep(Duration::from_millis(100)).await;
        let error = timeout(SOON, sink.finish()).await.unwrap().unwrap_err();
        assert_eq!(error.code(), Some(&Code::QUERY_CANCELED));

        // It meant no other statement.
        let (io, _) = place.connect(Fault::None, Fault::None, 0);
        cancel.cancel_query_raw(io, NoTls).await.unwrap();
        ::tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(
            client
                .query("select n from t", &[])
                .await
                .unwrap()
                .is_empty()
        );
        drop(client);
        driver.await.unwrap();
        place.stop().await;
    });
}
