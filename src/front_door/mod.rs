//! What all connections share: the configuration in force, and how many sessions there are.

mod login;
mod peer;
mod reload;
mod room;
mod settings;
mod snapshot;

use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use ipnet::IpNet;
use rustls::ServerConfig;

use crate::access::decide::Access;
use crate::access::failures::{DEFAULT_MAX_DELAY, Failures};
use crate::audit::Audit;
use crate::auth::store::AnyStore;
use crate::auth::{AuthMethod, MockSecrets};
use crate::config::{ConfigError, SslConfig};
use crate::half_open::HalfOpenLimits;
use crate::policy::{Encryption, Rules};
use crate::tls::ALPN;
use crate::tls::config::select::Foreign;
pub(crate) use login::guarded;
pub use peer::{Peer, PeerCredentials};
pub(crate) use room::{Room, SessionPermit};
use snapshot::Snapshot;

/// The door's configuration, shared by all its connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FrontDoor {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    current: RwLock<Arc<Snapshot>>,
    config: Option<SslConfig>,
    reloading: Mutex<()>,
    auth_method: AuthMethod,
    access: RwLock<Access>,
    failures: Failures,
    audit: Audit,
    secrets: Option<Arc<dyn AnyStore>>,
    /// Made when first needed, unless it was given.
    mock: Arc<OnceLock<MockSecrets>>,
    login_timeout: Duration,
    room: Arc<Room>,
    proxies: Vec<IpNet>,
}

impl FrontDoor {
    /// A door without TLS: SSLRequest gets `N`.
    #[must_use]
    pub fn plain() -> Self {
        Self::from_snapshot(Snapshot {
            rules: Rules::new(Encryption::Unavailable),
            select: None,
            expiries: Vec::new(),
            warnings: Vec::new(),
            fingerprint: 0,
        })
    }

    /// A door with a TLS configuration of one's own making. Its ALPN list is set to the one
    /// protocol there is, `postgresql`.
    #[must_use]
    pub fn with_rustls(rules: Rules, config: Arc<ServerConfig>) -> Self {
        let config = if config.alpn_protocols == [ALPN] {
            config
        } else {
            let mut config = (*config).clone();
            config.alpn_protocols = vec![ALPN.to_vec()];
            Arc::new(config)
        };
        Self::from_snapshot(Snapshot {
            rules,
            select: Some(Arc::new(Foreign(config))),
            expiries: Vec::new(),
            warnings: Vec::new(),
            fingerprint: 0,
        })
    }

    /// A door as configured.
    ///
    /// # Errors
    /// The first thing that is wrong with the configuration, with its file and what mends it.
    pub fn new(config: SslConfig) -> Result<Self, ConfigError> {
        let snapshot = Snapshot::load(&config)?;
        snapshot.note(&config);
        Ok(Self::from_snapshot(snapshot).change(|shared| shared.config = Some(config)))
    }

    fn from_snapshot(snapshot: Snapshot) -> Self {
        Self {
            shared: Arc::new(Shared {
                login_timeout: snapshot.rules.login_timeout,
                current: RwLock::new(Arc::new(snapshot)),
                config: None,
                reloading: Mutex::new(()),
                auth_method: AuthMethod::Trust,
                access: RwLock::default(),
                failures: Failures::new(DEFAULT_MAX_DELAY),
                audit: Audit::default(),
                room: Arc::new(Room::new(usize::MAX, HalfOpenLimits::default())),
                proxies: Vec::new(),
                secrets: None,
                mock: Arc::default(),
            }),
        }
    }

    /// The login timeout in force.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.shared.login_timeout
    }

    /// How many connections there are that are not logged in.
    #[must_use]
    pub fn half_open(&self) -> usize {
        self.shared.room.half_open.count()
    }

    /// Closes the `count` oldest connections that are not logged in, and says how many there
    /// were. For adapters that can accept no more, for want of descriptors or memory: so that
    /// half-open connections do not keep honest clients out.
    pub fn evict_half_open(&self, count: usize) -> usize {
        self.shared.room.half_open.evict_oldest(count)
    }

    /// How many sessions there are now.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.shared.room.sessions()
    }

    /// Settings are made before the door is shared; a clone in use keeps its own.
    fn change(mut self, change: impl FnOnce(&mut Shared)) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            change(shared);
            return self;
        }
        let old = &self.shared;
        let mut shared = Shared {
            current: RwLock::new(self.current()),
            config: old.config.clone(),
            reloading: Mutex::new(()),
            auth_method: old.auth_method,
            access: RwLock::new(self.access()),
            failures: Failures::new(old.failures.max_delay()),
            audit: old.audit.clone(),
            secrets: old.secrets.clone(),
            mock: Arc::clone(&old.mock),
            login_timeout: old.login_timeout,
            room: Arc::new(Room::new(
                old.room.max_sessions,
                old.room.half_open.limits(),
            )),
            proxies: old.proxies.clone(),
        };
        change(&mut shared);
        Self {
            shared: Arc::new(shared),
        }
    }

    fn access(&self) -> Access {
        self.shared
            .access
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn current(&self) -> Arc<Snapshot> {
        // Nothing panics while holding the lock, and an Arc cannot be half written.
        Arc::clone(
            &self
                .shared
                .current
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}
