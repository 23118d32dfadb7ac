//! `PgServerBuilder`: from settings to a server that is ready to serve.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use zeroize::Zeroizing;

use crate::access::failures::DEFAULT_MAX_DELAY;
use crate::access::ident::IdentMaps;
use crate::access::rules::AccessRules;
use crate::audit::{Audit, LoginEvent};
use crate::auth::store::AnyStore;
use crate::auth::{AuthMethod, MemoryStore, Secret, SecretError, SecretStore};
use crate::config::{ConfigError, SslConfig};
use crate::front_door::FrontDoor;
use crate::half_open::{
    DEFAULT_MAX_HALF_OPEN, DEFAULT_MAX_HALF_OPEN_BYTES, DEFAULT_MAX_HALF_OPEN_PER_ADDRESS,
    MAX_LOGIN_BYTES,
};
use crate::policy::DEFAULT_LOGIN_TIMEOUT;
use crate::server::cancel::Sessions;
use crate::server::database::Database;
use crate::server::pg_server::{PgServer, TcpSettings};

/// Default of [`PgServerBuilder::max_connections`], that of PostgreSQL's `max_connections`.
pub const DEFAULT_MAX_CONNECTIONS: usize = 100;
/// How long statements in flight may go on when the server is told to stop.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(10);

/// Collects what a server needs.
///
/// ```
/// # #[cfg(feature = "sqlite")] {
/// use std::sync::Arc;
/// use pgtls::{AuthMethod, EmbeddedDatabase, PgServerBuilder};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = PgServerBuilder::new()
///     .address("127.0.0.1:5432".parse()?)
///     .auth_method(AuthMethod::Trust)
///     .max_connections(100)
///     .build(Arc::new(EmbeddedDatabase::new_in_memory()?))?;
/// assert_eq!(server.address().port(), 5432);
/// # Ok(()) }
/// # main().unwrap();
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct PgServerBuilder {
    places: Places,
    auth_method: AuthMethod,
    access_rules: Option<AccessRules>,
    ident_maps: IdentMaps,
    audit: Audit,
    max_failure_delay: Duration,
    secrets: Option<Arc<dyn AnyStore>>,
    users: Vec<(String, Zeroizing<String>)>,
    ssl: Ssl,
    max_connections: usize,
    login_timeout: Duration,
    max_half_open: usize,
    max_half_open_per_address: usize,
    max_half_open_bytes: usize,
    proxies: Vec<IpNet>,
    idle_session_timeout: Duration,
    idle_in_transaction_timeout: Duration,
    tcp: TcpSettings,
    grace: Duration,
}

/// Where to listen.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) address: SocketAddr,
    /// `address` and what was added to it, or nothing.
    pub(super) tcp: Vec<SocketAddr>,
    pub(super) unix: Vec<PathBuf>,
    pub(super) unix_permissions: u32,
}

#[derive(Clone, Debug)]
enum Ssl {
    Config(Box<SslConfig>),
    Off,
    #[cfg(all(feature = "certificates", any(feature = "aws-lc-rs", feature = "ring")))]
    Test,
}

