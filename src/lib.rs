//! The secure front door for servers that speak the PostgreSQL wire protocol.
//!
//! ```text
//! socket ⇄ adapter  ⇄  Handshake (Connection + rustls)  ──becomes──►  Session ⇄ your server
//!          the only I/O    no I/O, no clock, no task: bytes and the time since accept go in,
//!                          one order at a time comes out
//! ```
//!
//! - [`Connection`] is the pure machine: SSLRequest, GSSENCRequest, CancelRequest, direct TLS,
//!   StartupMessage, policy. Plaintext in, [`Action`]s out.
//! - [`Handshake`] joins it with TLS: raw bytes on both sides, and a [`Session`] at the end.
//! - [`FrontDoor`] is what all connections share: the configuration in force ([`SslConfig`]) and
//!   the number of sessions.
//! - [`AuthMethod`] is how clients prove who they are, [`SecretStore`] where their secrets are;
//!   [`MemoryStore`] and [`UserFile`] are two.
//! - [`AccessRules`] and [`IdentMaps`] are pg_hba.conf and pg_ident.conf: who may come in, and how.
//! - [`runtimes`] has an adapter for each runtime: `accept` for your own server, `Serve` for
//!   [`PgServer`].
//! - [`server`] is what may stand behind the door: the [`Database`](server::Database) trait and
//!   the query phase; [`EmbeddedDatabase`] is SQLite.
//!
//! # Example: the whole loop over a blocking socket
//!
//! What an adapter has to do. It takes no decision.
//!
//! ```no_run
//! use std::io::{Read, Write};
//! use std::net::TcpListener;
//! use std::time::Instant;
//! use pollster::block_on;
//! use pgtls::{FrontDoor, Output, Peer, SslConfig, SslMode};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let door = FrontDoor::new(SslConfig::new(SslMode::Require, "server.crt", "server.key"))?;
//! let (mut socket, peer) = TcpListener::bind("127.0.0.1:5432")?.accept()?;
//! let accepted = Instant::now();
//! let peer = Peer::Tcp(peer);
//! let mut handshake = door.handshake(&peer);
//! let mut buffer = [0; 8192];
//! let session = loop {
//!     match handshake.poll_output() {
//!         Output::Ask(question) => {
//!             // Whoever guesses passwords waits.
//!             std::thread::sleep(door.delay(&mut handshake, Instant::now()));
//!             let answer = block_on(door.decide(&question, &peer));
//!             handshake.answer(accepted.elapsed(), question, answer);
//!         }
//!         Output::Cancel(_) => return Ok(()),
//!         Output::Close(close) => {
//!             door.note_refused(&handshake, &close, accepted.elapsed(), Instant::now());
//!             return Ok(());
//!         }
//!         Output::Done(session) => {
//!             door.note_admitted(&handshake, &session, accepted.elapsed());
//!             break session;
//!         }
//!         Output::LookUp(lookup) => {
//!             let found = block_on(door.look_up(&lookup));
//!             handshake.found(accepted.elapsed(), lookup, found);
//!         }
//!         Output::Send(bytes) => socket.write_all(&bytes)?,
//!         Output::Wait(deadline) => {
//!             let left = deadline.map(|d| d.saturating_sub(accepted.elapsed()));
//!             socket.set_read_timeout(left.filter(|left| !left.is_zero()))?;
//!             match socket.read(&mut buffer) {
//!                 Ok(0) => handshake.handle_eof(accepted.elapsed()),
//!                 Ok(n) => {
//!                     // What is not taken at once belongs to the session.
//!                     let taken = handshake.handle_input(accepted.elapsed(), &buffer[..n]);
//!                     assert_eq!(taken, n);
//!                 }
//!                 Err(_) => handshake.handle_timeout(accepted.elapsed()),
//!             }
//!         }
//!         _ => return Ok(()),
//!     }
//! };
//! println!("{:?} over {:?}", session.login().user_str(), session.login().tls());
//! # Ok(()) }
//! ```
//!
//! # Features
//!
//! | feature | adds | default |
//! | --- | --- | --- |
//! | `tokio` | `runtimes::tokio` | yes |
//! | `smol` | `runtimes::smol` | |
//! | `async-std` | `runtimes::async_std`; async-std itself is discontinued | |
//! | `blocking` | `runtimes::blocking`: threads over `std::net`, on Unix | yes |
//! | `aws-lc-rs` | the cryptography, with X25519MLKEM768 preferred | yes |
//! | `ring` | the other cryptography; used if `aws-lc-rs` is off | |
//! | `certificates` | `CertificateManager` (needs one of the two above) | yes |
//! | `server` | `PgServer`, the `Database` trait, the query phase | with `sqlite` |
//! | `sqlite` | `EmbeddedDatabase` | yes |
//! | `metrics` | counters, histograms and gauges for the `metrics` facade | |
//! | `watch` | `FrontDoor::watch`: reload when a file changes | yes |
#![cfg_attr(
    not(all(feature = "tokio", feature = "sqlite")),
    allow(
        rustdoc::broken_intra_doc_links,
        reason = "links to features that are off"
    )
)]

