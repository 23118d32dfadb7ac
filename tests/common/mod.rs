//! A server in a thread of its own, and clients to try it with.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its part of this"
)]

pub mod forge;
pub mod pair;
pub mod raw;

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use pgtls::runtimes::tokio::Serve;
use pgtls::server::Database;
use pgtls::{
    CertificateManager, EmbeddedDatabase, PgServerBuilder, SslConfig, SslMode, TestCertificates,
};
use tempfile::TempDir;

/// A server that stops, and must have stopped, when dropped.
pub struct Server {
    pub address: SocketAddr,
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
        let server = builder
            .address("127.0.0.1:0".parse().unwrap())
            .build(Arc::new(database))
            .unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = server.bind().await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                server
                    .serve_on(listener, async {
                        let _ = stopped.await;
                    })
                    .await;
                assert_eq!(server.front_door().sessions(), 0, "sessions are left");
            });
        });
        Self {
            address: told.recv_timeout(Duration::from_secs(30)).unwrap(),
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
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub ok: bool,
    pub out: String,
    pub err: String,
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

/// psql, knowing of no certificates but those it is given.
pub fn psql(server: &Server, options: &str, commands: &[&str]) -> Said {
    let port = server.port();
    let mut psql = Command::new("psql");
    psql.arg("-X")
        .arg("-At")
        .arg(format!(
            "host=localhost hostaddr=127.0.0.1 port={port} connect_timeout=20 {options}"
        ))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", "/nonexistent")
        .env("LC_ALL", "C.UTF-8");
    for command in commands {
        psql.arg("-c").arg(command);
    }
    run(&mut psql)
}
