//! The secure front door for servers that speak the PostgreSQL wire protocol.
#![allow(dead_code)]

extern crate alloc;

mod close;
mod login;
mod tls;
mod wire;

pub use close::{ErrorResponse, Severity, SqlState};
pub use login::{Login, ProtocolVersion, Replication, Startup};
pub use tls::facts::{TlsFacts, TlsVersion};
