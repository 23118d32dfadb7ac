//! TLS: configuration, facts, the one place that calls rustls.

pub(crate) mod facts;
