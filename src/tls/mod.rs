//! TLS: configuration, facts, the one place that calls rustls.

pub(crate) mod config;
pub(crate) mod facts;
pub(crate) mod identity;
pub(crate) mod session;

/// The one application protocol (IANA, "TLS ALPN Protocol IDs").
pub(crate) const ALPN: &[u8] = b"postgresql";
