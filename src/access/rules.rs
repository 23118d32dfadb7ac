//! Access rules: the first that fits a login decides (PostgreSQL docs, "The pg_hba.conf File";
//! `hba.c:check_hba`).

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::address::{System, ThisSystem};
use super::error::{AccessError, Place};
use super::hba::{ConnectionType, Entry};
use super::names::{NeedRole, Roles};
use super::tokens::{self, Files, Line, Token};
use crate::auth::AuthMethod;

/// Who may come in, from where, to what, and by which method. The first rule that fits a login
/// decides; if none does, it is refused.
///
/// The rules refine what [`SslMode`](crate::SslMode) demands, they cannot undo it.
///
/// ```
/// use pgtls::{AccessRules, AuthMethod, ConnectionType, Rule};
///
/// # fn main() -> Result<(), pgtls::AccessError> {
/// let rules = AccessRules::new()
///     .rule(Rule::new(ConnectionType::Host, AuthMethod::Reject).user("guest"))?
///     .rule(Rule::new(ConnectionType::HostSsl, AuthMethod::ScramSha256).address("10.0.0.0/8"))?;
/// let same = AccessRules::parse("
///     host     all  guest  all         reject
///     hostssl  all  all    10.0.0.0/8  scram-sha-256
/// ")?;
/// assert_eq!(rules.len(), same.len());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct AccessRules {
    entries: Vec<Entry>,
    files: Files,
}

/// One rule, as a line of pg_hba.conf. Until said otherwise it is for all users, all databases and
/// all addresses. [`AccessRules::rule`] checks it.
#[derive(Clone, Debug)]
pub struct Rule {
    connection: ConnectionType,
    databases: Vec<Token>,
    users: Vec<Token>,
    address: String,
    method: AuthMethod,
    options: Vec<String>,
}

impl Rule {
    /// A rule for connections of this type.
    #[must_use]
    pub fn new(connection: ConnectionType, method: AuthMethod) -> Self {
        Self {
            connection,
            databases: Vec::new(),
            users: Vec::new(),
            address: "all".into(),
            method,
            options: Vec::new(),
        }
    }

    /// Adds a database: a name, `/` and a regular expression, or one of the words `all`,
    /// `sameuser` (named as the user), `samerole` (named as a role the user is a member of) and
    /// `replication` (physical replication, which `all` does not mean). One that is named like
    /// such a word is `/^all$`.
    #[must_use]
    pub fn database(mut self, name: &str) -> Self {
        self.databases.push(Token::plain(name));
        self
    }

    /// Adds a user: a name, `all`, `+` and a role for its members, or `/` and a regular expression.
    #[must_use]
    pub fn user(mut self, name: &str) -> Self {
        self.users.push(Token::plain(name));
        self
    }

    /// Where connections come from: an address, a network as `10.0.0.0/8`, `all`, `samehost` (this
    /// machine's addresses), `samenet` (its networks), or a host name, which is looked up at once.
    #[must_use]
    pub fn address(mut self, address: &str) -> Self {
        self.address = match address.parse::<IpAddr>() {
            Ok(ip) => ipnet::IpNet::from(ip).to_string(),
            Err(_) => address.into(),
        };
        self
    }

    /// An option as in the file: `clientcert=verify-ca`, `clientname=DN`, `map=NAME`.
    #[must_use]
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.options.push(format!("{name}={value}"));
        self
    }

    /// As the tokenizer would have found it.
    fn into_line(self, place: Place) -> Line {
        let or_all = |list: Vec<Token>| {
            if list.is_empty() {
                vec![Token::plain("all")]
            } else {
                list
            }
        };
        let one = |text: String| vec![Token::plain(text)];
        let mut fields = vec![
            one(self.connection.as_str().into()),
            or_all(self.databases),
            or_all(self.users),
        ];
        if self.connection != ConnectionType::Local {
            fields.push(one(self.address));
        }
        fields.push(one(self.method.as_str().into()));
        fields.extend(self.options.into_iter().map(one));
        let words = fields.iter().map(|field| {
            let values: Vec<String> = field.iter().map(Token::lossy).collect();
            values.join(",")
        });
        let text = words.collect::<Vec<_>>().join(" ").into_bytes();
        Line {
            place,
            fields,
            text,
        }
    }
}

/// What rules look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    /// Over a Unix socket.
    pub(crate) local: bool,
    /// The client's address, if it has one.
    pub(crate) address: Option<IpAddr>,
    pub(crate) encrypted: bool,
    pub(crate) user: &'a [u8],
    pub(crate) database: &'a [u8],
    pub(crate) physical_replication: bool,
}

/// Which rule a login falls under.
#[derive(Debug)]
pub(super) enum Found<'a> {
    Entry(&'a Entry),
    NoEntry,
}

impl AccessRules {
    /// No rules: everybody is refused.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule behind the others.
    ///
    /// # Errors
    /// The rule cannot be used, as a line of the file could not.
    pub fn rule(mut self, rule: Rule) -> Result<Self, AccessError> {
        let place = Place::code(self.entries.len().saturating_add(1));
        let entry = Entry::from_line(rule.into_line(place), &ThisSystem)?;
        self.entries.push(entry);
        Ok(self)
    }

    /// Takes rules in the syntax of pg_hba.conf. The text cannot include files.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line, or there is no rule at all.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, AccessError> {
        Self::parse_with(text.as_ref(), &ThisSystem)
    }

    pub(super) fn parse_with(text: &[u8], system: &dyn System) -> Result<Self, AccessError> {
        Self::from_lines(Path::new("<text>"), tokens::parse(text)?, system)
    }

    /// Reads a pg_hba.conf and the files it includes. Host names are looked up, and this machine's
    /// addresses asked for `samehost` and `samenet`, now and at each reload; not when somebody
    /// connects.
    ///
    /// Blocks: it reads files, and may ask the name service.
    ///
    /// # Errors
    /// The first thing that is wrong, with its file and line, or there is no rule at all. A method
    /// that this server does not have is an error: a rule left out would let the next one decide.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, AccessError> {
        let path = path.as_ref();
        Self::from_lines(path, tokens::load(path)?, &ThisSystem)
    }

    fn from_lines(
        path: &Path,
        lines: tokens::Lines,
        system: &dyn System,
    ) -> Result<Self, AccessError> {
        if lines.lines.is_empty() {
            return Err(AccessError::NoEntries { path: path.into() });
        }
        let entries = lines
            .lines
            .into_iter()
            .map(|line| Entry::from_line(line, system));
        Ok(Self {
            entries: entries.collect::<Result<_, _>>()?,
            files: lines.files,
        })
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no rules.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The files that were read or looked for.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.files.paths
    }

    /// The first rule for connections over TLS only.
    pub(crate) fn needs_tls(&self) -> Option<&Place> {
        let mut entries = self.entries.iter();
        let of_tls = entries.find(|entry| entry.connection == ConnectionType::HostSsl);
        of_tls.map(|entry| &entry.place)
    }

    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// The first rule that fits.
    pub(super) fn find<'a>(
        &'a self,
        facts: &Facts<'a>,
        known: &Roles<'_>,
    ) -> Result<Found<'a>, NeedRole<'a>> {
        for entry in &self.entries {
            if entry.fits(facts, known)? {
                return Ok(Found::Entry(entry));
            }
        }
        Ok(Found::NoEntry)
    }
}
