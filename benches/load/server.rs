//! The servers that are compared.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pgtls::runtimes::Accepted;
use pgtls::runtimes::tokio::Serve;
use pgtls::{
    AuthMethod, CertificateManager, EmbeddedDatabase, FrontDoor, PgServerBuilder, SslConfig,
    SslMode, TestCertificates,
};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::Result;
use crate::process;

/// Written and read at once by whoever is behind the door.
const PIECE: usize = 64 * 1024;
/// The password of every user, where one is asked for.
pub(crate) const PASSWORD: &str = "hunter2";
/// What the embedded database keeps its tables in, where it keeps them.
pub(crate) const DATABASE: &str = "bulk.sqlite";
const READY_FOR_QUERY: &[u8] = b"Z\0\0\0\x05I";
/// AuthenticationOk before it.
const ADMITTED: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";

/// Behind the door: sends and takes as many bytes as it is told, over any of three pairs of traits.
/// What waits behind a call is `.await`, or nothing.
macro_rules! talk {
    ($stream:ident $($wait:tt)*) => {
        loop {
            let mut order = [0; 5];
            $stream.read_exact(&mut order) $($wait)* ?;
            let [kind, mib @ ..] = order;
            let mut left = u32::from_be_bytes(mib) as usize * 1024 * 1024;
            match kind {
                b'd' => {
                    let piece = vec![7; PIECE];
                    while left > 0 {
                        let n = left.min(PIECE);
                        $stream.write_all(&piece[..n]) $($wait)* ?;
                        left -= n;
                    }
                }
                b'u' => {
                    let mut piece = vec![0; PIECE];
                    while left > 0 {
                        match $stream.read(&mut piece) $($wait)* ? {
                            0 => return Ok(()),
                            n => left = left.saturating_sub(n),
                        }
                    }
                    $stream.write_all(b"!") $($wait)* ?;
                }
                _ => return Ok(()),
            }
            $stream.flush() $($wait)* ?;
        }
    };
}

#[cfg(feature = "aws-lc-rs")]
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(not(feature = "aws-lc-rs"))]
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// What a server process is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// tokio-rustls saying the same bytes, with no checks at all.
    Bare,
    /// `runtimes::tokio::accept`.
    Tokio,
    /// `PgServer` with the embedded database, trust.
    Serve,
    /// The same with a password.
    Password,
    /// The same with a file.
    Bulk,
    /// The same for more sessions than PostgreSQL's default.
    Many,
    #[cfg(feature = "async-std")]
    AsyncStd,
    #[cfg(feature = "smol")]
    Smol,
    /// A thread for each connection.
    #[cfg(feature = "blocking")]
    Blocking,
    /// futures-rustls instead of pgtls.
    #[cfg(feature = "async-std")]
    BareAsyncStd,
    #[cfg(feature = "smol")]
    BareSmol,
    /// rustls alone.
    #[cfg(feature = "blocking")]
    BareBlocking,
}

impl Kind {
    /// The first is what the others are compared with.
    pub(crate) const COMPARED: &[Self] = &[
        Self::Bare,
        Self::Tokio,
        #[cfg(feature = "async-std")]
        Self::BareAsyncStd,
        #[cfg(feature = "async-std")]
        Self::AsyncStd,
        #[cfg(feature = "smol")]
        Self::BareSmol,
        #[cfg(feature = "smol")]
        Self::Smol,
        #[cfg(feature = "blocking")]
        Self::BareBlocking,
        #[cfg(feature = "blocking")]
        Self::Blocking,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "serve-bare",
            Self::Tokio => "serve-tokio",
            Self::Serve => "serve-embedded",
            Self::Password => "serve-password",
            Self::Bulk => "serve-bulk",
            Self::Many => "serve-many",
            #[cfg(feature = "async-std")]
            Self::AsyncStd => "serve-async-std",
            #[cfg(feature = "smol")]
            Self::Smol => "serve-smol",
            #[cfg(feature = "blocking")]
            Self::Blocking => "serve-blocking",
            #[cfg(feature = "async-std")]
            Self::BareAsyncStd => "serve-bare-async-std",
            #[cfg(feature = "smol")]
            Self::BareSmol => "serve-bare-smol",
            #[cfg(feature = "blocking")]
            Self::BareBlocking => "serve-bare-blocking",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Bare => "bare tokio-rustls",
            Self::Tokio => "pgtls, tokio",
            Self::Serve => "PgServer, tokio",
            Self::Password => "PgServer, tokio, password",
            Self::Bulk => "PgServer, tokio, file",
            Self::Many => "PgServer, tokio, no statement yet",
            #[cfg(feature = "async-std")]
            Self::AsyncStd => "pgtls, async-std",
            #[cfg(feature = "smol")]
            Self::Smol => "pgtls, smol",
            #[cfg(feature = "blocking")]
            Self::Blocking => "pgtls, blocking (a thread each)",
            #[cfg(feature = "async-std")]
            Self::BareAsyncStd => "bare futures-rustls, async-std",
            #[cfg(feature = "smol")]
            Self::BareSmol => "bare futures-rustls, smol",
            #[cfg(feature = "blocking")]
            Self::BareBlocking => "bare rustls, a thread each",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::COMPARED
            .iter()
            .copied()
            .chain([Self::Serve, Self::Password, Self::Bulk, Self::Many])
            .find(|k| k.name() == name)
    }
}

