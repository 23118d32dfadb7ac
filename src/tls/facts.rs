//! What is known of an established TLS session.

use alloc::{string::String, sync::Arc, vec::Vec};

use rustls::CipherSuite;
use rustls::pki_types::CertificateDer;

use crate::tls::names::Names;

/// Facts of one established TLS session. Made from the session itself and from nothing else, so
/// holding one proves that the connection is encrypted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsFacts {
    pub(crate) version: TlsVersion,
    pub(crate) cipher: &'static str,
    pub(crate) cipher_bits: u16,
    pub(crate) group: Option<&'static str>,
    pub(crate) sni: Option<String>,
    pub(crate) alpn: Option<Vec<u8>>,
    pub(crate) peer_certificates: Vec<CertificateDer<'static>>,
    pub(crate) server_certificate: Option<Arc<CertificateDer<'static>>>,
    /// Whether a client certificate could have been verified.
    pub(crate) has_ca: bool,
    pub(crate) resumed: bool,
}

/// A TLS protocol version.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2, RFC 5246.
    Tls12,
    /// TLS 1.3, RFC 8446.
    Tls13,
}

impl TlsVersion {
    /// The name as in PostgreSQL's `pg_stat_ssl.version`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }
}

impl TlsFacts {
    /// The protocol version.
    #[must_use]
    pub fn version(&self) -> TlsVersion {
        self.version
    }

    /// The cipher suite by its IANA name, for example `TLS_AES_256_GCM_SHA384`.
    #[must_use]
    pub fn cipher(&self) -> &'static str {
        self.cipher
    }

    /// The key length of the cipher, in bits.
    #[must_use]
    pub fn cipher_bits(&self) -> u16 {
        self.cipher_bits
    }

    /// The key-exchange group by its IANA name, for example `X25519`; none in a resumed session
    /// without a new key exchange.
    #[must_use]
    pub fn group(&self) -> Option<&'static str> {
        self.group
    }

    /// The host name the client asked for (SNI, RFC 6066 §3).
    #[must_use]
    pub fn sni(&self) -> Option<&str> {
        self.sni.as_deref()
    }

    /// The application protocol chosen (ALPN, RFC 7301): `postgresql` or none.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.alpn.as_deref()
    }

    /// The client's certificate chain, leaf first, as verified; empty if it presented none.
    #[must_use]
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        &self.peer_certificates
    }

    /// The subject of the client's certificate in the form of RFC 2253, `CN=joe,OU=Dev,O=Co`: who
    /// it is for, in logs. None without a certificate, or if its subject is empty or not text.
    #[must_use]
    pub fn peer_distinguished_name(&self) -> Option<String> {
        let leaf = self.peer_certificates.first()?;
        Names::parse(leaf).ok()?.distinguished_name().ok()
    }

    /// The server's own certificate as presented in this session, whatever was reloaded since; in
    /// a resumed session that of the first. None if it has no X.509 certificate.
    #[must_use]
    pub fn server_certificate(&self) -> Option<&CertificateDer<'static>> {
        self.server_certificate.as_deref()
    }

    /// Whether the session continued an earlier one.
    #[must_use]
    pub fn resumed(&self) -> bool {
        self.resumed
    }
}

/// IANA name and key length of the suites that rustls has (RFC 8446 §B.4, RFC 5289, RFC 7905).
pub(crate) fn suite_name(suite: CipherSuite) -> (&'static str, u16) {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => ("TLS_AES_128_GCM_SHA256", 128),
        CipherSuite::TLS13_AES_256_GCM_SHA384 => ("TLS_AES_256_GCM_SHA384", 256),
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => ("TLS_CHACHA20_POLY1305_SHA256", 256),
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => {
            ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 128)
        }
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => {
            ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 256)
        }
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => {
            ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", 256)
        }
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => {
            ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 128)
        }
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => {
            ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 256)
        }
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => {
            ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 256)
        }
        other => (other.as_str().unwrap_or("unknown"), 0),
    }
}
