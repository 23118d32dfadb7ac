//! The prepared statements and portals of a session, within limits.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use postgres_types::Type;

use crate::error_response::{ErrorResponse, SqlState};
use crate::server::database::Event;
use crate::server::format::Format;
use crate::server::rows::Column;

/// So many named statements, and so many named portals, a session may have.
pub(super) const MAX_NAMED: usize = 10_000;
/// What the texts of a session's named statements may come to.
pub(super) const MAX_TEXT: usize = 64 << 20;

/// Things by name; the one without a name is kept apart, because most clients use no other.
#[derive(Debug)]
pub(super) struct Named<T> {
    unnamed: Option<T>,
    named: HashMap<String, T>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self {
            unnamed: None,
            named: HashMap::new(),
        }
    }
}

impl<T> Named<T> {
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        if name.is_empty() {
            self.unnamed.as_ref()
        } else {
            self.named.get(name)
        }
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        if name.is_empty() {
            self.unnamed.as_mut()
        } else {
            self.named.get_mut(name)
        }
    }

    /// Puts it in place of what went by that name.
    pub(super) fn insert(&mut self, name: &str, value: T) {
        if name.is_empty() {
            self.unnamed = Some(value);
        } else {
            self.named.insert(name.to_owned(), value);
        }
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<T> {
        if name.is_empty() {
            self.unnamed.take()
        } else {
            let removed = self.named.remove(name);
            if self.named.is_empty() {
                self.named = HashMap::new();
            }
            removed
        }
    }

    pub(super) fn clear(&mut self) {
        self.unnamed = None;
        self.clear_named();
    }

    pub(super) fn clear_named(&mut self) {
        if !self.named.is_empty() {
            self.named = HashMap::new();
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.named.len() >= MAX_NAMED
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.named.values()
    }

    /// Drops all but one.
    pub(super) fn keep_only(&mut self, name: &str) {
        if let Some(kept) = self.remove(name) {
            self.clear();
            self.insert(name, kept);
        } else {
            self.clear();
        }
    }
}

/// A prepared statement.
#[derive(Debug)]
pub(super) struct Statement<S> {
    pub(super) engines: S,
    pub(super) parameters: Vec<Type>,
    pub(super) columns: Option<Arc<[Column]>>,
    /// The length of its text.
    pub(super) size: usize,
}

/// The formats a client asked for.
#[derive(Clone, Debug)]
pub(super) enum Formats {
    All(Format),
    Each(Arc<[Format]>),
}

impl Formats {
    pub(super) fn of(&self, column: usize) -> Format {
        match self {
            Self::All(format) => *format,
            Self::Each(formats) => formats.get(column).copied().unwrap_or_default(),
        }
    }
}

/// A statement with its parameters, on its way to be run.
#[derive(Debug)]
pub(super) struct Bound<P> {
    pub(super) engines: P,
    pub(super) columns: Option<Arc<[Column]>>,
    pub(super) formats: Formats,
    /// What the engine gave beyond what the client asked for.
    pub(super) ahead: VecDeque<Event>,
    pub(super) progress: Progress,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Progress {
    /// It is not at its end.
    Open,
    /// It is at its end; what gives rows may be asked again, and gives none.
    Done { rows: bool },
}

pub(super) fn too_many(what: &str) -> ErrorResponse {
    ErrorResponse::error(
        SqlState::PROGRAM_LIMIT_EXCEEDED,
        format!("too many {what} in this session"),
    )
    .with_hint("Close those that are not needed.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_apart_from_the_one_without() {
        let mut named = Named::default();
        named.insert("", 0);
        named.insert("a", 1);
        named.insert("b", 2);
        assert_eq!((named.get(""), named.get("a")), (Some(&0), Some(&1)));
        named.keep_only("a");
        assert_eq!(
            (named.get(""), named.get("a"), named.get("b")),
            (None, Some(&1), None)
        );
        named.keep_only("nope");
        assert_eq!(named.get("a"), None);
    }
}
