//! Who is a member of which role.

use alloc::{string::String, vec::Vec};
use std::collections::{HashMap, HashSet};

/// The members of each role, users or roles themselves.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Roles(HashMap<String, HashSet<String>>);

impl Roles {
    pub(super) fn grant(&mut self, role: String, member: String) {
        self.0.entry(role).or_default().insert(member);
    }

    /// False if there was no such membership.
    pub(super) fn revoke(&mut self, role: &str, member: &str) -> bool {
        self.0
            .get_mut(role)
            .is_some_and(|members| members.remove(member))
    }

    /// Whether a user is a member, directly or not; a role is one of itself.
    pub(super) fn is_member(&self, user: &str, role: &str) -> bool {
        // Roles may be members of each other, in circles even.
        let (mut seen, mut next) = (HashSet::from([role]), Vec::from([role]));
        while let Some(role) = next.pop() {
            let members = self.0.get(role).into_iter().flatten();
            next.extend(members.map(String::as_str).filter(|m| seen.insert(m)));
        }
        seen.contains(user)
    }
}