/// Why a server could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The TLS configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A user's password cannot be used.
    #[error("user {user:?}: {source}")]
    User {
        /// The user.
        user: String,
        /// What is wrong.
        source: SecretError,
    },
    /// A setting is out of range.
    #[error("{0}")]
    Setting(&'static str),
    /// The test certificates could not be made.
    #[cfg(all(feature = "certificates", any(feature = "aws-lc-rs", feature = "ring")))]
    #[error(transparent)]
    TestCertificates(#[from] crate::certificates::CertificateError),
}

impl Default for PgServerBuilder {
    fn default() -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 5432));
        Self {
            places: Places {
                address,
                tcp: vec![address],
                unix: Vec::new(),
                unix_permissions: 0o777,
            },
            auth_method: AuthMethod::default(),
            access_rules: None,
            ident_maps: IdentMaps::default(),
            audit: Audit::default(),
            max_failure_delay: DEFAULT_MAX_DELAY,
            secrets: None,
            users: Vec::new(),
            ssl: Ssl::Off,
            max_connections: DEFAULT_MAX_CONNECTIONS,
            login_timeout: DEFAULT_LOGIN_TIMEOUT,
            max_half_open: DEFAULT_MAX_HALF_OPEN,
            max_half_open_per_address: DEFAULT_MAX_HALF_OPEN_PER_ADDRESS,
            max_half_open_bytes: DEFAULT_MAX_HALF_OPEN_BYTES,
            proxies: Vec::new(),
            idle_session_timeout: Duration::ZERO,
            idle_in_transaction_timeout: Duration::ZERO,
            tcp: TcpSettings::default(),
            grace: DEFAULT_GRACE,
        }
    }
}

