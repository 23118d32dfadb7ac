//! The cryptography: provider, cipher suites, key-exchange groups.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup};
#[cfg(all(feature = "certificates", any(feature = "aws-lc-rs", feature = "ring")))]
use rustls::pki_types::SignatureVerificationAlgorithm;
use rustls::server::ProducesTickets;
use rustls::{NamedGroup, SupportedCipherSuite};

use crate::config::{ConfigError, SslConfig};
use crate::tls::facts::suite_name;

/// OpenSSL's names for the groups whose IANA names nobody remembers.
const GROUP_ALIASES: &[(&str, NamedGroup)] = &[
    ("P-256", NamedGroup::secp256r1),
    ("prime256v1", NamedGroup::secp256r1),
    ("P-384", NamedGroup::secp384r1),
    ("secp384r1", NamedGroup::secp384r1),
];

/// The cryptography as configured.
pub(super) fn provider(config: &SslConfig) -> Result<Arc<CryptoProvider>, ConfigError> {
    let mut provider = default_provider()?;
    if let Some(names) = &config.cipher_suites {
        provider.cipher_suites = names
            .iter()
            .map(|name| suite(&provider, name))
            .collect::<Result<_, _>>()?;
    }
    if let Some(names) = &config.groups {
        provider.kx_groups = names
            .iter()
            .map(|name| group(&provider, name))
            .collect::<Result<_, _>>()?;
    }
    Ok(Arc::new(provider))
}

#[cfg(feature = "aws-lc-rs")]
fn default_provider() -> Result<CryptoProvider, ConfigError> {
    use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
    Ok(CryptoProvider {
        kx_groups: vec![
            kx_group::X25519MLKEM768,
            kx_group::X25519,
            kx_group::SECP256R1,
            kx_group::SECP384R1,
        ],
        ..default_provider()
    })
}

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
fn default_provider() -> Result<CryptoProvider, ConfigError> {
    Ok(rustls::crypto::ring::default_provider())
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
fn default_provider() -> Result<CryptoProvider, ConfigError> {
    Err(ConfigError::NoCrypto)
}

/// With what the signatures of certificates are verified.
#[cfg(all(feature = "certificates", any(feature = "aws-lc-rs", feature = "ring")))]
pub(crate) fn signature_algorithms()
-> Result<&'static [&'static dyn SignatureVerificationAlgorithm], ConfigError> {
    Ok(default_provider()?.signature_verification_algorithms.all)
}

/// What makes session tickets, with a key of its own.
#[cfg(feature = "aws-lc-rs")]
pub(super) fn ticketer() -> Result<Arc<dyn ProducesTickets>, ConfigError> {
    rustls::crypto::aws_lc_rs::Ticketer::new().map_err(super::refused)
}

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
pub(super) fn ticketer() -> Result<Arc<dyn ProducesTickets>, ConfigError> {
    rustls::crypto::ring::Ticketer::new().map_err(super::refused)
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
pub(super) fn ticketer() -> Result<Arc<dyn ProducesTickets>, ConfigError> {
    Err(ConfigError::NoCrypto)
}

fn suite(provider: &CryptoProvider, name: &str) -> Result<SupportedCipherSuite, ConfigError> {
    let iana = |suite: &SupportedCipherSuite| suite_name(suite.suite()).0;
    provider
        .cipher_suites
        .iter()
        .find(|suite| name == iana(suite) || name == openssl_name(iana(suite)))
        .copied()
        .ok_or_else(|| ConfigError::UnknownCipherSuite {
            name: name.to_owned(),
            known: list(provider.cipher_suites.iter().map(iana)),
        })
}

/// OpenSSL's name for a suite: `ECDHE-RSA-AES128-GCM-SHA256` for
/// `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`. Those of TLS 1.3 have no other.
fn openssl_name(iana: &str) -> String {
    if !iana.contains("_WITH_") {
        return iana.to_owned();
    }
    iana.trim_start_matches("TLS_")
        .replace("_WITH_", "_")
        .replace("AES_", "AES")
        .replace("POLY1305_SHA256", "POLY1305")
        .replace('_', "-")
}

fn group(
    provider: &CryptoProvider,
    name: &str,
) -> Result<&'static dyn SupportedKxGroup, ConfigError> {
    let alias = GROUP_ALIASES.iter().find(|(alias, _)| *alias == name);
    provider
        .kx_groups
        .iter()
        .find(|group| match alias {
            Some((_, named)) => group.name() == *named,
            None => group.name().as_str() == Some(name),
        })
        .copied()
        .ok_or_else(|| ConfigError::UnknownGroup {
            name: name.to_owned(),
            known: list(provider.kx_groups.iter().filter_map(|g| g.name().as_str())),
        })
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
    #[test]
    fn without_cryptography_there_is_no_tls() {
        let config = SslConfig::new(crate::SslMode::Require, "server.crt", "server.key");
        assert_eq!(
            config.validate().unwrap_err().to_string(),
            "this build has no cryptography for TLS; build with the feature \"aws-lc-rs\" (the default) or \"ring\""
        );
    }

    #[test]
    fn suites_go_by_both_names() {
        for (iana, openssl) in [
            ("TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"),
            (
                "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
                "ECDHE-ECDSA-AES256-GCM-SHA384",
            ),
            (
                "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
                "ECDHE-RSA-CHACHA20-POLY1305",
            ),
        ] {
            assert_eq!(openssl_name(iana), openssl);
        }
    }
}
