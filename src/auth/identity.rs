//! The last check: whether the client certificate is the user's.
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

use crate::auth::{AuthMethod, Authenticated, ClientCertificate, Requirement, Verdict};
use crate::policy::Rules;
use crate::tls::facts::TlsFacts;
use crate::tls::identity::{Mismatch, names_user};

/// What the method said yes to becomes a login if the certificate has the names that the mode and
/// the access rule want in it. `by_host` is what became of the host's name.
pub(crate) fn conclude(
    _verdict: Verdict,
    rules: &Rules,
    requirement: &Requirement,
    user: &[u8],
    tls: Option<&TlsFacts>,
    by_host: Result<(), Mismatch>,
) -> Result<Authenticated, Mismatch> {
    if let Some(rule) = rules.client_name.as_ref().and_then(|name| name.user()) {
        names_user(tls, user, rule.name, rules.user_map.as_deref())?;
    }
    match requirement.certificate {
        ClientCertificate::OfUser => {
            // With a password the name must be the user's own (PostgreSQL allows no map there).
            let map = match requirement.method {
                AuthMethod::Cert => requirement.map.as_deref(),
                AuthMethod::Md5
                | AuthMethod::Password
                | AuthMethod::Peer
                | AuthMethod::Reject
                | AuthMethod::ScramSha256
                | AuthMethod::Trust => None,
            };
            names_user(tls, user, requirement.client_name, map)?;
        }
        ClientCertificate::Optional | ClientCertificate::Required => {}
    }
    by_host?;
    Ok(Authenticated(()))
}
