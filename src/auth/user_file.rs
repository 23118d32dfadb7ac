//! Users and secrets in a file, in the syntax of PgBouncer's `userlist.txt`.

use alloc::sync::Arc;
use core::fmt;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use zeroize::Zeroizing;

use crate::auth::roles::Roles;
use crate::auth::{Secret, SecretError, SecretStore, StoreError, until};

/// A file of users, each on a line of its own: `"user" "secret"`. A quote inside is doubled, lines
/// that begin with `;` or `#` are comments.
///
/// More strings may follow, as in the flat file that PostgreSQL kept before version 9 and PgBouncer
/// still takes: `"user" "secret" "valid until" "role" "role"…`, roles that the user is a member of,
/// for access rules with `+role`. A role that is a member of others has a line too, with an empty
/// secret. "Valid until" is empty, `infinity`, or a time such as `2027-01-31 12:00:00+00`, in UTC
/// unless it says otherwise. What is not in quotes is not read.
///
/// A secret is one of PostgreSQL's (`SCRAM-SHA-256$…`, or `md5` and 32 hexadecimal digits), a
/// password in clear, or empty for a user that cannot log in with one. Clear passwords are turned
/// into SCRAM secrets as they are read, which takes about a millisecond each.
///
/// Clones share what was read.
///
/// ```no_run
/// use pgtls::{AuthMethod, FrontDoor, UserFile};
///
/// let users = UserFile::load("userlist.txt")?;
/// let door = FrontDoor::plain()
///     .auth_method(AuthMethod::ScramSha256)
///     .secrets(users.clone());
/// users.reload()?; // when the file has changed
/// # Ok::<(), pgtls::UserFileError>(())
/// ```
#[derive(Clone)]
pub struct UserFile {
    path: Arc<Path>,
    users: Arc<RwLock<Users>>,
}

/// What a file says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Users {
    secrets: HashMap<String, Secret>,
    roles: Roles,
}

/// What is wrong with a file of users.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserFileError {
    /// It cannot be read.
    #[error("user file {path:?} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line cannot be understood.
    #[error("{path:?}, line {line}: {fault}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        fault: UserFileFault,
    },
}

/// What is wrong with a line of a file of users.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UserFileFault {
    /// Not two strings in double quotes, or one that is not closed.
    #[error("expected \"user\" \"secret\", each in double quotes that are closed")]
    Syntax,
    /// The user has a line already.
    #[error("the user has an entry already; remove one")]
    Twice,
    /// Until when the secret is good.
    #[error(
        "\"valid until\" is not understood; write it as 2027-01-31 12:00:00+00, or leave it empty"
    )]
    Until,
    /// It begins like a SCRAM secret.
    #[error("{0}")]
    Secret(#[from] SecretError),
}

