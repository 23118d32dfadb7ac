//! Where secrets come from.

use alloc::{boxed::Box, string::String, sync::Arc};
use core::future::Future;
use core::pin::Pin;
use core::{error::Error, fmt};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::auth::Secret;
use crate::auth::roles::Roles;

/// Why a store could not answer. It is logged, and the login refused; the client is not told.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(Box<dyn Error + Send + Sync>);

impl StoreError {
    /// Wraps an error, or a text.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

/// Knows the users' secrets. The futures may take their time: the login's deadline covers them,
/// and they are dropped when it passes. An error or a panic refuses the login.
///
/// Names that are not UTF-8 are never asked for: no store knows them.
///
/// ```
/// use pgtls::{Secret, SecretStore, StoreError};
///
/// struct OneUser(Secret);
///
/// impl SecretStore for OneUser {
///     async fn secret(&self, user: &str) -> Result<Option<Secret>, StoreError> {
///         Ok((user == "alice").then(|| self.0.clone()))
///     }
/// }
/// ```
pub trait SecretStore: Send + Sync + 'static {
    /// The secret of a user; `None` if there is no such user, or it has none.
    fn secret(&self, user: &str)
    -> impl Future<Output = Result<Option<Secret>, StoreError>> + Send;

    /// Whether a user is, directly or not, a member of a role; asked for rules with `+role`. A
    /// role counts as a member of itself. Unless a store knows better it has no members else.
    fn is_member(
        &self,
        user: &str,
        role: &str,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send {
        let itself = user == role;
        async move { Ok(itself) }
    }
}

impl<S: SecretStore> SecretStore for Arc<S> {
    fn secret(
        &self,
        user: &str,
    ) -> impl Future<Output = Result<Option<Secret>, StoreError>> + Send {
        S::secret(self, user)
    }

    fn is_member(
        &self,
        user: &str,
        role: &str,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send {
        S::is_member(self, user, role)
    }
}

/// Secrets in memory. Clones share them; a change counts from the next login on.
///
/// ```
/// use pgtls::{MemoryStore, Secret};
///
/// let store = MemoryStore::new();
/// store.set("alice", Secret::scram_sha_256("correct horse")?);
/// assert!(store.remove("alice"));
/// # Ok::<(), pgtls::SecretError>(())
/// ```
#[derive(Clone, Default)]
pub struct MemoryStore {
    users: Arc<RwLock<HashMap<String, Secret>>>,
    roles: Arc<RwLock<Roles>>,
}

impl MemoryStore {
    /// A store without users.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a user this secret, in place of the one it had.
    pub fn set(&self, user: impl Into<String>, secret: Secret) {
        self.users
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(user.into(), secret);
    }

    /// Makes a user, or a role with all its members, a member of a role, for access rules with
    /// `+role` (PostgreSQL's `GRANT role TO member`).
    pub fn grant(&self, role: impl Into<String>, member: impl Into<String>) {
        self.roles
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .grant(role.into(), member.into());
    }

    /// Takes a membership back. False if there was none. Memberships by way of other roles stay.
    pub fn revoke(&self, role: &str, member: &str) -> bool {
        self.roles
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .revoke(role, member)
    }

    /// Forgets a user. False if there was none.
    pub fn remove(&self, user: &str) -> bool {
        self.users
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(user)
            .is_some()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl SecretStore for MemoryStore {
    fn secret(
        &self,
        user: &str,
    ) -> impl Future<Output = Result<Option<Secret>, StoreError>> + Send {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        core::future::ready(Ok(users.get(user).cloned()))
    }

    fn is_member(
        &self,
        user: &str,
        role: &str,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send {
        let roles = self.roles.read().unwrap_or_else(PoisonError::into_inner);
        core::future::ready(Ok(roles.is_member(user, role)))
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// [`SecretStore`] without its type.
pub(crate) trait AnyStore: Send + Sync {
    fn secret<'a>(&'a self, user: &'a str) -> Answer<'a, Option<Secret>>;
    fn is_member<'a>(&'a self, user: &'a str, role: &'a str) -> Answer<'a, bool>;
}

impl<S: SecretStore> AnyStore for S {
    fn secret<'a>(&'a self, user: &'a str) -> Answer<'a, Option<Secret>> {
        Box::pin(SecretStore::secret(self, user))
    }

    fn is_member<'a>(&'a self, user: &'a str, role: &'a str) -> Answer<'a, bool> {
        Box::pin(SecretStore::is_member(self, user, role))
    }
}

impl fmt::Debug for dyn AnyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretStore")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_members_are_members() {
        let store = MemoryStore::new();
        for (role, member) in [
            ("staff", "ann"),
            ("staff", "admins"),
            ("admins", "bob"),
            ("admins", "staff"),
        ] {
            store.grant(role, member);
        }
        let is_member =
            |user, role| pollster::block_on(SecretStore::is_member(&store, user, role)).unwrap();
        for (user, role, expected) in [
            ("ann", "staff", true),
            ("ann", "ann", true),
            ("bob", "staff", true),
            ("bob", "admins", true),
            ("ann", "admins", true),
            ("carl", "staff", false),
            ("staff", "ann", false),
            ("ann", "nobody", false),
        ] {
            assert_eq!(is_member(user, role), expected, "{user} {role}");
        }
        assert!(store.revoke("admins", "bob"));
        assert!(!store.revoke("admins", "bob"));
        assert!(!pollster::block_on(SecretStore::is_member(&store, "bob", "staff")).unwrap());
    }
}
