//! A PostgreSQL server over TLS in front of an embedded database.
//!
//! `cargo run --example postgres_server_ssl`, then `psql "sslmode=require host=127.0.0.1
//! user=postgres"`. `-- --help` lists what can be chosen.

use std::error::Error;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use pgtls::runtimes::Listeners;
use pgtls::{
    AccessRules, AuthMethod, CertificateManager, EmbeddedDatabase, FrontDoor, IdentMaps,
    MemoryStore, PgServer, PgServerBuilder, Secret, SslConfig, SslMode,
};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(about = "A PostgreSQL server over TLS in front of an embedded SQLite database")]
struct Args {
    /// Where to listen; port 0 lets the system choose
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5432")]
    listen: SocketAddr,
    /// disable, allow, prefer, require, verify-ca or verify-full
    #[arg(long, value_name = "MODE", default_value = "prefer")]
    ssl_mode: SslMode,
    /// The server's certificate chain (PEM); made in ./certs unless given
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Who signs client certificates (PEM)
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Revoked client certificates (PEM)
    #[arg(long, value_name = "FILE", requires = "ca")]
    crl: Option<PathBuf>,
    /// Listen at a Unix socket in this directory too
    #[arg(long, value_name = "DIR")]
    unix_socket: Option<PathBuf>,
    /// How clients prove who they are
    #[arg(long, value_enum, default_value_t = Auth::Trust)]
    auth: Auth,
    /// Access rules in the format of pg_hba.conf, in place of --auth; SIGHUP reads them anew
    #[arg(long, value_name = "FILE", conflicts_with = "auth")]
    hba: Option<PathBuf>,
    /// Identity maps in the format of pg_ident.conf; SIGHUP reads them anew
    #[arg(long, value_name = "FILE", requires = "hba")]
    ident: Option<PathBuf>,
    /// A user and its password; may be repeated
    #[arg(long, value_name = "NAME=PASSWORD")]
    user: Vec<String>,
    /// The only database there is; any name is accepted unless given
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// Keep the data in this file
    #[arg(long, value_name = "FILE")]
    db_file: Option<PathBuf>,
    /// How many sessions there may be at once
    #[arg(long, value_name = "N", default_value_t = 100)]
    max_connections: usize,
    /// The time from accept to the end of the login
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    login_timeout: u64,
    /// What drives the sockets
    #[arg(long, value_enum, default_value_t = Runtime::Tokio)]
    runtime: Runtime,
}

#[derive(Clone, Copy, ValueEnum)]
enum Auth {
    Trust,
    Password,
    Md5,
    #[value(name = "scram-sha-256")]
    ScramSha256,
    Cert,
}