impl PgServerBuilder {
    /// A plain server for everybody on 127.0.0.1:5432, 100 connections at most.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where to listen; port 0 lets the system choose. Replaces the addresses before it.
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.places.address = address;
        self.places.tcp = vec![address];
        self
    }

    /// Where to listen too, for example at an IPv6 address beside an IPv4 one.
    pub fn another_address(mut self, address: SocketAddr) -> Self {
        self.places.tcp.push(address);
        self
    }

    /// Listens at no TCP address, only at Unix sockets. Their names keep the port of
    /// [`PgServerBuilder::address`].
    pub fn without_tcp(mut self) -> Self {
        self.places.tcp.clear();
        self
    }

    /// Listens at the Unix socket `.s.PGSQL.<port>` in this directory too, as PostgreSQL's
    /// `unix_socket_directories` has it. There may be several. Clients come in without TLS and
    /// are exempt from requiring it.
    pub fn unix_socket(mut self, directory: impl Into<PathBuf>) -> Self {
        self.places.unix.push(directory.into());
        self
    }

    /// The permissions of Unix sockets, 0o777 unless said: who may write may connect. PostgreSQL's
    /// `unix_socket_permissions`.
    pub fn unix_socket_permissions(mut self, mode: u32) -> Self {
        self.places.unix_permissions = mode;
        self
    }

    /// How clients prove who they are.
    pub fn auth_method(mut self, method: AuthMethod) -> Self {
        self.auth_method = method;
        self
    }

    /// Who may come in, from where, to what, and by which method. With rules
    /// [`PgServerBuilder::auth_method`] does not count.
    pub fn access_rules(mut self, rules: AccessRules) -> Self {
        self.access_rules = Some(rules);
        self
    }

    /// Has this called with each login, whether it got in or not; see [`FrontDoor::on_login`].
    pub fn on_login(mut self, listener: impl Fn(&LoginEvent<'_>) + Send + Sync + 'static) -> Self {
        self.audit.add(Arc::new(listener));
        self
    }

    /// The longest wait of a peer that fails to log in again and again, 5 s unless said; see
    /// [`FrontDoor::max_failure_delay`].
    pub fn max_failure_delay(mut self, delay: Duration) -> Self {
        self.max_failure_delay = delay;
        self
    }

    /// The identity maps that rules name by the option `map`.
    pub fn ident_maps(mut self, maps: IdentMaps) -> Self {
        self.ident_maps = maps;
        self
    }

    /// A user and its password, kept as a SCRAM secret in memory; may be repeated. For more than
    /// a few users, or to change them later, bring a [`PgServerBuilder::secret_store`].
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.users
            .push((name.into(), Zeroizing::new(password.into())));
        self
    }

    /// Where the users' secrets are, for the methods with passwords.
    pub fn secret_store(mut self, store: impl SecretStore) -> Self {
        self.secrets = Some(Arc::new(store));
        self
    }

    /// TLS by this configuration. Without one the server is plain and answers SSLRequest with `N`.
    pub fn ssl_config(mut self, config: SslConfig) -> Self {
        self.ssl = Ssl::Config(Box::new(config));
        self
    }

    /// TLS in mode Prefer with certificates made for the purpose, in the directory `certs`. For
    /// trying things out: nobody has a reason to trust them.
    #[cfg(all(feature = "certificates", any(feature = "aws-lc-rs", feature = "ring")))]
    pub fn ssl_test(mut self) -> Self {
        self.ssl = Ssl::Test;
        self
    }

    /// How many sessions there may be at once, at least 1; one more is told 53300.
    pub fn max_connections(mut self, max: usize) -> Self {
        self.max_connections = max;
        self
    }

    /// The time from accept to ReadyForQuery, 60 s unless said.
    pub fn login_timeout(mut self, timeout: Duration) -> Self {
        self.login_timeout = timeout;
        self
    }

    /// How many connections there may be that are not logged in, at least 1; see
    /// [`FrontDoor::max_half_open`].
    pub fn max_half_open(mut self, max: usize) -> Self {
        self.max_half_open = max;
        self
    }

    /// How many of them there may be from one address, at least 1; see
    /// [`FrontDoor::max_half_open_per_address`].
    pub fn max_half_open_per_address(mut self, max: usize) -> Self {
        self.max_half_open_per_address = max;
        self
    }

    /// How many bytes they may have sent, all together, at least
    /// [`MAX_LOGIN_BYTES`](crate::MAX_LOGIN_BYTES); see [`FrontDoor::max_half_open_bytes`].
    pub fn max_half_open_bytes(mut self, max: usize) -> Self {
        self.max_half_open_bytes = max;
        self
    }

    /// The networks of proxies that speak the PROXY protocol; see [`FrontDoor::proxies`].
    pub fn proxies(mut self, trusted: impl IntoIterator<Item = IpNet>) -> Self {
        self.proxies = trusted.into_iter().collect();
        self
    }

    /// A session that waits for its client for longer, outside a transaction, ends with 57P05
    /// (PostgreSQL: `idle_session_timeout`). To the millisecond; zero, the default, is never. A
    /// session may set its own.
    pub fn idle_session_timeout(mut self, timeout: Duration) -> Self {
        self.idle_session_timeout = timeout;
        self
    }

    /// A session that waits for its client for longer within a transaction ends with 25P03
    /// (PostgreSQL: `idle_in_transaction_session_timeout`), and the transaction is rolled back. To
    /// the millisecond; zero, the default, is never. A session may set its own.
    pub fn idle_in_transaction_session_timeout(mut self, timeout: Duration) -> Self {
        self.idle_in_transaction_timeout = timeout;
        self
    }

    /// Sends the first keepalive when nothing came from a client for so long, in whole seconds;
    /// as the system has it unless said (PostgreSQL: `tcp_keepalives_idle`). Keepalives are
    /// always on.
    pub fn tcp_keepalives_idle(mut self, time: Duration) -> Self {
        self.tcp.keepalives_idle = Some(time);
        self
    }

    /// The time between keepalives that are not answered, in whole seconds; as the system has it
    /// unless said (PostgreSQL: `tcp_keepalives_interval`).
    pub fn tcp_keepalives_interval(mut self, time: Duration) -> Self {
        self.tcp.keepalives_interval = Some(time);
        self
    }

    /// How many keepalives may be lost before the connection counts as dead; as the system has it
    /// unless said (PostgreSQL: `tcp_keepalives_count`).
    pub fn tcp_keepalives_count(mut self, count: u32) -> Self {
        self.tcp.keepalives_count = Some(count);
        self
    }

    /// How long what was sent may stay unacknowledged before the connection counts as dead; as
    /// the system has it unless said (PostgreSQL: `tcp_user_timeout`). Only Linux has such a
    /// setting.
    pub fn tcp_user_timeout(mut self, time: Duration) -> Self {
        self.tcp.user_timeout = Some(time);
        self
    }

    /// How long statements in flight may go on when the server is told to stop, 10 s unless said.
    pub fn shutdown_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Checks everything and makes the server. It listens when it is told to serve.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration, each with its remedy.
    pub fn build<D: Database>(self, database: Arc<D>) -> Result<PgServer<D>, BuildError> {
        if self.max_connections == 0 {
            return Err(BuildError::Setting("max_connections must be at least 1"));
        }
        if self.max_half_open == 0 || self.max_half_open_per_address == 0 {
            return Err(BuildError::Setting(
                "max_half_open and max_half_open_per_address must be at least 1, or nobody can log in",
            ));
        }
        if self.max_half_open_bytes < MAX_LOGIN_BYTES {
            return Err(BuildError::Setting(
                "max_half_open_bytes must be at least MAX_LOGIN_BYTES, what one login may take",
            ));
        }
        let idle_session = in_milliseconds(self.idle_session_timeout)?;
        let idle_in_transaction = in_milliseconds(self.idle_in_transaction_timeout)?;
        if self.login_timeout.is_zero() {
            return Err(BuildError::Setting(
                "the login timeout must be longer than 0",
            ));
        }
        let secrets = match (self.secrets, self.users.is_empty()) {
            (secrets, true) => secrets,
            (None, false) => Some(in_memory(self.users)?),
            (Some(_), false) => {
                return Err(BuildError::Setting(
                    "users have to be in the secret store; give either a store or users",
                ));
            }
        };
        let door = match self.ssl {
            Ssl::Off => FrontDoor::plain(),
            Ssl::Config(config) => FrontDoor::new(*config)?,
            #[cfg(all(feature = "certificates", any(feature = "aws-lc-rs", feature = "ring")))]
            Ssl::Test => {
                let certs = crate::certificates::CertificateManager::setup_test_certs()?;
                FrontDoor::new(certs.ssl_config(crate::config::SslMode::Prefer))?
            }
        };
        let door = match self.access_rules {
            Some(rules) => door.access_rules(rules),
            None => door,
        };
        let door = match secrets {
            Some(secrets) => door.any_secrets(secrets),
            None => door,
        };
        Ok(PgServer {
            places: self.places,
            door: door
                .ident_maps(self.ident_maps)
                .audit(self.audit)
                .max_failure_delay(self.max_failure_delay)
                .auth_method(self.auth_method)
                .login_timeout(self.login_timeout)
                .max_sessions(self.max_connections)
                .max_half_open(self.max_half_open)
                .max_half_open_per_address(self.max_half_open_per_address)
                .max_half_open_bytes(self.max_half_open_bytes)
                .proxies(self.proxies),
            database,
            sessions: Arc::new(Sessions::default()),
            hub: Arc::default(),
            session_settings: vec![
                ("idle_session_timeout", idle_session),
                ("idle_in_transaction_session_timeout", idle_in_transaction),
            ],
            tcp: self.tcp,
            grace: self.grace,
        })
    }
}

fn in_memory(users: Vec<(String, Zeroizing<String>)>) -> Result<Arc<dyn AnyStore>, BuildError> {
    let store = MemoryStore::new();
    for (user, password) in users {
        match Secret::scram_sha_256(password.as_bytes()) {
            Ok(secret) => store.set(user, secret),
            Err(source) => return Err(BuildError::User { user, source }),
        }
    }
    Ok(Arc::new(store))
}

/// As a setting of PostgreSQL's, which has 31 bits for it. Not rounded to never.
fn in_milliseconds(time: Duration) -> Result<String, BuildError> {
    let ms = time.as_nanos().div_ceil(1_000_000);
    if ms > 2_147_483_647 {
        return Err(BuildError::Setting(
            "the timeouts of idle sessions must be shorter than 25 days; zero is never",
        ));
    }
    Ok(ms.to_string())
}
