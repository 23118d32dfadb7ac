//! When certificates and revocation lists end.

use std::time::{Duration, SystemTime};

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_cert::Certificate;
use x509_cert::certificate::Rfc5280;
use x509_cert::crl::CertificateList;
use x509_cert::der::Decode;

use crate::config::{DAY, Origin};

/// The end of something that is loaded.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Expiry {
    /// What it is: `SSL certificate`, `CA certificate` or `certificate revocation list`.
    pub what: &'static str,
    /// Where it came from.
    pub origin: Origin,
    /// Whose it is: the subject, or the issuer of a list.
    pub name: String,
    /// The first moment it is good for: notBefore, or thisUpdate of a list.
    pub begins: SystemTime,
    /// The last moment it is good for: notAfter, or nextUpdate of a list.
    pub ends: SystemTime,
}

impl Expiry {
    /// The whole days left at `now`; negative once it has ended.
    #[must_use]
    pub fn days_left(&self, now: SystemTime) -> i64 {
        let days =
            |time: Duration| i64::try_from(time.as_secs() / DAY.as_secs()).unwrap_or(i64::MAX);
        match self.ends.duration_since(now) {
            Ok(left) => days(left),
            Err(past) => days(past.duration()).saturating_add(1).saturating_neg(),
        }
    }
}

/// The end of a certificate; what cannot be parsed was refused before.
pub(super) fn of_certificate(
    what: &'static str,
    origin: &Origin,
    der: &CertificateDer<'_>,
) -> Option<Expiry> {
    let certificate = Certificate::from_der(der).ok()?;
    let tbs = certificate.tbs_certificate();
    Some(Expiry {
        what,
        origin: origin.clone(),
        name: tbs.subject().to_string(),
        begins: tbs.validity().not_before.to_system_time(),
        ends: tbs.validity().not_after.to_system_time(),
    })
}

/// The end of a list; none if it does not say.
pub(super) fn of_list(origin: &Origin, der: &CertificateRevocationListDer<'_>) -> Option<Expiry> {
    let list = CertificateList::<Rfc5280>::from_der(der).ok()?;
    Some(Expiry {
        what: "certificate revocation list",
        origin: origin.clone(),
        name: list.tbs_cert_list.issuer.to_string(),
        begins: list.tbs_cert_list.this_update.to_system_time(),
        ends: list.tbs_cert_list.next_update?.to_system_time(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_and_negative_once_over() {
        let ends = SystemTime::UNIX_EPOCH + DAY * 100;
        let expiry = Expiry {
            what: "SSL certificate",
            origin: Origin::Memory,
            name: String::new(),
            begins: SystemTime::UNIX_EPOCH,
            ends,
        };
        for (now, left) in [
            (ends - DAY * 30, 30),
            (ends - DAY * 30 + Duration::from_secs(1), 29),
            (ends, 0),
            (ends + Duration::from_secs(1), -1),
            (ends + DAY, -2),
        ] {
            assert_eq!(expiry.days_left(now), left);
        }
    }
}
