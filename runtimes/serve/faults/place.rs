//! A server whose connections are handed to it, and clients that talk to it.

use std::cell::RefCell;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use ::tokio::io::DuplexStream;
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

use super::super::*;
use super::faulty::{Counts, Dice, Fault, Faulty};
use super::{BUFFER, PATIENCE, SOON};
use crate::certificates::TestCertificates;
use crate::runtimes::tokio::Compat;
use crate::{CertificateManager, EmbeddedDatabase, PgServerBuilder, SslMode};

#[cfg(feature = "aws-lc-rs")]
use rustls::crypto::aws_lc_rs as provider;
#[cfg(not(feature = "aws-lc-rs"))]
use rustls::crypto::ring as provider;

/// Tokio, with connections that are handed to it.
pub(super) struct Scripted;

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

    fn elsewhere() -> Option<impl Fn(&mut dyn FnMut()) + Send + Sync + 'static> {
        let runtime = ::tokio::runtime::Handle::current();
        Some(move |poll: &mut dyn FnMut()| {
            let _entered = runtime.enter();
            poll();
        })
    }

    type Tcp = Arrivals;

    #[cfg(unix)]
    type Unix = ::tokio::net::UnixListener;
}

/// Instead of a listening socket.
pub(super) struct Arrivals(Receiver<Faulty>);

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
pub(super) struct Place<D> {
    server: PgServer<D>,
    arrivals: Sender<Faulty>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<io::Result<()>>,
}

impl<D: Database> Place<D> {
    pub(super) fn new(builder: PgServerBuilder, database: D) -> Self {
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
    pub(super) fn connect(
        &self,
        reads: Fault,
        writes: Fault,
        seed: u64,
    ) -> (DuplexStream, Arc<Counts>) {
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
    pub(super) async fn stop(self) -> Duration {
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
pub(super) async fn gone(counts: &Arc<Counts>) -> bool {
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
pub(super) struct World {
    directory: tempfile::TempDir,
    made: TestCertificates,
    roots: Arc<RootCertStore>,
}

impl World {
    pub(super) fn new() -> Self {
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

    pub(super) fn place(&self, grace: Duration) -> Place<EmbeddedDatabase> {
        let database = EmbeddedDatabase::open(self.directory.path().join("data.db")).unwrap();
        let builder = PgServerBuilder::new()
            .ssl_config(self.made.ssl_config(SslMode::Prefer))
            .shutdown_grace(grace);
        Place::new(builder, database)
    }

    /// SQLite removes its log with the last connection: no session's thread is left. When two are
    /// closed at once neither may be the last, so one more is opened and closed.
    pub(super) async fn assert_closed(&self) {
        let log = self.directory.path().join("data.db-wal");
        let begun = Instant::now();
        while log.exists() {
            assert!(begun.elapsed() < SOON, "a thread of the database is left");
            let one_more = rusqlite::Connection::open(self.directory.path().join("data.db"));
            let tables = one_more.and_then(|one| {
                one.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))
            });
            let _: i64 = tables.unwrap();
            ::tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) async fn log_in(
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
    pub(super) async fn talk(
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
pub(super) async fn say(client: &Client, rows: i32) -> Result<(), tokio_postgres::Error> {
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
