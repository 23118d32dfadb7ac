//! Access rules: the first that fits a login decides (PostgreSQL docs, "The pg_hba.conf File";
//! `hba.c:check_hba`).

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::address::{System, ThisSystem};
use super::error::{AccessError, Place};
use super::hba::{ConnectionType, Entry};
use super::names::{NeedRole, Roles};
use super::tokens::{self, Line, Token};
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
    paths: Vec<PathBuf>,
    source: Option<PathBuf>,
    fingerprint: u64,
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
        let mut rules = Self::from_lines(path, tokens::load(path)?, &ThisSystem)?;
        rules.source = Some(path.into());
        Ok(rules)
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
            paths: lines.paths,
            source: None,
            fingerprint: lines.fingerprint,
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
        &self.paths
    }

    /// The first rule for connections over TLS only.
    pub(crate) fn needs_tls(&self) -> Option<&Place> {
        let mut entries = self.entries.iter();
        let of_tls = entries.find(|entry| entry.connection == ConnectionType::HostSsl);
        of_tls.map(|entry| &entry.place)
    }

    /// The file to read anew.
    pub(super) fn source(&self) -> Option<&Path> {
        self.source.as_deref()
    }

    pub(super) fn fingerprint(&self) -> u64 {
        self.fingerprint
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

#[cfg(test)]
mod tests {
    use super::super::address::tests::Fixed;
    use super::*;

    fn rules(text: &str) -> Result<AccessRules, AccessError> {
        AccessRules::parse_with(text.as_bytes(), &Fixed)
    }

    /// `peer` is an address, `ssl:` and an address, or `local`. `staff` has the member ann.
    fn line_for(rules: &AccessRules, peer: &str, user: &str, database: &str) -> Option<usize> {
        let (encrypted, address) = match peer.strip_prefix("ssl:") {
            Some(address) => (true, address),
            None => (false, peer),
        };
        let facts = Facts {
            local: peer == "local",
            address: address.parse().ok(),
            encrypted,
            user: user.as_bytes(),
            database: database.as_bytes(),
            physical_replication: database == "REPLICATION",
        };
        let member =
            |role: &[u8]| Some(role == user.as_bytes() || role == b"staff" && user == "ann");
        match rules.find(&facts, &member).unwrap() {
            Found::Entry(entry) => Some(entry.place.line()),
            Found::NoEntry => None,
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let rules = rules(
            r#"# TYPE DATABASE USER ADDRESS METHOD
local   all             all                         trust
hostssl secret          ann,bob     10.0.0.0/8      trust
hostnossl secret        all         10.0.0.0/8      reject
host    sameuser        all         10.0.0.0/8      trust
host    samerole        all         10.0.0.0/8      trust
host    all             +staff      10.0.0.0  255.255.0.0  trust
host    replication     repl        samenet         trust
host    "all"           "+staff"    samehost        trust
host    "/^db\d{2,4}$"  /^x          ::1/128         trust
hostgssenc all          all         all             trust
hostnogssenc quoted,"a b" all       localhost       trust
host    logs            all         all             reject clientname
"#
            .replace(" clientname", "")
            .as_str(),
        )
        .unwrap();
        for (peer, user, database, expected) in [
            ("local", "ann", "x", Some(2)),
            ("local", "ann", "REPLICATION", None),
            ("ssl:10.1.1.1", "ann", "secret", Some(3)),
            ("ssl:10.1.1.1", "Ann", "secret", None),
            ("ssl:10.1.1.1", "bob", "secret", Some(3)),
            ("ssl:11.1.1.1", "bob", "secret", None),
            ("10.1.1.1", "bob", "secret", Some(4)),
            ("10.1.1.1", "bob", "bob", Some(5)),
            ("10.1.1.1", "ann", "staff", Some(6)),
            ("10.1.1.1", "bob", "staff", None),
            ("10.0.1.1", "ann", "x", Some(7)),
            ("10.0.1.1", "bob", "x", None),
            ("10.1.1.1", "ann", "x", None),
            ("192.168.7.9", "repl", "REPLICATION", Some(8)),
            ("192.168.7.9", "repl", "replication", None),
            ("192.168.7.9", "ann", "REPLICATION", None),
            ("192.168.7.2", "+staff", "all", Some(9)),
            ("192.168.7.2", "ann", "all", None),
            ("192.168.7.2", "+staff", "x", None),
            ("::1", "xavier", "db12", Some(10)),
            ("::1", "xavier", "db1", None),
            ("::1", "yves", "db12", None),
            ("127.0.0.1", "ann", "a b", Some(12)),
            ("ssl:127.0.0.1", "ann", "quoted", Some(12)),
            ("127.0.0.2", "ann", "quoted", None),
            ("8.8.8.8", "ann", "logs", Some(13)),
            ("nowhere", "ann", "logs", Some(13)),
            ("nowhere", "ann", "quoted", None),
        ] {
            let found = line_for(&rules, peer, user, database);
            assert_eq!(found, expected, "{peer} {user} {database}");
        }
    }

    #[test]
    fn a_role_is_asked_for_only_where_it_matters() {
        let rules =
            rules("host x all all trust\nhost y ann,+staff all trust\nhost all all all reject")
                .unwrap();
        let mut facts = Facts {
            local: false,
            address: None,
            encrypted: false,
            user: b"bob",
            database: b"y",
            physical_replication: false,
        };
        let unknown = |_: &[u8]| None;
        assert_eq!(
            rules.find(&facts, &unknown).unwrap_err(),
            NeedRole(b"staff")
        );
        facts.user = b"ann";
        assert!(rules.find(&facts, &unknown).is_ok());
        facts.database = b"z";
        facts.user = b"bob";
        assert!(rules.find(&facts, &unknown).is_ok());
    }

    #[test]
    fn rules_in_rust_are_as_in_the_file() {
        let built = AccessRules::new()
            .rule(
                Rule::new(ConnectionType::HostSsl, AuthMethod::Trust)
                    .database("app")
                    .user("ann")
                    .user("+staff")
                    .address("10.0.0.1")
                    .option("clientcert", "verify-full"),
            )
            .unwrap()
            .rule(Rule::new(ConnectionType::Local, AuthMethod::Reject))
            .unwrap();
        let texts: Vec<&str> = built.entries.iter().map(|e| e.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "hostssl app ann,+staff 10.0.0.1/32 trust clientcert=verify-full",
                "local all all reject"
            ]
        );
        assert_eq!(line_for(&built, "ssl:10.0.0.1", "ann", "app"), Some(1));
        assert_eq!(line_for(&built, "10.0.0.1", "ann", "app"), None);
        let error = AccessRules::new()
            .rule(Rule::new(ConnectionType::Host, AuthMethod::Trust).address("10.0.0.0/99"))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "<rule>:1: invalid CIDR mask in address \"10.0.0.0/99\"; write 10.0.0.0/8 or fe80::/10"
        );
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_line() {
        for (line, expected) in [
            (
                "host,local all all all trust",
                "multiple values specified for connection type",
            ),
            (
                "hosts all all all trust",
                "invalid connection type \"hosts\"",
            ),
            ("\"\" all all all trust", "invalid connection type \"\""),
            ("host", "end-of-line before database specification"),
            ("host all", "end-of-line before role specification"),
            (
                "host all all",
                "end-of-line before IP address specification",
            ),
            ("local all all", "end-of-line before authentication method"),
            (
                "host all all all",
                "end-of-line before authentication method",
            ),
            (
                "host all all 1.2.3.4",
                "end-of-line before netmask specification",
            ),
            (
                "host all all 1.2.3.4/8,::1/8 trust",
                "multiple values specified for host address",
            ),
            (
                "host all all 1.2.3.4 255.0.0.0,255.0.0.0 trust",
                "multiple values specified for netmask",
            ),
            ("host all all 1.2.3.4 trust", "invalid IP mask \"trust\""),
            (
                "host all all 1.2.3.4 255.0.255.0 trust",
                "invalid IP mask \"255.0.255.0\"",
            ),
            (
                "host all all 1.2.3.4 ffff:: trust",
                "IP address and mask do not match",
            ),
            (
                "host all all 1.2.3.4/33 trust",
                "invalid CIDR mask in address \"1.2.3.4/33\"",
            ),
            (
                "host all all 1.2.3.4/ trust",
                "invalid CIDR mask in address \"1.2.3.4/\"",
            ),
            (
                "host all all 1.2.3.4/+8 trust",
                "invalid CIDR mask in address \"1.2.3.4/+8\"",
            ),
            (
                "host all all 1.2.3.4/8/8 trust",
                "invalid CIDR mask in address",
            ),
            (
                "host all all ::1/129 trust",
                "invalid CIDR mask in address \"::1/129\"",
            ),
            (
                "host all all example.com/8 trust",
                "specifying both host name and CIDR mask is invalid",
            ),
            (
                "host all all .example.com trust",
                "host names that begin with a dot",
            ),
            (
                "host all all nowhere.invalid trust",
                "could not look up the host name \"nowhere.invalid\"",
            ),
            (
                "host all all \"all\" trust",
                "could not look up the host name \"all\"",
            ),
            (
                "host all all all trust,reject",
                "multiple values specified for authentication type",
            ),
            (
                "host all all all Trust",
                "invalid authentication method \"Trust\"; there are",
            ),
            (
                "host all all all crypt",
                "invalid authentication method \"crypt\"; there are",
            ),
            (
                "host all all all gss",
                "invalid authentication method \"gss\": not supported",
            ),
            (
                "host all all all sspi",
                "invalid authentication method \"sspi\": not supported",
            ),
            (
                "host all all all ident",
                "invalid authentication method \"ident\": not supported",
            ),
            (
                "host all all all ldap ldapserver=x",
                "invalid authentication method \"ldap\": not supported",
            ),
            (
                "host all all all pam",
                "invalid authentication method \"pam\": not supported",
            ),
            (
                "local all all radius",
                "invalid authentication method \"radius\": not supported",
            ),
            (
                "local all all bsd",
                "invalid authentication method \"bsd\": not supported",
            ),
            (
                "host all all all peer",
                "peer authentication is only supported on local sockets",
            ),
            (
                "host all all all cert",
                "cert authentication is only supported on hostssl connections",
            ),
            (
                "local all all cert",
                "cert authentication is only supported on hostssl connections",
            ),
            (
                "host all all all trust x",
                "authentication option not in name=value format: x",
            ),
            (
                "host all all all trust x=y",
                "unrecognized authentication option name: \"x\"",
            ),
            (
                "host all all all trust clientcert=verify-ca",
                "clientcert can only be configured for \"hostssl\" rows",
            ),
            (
                "hostnossl all all all trust clientname=CN",
                "clientname can only be configured for \"hostssl\" rows",
            ),
            (
                "hostssl all all all trust clientcert=1",
                "invalid value for clientcert: \"1\"",
            ),
            (
                "hostssl all all all trust clientcert=no-verify",
                "invalid value for clientcert: \"no-verify\"",
            ),
            (
                "hostssl all all all trust clientname=dn",
                "invalid value for clientname: \"dn\"",
            ),
            (
                "hostssl all all all trust map=m",
                "authentication option \"map\" is only valid",
            ),
            ("host /( all all trust", "invalid regular expression \"(\""),
            (
                "host all ann,/[ all trust",
                "invalid regular expression \"[\"",
            ),
        ] {
            let error = rules(&format!("# one\n{line} \\\n# end")).unwrap_err();
            let expected = format!("<text>:2: {expected}");
            assert!(error.to_string().starts_with(&expected), "{line}: {error}");
        }
        let error = rules("# only this\n").unwrap_err().to_string();
        assert!(
            error.starts_with("configuration file \"<text>\" contains no entries"),
            "{error}"
        );
    }

    #[test]
    fn what_postgresql_takes_is_taken() {
        for line in [
            "local all all ident",
            "local all all peer map=m",
            "local all all trust map=",
            "hostssl all all all trust clientcert=verify-ca clientname=DN",
            "hostssl all all all trust clientcert=verify-full,clientname=CN",
            "hostssl all all all reject",
        ] {
            let result = rules(line);
            // An empty map is an option like any other.
            assert_eq!(result.is_ok(), !line.ends_with("trust map="), "{result:?}");
        }
    }
}
