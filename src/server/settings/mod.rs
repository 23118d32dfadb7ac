//! The settings of a session: what there is, what values are taken, and what becomes of them at
//! the end of a transaction (PostgreSQL docs, "Setting Parameters" and "SET").

mod known;
pub(crate) mod startup;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::error_response::{ErrorResponse, SqlState};
use crate::server::format::datetime;
use crate::server::savepoints::Savepoints;
#[cfg(feature = "sqlite")]
pub(crate) use known::SERVER_VERSION;
use known::{Check, KNOWN, Known};

type Name = Cow<'static, str>;
type Values = BTreeMap<Name, String>;

/// Settings with a dot in their name are anybody's; so many a session may make up.
const MAX_CUSTOM: usize = 1_000;
/// The longest value taken.
const MAX_VALUE: usize = 64 * 1024;

/// How long a value that is set holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "SQL has two")]
pub enum Scope {
    /// SET: until the end of the session, or back at a rollback.
    Session,
    /// SET LOCAL: until the end of the transaction.
    Transaction,
}

/// The values of one session that differ from the defaults.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    /// What RESET goes back to: as the client gave at login.
    login: Values,
    now: Values,
    /// As they were when the transaction began; made with the first change.
    before: Option<Values>,
    /// What local ones go back to at the end of the transaction.
    local: BTreeMap<Name, Option<String>>,
    /// `now` and `local`.
    savepoints: Savepoints<(Values, BTreeMap<Name, Option<String>>)>,
    zone: Option<TimeZone>,
}

/// A setting as SHOW ALL has it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Setting {
    /// The name, in the spelling of PostgreSQL.
    pub name: String,
    /// The value in force.
    pub value: String,
    /// What it is for.
    pub description: &'static str,
}

fn find(name: &str) -> Option<&'static Known> {
    KNOWN
        .iter()
        .find(|known| known.name.eq_ignore_ascii_case(name))
}

fn unrecognized(name: &str) -> ErrorResponse {
    ErrorResponse::error(
        SqlState::UNDEFINED_OBJECT,
        format!("unrecognized configuration parameter \"{name}\""),
    )
}

/// `class.name`, as PostgreSQL has custom settings.
fn is_custom(name: &str) -> bool {
    let mut parts = 0;
    let good = name.split('.').all(|part| {
        parts += 1;
        let mut chars = part.chars();
        chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
            && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '$')
    });
    good && parts > 1 && name.len() < 128
}

impl Registry {
    /// Takes a value as the one to begin with.
    pub(super) fn begin_with(&mut self, name: &str, value: &str) -> Result<(), ErrorResponse> {
        let (name, value) = self.checked(name, value)?;
        self.login.insert(name.clone(), value.clone());
        self.put(name, Some(value));
        Ok(())
    }

    /// What the server itself knows of the session.
    pub(super) fn begin_fixed(&mut self, name: &'static str, value: String) {
        self.login.insert(name.into(), value.clone());
        self.now.insert(name.into(), value);
    }

    pub(super) fn get(&self, name: &str) -> Result<String, ErrorResponse> {
        match find(name) {
            Some(known) => Ok(self.value_of(known)),
            None => self
                .now
                .get(name.to_lowercase().as_str())
                .cloned()
                .ok_or_else(|| unrecognized(name)),
        }
    }

    fn value_of(&self, known: &Known) -> String {
        let own = self.now.get(known.name);
        // What a transaction is like follows what transactions are like by default.
        let own = own.or_else(|| self.now.get(*known.follows?));
        own.map_or(known.default, String::as_str).to_owned()
    }

    /// A time; `None` if it is switched off, as 0 does.
    pub(super) fn time(&self, name: &str) -> Option<Duration> {
        let ms = known::milliseconds(&self.value_of(find(name)?))?;
        (ms > 0).then(|| Duration::from_millis(ms))
    }

    pub(super) fn all(&self) -> Vec<Setting> {
        let mut all: Vec<Setting> = KNOWN
            .iter()
            .map(|known| Setting {
                name: known.name.to_owned(),
                value: self.value_of(known),
                description: known.about,
            })
            .collect();
        let custom = self.now.iter().filter(|(name, _)| find(name).is_none());
        all.extend(custom.map(|(name, value)| Setting {
            name: name.clone().into_owned(),
            value: value.clone(),
            description: "",
        }));
        all
    }