extern crate alloc;

mod access;
mod audit;
mod auth;
#[cfg(all(feature = "certificates", any(feature = "aws-lc-rs", feature = "ring")))]
mod certificates;
mod close;
mod config;
mod connection;
#[cfg(feature = "sqlite")]
mod embedded;
mod error_response;
mod front_door;
#[cfg(any(test, feature = "_fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod half_open;
mod handshake;
mod login;
#[cfg(feature = "metrics")]
mod meters;
#[cfg(not(feature = "metrics"))]
#[path = "meters_off.rs"]
mod meters;
mod policy;
mod proxy;
#[cfg(any(
    feature = "tokio",
    feature = "async-std",
    feature = "blocking",
    feature = "smol"
))]
#[path = "../runtimes/mod.rs"]
pub mod runtimes;
#[cfg(feature = "server")]
pub mod server;
mod session;
mod tls;
#[cfg(feature = "watch")]
mod watch;
mod wire;

pub use access::error::{AccessError, AccessFault, Place};
pub use access::hba::ConnectionType;
pub use access::ident::{IdentMaps, NotMapped};
pub use access::rules::{AccessRules, Rule};
pub use audit::LoginEvent;
pub use auth::{
    AuthMethod, Authenticated, Challenge, ClientCertificate, DEFAULT_SCRAM_ITERATIONS, Found,
    MemoryStore, MockSecrets, Requirement, Secret, SecretError, SecretStore, StoreError, UserFile,
    UserFileError, UserFileFault, UserMap, WrongPassword,
};
#[cfg(all(feature = "certificates", any(feature = "aws-lc-rs", feature = "ring")))]
pub use certificates::{
    CertificateAuthority, CertificateError, CertificateManager, TestCertificates,
};
pub use close::{Close, Reason, Request};
pub use config::{
    CertificateMaterial, CertificateName, CertificateProvider, ClientName, ConfigError, Origin,
    PeerHosts, ServerCertificate, SniRule, SslConfig, SslMode, UnknownSslMode, UserName,
};
pub use connection::{Action, Answer, Connection, Lookup, Question, Step, Upgrade};
#[cfg(feature = "sqlite")]
pub use embedded::{
    EmbeddedDatabase, EmbeddedPortal, EmbeddedSession, EmbeddedStatement, OpenError,
};
pub use error_response::{ErrorResponse, Severity, SqlState};
pub use front_door::{FrontDoor, Peer, PeerCredentials};
pub use half_open::{
    DEFAULT_MAX_HALF_OPEN, DEFAULT_MAX_HALF_OPEN_BYTES, DEFAULT_MAX_HALF_OPEN_PER_ADDRESS,
    MAX_LOGIN_BYTES,
};
pub use handshake::{Handshake, Output};
/// A network in CIDR notation, for [`FrontDoor::proxies`].
pub use ipnet::IpNet;
pub use login::{Login, ProtocolVersion, Replication, Startup};
pub use policy::{DEFAULT_LOGIN_TIMEOUT, Encryption, Rules};
pub use proxy::{Proxied, ProxiedTls};
/// The TLS library, for [`FrontDoor::with_rustls`].
pub use rustls;
#[cfg(feature = "server")]
pub use server::{BuildError, PgServer, PgServerBuilder};
pub use session::Session;
pub use tls::config::Expiry;
pub use tls::facts::{TlsFacts, TlsVersion};
#[cfg(feature = "watch")]
pub use watch::{Watch, WatchError};
pub use wire::reply::Reply;
pub use wire::request::CancelRequest;

/// The README's code.
#[cfg(all(doctest, feature = "tokio", feature = "sqlite"))]
#[doc = include_str!("../README.md")]
mod readme {}
