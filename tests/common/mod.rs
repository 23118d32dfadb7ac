//! A server in a thread of its own, and clients to try it with.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its part of this"
)]

pub mod forge;
pub mod log;
pub mod pair;
pub mod raw;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub mod scram;
pub mod sql;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub mod talk;

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;
use std::time::Duration;

use pgtls::runtimes::Listeners;
use pgtls::server::Database;
use pgtls::{
    CertificateManager, EmbeddedDatabase, FrontDoor, PgServer, PgServerBuilder, SslConfig, SslMode,
    TestCertificates,
};
use tempfile::TempDir;

/// What drives a server's sockets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Runtime {
    #[cfg(feature = "tokio")]
    Tokio,
    #[cfg(feature = "async-std")]
    AsyncStd,
    #[cfg(feature = "smol")]
    Smol,
    #[cfg(feature = "blocking")]
    Blocking,
}

impl Runtime {
    /// Those there are, tokio first.
    pub const ALL: &[Self] = &[
        #[cfg(feature = "tokio")]
        Self::Tokio,
        #[cfg(feature = "async-std")]
        Self::AsyncStd,
        #[cfg(feature = "smol")]
        Self::Smol,
        #[cfg(feature = "blocking")]
        Self::Blocking,
    ];

    fn serve<D: Database>(
        self,
        server: &PgServer<D>,
        listeners: Listeners,
        stop: impl Future<Output = ()> + Send + 'static,
    ) {
        match self {
            #[cfg(feature = "tokio")]
            Self::Tokio => {
                use pgtls::runtimes::tokio::Serve;
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap()
                    .block_on(server.serve_on(listeners, stop))
            }
            #[cfg(feature = "async-std")]
            Self::AsyncStd => {
                use pgtls::runtimes::async_std::Serve;
                async_std::task::block_on(server.serve_on(listeners, stop))
            }
            #[cfg(feature = "smol")]
            Self::Smol => {
                use pgtls::runtimes::smol::Serve;
                smol::block_on(server.serve_on(listeners, stop))
            }
            #[cfg(feature = "blocking")]
            Self::Blocking => {
                use pgtls::runtimes::blocking::Serve;
                let stopped = move || {
                    tokio::runtime::Builder::new_current_thread()
                        .build()
                        .unwrap()
                        .block_on(stop);
                };
                server.serve_on(listeners, stopped)
            }
        }
        .unwrap();
    }
}

/// A server that stops, and must have stopped, when dropped.
pub struct Server {
    pub address: SocketAddr,
    pub door: FrontDoor,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// A server of an embedded database with these certificates.
    pub fn in_mode(mode: SslMode, certs: &Certs) -> Self {
        Self::with_config(certs.made.ssl_config(mode))
    }

    pub fn with_config(config: SslConfig) -> Self {
        Self::start(PgServerBuilder::new().ssl_config(config), embedded())
    }

    pub fn start<D: Database>(builder: PgServerBuilder, database: D) -> Self {
        Self::start_on(Runtime::ALL[0], builder, database)
    }

    pub fn start_on<D: Database>(on: Runtime, builder: PgServerBuilder, database: D) -> Self {
        let server = builder
            .address("127.0.0.1:0".parse().unwrap())
            .build(Arc::new(database))
            .unwrap();
        Self::serving(on, server)
    }

    /// Serves what is built already.
    pub fn serving<D: Database>(on: Runtime, server: PgServer<D>) -> Self {
        let door = server.front_door().clone();
        let listeners = server.bind().unwrap();
        let address = listeners.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            on.serve(&server, listeners, async {
                let _ = stopped.await;
            });
            assert_eq!(server.front_door().sessions(), 0, "sessions are left");
        });
        Self {
            address,
            door,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Tells it to stop without waiting for it.
    pub fn begin_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.begin_stop();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.unwrap();
            }
        }
    }
}

/// Longer than anything takes that works.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn embedded() -> EmbeddedDatabase {
    EmbeddedDatabase::new_in_memory().unwrap()
}

/// A CA with a server's and a client's certificate, in a directory that goes with it.
pub struct Certs {
    pub made: TestCertificates,
    pub directory: TempDir,
}

impl Certs {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let made = CertificateManager::setup_test_certs_in(directory.path()).unwrap();
        Self { made, directory }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// With which options psql shows the client's certificate.
    pub fn client_options(&self) -> String {
        let (cert, key) = (self.made.client_cert(), self.made.client_key());
        format!("sslcert={} sslkey={}", cert.display(), key.display())
    }
}

/// A process that does not outlive its test.
pub struct Child(pub std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub ok: bool,
    pub out: String,
    pub err: String,
}

/// The binary of an example, built with the tests.
pub fn example(name: &str) -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    let path = path.join("examples").join(name);
    assert!(
        path.exists(),
        "{}: cargo build --examples makes it",
        path.display()
    );
    path
}

pub fn run(command: &mut Command) -> Said {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}; tests/install installs it"));
    Said {
        ok: output.status.success(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Debian's `psql` is a script that looks for the latest there is, which takes longer than to run it.
static PSQL: LazyLock<PathBuf> = LazyLock::new(|| {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter();
    let programs = versions
        .flatten()
        .map(|v| v.unwrap().path().join("bin/psql"));
    let there = programs.filter(|program| program.exists());
    there.max().unwrap_or_else(|| "psql".into())
});

/// `pg_dump` of what there is, over TLS. The lines that are otherwise each time are left out.
pub fn pg_dump(server: &Server, options: &[&str]) -> Said {
    let program = PSQL.with_file_name("pg_dump");
    let port = server.port();
    let mut dump = Command::new(program);
    dump.args(options).arg(format!(
        "host=localhost hostaddr=127.0.0.1 port={port} connect_timeout=20 sslmode=require user=postgres"
    ));
    let mut said = run(alone(&mut dump));
    let lines = said.out.lines();
    let kept = lines.filter(|l| !l.starts_with("\\restrict") && !l.starts_with("\\unrestrict"));
    said.out = kept.flat_map(|l| [l, "\n"]).collect();
    said
}

/// psql, knowing of no certificates but those it is given.
pub fn psql(server: &Server, options: &str, commands: &[&str]) -> Said {
    let port = server.port();
    let mut psql = Command::new(&*PSQL);
    psql.arg("-X").arg("-At").arg(format!(
        "host=localhost hostaddr=127.0.0.1 port={port} connect_timeout=20 {options}"
    ));
    for command in commands {
        psql.arg("-c").arg(command);
    }
    run(alone(&mut psql))
}

/// With nothing of whoever runs the tests.
fn alone(program: &mut Command) -> &mut Command {
    program
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", "/nonexistent")
        .env("LC_ALL", "C.UTF-8")
}