impl UserFile {
    /// Reads a file. Blocks.
    ///
    /// # Errors
    /// It cannot be read, or a line of it cannot be understood.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, UserFileError> {
        let file = Self {
            path: path.as_ref().into(),
            users: Arc::default(),
        };
        file.reload()?;
        Ok(file)
    }

    /// Reads the file anew, all or nothing: on an error what was read before stays. Blocks.
    ///
    /// # Errors
    /// As [`UserFile::load`].
    pub fn reload(&self) -> Result<(), UserFileError> {
        let text = std::fs::read_to_string(&self.path)
            .map(Zeroizing::new)
            .map_err(|source| UserFileError::Unreadable {
                path: self.path.to_path_buf(),
                source,
            })?;
        let old = self.read().clone();
        let users = parse(&text, &old).map_err(|(line, fault)| UserFileError::Line {
            path: self.path.to_path_buf(),
            line,
            fault,
        })?;
        *self.users.write().unwrap_or_else(PoisonError::into_inner) = users;
        Ok(())
    }

    /// How many users have a secret.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().secrets.len()
    }

    /// Whether nobody has one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn read(&self) -> RwLockReadGuard<'_, Users> {
        self.users.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for UserFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl SecretStore for UserFile {
    fn secret(
        &self,
        user: &str,
    ) -> impl Future<Output = Result<Option<Secret>, StoreError>> + Send {
        core::future::ready(Ok(self.read().secrets.get(user).cloned()))
    }

    fn is_member(
        &self,
        user: &str,
        role: &str,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send {
        core::future::ready(Ok(self.read().roles.is_member(user, role)))
    }
}

/// The users of a file, or the line that is wrong. Passwords in clear that are those of `old`
/// secrets keep them: a salt that changes with each reload would be noticed.
fn parse(text: &str, old: &Users) -> Result<Users, (usize, UserFileFault)> {
    let mut users = Users::default();
    let mut seen = HashSet::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        let wrong = |fault| (at.saturating_add(1), fault);
        let (user, secret, more) = entry(line).ok_or_else(|| wrong(UserFileFault::Syntax))?;
        if user.is_empty() {
            return Err(wrong(UserFileFault::Syntax));
        }
        if !seen.insert(user.clone()) {
            return Err(wrong(UserFileFault::Twice));
        }
        let more = strings(more).ok_or_else(|| wrong(UserFileFault::Syntax))?;
        let mut more = more.into_iter();
        let end = match more.next().unwrap_or_default().as_str() {
            "" | "infinity" => None,
            text => Some(until::read(text).ok_or_else(|| wrong(UserFileFault::Until))?),
        };
        for role in more.filter(|role| !role.is_empty()) {
            users.roles.grant(role, user.clone());
        }
        if secret.is_empty() {
            continue;
        }
        let secret = match (secret.parse::<Secret>(), old.secrets.get(&user)) {
            (Ok(secret), _) => secret,
            (Err(e), _) if secret.starts_with("SCRAM-SHA-256$") => return Err(wrong(e.into())),
            (Err(_), Some(old)) if old.is_of(user.as_bytes(), secret.as_bytes()) => old.clone(),
            (Err(_), _) => Secret::scram_sha_256(secret.as_bytes()).map_err(|e| wrong(e.into()))?,
        };
        users.secrets.insert(user, secret.with_end(end));
    }
    Ok(users)
}

/// User, secret, and what follows.
fn entry(line: &str) -> Option<(String, Zeroizing<String>, &str)> {
    let (user, rest) = quoted(line)?;
    let (secret, rest) = quoted(rest.trim_start())?;
    Some((user, Zeroizing::new(secret), rest))
}

/// What follows the secret, as far as it is in quotes; `None` if one is not closed: a role that is
/// lost may be one that is to be rejected.
fn strings(rest: &str) -> Option<Vec<String>> {
    let mut all = Vec::new();
    let mut rest = rest.trim_start();
    while rest.starts_with('"') {
        let (string, behind) = quoted(rest)?;
        all.push(string);
        rest = behind.trim_start();
    }
    Some(all)
}

