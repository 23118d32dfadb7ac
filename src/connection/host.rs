//! Whether a certificate is that of the host a connection comes from: what is known so far.

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

use crate::policy::Rules;
use crate::tls::facts::TlsFacts;
use crate::tls::identity::{self, HostClaim, Mismatch};

#[derive(Debug)]
pub(super) enum HostProof {
    /// It is not.
    Failed(Mismatch),
    /// It is.
    Given,
    /// Nobody wants to know.
    NotWanted,
    /// It is if one of these names resolves to the peer's address.
    Open(Vec<String>),
}

impl HostProof {
    pub(super) fn begin(rules: &Rules, tls: Option<&TlsFacts>) -> Self {
        let Some(hosts) = rules.client_name.as_ref().and_then(|name| name.host()) else {
            return Self::NotWanted;
        };
        match identity::claims_host(tls, rules.peer, hosts) {
            Ok(HostClaim::Address) => Self::Given,
            Ok(HostClaim::Names(names)) => Self::Open(names),
            Err(why) => Self::Failed(why),
        }
    }

    pub(super) fn into_result(self) -> Result<(), Mismatch> {
        match self {
            Self::Failed(why) => Err(why),
            Self::Given | Self::NotWanted => Ok(()),
            Self::Open(_) => Err(Mismatch::HostOpen),
        }
    }

    pub(super) fn open(&self) -> &[String] {
        match self {
            Self::Open(names) => names,
            Self::Failed(_) | Self::Given | Self::NotWanted => &[],
        }
    }

    pub(super) fn resolved(
        &mut self,
        peer: Option<IpAddr>,
        host: &str,
        addresses: &[IpAddr],
    ) -> bool {
        let asked = self.open().iter().any(|name| name == host);
        if asked && identity::is_at(peer, addresses) {
            *self = Self::Given;
        }
        matches!(self, Self::Given)
    }
}
