//! What can be wrong with a TLS configuration, and what mends it.

use std::io;
use std::path::PathBuf;

use super::{Origin, SslMode};
use crate::access::error::AccessError;

/// Why a TLS configuration was refused. Each text names the file, where there is one, and what to
/// do next. The rules about key files are those of PostgreSQL
/// (`be-secure-common.c:check_ssl_key_file_permissions`).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The access rules or the identity maps cannot be used.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// A certificate that cannot be decoded.
    #[error(
        "certificate {number} in {origin} cannot be used: {reason}; look at it with: openssl x509 -text -noout -in {origin}"
    )]
    BadCertificate {
        /// Where it came from.
        origin: Origin,
        /// Its position, counted from 1.
        number: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate revocation list that cannot be used.
    #[error(
        "certificate revocation list {origin} cannot be used: {reason}; look at it with: openssl crl -text -noout -in {origin}"
    )]
    BadCrl {
        /// Where it came from.
        origin: Origin,
        /// What is wrong with it.
        reason: String,
    },
    /// A name for an SNI entry that is neither a host name nor `*.` and a host name.
    #[error("\"{name}\" is no host name for SNI; write db.example.com or *.example.com")]
    BadHostName {
        /// The name as configured.
        name: String,
    },
    /// Not an OCSP response.
    #[error(
        "OCSP response {origin} is not a successful OCSPResponse in DER; fetch one with: openssl ocsp -issuer ca.crt -cert server.crt -url URL -respout {origin}"
    )]
    BadOcsp {
        /// Where it came from.
        origin: Origin,
    },
    /// A mode that verifies clients has nothing to verify them with.
    #[error(
        "SSL mode {mode} needs the CA certificates that client certificates are checked against{}; add .with_ca_cert(\"certs/ca.crt\")",
        .host.as_ref().map(|h| format!(" for host {h}")).unwrap_or_default()
    )]
    CaMissing {
        /// The mode.
        mode: SslMode,
        /// The SNI entry; `None` for the default certificate.
        host: Option<String>,
    },
    /// The certificate file of the server does not exist.
    #[error("SSL certificate not found: {}; check the path, or make certificates to try with CertificateManager::setup_test_certs()", .path.display())]
    CertificateNotFound {
        /// The path as configured.
        path: PathBuf,
    },
    /// The first certificate is not the key's, but a later one is.
    #[error(
        "certificates in {certificate} are in the wrong order; put the server's own first, then its issuer, and so on"
    )]
    ChainOrder {
        /// Where the chain came from.
        certificate: Origin,
    },
    /// Revocation lists are configured, CA certificates are not.
    #[error(
        "certificate revocation lists are configured without CA certificates, so nothing would be checked; add .with_ca_cert(\"certs/ca.crt\")"
    )]
    CrlWithoutCa,
    /// The same SNI name twice; they compare without regard to case.
    #[error("host name \"{name}\" has two certificates; remove one")]
    DuplicateHostName {
        /// The name as configured.
        name: String,
    },
    /// Nothing of the wanted kind.
    #[error(
        "{what} {origin} holds neither a PEM section \"{section}\" nor DER of that kind; is it the right file?"
    )]
    Empty {
        /// Which file it is.
        what: &'static str,
        /// Where it came from.
        origin: Origin,
        /// The PEM label looked for.
        section: &'static str,
    },
    /// The identity maps cannot be used.
    #[error("identity maps cannot be used: {source}")]
    IdentMaps {
        /// What is wrong, and where.
        source: AccessError,
    },
    /// A name is to be mapped, and there are no maps.
    #[error(
        "client names are to be mapped by \"{map}\", but there are no identity maps; add .with_ident_file(\"pg_ident.conf\")"
    )]
    IdentMapsMissing {
        /// The map.
        map: String,
    },
    /// A key encrypted in the old format of OpenSSL (`Proc-Type: 4,ENCRYPTED`, RFC 1421).
    #[error(
        "private key {key} is encrypted in the legacy format, whose key derivation is weak; convert it with: openssl pkcs8 -topk8 -v2 aes-256-cbc -in {key} -out server.p8.key"
    )]
    KeyLegacyEncryption {
        /// Where the key came from.
        key: Origin,
    },
    /// Certificate and key are not a pair.
    #[error(
        "check of private key failed: the key {key} does not belong to the certificate {certificate}; compare openssl x509 -pubkey -noout -in {certificate} with openssl pkey -pubout -in {key}"
    )]
    KeyMismatch {
        /// Where the certificate came from.
        certificate: Origin,
        /// Where the key came from.
        key: Origin,
    },
    /// The key path leads to a directory, a device, a pipe or a socket.
    #[error("private key file \"{}\" is not a regular file; give the path of the key itself", .path.display())]
    KeyNotRegular {
        /// The path as configured.
        path: PathBuf,
    },
    /// The key file belongs to somebody else.
    #[error("private key file \"{}\" must be owned by the database user or root; chown it to the user who runs the server", .path.display())]
    KeyOwner {
        /// The path as configured.
        path: PathBuf,
    },
    /// Others may read or change the key file.
    #[error("private key file \"{}\" has group or world access (mode {mode:04o}); chmod it to 0600, or to 0640 if root owns it", .path.display())]
    KeyPermissions {
        /// The path as configured.
        path: PathBuf,
        /// The file's permission bits.
        mode: u32,
    },
    /// The key file cannot be opened or read.
    #[error("could not access private key file \"{}\": {source}; check the path and that the server's user may read it", .path.display())]
    KeyUnreadable {
        /// The path as configured.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A private key that is not of a usable kind.
    #[error(
        "private key {key} cannot be used: {reason}; RSA (2048 bits or more), P-256, P-384 and Ed25519 keys can"
    )]
    KeyUnsupported {
        /// Where the key came from.
        key: Origin,
        /// What the cryptographic library says.
        reason: String,
    },
    /// PEM that cannot be decoded.
    #[error("{what} {origin} is not well-formed PEM: {reason}; is it the right file?")]
    MalformedPem {
        /// Which file it is.
        what: &'static str,
        /// Where it came from.
        origin: Origin,
        /// What the decoder says.
        reason: String,
    },
    /// Built without cryptography.
    #[error(
        "this build has no cryptography for TLS; build with the feature \"aws-lc-rs\" (the default) or \"ring\""
    )]
    NoCrypto,
    /// Suites, groups and versions leave nothing to negotiate.
    #[error(
        "cipher suites, groups and TLS versions leave nothing to negotiate ({reason}); widen one of them"
    )]
    NothingToNegotiate {
        /// What the TLS library says.
        reason: String,
    },
    /// The passphrase command did not deliver.
    #[error(
        "passphrase command \"{command}\" failed: {reason}; run it by hand as the server's user"
    )]
    PassphraseCommand {
        /// The command as configured.
        command: String,
        /// What went wrong; never its output.
        reason: String,
    },
    /// An encrypted key, and no passphrase configured.
    #[error(
        "private key {key} is encrypted and no passphrase is configured; set one by value, file or command, or decrypt the key with: openssl pkey -in {key} -out server.key"
    )]
    PassphraseMissing {
        /// Where the key came from.
        key: Origin,
    },
    /// The passphrase does not open the key.
    #[error(
        "private key {key} cannot be decrypted ({reason}); try the passphrase with: openssl pkey -noout -in {key}"
    )]
    PassphraseWrong {
        /// Where the key came from.
        key: Origin,
        /// What the decryption says.
        reason: String,
    },
    /// The provider of certificates failed.
    #[error("certificate provider failed: {source}; the configuration in force, if any, stays")]
    Provider {
        /// What the provider says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The TLS library refused the configuration.
    #[error(
        "TLS configuration refused: {reason}; check certificate, key and CA files with CertificateManager::verify_cert_files"
    )]
    Refused {
        /// What the TLS library says.
        reason: String,
    },
    /// A file is larger than any sensible one.
    #[error("{what} {origin} is larger than {limit} bytes; is it the right file?")]
    TooLarge {
        /// Which file it is.
        what: &'static str,
        /// Its path.
        origin: Origin,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A cipher suite that the cryptographic library does not have.
    #[error("unknown cipher suite \"{name}\"; there are {known}")]
    UnknownCipherSuite {
        /// The name as configured.
        name: String,
        /// All names.
        known: String,
    },
    /// A key-exchange group that the cryptographic library does not have.
    #[error("unknown key-exchange group \"{name}\"; there are {known}")]
    UnknownGroup {
        /// The name as configured.
        name: String,
        /// All names.
        known: String,
    },
    /// A certificate, CA or CRL file cannot be read.
    #[error(
        "could not read {what} {origin}: {source}; check the path and that the server's user may read it"
    )]
    Unreadable {
        /// Which file it is, for example `CA certificates`.
        what: &'static str,
        /// Its path.
        origin: Origin,
        /// Why.
        source: io::Error,
    },
    /// No TLS version is left between minimum and maximum.
    #[error("minimum TLS version {min} is above the maximum {max}; exchange them or leave one out")]
    VersionRange {
        /// The minimum.
        min: &'static str,
        /// The maximum.
        max: &'static str,
    },
}
