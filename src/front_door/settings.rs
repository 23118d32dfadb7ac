//! What can be said of a door.

use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use ipnet::IpNet;

use crate::access::failures::Failures;
use crate::access::ident::IdentMaps;
use crate::access::rules::AccessRules;
#[cfg(feature = "server")]
use crate::audit::Audit;
use crate::audit::LoginEvent;
use crate::auth::store::AnyStore;
use crate::auth::{AuthMethod, MockSecrets, SecretStore};
use crate::front_door::FrontDoor;
use crate::front_door::room::Room;
use crate::half_open::HalfOpenLimits;

impl FrontDoor {
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
}
