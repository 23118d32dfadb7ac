//! The same on each runtime: whole servers, and single streams.
#![cfg(all(
    any(
        feature = "tokio",
        feature = "async-std",
        feature = "blocking",
        feature = "smol"
    ),
    feature = "sqlite",
    feature = "certificates",
    any(feature = "aws-lc-rs", feature = "ring")
))]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests take their time and fail on surprises"
)]

#[path = "../common/mod.rs"]
mod common;
mod servers;
mod streams;
