//! Reading the configuration anew, and what of it ends.

use std::sync::{Arc, PoisonError};
#[cfg(feature = "metrics")]
use std::time::SystemTime;

use crate::config::ConfigError;
use crate::front_door::FrontDoor;
use crate::front_door::snapshot::Snapshot;
use crate::meters;
use crate::tls::config::Expiry;

impl FrontDoor {
    /// Reads the files of the configuration anew: those of TLS, the access rules and the identity
    /// maps, each of the three all or nothing: on an error the one in force stays, and the log
    /// says so. Logins in flight and sessions keep what they began with. What was not read from
    /// files ([`FrontDoor::plain`], [`FrontDoor::with_rustls`], rules built in Rust) stays.
    ///
    /// Blocks: it reads files, may run a passphrase command, and may ask the name service.
    ///
    /// # Errors
    /// The first thing that is wrong with the configuration, with its file and what mends it.
    pub fn reload(&self) -> Result<(), ConfigError> {
        self.load_again(true).map(drop)
    }

    /// As [`FrontDoor::reload`], but if everything reads as before nothing is exchanged, and
    /// tickets stay good. Says whether something was.
    ///
    /// # Errors
    /// As there.
    pub fn reload_if_changed(&self) -> Result<bool, ConfigError> {
        self.load_again(false)
    }

    fn load_again(&self, always: bool) -> Result<bool, ConfigError> {
        // One after the other, so that what was read last is what stays.
        let _one = self
            .shared
            .reloading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let tls = self.load_tls_again(always);
        let access = self.load_access_again(always);
        let result = tls.and_then(|tls| Ok(tls | access?));
        meters::reload(&result);
        result
    }

    fn load_tls_again(&self, always: bool) -> Result<bool, ConfigError> {
        let Some(config) = &self.shared.config else {
            return Ok(false);
        };
        let snapshot = Snapshot::load(config).inspect_err(|error| {
            tracing::warn!(target: "pgtls::ssl", %error, "SSL configuration was not reloaded");
        })?;
        if !always && snapshot.fingerprint == self.current().fingerprint {
            return Ok(false);
        }
        snapshot.note(config);
        *self
            .shared
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
        tracing::info!(target: "pgtls::ssl", "SSL configuration reloaded");
        Ok(true)
    }

    fn load_access_again(&self, always: bool) -> Result<bool, ConfigError> {
        let (access, result) = self.access().reload();
        *self
            .shared
            .access
            .write()
            .unwrap_or_else(PoisonError::into_inner) = access;
        let changed = result?;
        if changed {
            tracing::info!(target: "pgtls::access", "access rules and identity maps reloaded");
        }
        Ok(changed || always)
    }

    /// Says anew in `pgtls_days_to_expiry` how long certificates and revocation lists are good
    /// for. That is done with every reload; call it before they are read, too, as days pass
    /// without one.
    #[cfg(feature = "metrics")]
    pub fn update_metrics(&self) {
        #[expect(clippy::disallowed_methods, reason = "how long is left depends on now")]
        let now = SystemTime::now();
        meters::expiries(&self.current().expiries, now);
    }

    /// When the certificates and revocation lists in force end. At each load a line is logged for
    /// what ends soon
    /// ([`SslConfig::with_expiry_thresholds`](crate::SslConfig::with_expiry_thresholds));
    /// [`FrontDoor::log_expiries`] does it again.
    #[must_use]
    pub fn expiries(&self) -> Vec<Expiry> {
        self.current().expiries.clone()
    }

    /// Logs once more what ends soon, for a server that does not reload for months. Call it once a
    /// day, as `PgServer` does.
    pub fn log_expiries(&self) {
        if let Some(config) = &self.shared.config {
            self.current().note(config);
        }
    }

    /// The configuration's files and directories.
    #[cfg(feature = "watch")]
    pub(crate) fn paths(&self) -> Vec<std::path::PathBuf> {
        let tls = self.shared.config.as_ref().map(|config| config.paths());
        let mut paths = tls.unwrap_or_default();
        paths.extend(self.access().paths());
        paths
    }
}
