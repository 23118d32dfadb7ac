//! From files to a rustls configuration: all or nothing.

use std::io;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore, ServerConfig};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::config::source::Source;
use crate::config::{ConfigError, Origin, SslConfig, SslMode};
use crate::tls::ALPN;

/// Reads every source anew. `None` in mode `Disable`.
pub(crate) fn load(config: &SslConfig) -> Result<Option<Arc<ServerConfig>>, ConfigError> {
    if config.mode == SslMode::Disable {
        return Ok(None);
    }
    let provider = provider()?;
    let identity = identity(config, &provider)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(refused)?;
    let builder = match client_verifier(config, provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut tls =
        builder.with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(identity)));
    tls.alpn_protocols = vec![ALPN.to_vec()];
    // As PostgreSQL: no tickets, no session cache. libpq does not resume either.
    tls.send_tls13_tickets = 0;
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Some(Arc::new(tls)))
}

#[cfg(feature = "aws-lc-rs")]
fn provider() -> Result<Arc<CryptoProvider>, ConfigError> {
    use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
    Ok(Arc::new(CryptoProvider {
        kx_groups: vec![
            kx_group::X25519MLKEM768,
            kx_group::X25519,
            kx_group::SECP256R1,
            kx_group::SECP384R1,
        ],
        ..default_provider()
    }))
}

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
fn provider() -> Result<Arc<CryptoProvider>, ConfigError> {
    Ok(Arc::new(rustls::crypto::ring::default_provider()))
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
fn provider() -> Result<Arc<CryptoProvider>, ConfigError> {
    Err(ConfigError::NoCrypto)
}

fn refused(error: impl std::fmt::Display) -> ConfigError {
    ConfigError::Refused {
        reason: error.to_string(),
    }
}

/// The server's chain and key, which must be a pair.
fn identity(config: &SslConfig, provider: &CryptoProvider) -> Result<CertifiedKey, ConfigError> {
    let origin = config.certificate.origin();
    let chain = certificates(&config.certificate, "SSL certificate").map_err(|e| match e {
        ConfigError::Unreadable {
            origin: Origin::File(path),
            source,
            ..
        } if source.kind() == io::ErrorKind::NotFound => ConfigError::CertificateNotFound { path },
        other => other,
    })?;
    let unsupported = |reason: String| ConfigError::KeyUnsupported {
        key: config.key.origin(),
        reason,
    };
    let key = provider
        .key_provider
        .load_private_key(private_key(&config.key)?)
        .map_err(|e| unsupported(e.to_string()))?;
    let issuers = chain.get(1..).unwrap_or_default().to_vec();
    let identity = CertifiedKey::new(chain, key);
    match identity.keys_match() {
        Ok(()) => Ok(identity),
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            let later = issuers.into_iter().any(|c| {
                CertifiedKey::new(vec![c], Arc::clone(&identity.key))
                    .keys_match()
                    .is_ok()
            });
            Err(if later {
                ConfigError::ChainOrder {
                    certificate: origin,
                }
            } else {
                ConfigError::KeyMismatch {
                    certificate: origin,
                    key: config.key.origin(),
                }
            })
        }
        Err(e) => Err(unsupported(e.to_string())),
    }
}

/// The verifier of client certificates. A missing one is tolerated here in every mode: the login
/// is refused later, in words that the client can read.
fn client_verifier(
    config: &SslConfig,
    provider: Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, ConfigError> {
    let Some(ca) = &config.ca else {
        return if config.mode.requires_client_certificate() {
            Err(ConfigError::CaMissing { mode: config.mode })
        } else if config.crls.is_empty() {
            Ok(None)
        } else {
            Err(ConfigError::CrlWithoutCa)
        };
    };
    let mut roots = RootCertStore::empty();
    for (i, certificate) in certificates(ca, "CA certificates")?.into_iter().enumerate() {
        roots
            .add(certificate)
            .map_err(|e| ConfigError::BadCertificate {
                origin: ca.origin(),
                number: i.saturating_add(1),
                reason: e.to_string(),
            })?;
    }
    let mut verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated();
    for source in &config.crls {
        verifier = verifier.with_crls(revocation_lists(source)?);
    }
    if !config.crls.is_empty() {
        verifier = verifier.enforce_revocation_expiration();
    }
    verifier
        .build()
        .map(Some)
        .map_err(|e| match (e, config.crls.first()) {
            (VerifierBuilderError::InvalidCrl(e), Some(first)) => ConfigError::BadCrl {
                origin: first.origin(),
                reason: format!("{e:?}"),
            },
            (e, _) => refused(e),
        })
}

/// All certificates of a source, at least one, each of which can be parsed.
pub(crate) fn certificates(
    source: &Source,
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let all: Vec<CertificateDer<'static>> = sections(source, what, "CERTIFICATE")?;
    for (i, certificate) in all.iter().enumerate() {
        Certificate::from_der(certificate).map_err(|e| ConfigError::BadCertificate {
            origin: source.origin(),
            number: i.saturating_add(1),
            reason: e.to_string(),
        })?;
    }
    Ok(all)
}

fn revocation_lists(
    source: &Source,
) -> Result<Vec<CertificateRevocationListDer<'static>>, ConfigError> {
    sections(source, "certificate revocation list", "X509 CRL")
}

fn sections<T: PemObject>(
    source: &Source,
    what: &'static str,
    section: &'static str,
) -> Result<Vec<T>, ConfigError> {
    let pem = source.read(what)?;
    let all: Result<Vec<T>, _> = T::pem_slice_iter(&pem).collect();
    match all {
        Ok(all) if all.is_empty() => Err(ConfigError::Empty {
            what,
            origin: source.origin(),
            section,
        }),
        Ok(all) => Ok(all),
        Err(e) => Err(malformed(source, what, &e)),
    }
}

fn malformed(source: &Source, what: &'static str, error: &pem::Error) -> ConfigError {
    ConfigError::MalformedPem {
        what,
        origin: source.origin(),
        reason: error.to_string(),
    }
}

pub(crate) fn private_key(source: &Source) -> Result<PrivateKeyDer<'static>, ConfigError> {
    const WHAT: &str = "private key";
    let pem = source.read_key()?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|e| {
        // PKCS#8 has its own label; the headers of the older format are not PEM to the decoder.
        if contains(&pem, b"ENCRYPTED") {
            return ConfigError::KeyEncrypted {
                key: source.origin(),
            };
        }
        match e {
            pem::Error::NoItemsFound => ConfigError::Empty {
                what: WHAT,
                origin: source.origin(),
                section: "PRIVATE KEY",
            },
            e => malformed(source, WHAT, &e),
        }
    })
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|w| w == word)
}
