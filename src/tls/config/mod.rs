//! From sources to rustls configurations: all or nothing.

mod expiry;
mod keys;
mod parts;
pub(crate) mod select;
mod suites;

use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{InconsistentKeys, RootCertStore, ServerConfig, SupportedProtocolVersion};
use zeroize::Zeroizing;

pub use expiry::Expiry;
pub(crate) use parts::{certificates, revocation_lists};
use parts::{chain_warning, files_in, is_successful_ocsp};
#[cfg(all(feature = "certificates", any(feature = "aws-lc-rs", feature = "ring")))]
pub(crate) use suites::signature_algorithms;

use crate::auth::UserMap;
use crate::config::source::Source;
use crate::config::{ConfigError, Material, Origin, ServerCertificate, SslConfig, SslMode};
use crate::tls::ALPN;
use crate::tls::facts::TlsVersion;
use crate::tls::session::Choice;
use select::{Hosts, Selector};

pub(crate) const CERTIFICATE: &str = "SSL certificate";
const CA: &str = "CA certificates";
const CRL: &str = "certificate revocation list";
const OCSP: &str = "OCSP response";

/// What was made of a configuration.
pub(crate) struct Loaded {
    /// None in mode `Disable`.
    pub(crate) select: Option<Selector>,
    pub(crate) expiries: Vec<Expiry>,
    /// What is odd, but works with most clients.
    pub(crate) warnings: Vec<String>,
    pub(crate) user_map: Option<Arc<dyn UserMap>>,
    /// Differs if anything that was read differs.
    pub(crate) fingerprint: u64,
}

/// Reads every source anew.
pub(crate) fn load(config: &SslConfig) -> Result<Loaded, ConfigError> {
    let mut loader = Loader {
        config,
        expiries: Vec::new(),
        warnings: Vec::new(),
        hasher: DefaultHasher::new(),
    };
    let select = match config.mode {
        SslMode::Disable => None,
        _ => Some(loader.hosts()?),
    };
    let user_map = match config.mode {
        SslMode::VerifyFull => loader.user_map()?,
        _ => None,
    };
    Ok(Loaded {
        select,
        user_map,
        expiries: loader.expiries,
        warnings: loader.warnings,
        fingerprint: loader.hasher.finish(),
    })
}

struct Loader<'a> {
    config: &'a SslConfig,
    expiries: Vec<Expiry>,
    warnings: Vec<String>,
    hasher: DefaultHasher,
}

/// Bytes, and where they came from.
struct Piece {
    bytes: Zeroizing<Vec<u8>>,
    origin: Origin,
}

/// What belongs to one certificate, read and not yet looked at.
struct Pieces {
    certificate: Piece,
    key: Piece,
    ca: Option<Piece>,
}

