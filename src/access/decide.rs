//! From a login that waits for a decision to what it has to bring.

use std::net::IpAddr;
use std::sync::Arc;

use super::error::AccessError;
use super::hba::Entry;
use super::ident::IdentMaps;
use super::names::NeedRole;
use super::rules::{AccessRules, Facts, Found};
use crate::auth::store::AnyStore;
use crate::auth::{AuthMethod, Requirement, UserMap};
use crate::config::CertificateName;
use crate::error_response::{ErrorResponse, SqlState};
use crate::front_door::guarded;
use crate::login::{Replication, Startup};

/// Where a connection comes from, as rules see it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum From {
    Local,
    Address(IpAddr),
    Nowhere,
}

/// The rules and maps in force. Each is exchanged as a whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    pub(crate) rules: Option<Arc<AccessRules>>,
    pub(crate) maps: Arc<IdentMaps>,
}

/// One login at the door.
#[derive(Clone, Copy)]
pub(crate) struct Knock<'a> {
    pub(crate) startup: &'a Startup,
    pub(crate) from: From,
    pub(crate) encrypted: bool,
}

impl Access {
    /// What was read from files is read again: the rules, then the maps, each all or nothing. Says
    /// whether something changed, or the first error.
    pub(crate) fn reload(&self) -> (Self, Result<bool, AccessError>) {
        let mut new = self.clone();
        let mut result = Ok(false);
        let files = self.rules.as_ref().map(|rules| rules.files());
        if let Some(files) = files
            && let Some(path) = &files.source
        {
            match AccessRules::load(path) {
                Ok(rules) => {
                    if rules.files().fingerprint != files.fingerprint {
                        result = Ok(true);
                    }
                    new.rules = Some(Arc::new(rules));
                }
                Err(error) => {
                    tracing::warn!(target: "pgtls::access", %error, "pg_hba.conf was not reloaded");
                    result = Err(error);
                }
            }
        }
        if let Some(path) = &self.maps.files().source {
            match IdentMaps::load(path) {
                Ok(maps) => {
                    if maps.files().fingerprint != self.maps.files().fingerprint {
                        result = result.map(|_| true);
                    }
                    new.maps = Arc::new(maps);
                }
                Err(error) => {
                    tracing::warn!(target: "pgtls::access", %error, "pg_ident.conf was not reloaded");
                    result = result.and(Err(error));
                }
            }
        }
        (new, result)
    }

    /// All files that a reload reads.
    #[cfg(feature = "watch")]
    pub(crate) fn paths(&self) -> Vec<std::path::PathBuf> {
        let rules = self.rules.iter().flat_map(|rules| rules.paths());
        rules.chain(self.maps.paths()).cloned().collect()
    }

    /// What the first rule that fits demands. `None` without rules.
    pub(crate) async fn decide(
        &self,
        knock: Knock<'_>,
        store: Option<&dyn AnyStore>,
    ) -> Option<Requirement> {
        let rules = self.rules.as_ref()?;
        let (local, address) = match knock.from {
            From::Local => (true, None),
            From::Address(address) => (false, Some(address.to_canonical())),
            From::Nowhere => (false, None),
        };
        let facts = Facts {
            local,
            address,
            encrypted: knock.encrypted,
            user: knock.startup.user(),
            database: knock.startup.database(),
            physical_replication: knock.startup.replication() == Some(Replication::Physical),
        };
        let mut roles = Memberships::new(facts.user, store);
        let entry = loop {
            match rules.find(&facts, &|role| roles.known(role)) {
                Ok(Found::Entry(entry)) => break entry,
                Ok(Found::NoEntry) => return Some(Requirement::refuse(knock.refusal(None))),
                Err(NeedRole(role)) => {
                    let role = role.to_vec();
                    if roles.learn(role).await.is_err() {
                        return Some(Requirement::refuse(knock.refusal(None)));
                    }
                }
            }
        };
        tracing::debug!(
            target: "pgtls::access",
            rule = %entry.place,
            text = ?entry.text,
            "connection matched"
        );
        let rule = Arc::clone(&entry.name);
        if entry.method == AuthMethod::Reject {
            return Some(Requirement::refuse(knock.refusal(Some(entry))).rule(rule));
        }
        let mut requirement = Requirement::new(entry.method)
            .client_certificate(entry.certificate)
            .rule(rule);
        if entry.distinguished_name {
            requirement = requirement.client_name(CertificateName::DistinguishedName);
        }
        if let Some(map) = &entry.map {
            for role in self.maps.roles(map) {
                if roles.known(role).is_none() && roles.learn(role.to_vec()).await.is_err() {
                    return Some(Requirement::refuse(knock.refusal(None)));
                }
            }
            requirement = requirement.map(Arc::new(MapOfLogin {
                maps: Arc::clone(&self.maps),
                map: map.clone(),
                roles: roles.known,
            }));
        }
        Some(requirement)
    }
}

