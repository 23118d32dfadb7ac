//! One load of the configuration.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::{ConfigError, DAY, SslConfig, SslMode};
use crate::meters;
use crate::policy::{Encryption, Rules};
use crate::tls;
use crate::tls::config::{Expiry, Loaded};
use crate::tls::session::Select;

/// What one login uses from its start to its end, whatever is reloaded meanwhile.
pub(super) struct Snapshot {
    pub(super) rules: Rules,
    pub(super) select: Option<Arc<dyn Select + Send + Sync>>,
    pub(super) expiries: Vec<Expiry>,
    pub(super) warnings: Vec<String>,
    pub(super) fingerprint: u64,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    pub(super) fn load(config: &SslConfig) -> Result<Self, ConfigError> {
        let mut rules = match config.mode() {
            SslMode::Disable => Rules::new(Encryption::Unavailable),
            SslMode::Allow | SslMode::Prefer => Rules::new(Encryption::Optional),
            SslMode::Require => Rules::new(Encryption::Required),
            SslMode::VerifyCA => Rules::new(Encryption::Required).require_certificate(),
            SslMode::VerifyFull => {
                Rules::new(Encryption::Required).require_certificate_of(config.client_name.clone())
            }
        };
        let Loaded {
            select,
            expiries,
            warnings,
            user_map,
            fingerprint,
        } = tls::config::load(config)?;
        if let Some(map) = user_map {
            rules = rules.user_map(map);
        }
        Ok(Self {
            rules,
            select,
            expiries,
            warnings,
            fingerprint,
        })
    }

    /// Writes a line for everything that ends soon or is odd.
    pub(super) fn note(&self, config: &SslConfig) {
        for warning in &self.warnings {
            tracing::warn!(target: "pgtls::ssl", "{warning}");
        }
        #[expect(clippy::disallowed_methods, reason = "what ends soon depends on now")]
        let now = SystemTime::now();
        meters::expiries(&self.expiries, now);
        for expiry in &self.expiries {
            let days = expiry.days_left(now);
            let within = |limit: Duration| {
                days < 0 || u64::try_from(days).is_ok_and(|d| d < limit.as_secs() / DAY.as_secs())
            };
            let Expiry {
                what, origin, name, ..
            } = expiry;
            if now < expiry.begins {
                tracing::error!(target: "pgtls::ssl", what, %origin, name, "is not valid yet; check the clock of this machine, or replace the file and reload");
            }
            let advice = if days < 0 {
                "has ended; replace the file and reload"
            } else {
                "ends soon; replace the file and reload"
            };
            if within(config.expiry_error) {
                tracing::error!(target: "pgtls::ssl", what, %origin, name, days, "{advice}");
            } else if within(config.expiry_warning) {
                tracing::warn!(target: "pgtls::ssl", what, %origin, name, days, "{advice}");
            }
        }
    }
}