    /// Those that clients are told of, in the order they are told.
    pub(super) fn reported(&self) -> impl Iterator<Item = (&'static str, String)> {
        KNOWN
            .iter()
            .filter(|known| known.reported)
            .map(|known| (known.name, self.value_of(known)))
    }

    pub(super) fn zone(&self) -> Option<TimeZone> {
        self.zone.clone()
    }

    /// Sets it, and gives the value as it is shown.
    pub(super) fn set(
        &mut self,
        name: &str,
        value: &str,
        scope: Scope,
    ) -> Result<String, ErrorResponse> {
        let (name, value) = self.checked(name, value)?;
        self.change(name, Some(value.clone()), scope);
        Ok(value)
    }

    /// Back to what it was at login.
    pub(super) fn reset(&mut self, name: &str, scope: Scope) -> Result<(), ErrorResponse> {
        let name: Name = match find(name) {
            Some(known) if known.check == Check::Fixed => {
                return Err(cannot_be_changed(known.name));
            }
            Some(known) => known.name.into(),
            None if is_custom(name) => name.to_lowercase().into(),
            None => return Err(unrecognized(name)),
        };
        let value = self.login.get(&name).cloned();
        self.change(name, value, scope);
        Ok(())
    }

    pub(super) fn reset_all(&mut self) {
        let names: Vec<Name> = self.now.keys().cloned().collect();
        for name in names {
            let value = self.login.get(&name).cloned();
            self.change(name, value, Scope::Session);
        }
    }

    fn change(&mut self, name: Name, value: Option<String>, scope: Scope) {
        self.before.get_or_insert_with(|| self.now.clone());
        let of_transaction = find(&name).is_some_and(|known| known.follows.is_some());
        if scope == Scope::Transaction || of_transaction {
            let old = self.now.get(&name).cloned();
            self.local.entry(name.clone()).or_insert(old);
        } else {
            self.local.remove(&name);
        }
        self.put(name, value);
    }

    fn put(&mut self, name: Name, value: Option<String>) {
        let zone = name == "TimeZone";
        match value {
            Some(value) => self.now.insert(name, value),
            None => self.now.remove(&name),
        };
        if zone {
            self.find_zone();
        }
    }

    fn find_zone(&mut self) {
        let name = self.now.get("TimeZone");
        self.zone = name
            .and_then(|name| datetime::zone(name))
            .filter(|zone| *zone != TimeZone::UTC);
    }

    /// The transaction is committed: local values end.
    pub(super) fn commit(&mut self) -> bool {
        let changed = self.before.take().is_some();
        for (name, old) in core::mem::take(&mut self.local) {
            self.put(name, old);
        }
        self.savepoints.clear();
        changed
    }

    /// The transaction is rolled back: all values are what they were.
    pub(super) fn rollback(&mut self) -> bool {
        self.local.clear();
        self.savepoints.clear();
        match self.before.take() {
            Some(before) => {
                self.now = before;
                self.find_zone();
                true
            }
            None => false,
        }
    }

    pub(super) fn savepoint(&mut self, name: &str) {
        let stands = (self.now.clone(), self.local.clone());
        self.savepoints.set(name, stands);
    }

    pub(super) fn release(&mut self, name: &str) {
        self.savepoints.release(name);
    }

    pub(super) fn rollback_to(&mut self, name: &str) {
        if let Some((now, local)) = self.savepoints.roll_back_to(name) {
            (self.now, self.local) = (now.clone(), local.clone());
            self.find_zone();
        }
    }

    /// The name as it is kept, and the value as it is shown.
    fn checked(&self, name: &str, value: &str) -> Result<(Name, String), ErrorResponse> {
        if value.len() > MAX_VALUE {
            return Err(ErrorResponse::error(
                SqlState::PROGRAM_LIMIT_EXCEEDED,
                format!("value for parameter \"{name}\" is too long"),
            ));
        }
        let Some(known) = find(name) else {
            if !is_custom(name) {
                return Err(unrecognized(name));
            }
            let lower = name.to_lowercase();
            let full = self.now.len() > MAX_CUSTOM && !self.now.contains_key(lower.as_str());
            return if full {
                Err(ErrorResponse::error(
                    SqlState::PROGRAM_LIMIT_EXCEEDED,
                    "too many custom settings",
                ))
            } else {
                Ok((lower.into(), value.to_owned()))
            };
        };
        let mine = || self.login.get(known.name).map(String::as_str);
        let value = known.check(value, mine())?;
        Ok((known.name.into(), value))
    }
}

