//! What all connections share: the configuration in force, and how many sessions there are.

use core::future::{Future, poll_fn};
use core::panic::AssertUnwindSafe;
use core::pin::pin;
use core::task::Poll;
use std::net::SocketAddr;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use ipnet::IpNet;
use rustls::ServerConfig;

use crate::access::decide::{Access, From, Knock};
use crate::access::failures::{DEFAULT_MAX_DELAY, Failures};
use crate::access::ident::IdentMaps;
use crate::access::rules::AccessRules;
use crate::audit::{Audit, LoginEvent};
use crate::auth::store::AnyStore;
use crate::auth::{
    AuthMethod, Challenge, Found, MockSecrets, Requirement, SecretStore, StoreError, WrongPassword,
};
use crate::close::Close;
use crate::config::{ConfigError, DAY, SslConfig, SslMode};
use crate::connection::{Answer, Lookup, Question};
use crate::error_response::{ErrorResponse, SqlState};
use crate::half_open::{HalfOpen, HalfOpenLimits};
use crate::handshake::Handshake;
use crate::meters;
use crate::policy::{Encryption, Rules};
use crate::session::Session;
use crate::tls::config::select::Foreign;
use crate::tls::config::{Expiry, Loaded};
use crate::tls::session::Select;
use crate::tls::{self, ALPN};

/// The other end of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Peer {
    /// A TCP connection from this address.
    Tcp(SocketAddr),
    /// A Unix socket: never TLS, and exempt from requiring it. With whose process is at the other
    /// end, where the system tells.
    Unix(Option<PeerCredentials>),
    /// Some other stream; treated like TCP from nowhere.
    Unknown,
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(_) => f.write_str("[local]"),
            Self::Unknown => f.write_str("[unknown]"),
        }
    }
}

/// The process at the other end of a Unix socket, as it was when it connected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PeerCredentials {
    uid: u32,
    gid: u32,
    pid: Option<i32>,
}

impl PeerCredentials {
    /// Its user, its group and, where the system tells it, its process id.
    #[must_use]
    pub fn new(uid: u32, gid: u32, pid: Option<i32>) -> Self {
        Self { uid, gid, pid }
    }

    /// The effective user id.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The effective group id.
    #[must_use]
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// The name of the user in the system's database, which may block. `None` if it has none.
    #[must_use]
    pub fn system_name(&self) -> Option<String> {
        #[cfg(unix)]
        {
            let uid = nix::unistd::Uid::from_raw(self.uid);
            Some(nix::unistd::User::from_uid(uid).ok()??.name)
        }
        #[cfg(not(unix))]
        None
    }

    /// The process id; `None` where the system does not tell, or does not see it.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        self.pid
    }
}

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

/// How many connections there are, and may be.
#[derive(Debug)]
pub(crate) struct Room {
    max_sessions: usize,
    sessions: AtomicUsize,
    pub(crate) half_open: Arc<HalfOpen>,
}

impl Room {
    fn new(max_sessions: usize, half_open: HalfOpenLimits) -> Self {
        Self {
            max_sessions,
            sessions: AtomicUsize::new(0),
            half_open: Arc::new(HalfOpen::new(half_open)),
        }
    }

    fn is_full(&self) -> bool {
        self.sessions.load(Ordering::Relaxed) >= self.max_sessions
    }

    /// One session more, unless that is one too many.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<SessionPermit, ErrorResponse> {
        let max = self.max_sessions;
        self.sessions
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
                (n < max).then(|| n.saturating_add(1))
            })
            .map_err(|_| full())?;
        meters::session(true);
        Ok(SessionPermit {
            room: Arc::clone(self),
        })
    }
}

fn full() -> ErrorResponse {
    ErrorResponse::fatal(
        SqlState::TOO_MANY_CONNECTIONS,
        "sorry, too many clients already",
    )
}

