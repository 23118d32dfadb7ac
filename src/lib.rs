//! The secure front door for servers that speak the PostgreSQL wire protocol.
#![allow(dead_code)]

extern crate alloc;

mod auth;
#[cfg(all(feature = "certificates", any(feature = "aws-lc-rs", feature = "ring")))]
mod certificates;
mod close;
mod config;
mod connection;
mod error_response;
mod front_door;
mod handshake;
mod login;
mod policy;
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
pub use error_response::{ErrorResponse, Severity, SqlState};
pub use front_door::{FrontDoor, Peer, SessionPermit};
pub use handshake::{Handshake, Output};
pub use login::{Login, ProtocolVersion, Replication, Startup};
pub use policy::{DEFAULT_LOGIN_TIMEOUT, Encryption, Rules};
pub use session::Session;
pub use tls::facts::{TlsFacts, TlsVersion};
pub use wire::reply::Reply;
pub use wire::request::CancelRequest;
