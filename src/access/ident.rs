//! Identity maps: which users somebody known by another name may be (PostgreSQL docs, "User Name
//! Maps"; `hba.c:check_ident_usermap`).

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use super::error::{AccessError, AccessFault, Place};
use super::pattern::NamePattern;
use super::tokens::{self, Files, Line, Token};

/// Identity maps, as in pg_ident.conf: entries of a map's name, the name by which the system or
/// a certificate knows somebody, and the user that this somebody may be. The first entry whose
/// names fit decides.
///
/// Names are compared byte for byte, but for these words, which lose their meaning in quotes:
///
/// - a system name that begins with `/` is a regular expression (also in quotes). It need not
///   cover the whole name: write `^` and `$`. Its first group replaces the first `\1` in the
///   user's name; what comes of that is compared as it is.
/// - a user's name may be `all`, `+role` for the members of a role, or a regular expression
///   `/...`.
///
/// Regular expressions look at bytes and take time linear in the name's length. They have what
/// PostgreSQL's have, except for back references, look-around, embedded options (`(?i)`,
/// `***`), collating elements and the escapes other than `\d \D \s \S \w \W \n \r \t \A` and those of
/// punctuation: these are refused. Of several branches (`a|ab`) the first that fits is taken,
/// where PostgreSQL takes the longest: put the longer one first, or end with `$`.
///
/// ```
/// # fn main() -> Result<(), pgtls::AccessError> {
/// use pgtls::IdentMaps;
///
/// let maps = IdentMaps::new()
///     .entry("mail", r"/^(.*)@example\.com$", r"\1")?
///     .entry("mail", "root@example.com", "postgres")?;
/// let nobody = |_: &[u8]| false;
/// assert!(maps.maps("mail", b"joe@example.com", b"joe", &nobody));
/// assert!(!maps.maps("mail", b"joe@example.com", b"postgres", &nobody));
/// assert!(maps.maps("mail", b"root@example.com", b"postgres", &nobody));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct IdentMaps {
    entries: Vec<Entry>,
    files: Files,
}

#[derive(Clone, Debug)]
struct Entry {
    place: Place,
    map: Vec<u8>,
    system_name: SystemName,
    user: User,
}

#[derive(Clone, Debug)]
enum SystemName {
    Exact(Vec<u8>),
    Pattern(NamePattern),
}

#[derive(Clone, Debug)]
enum User {
    All,
    Exact(Vec<u8>),
    MemberOf(Vec<u8>),
    Pattern(NamePattern),
    /// What stands before and behind `\1`.
    WithGroup(Vec<u8>, Vec<u8>),
}

/// Why a name is not mapped to a user. The text is for the server's log.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotMapped {
    /// The group that was to be put in took no part in the match. No later entry is tried.
    #[error(
        "the regular expression at {place} matched \"{system_name}\" without its first group, which \\1 stands for"
    )]
    GroupMissing {
        /// Where the entry stands.
        place: Place,
        /// The name that was to be mapped.
        system_name: String,
    },
    /// No entry fits.
    #[error("no match in usermap \"{map}\" for user \"{user}\" authenticated as \"{system_name}\"")]
    NoMatch {
        /// The map.
        map: String,
        /// The user asked for.
        user: String,
        /// The name that was to be mapped.
        system_name: String,
    },
}

impl IdentMaps {
    /// No maps.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry, its names written as in the file, without quotes.
    ///
    /// # Errors
    /// A regular expression that cannot be used.
    pub fn entry(
        mut self,
        map: &str,
        system_name: &str,
        database_name: &str,
    ) -> Result<Self, AccessError> {
        let place = Place::code(self.entries.len().saturating_add(1));
        let entry = Entry::new(
            place,
            map.into(),
            &Token::plain(system_name),
            &Token::plain(database_name),
        )?;
        self.entries.push(entry);
        Ok(self)
    }

