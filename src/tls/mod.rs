//! TLS: configuration, facts, the one place that calls rustls.

pub(crate) mod binding;
pub(crate) mod config;
mod dn;
pub(crate) mod facts;
mod hello;
pub(crate) mod identity;
pub(crate) mod names;
mod records;
pub(crate) mod session;
#[cfg(any(test, feature = "_fuzzing"))]
pub(crate) mod testing;

/// The one application protocol (IANA, "TLS ALPN Protocol IDs").
pub(crate) const ALPN: &[u8] = b"postgresql";