/// Certificates in a directory that goes with them.
pub(crate) struct Certificates {
    pub(crate) made: TestCertificates,
    directory: TempDir,
}

impl Certificates {
    pub(crate) fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        Ok(Self {
            made: CertificateManager::setup_test_certs_in(directory.path())?,
            directory,
        })
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }
}

/// The server process: says where it listens, then serves until its input ends.
pub(crate) fn run(kind: Kind) -> Result<()> {
    let mut args = std::env::args().skip(2);
    let directory = PathBuf::from(args.next().ok_or("no directory")?);
    let timeout = Duration::from_secs(args.next().ok_or("no timeout")?.parse()?);
    let config = SslConfig::new(
        SslMode::Require,
        directory.join("server.crt"),
        directory.join("server.key"),
    );
    let door =
        || -> Result<FrontDoor> { Ok(FrontDoor::new(config.clone())?.login_timeout(timeout)) };
    match kind {
        Kind::Bare => {
            let acceptor = TlsAcceptor::from(bare_config(&directory)?);
            on_one_thread(
                || 0,
                async move |listener| loop {
                    if let Ok((socket, _)) = listener.accept().await {
                        let acceptor = acceptor.clone();
                        tokio::spawn(async move { drop(bare(socket, acceptor).await) });
                    }
                },
            )
        }
        Kind::Tokio => {
            let door = door()?;
            let seen = door.clone();
            on_one_thread(
                move || seen.half_open(),
                async move |listener| loop {
                    if let Ok((socket, peer)) = listener.accept().await {
                        let _ = socket.set_nodelay(true);
                        let (door, peer) = (door.clone(), pgtls::Peer::Tcp(peer));
                        tokio::spawn(async move {
                            let accepted = pgtls::runtimes::tokio::accept_from(socket, peer, &door);
                            if let Accepted::Session(mut stream) = accepted.await {
                                drop(talk(&mut stream, READY_FOR_QUERY).await);
                            }
                        });
                    }
                },
            )
        }
        #[cfg(feature = "async-std")]
        Kind::AsyncStd => {
            let door = door()?;
            let seen = door.clone();
            let serve = futures::on_async_std(move |socket, peer| {
                let door = door.clone();
                async move {
                    let accepted = pgtls::runtimes::async_std::accept_from(socket, peer, &door);
                    if let Accepted::Session(mut stream) = accepted.await {
                        drop(futures::talk(&mut stream, READY_FOR_QUERY).await);
                    }
                }
            });
            elsewhere(move || seen.half_open(), serve)
        }
        #[cfg(feature = "async-std")]
        Kind::BareAsyncStd => {
            let config = bare_config(&directory)?;
            let serve = futures::on_async_std(move |socket, _| {
                let config = Arc::clone(&config);
                async move { drop(futures::bare(socket, config).await) }
            });
            elsewhere(|| 0, serve)
        }
        #[cfg(feature = "smol")]
        Kind::Smol => {
            let door = door()?;
            let seen = door.clone();
            let serve = futures::on_smol(move |socket, peer| {
                let door = door.clone();
                async move {
                    let accepted = pgtls::runtimes::smol::accept_from(socket, peer, &door);
                    if let Accepted::Session(mut stream) = accepted.await {
                        drop(futures::talk(&mut stream, READY_FOR_QUERY).await);
                    }
                }
            });
            elsewhere(move || seen.half_open(), serve)
        }
        #[cfg(feature = "smol")]
        Kind::BareSmol => {
            let config = bare_config(&directory)?;
            let serve = futures::on_smol(move |socket, _| {
                let config = Arc::clone(&config);
                async move { drop(futures::bare(socket, config).await) }
            });
            elsewhere(|| 0, serve)
        }
        #[cfg(feature = "blocking")]
        Kind::Blocking => {
            let door = door()?;
            let seen = door.clone();
            let serve = threads::on_threads(move |socket, peer| {
                let accepted = pgtls::runtimes::blocking::accept_from(socket, peer, &door);
                if let Accepted::Session(mut stream) = accepted {
                    drop(threads::talk(&mut stream, READY_FOR_QUERY));
                    drop(stream.shutdown());
                }
            });
            elsewhere(move || seen.half_open(), serve)
        }
        #[cfg(feature = "blocking")]
        Kind::BareBlocking => {
            let config = bare_config(&directory)?;
            let serve = threads::on_threads(move |socket, _| {
                drop(threads::bare(socket, Arc::clone(&config)));
            });
            elsewhere(|| 0, serve)
        }
        Kind::Serve | Kind::Password | Kind::Bulk | Kind::Many => {
            let database = Arc::new(match kind {
                Kind::Bulk => EmbeddedDatabase::open(directory.join(DATABASE))?,
                _ => EmbeddedDatabase::new_in_memory()?,
            });
            let method = match kind {
                Kind::Password => AuthMethod::Password,
                _ => AuthMethod::Trust,
            };
            let builder = match kind {
                Kind::Many => PgServerBuilder::new().max_connections(usize::MAX),
                _ => PgServerBuilder::new(),
            };
            let server = builder
                .ssl_config(config)
                .auth_method(method)
                .user("postgres", PASSWORD)
                .login_timeout(timeout)
                .address("127.0.0.1:0".parse()?)
                .build(database)?;
            let door = server.front_door().clone();
            on_one_thread(
                move || door.half_open(),
                async move |listener| {
                    if let Ok(listener) = listener.into_std() {
                        let _ = server.serve_on(listener, core::future::pending()).await;
                    }
                },
            )
        }
    }
}

