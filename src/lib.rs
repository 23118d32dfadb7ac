//! The secure front door for servers that speak the PostgreSQL wire protocol.
#![allow(dead_code)]

extern crate alloc;

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
mod handshake;
mod login;
mod policy;
#[cfg(feature = "server")]
pub mod server;
mod session;
mod tls;
mod wire;

#[cfg(feature = "tokio")]
#[path = "../runtimes/mod.rs"]
pub mod runtimes;

pub use auth::{AuthMethod, Authenticated};
#[cfg(all(feature = "certificates", any(feature = "aws-lc-rs", feature = "ring")))]
pub use certificates::{CertificateError, CertificateManager, TestCertificates};
pub use close::{Close, Reason, Request};
pub use config::{ConfigError, Origin, SslConfig, SslMode, UnknownSslMode};
pub use connection::{Action, Answer, Connection, Question, Step, Upgrade};
#[cfg(feature = "sqlite")]
pub use embedded::{EmbeddedDatabase, EmbeddedPortal, EmbeddedSession, OpenError};
pub use error_response::{ErrorResponse, Severity, SqlState};
pub use front_door::{FrontDoor, Peer, SessionPermit};
pub use handshake::{Handshake, Output};
pub use login::{Login, ProtocolVersion, Replication, Startup};
pub use policy::{DEFAULT_LOGIN_TIMEOUT, Encryption, Rules};
#[cfg(feature = "server")]
pub use server::{BuildError, PgServer, PgServerBuilder};
pub use session::Session;
pub use tls::facts::{TlsFacts, TlsVersion};
pub use wire::reply::Reply;
pub use wire::request::CancelRequest;