/// What one login uses from its start to its end, whatever is reloaded meanwhile.
struct Snapshot {
    rules: Rules,
    select: Option<Arc<dyn Select + Send + Sync>>,
    expiries: Vec<Expiry>,
    warnings: Vec<String>,
    fingerprint: u64,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    fn load(config: &SslConfig) -> Result<Self, ConfigError> {
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
    fn note(&self, config: &SslConfig) {
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
    /// what ends soon ([`SslConfig::with_expiry_thresholds`]); [`FrontDoor::log_expiries`] does it
    /// again.
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
        let tls = self.shared.config.as_ref().map(SslConfig::paths);
        let mut paths = tls.unwrap_or_default();
        paths.extend(self.access().paths());
        paths
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

    /// How clients prove who they are; [`AuthMethod::Trust`] unless said.
    #[must_use]
    pub fn auth_method(self, method: AuthMethod) -> Self {
        self.change(|shared| shared.auth_method = method)
    }

    /// Who may come in, from where, to what, and by which method: the first rule that fits a
    /// login decides, in place of [`FrontDoor::auth_method`]. They refine what the mode demands.
    /// Rules read from a file ([`AccessRules::load`]) are read anew by [`FrontDoor::reload`].
    #[must_use]
    pub fn access_rules(self, rules: AccessRules) -> Self {
        if self.current().select.is_none()
            && let Some(rule) = rules.needs_tls()
        {
            tracing::warn!(
                target: "pgtls::access",
                %rule,
                "hostssl record cannot match because SSL is disabled; configure TLS or write host"
            );
        }
        self.change(|shared| {
            let mut access = shared
                .access
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            access.rules = Some(Arc::new(rules));
        })
    }

    /// The maps that rules name by the option `map`. Maps read from a file ([`IdentMaps::load`])
    /// are read anew by [`FrontDoor::reload`].
    #[must_use]
    pub fn ident_maps(self, maps: IdentMaps) -> Self {
        self.change(|shared| {
            let mut access = shared
                .access
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            access.maps = Arc::new(maps);
        })
    }

    /// Has this called with each login, whether it got in or not. It cannot change the verdict; a
    /// panic in it is logged, and nothing else. May be called several times: all are told.
    ///
    /// It runs within the connection's own task, so it should be quick.
    ///
    /// ```
    /// use pgtls::FrontDoor;
    ///
    /// let door = FrontDoor::plain().on_login(|event| {
    ///     if let Some(reason) = event.reason() {
    ///         eprintln!("{} from {}: {reason}", event.user().unwrap_or(b"?").escape_ascii(), event.peer());
    ///     }
    /// });
    /// # let _ = door;
    /// ```
    #[must_use]
    pub fn on_login(self, listener: impl Fn(&LoginEvent<'_>) + Send + Sync + 'static) -> Self {
        self.change(|shared| shared.audit.add(Arc::new(listener)))
    }

    #[cfg(feature = "server")]
    pub(crate) fn audit(self, audit: Audit) -> Self {
        self.change(|shared| shared.audit = audit)
    }

    /// The longest time that the next login of a peer waits that has failed to log in again and
    /// again; 5 s unless said, zero for never.
    ///
    /// Four failures cost nothing, the next one 100 ms, each further one twice as much. Half of
    /// them are forgotten every minute, all when the peer logs in. What counts is the IPv4 address
    /// or the IPv6 /64, and only wrong passwords and other people's certificates.
    #[must_use]
    pub fn max_failure_delay(self, delay: Duration) -> Self {
        self.change(|shared| shared.failures = Failures::new(delay))
    }

    /// Where the users' secrets are. Without a store nobody has one.
    #[must_use]
    pub fn secrets(self, store: impl SecretStore) -> Self {
        self.any_secrets(Arc::new(store))
    }

    pub(crate) fn any_secrets(self, store: Arc<dyn AnyStore>) -> Self {
        self.change(|shared| shared.secrets = Some(store))
    }

    /// What users that are not there look like; with a random key unless said.
    #[must_use]
    pub fn mock_secrets(self, mock: MockSecrets) -> Self {
        self.change(|shared| shared.mock = Arc::new(OnceLock::from(mock)))
    }

    /// The time from accept to the end of the login; 60 s unless said.
    #[must_use]
    pub fn login_timeout(self, timeout: Duration) -> Self {
        self.change(|shared| shared.login_timeout = timeout)
    }

    /// The login timeout in force.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.shared.login_timeout
    }

    /// How many sessions there may be at once; one more is told 53300. Unlimited unless said.
    #[must_use]
    pub fn max_sessions(self, max: usize) -> Self {
        self.change(|shared| {
            shared.room = Arc::new(Room::new(max, shared.room.half_open.limits()));
        })
    }

    /// How many connections there may be that are not logged in, at least 1; they are not counted
    /// as sessions. [`DEFAULT_MAX_HALF_OPEN`](crate::DEFAULT_MAX_HALF_OPEN) unless said.
    ///
    /// One more, and the oldest of them is closed without a word. So whoever only occupies places
    /// keeps nobody out who logs in, and memory is bounded: up to 24 KiB each.
    #[must_use]
    pub fn max_half_open(self, max: usize) -> Self {
        self.change_half_open(|limits| limits.count = max.max(1))
    }

    /// As [`FrontDoor::max_half_open`], for one client address: an IPv4 address, a /64 of IPv6,
    /// or all Unix sockets together.
    /// [`DEFAULT_MAX_HALF_OPEN_PER_ADDRESS`](crate::DEFAULT_MAX_HALF_OPEN_PER_ADDRESS) unless
    /// said.
    #[must_use]
    pub fn max_half_open_per_address(self, max: usize) -> Self {
        self.change_half_open(|limits| limits.per_address = max.max(1))
    }

    /// How many bytes clients that are not logged in may have sent, all together; over that the
    /// oldest are closed. Each has a bound of its own,
    /// [`MAX_LOGIN_BYTES`](crate::MAX_LOGIN_BYTES).
    /// [`DEFAULT_MAX_HALF_OPEN_BYTES`](crate::DEFAULT_MAX_HALF_OPEN_BYTES) unless said.
    #[must_use]
    pub fn max_half_open_bytes(self, max: usize) -> Self {
        self.change_half_open(|limits| limits.bytes = max)
    }

    fn change_half_open(self, change: impl FnOnce(&mut HalfOpenLimits)) -> Self {
        self.change(|shared| {
            let mut limits = shared.room.half_open.limits();
            change(&mut limits);
            shared.room = Arc::new(Room::new(shared.room.max_sessions, limits));
        })
    }

    /// The networks of proxies that speak the PROXY protocol, version 1 or 2 (HAProxy's
    /// `proxy-protocol.txt`); none unless said.
    ///
    /// A TCP connection from there has to begin with a header, within the login timeout, or it is
    /// closed without a word. Rules, limits and logs then see the client that the header names;
    /// [`Session::proxied`](crate::Session::proxied) keeps the rest. From anywhere else a header
    /// is not a packet, and closed as such: nobody can claim to be somebody else.
    #[must_use]
    pub fn proxies(self, trusted: impl IntoIterator<Item = IpNet>) -> Self {
        self.change(|shared| shared.proxies = trusted.into_iter().collect())
    }

    fn is_proxy(&self, peer: &Peer) -> bool {
        let Peer::Tcp(address) = peer else {
            return false;
        };
        let ip = address.ip().to_canonical();
        self.shared.proxies.iter().any(|net| net.contains(&ip))
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

    /// The machine for a connection accepted just now.
    #[must_use]
    pub fn handshake(&self, peer: &Peer) -> Handshake {
        let snapshot = self.current();
        let mut rules = snapshot
            .rules
            .clone()
            .login_timeout(self.shared.login_timeout);
        match peer {
            Peer::Tcp(address) => rules = rules.peer(address.ip()),
            Peer::Unix(_) => rules = rules.for_unix_socket(),
            Peer::Unknown => {}
        }
        Handshake::new(
            rules,
            snapshot.select.clone(),
            peer,
            self.is_proxy(peer),
            Arc::clone(&self.shared.room),
        )
    }

    /// Decides about a login: what it has to bring. Whether there is room for one more session is
    /// looked at here, before a password is asked for, and counts when it is in.
    ///
    /// It may have to ask the store whether the user is a member of a role, and for the method
    /// `peer` it asks the system's database of users, which blocks.
    pub async fn decide(&self, question: &Question, peer: &Peer) -> Answer {
        if self.shared.room.is_full() {
            return Answer::Refuse(full());
        }
        let knock = Knock {
            startup: question.startup(),
            from: match peer {
                Peer::Tcp(address) => From::Address(address.ip()),
                Peer::Unix(_) => From::Local,
                Peer::Unknown => From::Nowhere,
            },
            encrypted: question.tls().is_some(),
        };
        let store = self.shared.secrets.as_deref();
        let decided = self.access().decide(knock, store).await;
        let requirement = decided.unwrap_or_else(|| Requirement::new(self.shared.auth_method));
        if requirement.wants_certificate() && question.tls().is_some() && !self.has_root_store() {
            let words =
                "client certificates can only be checked if a root certificate store is available";
            let words = ErrorResponse::fatal(SqlState::CONFIG_FILE_ERROR, words);
            return Answer::Require(requirement.but_refuse(words));
        }
        Answer::Require(match (requirement.method, peer) {
            (AuthMethod::Peer, Peer::Unix(Some(who))) => match who.system_name() {
                Some(name) => requirement.system_name(name),
                None => requirement,
            },
            _ => requirement,
        })
    }

    /// Whether there are CAs that client certificates are checked against.
    fn has_root_store(&self) -> bool {
        self.shared.config.as_ref().is_none_or(|config| {
            let hosts = config.hosts.iter().map(|(_, certificate)| certificate);
            let mut all = hosts.chain([&config.certificate]);
            all.any(|certificate| certificate.ca.is_some())
        })
    }

    /// Looks up the secret that a login needs. An error of the store, or a panic in it, is an
    /// answer too; that it takes too long is for the owner to notice, who then drops the future.
    pub async fn look_up(&self, lookup: &Lookup) -> Found {
        let challenge = match self.challenge() {
            Ok(challenge) => challenge,
            Err(error) => {
                return Found::Unavailable(format!("could not generate random nonce: {error}"));
            }
        };
        let (Some(store), Ok(user)) = (&self.shared.secrets, core::str::from_utf8(lookup.user()))
        else {
            return Found::Nothing(WrongPassword::NoSecret, challenge);
        };
        match guarded(async { store.secret(user).await }).await {
            Ok(Some(secret)) if secret.has_expired(since_epoch()) => {
                Found::Nothing(WrongPassword::Expired, challenge)
            }
            Ok(Some(secret)) => Found::Secret(secret, challenge),
            Ok(None) => Found::Nothing(WrongPassword::NoSecret, challenge),
            Err(error) => {
                tracing::error!(
                    target: "pgtls::auth",
                    user,
                    %error,
                    "the secret store failed; the login is refused"
                );
                Found::Unavailable(error.to_string())
            }
        }
    }

    fn challenge(&self) -> Result<Challenge, getrandom::Error> {
        let mut random = [0; Challenge::RANDOM];
        getrandom::fill(&mut random)?;
        if let Some(mock) = self.shared.mock.get() {
            return Ok(Challenge::new(random, mock));
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        let mock = self.shared.mock.get_or_init(|| MockSecrets::new(key));
        Ok(Challenge::new(random, mock))
    }

    /// How long this login has to wait before it is decided about, because its peer has failed
    /// again and again: nothing for almost everybody. Adapters ask before [`FrontDoor::decide`],
    /// and sleep as told. It ends before the login timeout does.
    pub fn delay(&self, handshake: &mut Handshake, now: Instant) -> Duration {
        let Peer::Tcp(peer) = handshake.peer() else {
            return Duration::ZERO;
        };
        let delay = self.shared.failures.delay(peer.ip(), now);
        let delay = delay.min(self.shared.login_timeout / 2);
        handshake.waits(delay);
        delay
    }

    /// Says of a client that it got in: in the log, and to whoever listens. Adapters call it once
    /// per connection, with the time since accept.
    pub fn note_admitted(&self, handshake: &Handshake, session: &Session, took: Duration) {
        if let Peer::Tcp(peer) = session.peer() {
            self.shared.failures.succeeded(peer.ip());
        }
        let waited = handshake.waited();
        let event = LoginEvent::admitted(session.peer(), session.login(), took, waited);
        self.shared.audit.note(&event);
    }

    /// Says of a connection that it ended at the door, likewise. Clients that knock and leave are
    /// a matter for `debug`.
    pub fn note_refused(&self, handshake: &Handshake, close: &Close, took: Duration, now: Instant) {
        if let Peer::Tcp(peer) = handshake.peer()
            && close.reason().is_failed_proof()
        {
            self.shared.failures.failed(peer.ip(), now);
        }
        let event = LoginEvent::refused(handshake.peer(), handshake.record(), close, took);
        self.shared.audit.note(&event);
    }

    /// How many sessions there are now.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.shared.room.sessions.load(Ordering::Relaxed)
    }
}

/// A session's place among [`FrontDoor::max_sessions`], given back when dropped.
#[derive(Debug)]
pub(crate) struct SessionPermit {
    room: Arc<Room>,
}

impl Drop for SessionPermit {
    fn drop(&mut self) {
        self.room.sessions.fetch_sub(1, Ordering::Relaxed);
        meters::session(false);
    }
}

/// The time of day, for secrets that end.
fn since_epoch() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "secrets end at a time of day")]
    let now = SystemTime::now();
    now.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

/// Turns a panic in a store into an error.
pub(crate) async fn guarded<T>(
    future: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)))
            .unwrap_or_else(|_| Poll::Ready(Err(StoreError::new("it panicked"))))
    })
    .await
}