impl Knock<'_> {
    /// The words of `auth.c:ClientAuthentication` for a rule that rejects, or for no rule.
    fn refusal(&self, rejecting: Option<&Entry>) -> ErrorResponse {
        let lossy = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let host = match self.from {
            From::Local => "[local]".to_owned(),
            From::Address(address) => address.to_canonical().to_string(),
            From::Nowhere => "[unknown]".to_owned(),
        };
        let user = lossy(self.startup.user());
        let encryption = if self.encrypted {
            "SSL encryption"
        } else {
            "no encryption"
        };
        let physical = self.startup.replication() == Some(Replication::Physical);
        let what = match (rejecting.is_some(), physical) {
            (true, true) => "pg_hba.conf rejects replication connection for",
            (true, false) => "pg_hba.conf rejects connection for",
            (false, true) => "no pg_hba.conf entry for replication connection from",
            (false, false) => "no pg_hba.conf entry for",
        };
        let database = if physical {
            String::new()
        } else {
            format!("database \"{}\", ", lossy(self.startup.database()))
        };
        ErrorResponse::fatal(
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            format!("{what} host \"{host}\", user \"{user}\", {database}{encryption}"),
        )
    }
}

/// What is known of the roles of one user.
struct Memberships<'a> {
    user: &'a [u8],
    store: Option<&'a dyn AnyStore>,
    known: Vec<(Vec<u8>, bool)>,
}

impl<'a> Memberships<'a> {
    fn new(user: &'a [u8], store: Option<&'a dyn AnyStore>) -> Self {
        Self {
            user,
            store,
            known: Vec::new(),
        }
    }

    fn known(&self, role: &[u8]) -> Option<bool> {
        let known = self.known.iter().find(|(known, _)| known == role);
        known.map(|(_, member)| *member)
    }

    /// Asks the store. Its failure is not an answer.
    async fn learn(&mut self, role: Vec<u8>) -> Result<(), ()> {
        let names = std::str::from_utf8(self.user)
            .ok()
            .zip(std::str::from_utf8(&role).ok());
        let member = match (self.store, names) {
            // Without a store, and for names that no store knows, only the role itself is in it.
            (None, _) | (_, None) => role == self.user,
            (Some(store), Some((user, role))) => {
                guarded(store.is_member(user, role)).await.map_err(|error| {
                    tracing::error!(target: "pgtls::access", user, role, %error, "roles cannot be looked up; the login is refused");
                })?
            }
        };
        self.known.push((role, member));
        Ok(())
    }
}

/// A map, with what is known of the user whom it is to lead to.
#[derive(Debug)]
struct MapOfLogin {
    maps: Arc<IdentMaps>,
    map: String,
    roles: Vec<(Vec<u8>, bool)>,
}

impl UserMap for MapOfLogin {
    fn allows(&self, system_name: &[u8], user: &[u8]) -> bool {
        let is_member = |role: &[u8]| self.roles.iter().any(|(r, member)| r == role && *member);
        match self.maps.check(&self.map, system_name, user, &is_member) {
            Ok(_) => true,
            Err(why) => {
                tracing::info!(target: "pgtls::access", reason = ?why.to_string(), "not mapped");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Secret, SecretStore, StoreError};
    use crate::login::ProtocolVersion;

    /// ann is in staff; asking for the role `broken` fails.
    struct Store;

    impl SecretStore for Store {
        async fn secret(&self, _user: &str) -> Result<Option<Secret>, StoreError> {
            Ok(None)
        }

        async fn is_member(&self, user: &str, role: &str) -> Result<bool, StoreError> {
            match role {
                "broken" => Err(StoreError::new("the store is down")),
                "panics" => panic!("the store has a bug"),
                _ => Ok(user == role || user == "ann" && role == "staff"),
            }
        }
    }

    fn access(rules: &str, maps: &str) -> Access {
        Access {
            rules: Some(Arc::new(AccessRules::parse(rules).unwrap())),
            maps: Arc::new(IdentMaps::parse(maps).unwrap()),
        }
    }

    fn decide(access: &Access, user: &[u8], from: From, tls: bool, replication: bool) -> String {
        let startup = Startup {
            asked: ProtocolVersion::V3_0,
            user: user.to_vec(),
            database: if replication {
                Vec::new()
            } else {
                b"db".to_vec()
            },
            options: None,
            replication: replication.then_some(Replication::Physical),
            settings: Vec::new(),
        };
        let knock = Knock {
            startup: &startup,
            from,
            encrypted: tls,
        };
        let requirement = pollster::block_on(access.decide(knock, Some(&Store))).unwrap();
        match &requirement.refusal {
            None => format!(
                "{} by {}",
                requirement.method().as_str(),
                requirement.rule_name().unwrap()
            ),
            Some(error) => error.to_string(),
        }
    }

    const HERE: From = From::Address(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 7)));