impl Loader<'_> {
    fn user_map(&mut self) -> Result<Option<Arc<dyn UserMap>>, ConfigError> {
        let Some(map) = self.config.ident.map_for(&self.config.client_name)? else {
            return Ok(None);
        };
        self.note(format!("{map:?}").as_bytes());
        Ok(Some(Arc::new(map)))
    }

    fn hosts(&mut self) -> Result<Selector, ConfigError> {
        let versions = versions(self.config)?;
        let provider = suites::provider(self.config)?;
        let lists = self.revocation_lists()?;
        let default = self.choice(&self.config.certificate, None, &versions, &provider, &lists)?;
        let mut hosts = Hosts::new(default, self.config.unlisted_names, self.config.no_name);
        for (name, certificate) in &self.config.hosts {
            let choice = self.choice(certificate, Some(name), &versions, &provider, &lists)?;
            hosts.add(name, choice)?;
        }
        Ok(Arc::new(hosts))
    }

    /// The configuration for one certificate. Its tickets have a key of their own, so they are
    /// good for this load and this certificate only, and with them whatever client certificate
    /// was accepted under it.
    fn choice(
        &mut self,
        entry: &ServerCertificate,
        host: Option<&str>,
        versions: &[&'static SupportedProtocolVersion],
        provider: &Arc<CryptoProvider>,
        lists: &[List],
    ) -> Result<Choice, ConfigError> {
        let pieces = self.pieces(entry)?;
        let ocsp = self.ocsp(entry)?;
        let identity = self.identity(entry, &pieces, ocsp, provider)?;
        let inherited = match (&pieces.ca, host, &self.config.certificate.ca) {
            (None, Some(_), Some(source)) => Some(self.piece(source, CA)?),
            _ => None,
        };
        let ca = pieces.ca.as_ref().or(inherited.as_ref());
        let verifier = self.client_verifier(ca, host, provider, lists)?;
        let leaf = identity.cert.first().cloned().map(Arc::new);
        let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
            .with_protocol_versions(versions)
            .map_err(|e| ConfigError::NothingToNegotiate {
                reason: e.to_string(),
            })?;
        let builder = match &verifier {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut tls = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
        tls.alpn_protocols = vec![ALPN.to_vec()];
        tls.session_storage = Arc::new(NoServerSessionStorage {});
        if self.config.resumption {
            tls.ticketer = suites::ticketer()?;
            tls.send_tls13_tickets = 1;
        } else {
            tls.send_tls13_tickets = 0;
        }
        Ok(Choice {
            config: Arc::new(tls),
            has_ca: verifier.is_some(),
            verifier,
            leaf,
        })
    }

    fn note(&mut self, bytes: &[u8]) {
        self.hasher.write_usize(bytes.len());
        self.hasher.write(bytes);
    }

    fn piece(&mut self, source: &Source, what: &'static str) -> Result<Piece, ConfigError> {
        let bytes = source.read(what)?;
        self.note(&bytes);
        Ok(Piece {
            bytes,
            origin: source.origin(),
        })
    }

    fn pieces(&mut self, entry: &ServerCertificate) -> Result<Pieces, ConfigError> {
        match &entry.material {
            Material::Sources { certificate, key } => {
                let certificate = self.piece(certificate, CERTIFICATE).map_err(|e| match e {
                    ConfigError::Unreadable {
                        origin: Origin::File(path),
                        source,
                        ..
                    } if source.kind() == io::ErrorKind::NotFound => {
                        ConfigError::CertificateNotFound { path }
                    }
                    other => other,
                })?;
                let key = Piece {
                    bytes: key.read_key()?,
                    origin: key.origin(),
                };
                self.note(&key.bytes);
                let ca = entry.ca.as_ref().map(|ca| self.piece(ca, CA)).transpose()?;
                Ok(Pieces {
                    certificate,
                    key,
                    ca,
                })
            }
            Material::Provider(provider) => {
                let delivered = provider
                    .load()
                    .map_err(|source| ConfigError::Provider { source })?;
                let from_provider = |bytes| Piece {
                    bytes,
                    origin: Origin::Provider,
                };
                let ca = match (delivered.ca, &entry.ca) {
                    (Some(ca), _) => Some(from_provider(Zeroizing::new(ca))),
                    (None, Some(source)) => Some(self.piece(source, CA)?),
                    (None, None) => None,
                };
                self.note(&delivered.certificate);
                self.note(&delivered.key);
                if let Some(ca) = &ca {
                    self.note(&ca.bytes);
                }
                Ok(Pieces {
                    certificate: from_provider(Zeroizing::new(delivered.certificate)),
                    key: from_provider(delivered.key),
                    ca,
                })
            }
        }
    }

    /// The server's chain and key, which must be a pair.
    fn identity(
        &mut self,
        entry: &ServerCertificate,
        pieces: &Pieces,
        ocsp: Option<Vec<u8>>,
        provider: &CryptoProvider,
    ) -> Result<CertifiedKey, ConfigError> {
        let (certificate, key) = (&pieces.certificate.origin, &pieces.key.origin);
        let chain = certificates(&pieces.certificate.bytes, certificate, CERTIFICATE)?;
        for der in &chain {
            self.expiries
                .extend(expiry::of_certificate(CERTIFICATE, certificate, der));
        }
        self.warnings.extend(chain_warning(certificate, &chain));
        let unsupported = |reason: String| ConfigError::KeyUnsupported {
            key: key.clone(),
            reason,
        };
        let private = keys::private_key(&pieces.key.bytes, key, entry.passphrase.as_ref())?;
        let private = provider
            .key_provider
            .load_private_key(private)
            .map_err(|e| unsupported(e.to_string()))?;
        let issuers = chain.get(1..).unwrap_or_default().to_vec();
        let mut identity = CertifiedKey::new(chain, private);
        identity.ocsp = ocsp;
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
                        certificate: certificate.clone(),
                    }
                } else {
                    ConfigError::KeyMismatch {
                        certificate: certificate.clone(),
                        key: key.clone(),
                    }
                })
            }
            Err(e) => Err(unsupported(e.to_string())),
        }
    }

    fn ocsp(&mut self, entry: &ServerCertificate) -> Result<Option<Vec<u8>>, ConfigError> {
        let Some(source) = &entry.ocsp else {
            return Ok(None);
        };
        let piece = self.piece(source, OCSP)?;
        if is_successful_ocsp(&piece.bytes) {
            Ok(Some(piece.bytes.to_vec()))
        } else {
            Err(ConfigError::BadOcsp {
                origin: piece.origin,
            })
        }
    }

    /// The verifier of client certificates. A missing one is tolerated here in every mode: the
    /// login is refused later, in words that the client can read.
    fn client_verifier(
        &mut self,
        ca: Option<&Piece>,
        host: Option<&str>,
        provider: &Arc<CryptoProvider>,
        lists: &[List],
    ) -> Result<Option<Arc<dyn ClientCertVerifier>>, ConfigError> {
        let mode = self.config.mode;
        let Some(ca) = ca else {
            return if mode.requires_client_certificate() {
                Err(ConfigError::CaMissing {
                    mode,
                    host: host.map(str::to_owned),
                })
            } else if lists.is_empty() || host.is_some() {
                Ok(None)
            } else {
                Err(ConfigError::CrlWithoutCa)
            };
        };
        let mut roots = RootCertStore::empty();
        for (i, der) in certificates(&ca.bytes, &ca.origin, CA)?
            .into_iter()
            .enumerate()
        {
            self.expiries
                .extend(expiry::of_certificate("CA certificate", &ca.origin, &der));
            roots.add(der).map_err(|e| ConfigError::BadCertificate {
                origin: ca.origin.clone(),
                number: i.saturating_add(1),
                reason: e.to_string(),
            })?;
        }
        let roots = Arc::new(roots);
        self.verifier(&roots, provider, lists)
            .map(Some)
            .map_err(|e| {
                // Which of the lists it was is found by trying each alone.
                let culprit = lists.iter().find(|list| {
                    let alone = std::slice::from_ref(*list);
                    self.verifier(&roots, provider, alone).is_err()
                });
                match (culprit, e) {
                    (Some(list), VerifierBuilderError::InvalidCrl(e)) => ConfigError::BadCrl {
                        origin: list.origin.clone(),
                        reason: format!("{e:?}"),
                    },
                    (_, e) => refused(e),
                }
            })
    }

    fn verifier(
        &self,
        roots: &Arc<RootCertStore>,
        provider: &Arc<CryptoProvider>,
        lists: &[List],
    ) -> Result<Arc<dyn ClientCertVerifier>, VerifierBuilderError> {
        let mut builder =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider))
                .allow_unauthenticated()
                .with_crls(lists.iter().map(|list| list.der.clone()));
        if !self.config.allow_expired_crls {
            builder = builder.enforce_revocation_expiration();
        }
        if self.config.allow_unknown_revocation {
            builder = builder.allow_unknown_revocation_status();
        }
        builder.build()
    }

    fn revocation_lists(&mut self) -> Result<Vec<List>, ConfigError> {
        let mut sources = self.config.crls.clone();
        for directory in &self.config.crl_directories {
            sources.extend(files_in(directory)?.into_iter().map(Source::File));
        }
        let mut lists = Vec::new();
        for source in &sources {
            let piece = self.piece(source, CRL)?;
            for der in revocation_lists(&piece.bytes, &piece.origin)? {
                self.expiries.extend(expiry::of_list(&piece.origin, &der));
                lists.push(List {
                    der,
                    origin: piece.origin.clone(),
                });
            }
        }
        Ok(lists)
    }
}

/// A revocation list.
struct List {
    der: CertificateRevocationListDer<'static>,
    origin: Origin,
}

fn versions(config: &SslConfig) -> Result<Vec<&'static SupportedProtocolVersion>, ConfigError> {
    let (min, max) = (config.min_version, config.max_version);
    let all = [
        (TlsVersion::Tls13, &rustls::version::TLS13),
        (TlsVersion::Tls12, &rustls::version::TLS12),
    ];
    let versions: Vec<_> = all
        .into_iter()
        .filter(|(version, _)| (min..=max).contains(version))
        .map(|(_, supported)| supported)
        .collect();
    if versions.is_empty() {
        return Err(ConfigError::VersionRange {
            min: min.as_str(),
            max: max.as_str(),
        });
    }
    Ok(versions)
}

fn refused(error: impl std::fmt::Display) -> ConfigError {
    ConfigError::Refused {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the library refuses beyond all that is checked before has its own words in the text.
    #[test]
    fn what_the_library_refuses_is_told_with_what_to_check() {
        assert_eq!(
            refused(VerifierBuilderError::NoRootAnchors).to_string(),
            "TLS configuration refused: no root trust anchors were provided; check certificate, \
             key and CA files with CertificateManager::verify_cert_files"
        );
    }
}
