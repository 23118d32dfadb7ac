//! What can be wrong with making and checking certificates.

use std::io;
use std::path::PathBuf;

use crate::config::ConfigError;

/// Why a certificate could not be made or is not good.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The pair cannot be used by a server.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file is there already.
    #[error("{} exists and is not overwritten; move it away, or choose another path", .path.display())]
    Exists {
        /// The file in the way.
        path: PathBuf,
    },
    /// The certificate's time has passed.
    #[error("certificate {} expired {days} days ago; make or order a new one", .path.display())]
    Expired {
        /// Its file.
        path: PathBuf,
        /// How long ago, in whole days.
        days: u64,
    },
    /// The certificate's signature does not fit its issuer's key.
    #[error("certificate {number} in {} is not signed with the key of the one behind it; put the issuer's own certificate there", .path.display())]
    ChainSignature {
        /// The file of the chain.
        path: PathBuf,
        /// The position of the certificate, counted from 1.
        number: usize,
    },
    /// Two neighbours in a chain do not belong together.
    #[error("certificate {number} in {} is not issued by the one behind it ({reason}); put the server's own first, then its issuer, and so on", .path.display())]
    ChainOrder {
        /// The file of the chain.
        path: PathBuf,
        /// The position of the certificate, counted from 1.
        number: usize,
        /// What does not fit.
        reason: &'static str,
    },
    /// A CA file cannot be used to sign.
    #[error("CA certificate {} cannot sign: {reason}; make a CA with CertificateManager::create_ca", .path.display())]
    Authority {
        /// Its file.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// A certificate to be revoked is another CA's.
    #[error("{} is not of this CA, so this CA cannot revoke it; ask {issuer}", .path.display())]
    ForeignCertificate {
        /// Its file.
        path: PathBuf,
        /// Who issued it.
        issuer: String,
    },
    /// Half of a set of test certificates is there.
    #[error("the test certificates in {} are not complete ({} is missing); remove the directory to have them made anew", .directory.display(), .missing.display())]
    Incomplete {
        /// The directory.
        directory: PathBuf,
        /// The first file that is not there.
        missing: PathBuf,
    },
    /// A file could not be written.
    #[error("could not write {}: {source}; check that the directory is there and writable", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The certificate could not be made.
    #[error("could not make a certificate: {0}; is the name a host name or an IP address?")]
    Make(#[from] rcgen::Error),
    /// The certificate is meant for something else.
    #[error("certificate {} is neither for servers nor for clients (extended key usage); order one for TLS", .path.display())]
    Purpose {
        /// Its file.
        path: PathBuf,
    },
    /// A signature of a kind that TLS libraries do not accept any more, or not yet.
    #[error("certificate {number} in {} is signed with an algorithm that cannot be used ({algorithm}); have it signed with SHA-256 or better, by an RSA (2048 bits or more), P-256, P-384 or Ed25519 key", .path.display())]
    SignatureAlgorithm {
        /// The file of the chain.
        path: PathBuf,
        /// The position of the certificate, counted from 1.
        number: usize,
        /// Its object identifier.
        algorithm: String,
    },
    /// The certificate's time has not come.
    #[error("certificate {} is not yet valid; check the clock of this machine", .path.display())]
    NotYetValid {
        /// Its file.
        path: PathBuf,
    },
}