    #[test]
    fn refusals_have_the_words_of_postgresql() {
        let none = access("hostssl x x all trust", "");
        let reject = access(
            "local all all reject\nhost replication all all reject\nhost all all all reject",
            "",
        );
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        let mapped: IpAddr = "::ffff:10.0.0.7".parse().unwrap();
        for (from, tls, replication, words, end) in [
            (
                HERE,
                false,
                false,
                "host \"10.0.0.7\", user \"ann\"",
                ", database \"db\", no encryption",
            ),
            (
                HERE,
                true,
                false,
                "host \"10.0.0.7\", user \"ann\"",
                ", database \"db\", SSL encryption",
            ),
            (
                HERE,
                true,
                true,
                "host \"10.0.0.7\", user \"ann\"",
                ", SSL encryption",
            ),
            (
                From::Local,
                false,
                false,
                "host \"[local]\", user \"ann\"",
                ", database \"db\", no encryption",
            ),
            (
                From::Address(v6),
                false,
                false,
                "host \"2001:db8::1\", user \"ann\"",
                ", database \"db\", no encryption",
            ),
            (
                From::Address(mapped),
                false,
                false,
                "host \"10.0.0.7\", user \"ann\"",
                ", database \"db\", no encryption",
            ),
        ] {
            let (no_entry, rejects) = if replication {
                (
                    "no pg_hba.conf entry for replication connection from",
                    "pg_hba.conf rejects replication connection for",
                )
            } else {
                (
                    "no pg_hba.conf entry for",
                    "pg_hba.conf rejects connection for",
                )
            };
            assert_eq!(
                decide(&none, b"ann", from, tls, replication),
                format!("FATAL: {no_entry} {words}{end} (28000)")
            );
            assert_eq!(
                decide(&reject, b"ann", from, tls, replication),
                format!("FATAL: {rejects} {words}{end} (28000)")
            );
        }
    }

    #[test]
    fn the_store_says_who_is_in_a_role() {
        let access = access(
            "host all +staff all trust\nhost all carl,+broken all trust\nhost all all all trust",
            "",
        );
        let worse = self::access("host all +panics all trust\nhost all all all trust", "");
        let refused = decide(&worse, b"bob", HERE, false, false);
        assert!(refused.starts_with("FATAL: no pg_hba.conf entry"));
        let on = |user: &[u8]| decide(&access, user, HERE, false, false);
        assert_eq!(on(b"ann"), "trust by <text>:1");
        assert_eq!(on(b"staff"), "trust by <text>:1");
        assert_eq!(on(b"carl"), "trust by <text>:2");
        // A store that fails is not an answer: no later rule is looked at.
        assert!(on(b"bob").starts_with("FATAL: no pg_hba.conf entry"));
        // A name that is not text is in no role.
        assert_eq!(on(b"\xff"), "trust by <text>:3");
    }

    #[test]
    fn files_are_read_anew_each_for_itself() {
        let dir = tempfile::tempdir().unwrap();
        let (hba, ident) = (dir.path().join("hba"), dir.path().join("ident"));
        std::fs::write(&hba, "host all all all trust").unwrap();
        std::fs::write(&ident, "m a b").unwrap();
        let first = Access {
            rules: Some(Arc::new(AccessRules::load(&hba).unwrap())),
            maps: Arc::new(IdentMaps::load(&ident).unwrap()),
        };
        let (same, result) = first.reload();
        assert!(!result.unwrap());
        std::fs::write(&hba, "host all all all reject").unwrap();
        std::fs::write(&ident, "m a").unwrap();
        let (second, result) = same.reload();
        let error = result.unwrap_err().to_string();
        assert!(error.contains("ident:1: missing entry"), "{error}");
        assert!(decide(&second, b"ann", HERE, false, false).contains("rejects"));
        assert_eq!(second.maps.len(), 1);
        std::fs::write(&hba, "host all all all tust").unwrap();
        std::fs::write(&ident, "m a b\nm c d").unwrap();
        let (third, result) = second.reload();
        let error = result.unwrap_err().to_string();
        assert!(
            error.contains("hba:1: invalid authentication method"),
            "{error}"
        );
        assert!(decide(&third, b"ann", HERE, false, false).contains("rejects"));
        assert_eq!(third.maps.len(), 2);
    }
}