fn cannot_be_changed(name: &str) -> ErrorResponse {
    ErrorResponse::error(
        SqlState::CANT_CHANGE_RUNTIME_PARAM,
        format!("parameter \"{name}\" cannot be changed"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use Scope::{Session, Transaction};

    fn shown(registry: &Registry, name: &str) -> String {
        registry.get(name).unwrap()
    }

    #[test]
    fn values_are_checked_and_shown_as_in_postgresql() {
        let cases = [
            ("datestyle", "iso", Ok("ISO, MDY")),
            ("datestyle", "dmy", Err("0A000")),
            ("transform_null_equals", "no", Ok("off")),
            ("transform_null_equals", "on", Err("0A000")),
            ("DateStyle", "German", Err("0A000")),
            ("DateStyle", "Roman", Err("22023")),
            ("timezone", "europe/berlin", Ok("Europe/Berlin")),
            ("TimeZone", "Nowhere/Land", Err("22023")),
            ("TimeZone", "-7", Ok("<-07>+07")),
            ("TimeZone", "GMT-03:00", Ok("GMT-03:00")),
            ("client_encoding", "utf-8", Ok("UTF8")),
            ("client_encoding", "LATIN1", Err("22023")),
            ("application_name", "a\u{fc}", Ok("a??")),
            ("standard_conforming_strings", "true", Ok("on")),
            ("standard_conforming_strings", "off", Err("0A000")),
            ("extra_float_digits", " 3", Ok("3")),
            ("extra_float_digits", "4", Err("22023")),
            ("extra_float_digits", "0", Err("22023")),
            ("statement_timeout", "5s", Ok("5s")),
            ("statement_timeout", "1500", Ok("1500ms")),
            ("statement_timeout", "60000", Ok("1min")),
            ("statement_timeout", "0", Ok("0")),
            ("statement_timeout", "soon", Err("22023")),
            ("jit", "OFF", Ok("off")),
            ("jit", "perhaps", Err("22023")),
            ("client_min_messages", "Warning", Ok("warning")),
            ("client_min_messages", "loud", Err("22023")),
            ("search_path", "a, \"B\"", Ok("a, \"B\"")),
            ("server_version", "9.6", Err("55P02")),
            ("myapp.user", "me", Ok("me")),
            ("nonsense", "1", Err("42704")),
            (".x", "1", Err("42704")),
        ];
        for (name, value, expected) in cases {
            let mut registry = Registry::default();
            let got = registry.set(name, value, Session);
            let got = got.map_err(|e| e.code().as_str().to_owned());
            assert_eq!(
                got.as_deref(),
                expected.map_err(str::to_owned).as_deref(),
                "{name}={value}"
            );
            if let Ok(value) = expected {
                assert_eq!(shown(&registry, &name.to_uppercase()), value, "{name}");
            }
        }
    }

    #[test]
    fn values_follow_the_transaction() {
        let mut r = Registry::default();
        let name = "application_name";
        r.begin_with(name, "login").unwrap();
        r.set(name, "kept", Session).unwrap();
        r.commit();
        r.set(name, "undone", Session).unwrap();
        r.rollback();
        assert_eq!(shown(&r, name), "kept");
        r.set(name, "local", Transaction).unwrap();
        assert_eq!(shown(&r, name), "local");
        r.commit();
        assert_eq!(shown(&r, name), "kept");
        // A local value that is set for the session after all.
        r.set(name, "local", Transaction).unwrap();
        r.set(name, "session", Session).unwrap();
        r.commit();
        assert_eq!(shown(&r, name), "session");
        r.savepoint("s");
        r.set(name, "inner", Session).unwrap();
        r.rollback_to("s");
        assert_eq!(shown(&r, name), "session");
        r.set(name, "again", Session).unwrap();
        r.release("s");
        r.commit();
        assert_eq!(shown(&r, name), "again");
        r.reset(name, Session).unwrap();
        assert_eq!(shown(&r, name), "login");
    }

    #[test]
    fn a_transaction_is_like_the_default_unless_said() {
        let mut r = Registry::default();
        r.set("default_transaction_isolation", "serializable", Session)
            .unwrap();
        assert_eq!(shown(&r, "transaction_isolation"), "serializable");
        r.set("transaction_isolation", "read committed", Session)
            .unwrap();
        assert_eq!(shown(&r, "transaction_isolation"), "read committed");
        r.commit();
        assert_eq!(shown(&r, "transaction_isolation"), "serializable");
    }
}