fn on_one_thread(
    half_open: impl Fn() -> usize,
    serve: impl AsyncFnOnce(TcpListener) + Send + 'static,
) -> Result<()> {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async move {
            let Ok(listener) = TcpListener::bind("127.0.0.1:0").await else {
                return;
            };
            let Ok(address) = listener.local_addr() else {
                return;
            };
            let _ = tell.send(address);
            serve(listener).await;
        });
    });
    println!("{}", told.recv()?);
    process::obey(half_open)
}

/// Hears where a server listens.
#[cfg(any(feature = "async-std", feature = "smol", feature = "blocking"))]
type Tell = Box<dyn Fn(std::net::SocketAddr) + Send>;

/// For what brings its own way to run: `serve` tells where it listens.
#[cfg(any(feature = "async-std", feature = "smol", feature = "blocking"))]
fn elsewhere(
    half_open: impl Fn() -> usize,
    serve: impl FnOnce(Tell) -> std::io::Result<()> + Send + 'static,
) -> Result<()> {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        drop(serve(Box::new(move |address| {
            let _ = tell.send(address);
        })));
    });
    println!("{}", told.recv()?);
    process::obey(half_open)
}

fn bare_config(directory: &Path) -> Result<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_file_iter(directory.join("server.crt"))?
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(directory.join("server.key"))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(Arc::new(config))
}

/// The same bytes as those of a login, whatever the client says.
async fn bare(mut socket: tokio::net::TcpStream, acceptor: TlsAcceptor) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    socket.read_exact(&mut [0; 8]).await?;
    socket.write_all(b"S").await?;
    let mut stream = acceptor.accept(socket).await?;
    let length = stream.read_u32().await?;
    let mut startup = vec![0; usize::try_from(length).unwrap_or(0).saturating_sub(4)];
    stream.read_exact(&mut startup).await?;
    drop(startup);
    talk(&mut stream, ADMITTED).await
}

/// Greets, obeys until the client leaves, and says goodbye.
async fn talk(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    greeting: &[u8],
) -> std::io::Result<()> {
    stream.write_all(greeting).await?;
    stream.flush().await?;
    obey(stream).await?;
    stream.shutdown().await
}

async fn obey(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> std::io::Result<()> {
    talk!(stream.await)
}

/// The same over the traits of `futures-io`.
#[cfg(any(feature = "async-std", feature = "smol"))]
mod futures;

/// The same over those of `std`.
#[cfg(feature = "blocking")]
mod threads;