/// A string in double quotes, those inside doubled, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('"')?;
    // One allocation: no copy of a secret is left behind.
    let mut value = String::with_capacity(rest.len());
    loop {
        let (head, tail) = rest.split_once('"')?;
        value.push_str(head);
        match tail.strip_prefix('"') {
            Some(more) => {
                value.push('"');
                rest = more;
            }
            None => return Some((value, tail)),
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    const SCRAM: &str = "SCRAM-SHA-256$4096:bGHUUuHp3JhR0Hy2DRKSHw==$NZ7L7JcgtZuCFqWfyntH/7b6pDPr5hfPAs1U7qt50ZY=:9hpubRid2bUC7wSOtcjaLbaFuLxLTJei77PKs/3BkXU=";

    #[test]
    fn entries_are_read_as_pgbouncer_reads_them() {
        let text = format!(
            "; a comment\n# another\n\n  \"alice\" \"{SCRAM}\" the rest is not read\n\"joe\"\t\"md54571bc2e04d92926b0cb2bdc83773286\"\r\n\"an \"\"odd\"\" name\" \"pass\"\"word\"\n\"nobody\" \"\"\n"
        );
        let users = parse(&text, &Users::default()).unwrap().secrets;
        assert_eq!(users.len(), 3);
        assert_eq!(users["alice"], SCRAM.parse().unwrap());
        assert!(users["joe"].is_of(b"joe", b"pencil"));
        assert!(users["an \"odd\" name"].is_of(b"", b"pass\"word"));
        assert!(users["an \"odd\" name"].to_postgres().starts_with("SCRAM"));
    }

    #[test]
    fn roles_follow_behind() {
        let text = r#"
            "ann" "x" "" "staff" "on ""call"""
            "bob" "" "2027-01-01" "admins" anything "none"
            "admins" "" "" "staff"
            "carl" "x" "infinity"
            "dora" "x" staff "staff" "staff"
            "eve" "x" "" ""
        "#;
        let roles = parse(text, &Users::default()).unwrap().roles;
        for (user, role, expected) in [
            ("ann", "staff", true),
            ("ann", "on \"call\"", true),
            ("ann", "admins", false),
            ("bob", "admins", true),
            ("bob", "staff", true),
            ("bob", "none", false),
            ("carl", "staff", false),
            ("dora", "staff", false),
            ("eve", "", false),
        ] {
            assert_eq!(roles.is_member(user, role), expected, "{user} {role}");
        }
    }

    #[test]
    fn a_secret_may_end_and_last_again() {
        let read = |until: &str, old: &Users| {
            let text = format!("\"ann\" \"pass\" \"{until}\"");
            parse(&text, old).unwrap()
        };
        let end = Duration::from_secs(1_801_353_600);
        let ends = read("2027-01-31", &Users::default());
        let secret = &ends.secrets["ann"];
        assert!(!secret.has_expired(end) && secret.has_expired(end + Duration::from_secs(1)));
        let lasts = read("infinity", &ends);
        assert!(!lasts.secrets["ann"].has_expired(Duration::MAX));
        // The salt is kept.
        assert_eq!(lasts.secrets["ann"].to_postgres(), secret.to_postgres());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let twice = "\"a\" \"x\"\n\"a\" \"y\"";
        for (text, line, fault) in [
            ("alice \"x\"", 1, UserFileFault::Syntax),
            ("\n\"alice\"", 2, UserFileFault::Syntax),
            ("\"alice\" x", 1, UserFileFault::Syntax),
            ("\"alice\" \"x", 1, UserFileFault::Syntax),
            ("\"alice\" \"x\"\"", 1, UserFileFault::Syntax),
            ("\"\" \"x\"", 1, UserFileFault::Syntax),
            ("\"a\" \"x\" \"\" \"staff", 1, UserFileFault::Syntax),
            (twice, 2, UserFileFault::Twice),
            ("\"a\" \"x\" \"staff\"", 1, UserFileFault::Until),
            (
                "\"a\" \"SCRAM-SHA-256$4096:x\"",
                1,
                UserFileFault::Secret(SecretError::Unknown),
            ),
        ] {
            let found = parse(text, &Users::default()).map(|users| users.secrets.len());
            assert_eq!(found, Err((line, fault)), "{text}");
        }
    }

    #[test]
    fn a_reload_is_all_or_nothing_and_keeps_salts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("userlist.txt");
        std::fs::write(&path, "\"alice\" \"one\"\n\"bob\" \"two\"").unwrap();
        let file = UserFile::load(&path).unwrap();
        let before = file.read().clone();
        std::fs::write(&path, "\"alice\" \"one\"\n\"bob\"").unwrap();
        let error = file.reload().unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        assert_eq!(*file.read(), before);
        std::fs::write(&path, "\"alice\" \"one\"\n\"bob\" \"three\"").unwrap();
        file.reload().unwrap();
        assert!(!pollster::block_on(file.is_member("bob", "staff")).unwrap());
        std::fs::write(&path, "\"alice\" \"one\"\n\"bob\" \"three\" \"\" \"staff\"").unwrap();
        file.reload().unwrap();
        assert!(pollster::block_on(file.is_member("bob", "staff")).unwrap());
        assert_eq!(file.read().secrets["alice"], before.secrets["alice"]);
        assert!(file.read().secrets["bob"].is_of(b"bob", b"three"));
        assert!(!format!("{file:?}").contains("SCRAM"));
        std::fs::remove_file(&path).unwrap();
        assert!(file.reload().is_err() && file.len() == 2);
    }
}
