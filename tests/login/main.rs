//! Who gets in and how: real clients, each message, every sequence of messages.
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
mod exchange;
mod model;