    /// Takes maps in the syntax of pg_ident.conf. The text cannot include files.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, AccessError> {
        Self::from_lines(tokens::parse(text.as_ref())?)
    }

    /// Reads a pg_ident.conf and the files it includes. A file without entries is fine.
    ///
    /// # Errors
    /// The first thing that is wrong, with its file and line.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, AccessError> {
        Self::from_lines(tokens::load(path.as_ref())?)
    }

    fn from_lines(lines: tokens::Lines) -> Result<Self, AccessError> {
        let entries = lines.lines.into_iter().map(Entry::from_line);
        Ok(Self {
            entries: entries.collect::<Result<_, _>>()?,
            files: lines.files,
        })
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The files that were read or looked for.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.files.paths
    }

    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// The roles that a map speaks of.
    pub(super) fn roles(&self, map: &str) -> impl Iterator<Item = &[u8]> {
        self.entries
            .iter()
            .filter_map(move |entry| match &entry.user {
                User::MemberOf(role) if entry.map == map.as_bytes() => Some(role.as_slice()),
                _ => None,
            })
    }

    /// Whether the map lets `system_name` be `user`; `is_member` says whether `user` is a member
    /// of a role.
    #[must_use]
    pub fn maps(
        &self,
        map: &str,
        system_name: &[u8],
        user: &[u8],
        is_member: &dyn Fn(&[u8]) -> bool,
    ) -> bool {
        self.check(map, system_name, user, is_member).is_ok()
    }

    /// As [`IdentMaps::maps`], with the entry that decided or the reason why none did.
    ///
    /// # Errors
    /// The name may not be that user.
    pub fn check(
        &self,
        map: &str,
        system_name: &[u8],
        user: &[u8],
        is_member: &dyn Fn(&[u8]) -> bool,
    ) -> Result<&Place, NotMapped> {
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        for entry in &self.entries {
            if entry.map != map.as_bytes() {
                continue;
            }
            match entry.fits(system_name, user, is_member) {
                Some(true) => return Ok(&entry.place),
                Some(false) => {}
                None => {
                    return Err(NotMapped::GroupMissing {
                        place: entry.place.clone(),
                        system_name: lossy(system_name),
                    });
                }
            }
        }
        Err(NotMapped::NoMatch {
            map: map.into(),
            user: lossy(user),
            system_name: lossy(system_name),
        })
    }
}

impl Entry {
    fn from_line(line: Line) -> Result<Self, AccessError> {
        let mut fields = line.fields.into_iter().map(|field| {
            let mut values = field.into_iter();
            match (values.next(), values.next()) {
                (Some(value), None) => Ok(value),
                _ => Err(AccessFault::MultipleValues),
            }
        });
        // Further fields are without meaning, as in PostgreSQL.
        let mut field = || {
            fields
                .next()
                .unwrap_or(Err(AccessFault::MissingField))
                .map_err(|fault| AccessError::entry(&line.place, fault))
        };
        let (map, system_name, user) = (field()?, field()?, field()?);
        Self::new(line.place, map.text, &system_name, &user)
    }

    fn new(
        place: Place,
        map: Vec<u8>,
        system_name: &Token,
        user: &Token,
    ) -> Result<Self, AccessError> {
        let compile = |source: &[u8]| {
            NamePattern::new(source).map_err(|reason| {
                let pattern = String::from_utf8_lossy(source).into_owned();
                AccessError::entry(&place, AccessFault::Regex { pattern, reason })
            })
        };
        let system_pattern = system_name.pattern().map(compile).transpose()?;
        let user = if user.is_keyword("all") {
            User::All
        } else if let Some(role) = user.role() {
            User::MemberOf(role.to_vec())
        } else if let Some(source) = user.pattern() {
            User::Pattern(compile(source)?)
        } else if let (Some(pattern), Some((before, behind))) =
            (&system_pattern, split_at_group(&user.text))
        {
            if !pattern.has_group() {
                let pattern = system_name.lossy().split_off(1);
                let database_name = user.lossy();
                return Err(AccessError::entry(
                    &place,
                    AccessFault::BackReference {
                        pattern,
                        database_name,
                    },
                ));
            }
            User::WithGroup(before.to_vec(), behind.to_vec())
        } else {
            User::Exact(user.text.clone())
        };
        let system_name = match system_pattern {
            Some(pattern) => SystemName::Pattern(pattern),
            None => SystemName::Exact(system_name.text.clone()),
        };
        Ok(Self {
            place,
            map,
            system_name,
            user,
        })
    }

    /// `None` if the entry fails, and with it the search.
    fn fits(
        &self,
        system_name: &[u8],
        user: &[u8],
        is_member: &dyn Fn(&[u8]) -> bool,
    ) -> Option<bool> {
        let mut group = None;
        match &self.system_name {
            SystemName::Exact(name) if name == system_name => {}
            SystemName::Exact(_) => return Some(false),
            SystemName::Pattern(pattern) => match pattern.first_group(system_name) {
                Some(first) => group = first,
                None => return Some(false),
            },
        }
        Some(match &self.user {
            User::All => true,
            User::Exact(name) => name == user,
            User::MemberOf(role) => is_member(role),
            User::Pattern(pattern) => pattern.matches(user),
            User::WithGroup(before, behind) => {
                [before.as_slice(), &group?, behind].concat() == user
            }
        })
    }
}

fn split_at_group(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = name.windows(2).position(|two| two == b"\\1")?;
    Some((name.get(..at)?, name.get(at.saturating_add(2)..)?))
}