impl Auth {
    fn method(self) -> AuthMethod {
        match self {
            Self::Trust => AuthMethod::Trust,
            Self::Password => AuthMethod::Password,
            Self::Md5 => AuthMethod::Md5,
            Self::ScramSha256 => AuthMethod::ScramSha256,
            Self::Cert => AuthMethod::Cert,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Runtime {
    Tokio,
    AsyncStd,
    Smol,
    Blocking,
}

fn main() -> ExitCode {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| "pgtls=info".into()),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("postgres_server_ssl: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    match args.auth {
        // The rules say which users need what.
        _ if args.hba.is_some() => {}
        Auth::Trust | Auth::Cert if !args.user.is_empty() => {
            return Err("--user needs a method with passwords; trust and cert ask for none".into());
        }
        Auth::Password | Auth::Md5 | Auth::ScramSha256 if args.user.is_empty() => {
            return Err("this method needs passwords; give --user NAME=PASSWORD".into());
        }
        Auth::Cert if args.ca.is_none() => {
            return Err("cert needs --ca, to know whom to believe".into());
        }
        Auth::Trust | Auth::Password | Auth::Md5 | Auth::ScramSha256 | Auth::Cert => {}
    }
    let server = build(args)?;
    let listeners = server.bind()?;
    let address = listeners.local_addr()?;
    println!("listening on {address}");
    let user = args.user.first().and_then(|pair| pair.split_once('='));
    let user = user.map_or("postgres", |(name, _)| name);
    println!("try:");
    for mode in ["require", "prefer", "disable"] {
        let (host, port) = (address.ip(), address.port());
        println!("  psql \"sslmode={mode} host={host} port={port} user={user}\" -c 'select 1+1'");
    }
    println!("mode {}; stop with Ctrl-C", args.ssl_mode);
    serve(&server, listeners, args.runtime)
}

/// The same on each runtime, until a signal says stop.
fn serve(
    server: &PgServer<EmbeddedDatabase>,
    listeners: Listeners,
    runtime: Runtime,
) -> Result<(), Box<dyn Error>> {
    let mut signals = Signals::new(server.front_door().clone())?;
    match runtime {
        #[cfg(feature = "tokio")]
        Runtime::Tokio => {
            use pgtls::runtimes::tokio::Serve;
            tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?
                .block_on(server.serve_on(listeners, signals.heard()))?;
        }
        #[cfg(feature = "async-std")]
        Runtime::AsyncStd => {
            use pgtls::runtimes::async_std::Serve;
            async_std::task::block_on(server.serve_on(listeners, signals.heard()))?;
        }
        #[cfg(feature = "smol")]
        Runtime::Smol => {
            use pgtls::runtimes::smol::Serve;
            smol::block_on(server.serve_on(listeners, signals.heard()))?;
        }
        #[cfg(feature = "blocking")]
        Runtime::Blocking => {
            use pgtls::runtimes::blocking::Serve;
            server.serve_on(listeners, move || signals.wait())?;
        }
        #[allow(unreachable_patterns, reason = "unless all features are on")]
        other => {
            let name = other.to_possible_value().unwrap_or_else(|| "it".into());
            let name = name.get_name();
            return Err(format!(
                "this build is without {name}; add --features {name} to cargo's options"
            )
            .into());
        }
    }
    Ok(())
}

/// Ctrl-C and SIGTERM, and SIGHUP to reload, heard on a thread of their own: not every runtime has
/// signals.
struct Signals(tokio::sync::mpsc::Receiver<()>);

impl Signals {
    fn new(door: FrontDoor) -> std::io::Result<Self> {
        let (tell, told) = tokio::sync::mpsc::channel(1);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let entered = runtime.enter();
        let (mut interrupt, mut terminate, mut hangup) = (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        );
        drop(entered);
        std::thread::spawn(move || {
            runtime.block_on(async move {
                loop {
                    tokio::select! {
                        _ = interrupt.recv() => break,
                        _ = terminate.recv() => break,
                        // As PostgreSQL: files are read anew. What is wrong with them is logged,
                        // and the old ones stay in force.
                        _ = hangup.recv() => drop(door.reload()),
                    }
                }
                let _ = tell.send(()).await;
            });
        });
        Ok(Self(told))
    }

    async fn heard(&mut self) {
        self.0.recv().await;
    }

    fn wait(&mut self) {
        self.0.blocking_recv();
    }
}

fn build(args: &Args) -> Result<PgServer<EmbeddedDatabase>, Box<dyn Error>> {
    let mut database = match &args.db_file {
        Some(path) => EmbeddedDatabase::open(path)?,
        None => EmbeddedDatabase::new_in_memory()?,
    };
    if let Some(name) = &args.database {
        database = database.with_name(name);
    }
    let mut builder = PgServerBuilder::new()
        .address(args.listen)
        .auth_method(args.auth.method())
        .secret_store(secrets(args)?)
        .max_connections(args.max_connections)
        .login_timeout(Duration::from_secs(args.login_timeout));
    if let Some(directory) = &args.unix_socket {
        builder = builder.unix_socket(directory);
    }
    if let Some(hba) = &args.hba {
        builder = builder.access_rules(AccessRules::load(hba)?);
    }
    if let Some(ident) = &args.ident {
        builder = builder.ident_maps(IdentMaps::load(ident)?);
    }
    if args.ssl_mode != SslMode::Disable {
        builder = builder.ssl_config(ssl_config(args)?);
    }
    Ok(builder.build(Arc::new(database))?)
}

fn secrets(args: &Args) -> Result<MemoryStore, Box<dyn Error>> {
    let store = MemoryStore::new();
    for pair in &args.user {
        let (name, password) = pair.split_once('=').ok_or("--user: write NAME=PASSWORD")?;
        // With a SCRAM secret the method md5 would be SCRAM, as in PostgreSQL.
        let secret = match args.auth {
            Auth::Md5 => Secret::md5(name, password)?,
            _ => Secret::scram_sha_256(password)?,
        };
        store.set(name, secret);
    }
    Ok(store)
}

fn ssl_config(args: &Args) -> Result<SslConfig, Box<dyn Error>> {
    let mut config = match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => SslConfig::new(args.ssl_mode, cert, key),
        _ => {
            let certs = CertificateManager::setup_test_certs()?;
            SslConfig::new(args.ssl_mode, certs.server_cert(), certs.server_key())
        }
    };
    if let Some(ca) = &args.ca {
        config = config.with_ca_cert(ca);
    }
    if let Some(crl) = &args.crl {
        config = config.with_crl_file(crl);
    }
    config.validate()?;
    Ok(config)
}
