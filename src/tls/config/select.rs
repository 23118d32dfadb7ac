//! Which certificate a client gets, by the host name it asks for (SNI).

use std::collections::HashMap;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::ClientHello;
use rustls::sign::SingleCertAndKey;

use crate::config::{ConfigError, SniRule};
use crate::meters;
use crate::tls::session::{Choice, Refusal, Select};

/// unrecognized_name (RFC 6066 §3).
const UNRECOGNIZED_NAME: u8 = 112;
/// missing_extension (RFC 8446 §6.2).
const MISSING_EXTENSION: u8 = 109;
/// handshake_failure (RFC 8446 §6.2).
const HANDSHAKE_FAILURE: u8 = 40;

/// The certificates, by name in lower case.
pub(super) struct Hosts {
    pub(super) default: Choice,
    exact: HashMap<String, Choice>,
    /// By what follows the asterisk: `.example.com`.
    wildcard: HashMap<String, Choice>,
    unlisted: SniRule,
    none: SniRule,
}

impl Hosts {
    pub(super) fn new(default: Choice, unlisted: SniRule, none: SniRule) -> Self {
        Self {
            default,
            exact: HashMap::new(),
            wildcard: HashMap::new(),
            unlisted,
            none,
        }
    }

    pub(super) fn add(&mut self, name: &str, choice: Choice) -> Result<(), ConfigError> {
        let lower = name.to_ascii_lowercase();
        let host = lower.strip_prefix("*.").unwrap_or(&lower);
        // As it would have to come in a ClientHello: no address, no trailing dot.
        let is_name = rustls::pki_types::DnsName::try_from(host).is_ok()
            && host.parse::<std::net::IpAddr>().is_err()
            && !host.ends_with('.');
        if !is_name {
            return Err(ConfigError::BadHostName {
                name: name.to_owned(),
            });
        }
        let twice = match lower.strip_prefix('*') {
            Some(suffix) => self.wildcard.insert(suffix.to_owned(), choice),
            None => self.exact.insert(lower, choice),
        };
        match twice {
            None => Ok(()),
            Some(_) => Err(ConfigError::DuplicateHostName {
                name: name.to_owned(),
            }),
        }
    }

    fn find(&self, name: &str) -> Option<&Choice> {
        let name = name.to_ascii_lowercase();
        self.exact.get(&name).or_else(|| {
            let (_, suffix) = name.split_at_checked(name.find('.')?)?;
            self.wildcard.get(suffix)
        })
    }

    fn for_name(&self, name: Option<&str>) -> Result<Choice, Refusal> {
        let rule = match name {
            _ if self.exact.is_empty() && self.wildcard.is_empty() => SniRule::Default,
            None => self.none,
            Some(name) => match self.find(name) {
                Some(choice) => {
                    meters::sni("hit");
                    return Ok(choice.clone());
                }
                None => self.unlisted,
            },
        };
        meters::sni(match (rule, name) {
            (SniRule::Default, None) => "none",
            (SniRule::Default, Some(_)) => "default",
            (SniRule::Refuse, _) => "refused",
        });
        match (rule, name) {
            (SniRule::Default, _) => Ok(self.default.clone()),
            (SniRule::Refuse, Some(name)) => Err(Refusal {
                why: format!("no certificate for host name {name:?}"),
                alert: UNRECOGNIZED_NAME,
            }),
            (SniRule::Refuse, None) => Err(Refusal {
                why: "the client sent no host name (SNI)".into(),
                alert: MISSING_EXTENSION,
            }),
        }
    }
}

impl Select for Hosts {
    fn select(&self, hello: ClientHello<'_>) -> Result<Choice, Refusal> {
        self.for_name(hello.server_name())
    }
}

/// A configuration of somebody else's making.
pub(crate) struct Foreign(pub(crate) Arc<ServerConfig>);

impl Select for Foreign {
    /// Its resolver is asked here, once, and what it says is what is presented: so it is known.
    /// Its verifier is its own affair.
    fn select(&self, hello: ClientHello<'_>) -> Result<Choice, Refusal> {
        if self.0.cert_resolver.only_raw_public_keys() {
            return Ok(Choice {
                config: Arc::clone(&self.0),
                verifier: None,
                has_ca: true,
                leaf: None,
            });
        }
        let Some(identity) = self.0.cert_resolver.resolve(hello) else {
            return Err(Refusal {
                why: "the certificate resolver has no certificate for this ClientHello".into(),
                alert: HANDSHAKE_FAILURE,
            });
        };
        let mut config = (*self.0).clone();
        let leaf = identity.cert.first().cloned().map(Arc::new);
        config.cert_resolver = Arc::new(SingleCertAndKey::from(identity));
        Ok(Choice {
            config: Arc::new(config),
            verifier: None,
            has_ca: true,
            leaf,
        })
    }
}

impl std::fmt::Debug for Hosts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hosts").finish_non_exhaustive()
    }
}

pub(super) type Selector = Arc<dyn Select + Send + Sync>;
