//! Lists of users and of databases: which names they take in.

use super::error::AccessFault;
use super::pattern::NamePattern;
use super::tokens::Token;

/// Whether a login fits cannot be said before it is known whether its user is a member of this
/// role.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct NeedRole<'a>(pub(super) &'a [u8]);

/// What is known of the user's roles.
pub(super) type Roles<'a> = dyn Fn(&[u8]) -> Option<bool> + 'a;

/// What users and databases are named alike.
#[derive(Clone, Debug, Default)]
struct Names {
    all: bool,
    /// Sorted, for lists may be long.
    exact: Vec<Box<[u8]>>,
    patterns: Vec<NamePattern>,
}

impl Names {
    fn add(&mut self, token: &Token) -> Result<(), AccessFault> {
        if token.is_keyword("all") {
            self.all = true;
        } else if let Some(source) = token.pattern() {
            self.patterns.push(compile(source)?);
        } else {
            self.exact.push(token.text.clone().into());
        }
        Ok(())
    }

    fn fit(&self, name: &[u8]) -> bool {
        self.all
            || self
                .exact
                .binary_search_by(|n| n.as_ref().cmp(name))
                .is_ok()
            || self.patterns.iter().any(|p| p.matches(name))
    }
}

pub(super) fn compile(source: &[u8]) -> Result<NamePattern, AccessFault> {
    NamePattern::new(source).map_err(|reason| AccessFault::Regex {
        pattern: String::from_utf8_lossy(source).into_owned(),
        reason,
    })
}

/// The user column: `all`, names, `+role`, `/expression` (`hba.c:check_role`).
#[derive(Clone, Debug)]
pub(super) struct Users {
    names: Names,
    roles: Vec<Vec<u8>>,
}

impl Users {
    pub(super) fn new(tokens: &[Token]) -> Result<Self, AccessFault> {
        let mut users = Self {
            names: Names::default(),
            roles: Vec::new(),
        };
        for token in tokens {
            match token.role() {
                Some(role) => users.roles.push(role.to_vec()),
                None => users.names.add(token)?,
            }
        }
        users.names.exact.sort();
        Ok(users)
    }

    pub(super) fn fit(&self, user: &[u8], known: &Roles<'_>) -> Result<bool, NeedRole<'_>> {
        if self.names.fit(user) {
            return Ok(true);
        }
        for role in &self.roles {
            if known(role).ok_or(NeedRole(role))? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The database column: `all`, `sameuser`, `samerole`, `replication`, names, `/expression`
/// (`hba.c:check_db`).
#[derive(Clone, Debug)]
pub(super) struct Databases {
    names: Names,
    same_user: bool,
    same_role: bool,
    replication: bool,
}

impl Databases {
    pub(super) fn new(tokens: &[Token]) -> Result<Self, AccessFault> {
        let mut databases = Self {
            names: Names::default(),
            same_user: false,
            same_role: false,
            replication: false,
        };
        for token in tokens {
            if token.is_keyword("sameuser") {
                databases.same_user = true;
            } else if token.is_keyword("samerole") || token.is_keyword("samegroup") {
                databases.same_role = true;
            } else if token.is_keyword("replication") {
                databases.replication = true;
            } else {
                databases.names.add(token)?;
            }
        }
        databases.names.exact.sort();
        Ok(databases)
    }

    pub(super) fn fit<'a>(
        &self,
        database: &'a [u8],
        user: &[u8],
        physical_replication: bool,
        known: &Roles<'_>,
    ) -> Result<bool, NeedRole<'a>> {
        // Physical replication has no database; `all` does not mean it.
        if physical_replication {
            return Ok(self.replication);
        }
        if self.names.fit(database) || self.same_user && database == user {
            return Ok(true);
        }
        if self.same_role {
            return known(database).ok_or(NeedRole(database));
        }
        Ok(false)
    }
}
