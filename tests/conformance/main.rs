//! What PostgreSQL 18 does with a connection up to AuthenticationOk, as tables; and what has
//! gone wrong in front doors before.
//!
//! Every case is fed whole, byte by byte, and at every two-way split, with the outcome stated.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests fail on surprises"
)]

#[cfg(all(
    feature = "tokio",
    feature = "sqlite",
    feature = "certificates",
    any(feature = "aws-lc-rs", feature = "ring")
))]
#[path = "../common/mod.rs"]
mod common;
mod packets;
#[cfg(all(feature = "certificates", any(feature = "aws-lc-rs", feature = "ring")))]
mod pitfalls;
mod plain;
mod story;
#[cfg(all(feature = "certificates", any(feature = "aws-lc-rs", feature = "ring")))]
mod tls;
#[cfg(all(feature = "certificates", any(feature = "aws-lc-rs", feature = "ring")))]
mod world;

use pgtls::{Encryption, FrontDoor};

/// A door with this rule, if there is cryptography to build it with.
fn door(encryption: Encryption) -> Option<FrontDoor> {
    match encryption {
        Encryption::Unavailable => Some(FrontDoor::plain()),
        #[cfg(all(feature = "certificates", any(feature = "aws-lc-rs", feature = "ring")))]
        Encryption::Optional => Some(world::door(pgtls::SslMode::Prefer)),
        #[cfg(all(feature = "certificates", any(feature = "aws-lc-rs", feature = "ring")))]
        Encryption::Required => Some(world::door(pgtls::SslMode::Require)),
        _ => None,
    }
}
