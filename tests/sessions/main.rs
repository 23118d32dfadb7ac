//! Established TLS sessions.
#![cfg(all(
    feature = "tokio",
    feature = "sqlite",
    feature = "certificates",
    any(feature = "aws-lc-rs", feature = "ring")
))]
#![allow(clippy::unwrap_used, reason = "tests fail on surprises")]

mod closed;
#[path = "../common/mod.rs"]
mod common;
mod records;
