//! Certificates: which are let in and which are shown, what is wrong with them, when they end.
#![cfg(all(
    feature = "tokio",
    feature = "sqlite",
    feature = "certificates",
    any(feature = "aws-lc-rs", feature = "ring")
))]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests take their time and fail on surprises"
)]

mod clients;
#[path = "../common/mod.rs"]
mod common;
#[cfg(unix)]
mod errors;
mod names;
#[cfg(unix)]
mod revocation;
mod server;
