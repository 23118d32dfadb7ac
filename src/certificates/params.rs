//! What goes into a certificate made here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose, SanType,
};

use crate::config::DAY;

/// How long a certificate made here is valid.
const DAYS: u32 = 365;
/// Clocks differ: a certificate is valid from a little before it was made.
const SKEW: Duration = Duration::from_secs(3600);

pub(super) fn now() -> SystemTime {
    #[expect(clippy::disallowed_methods, reason = "validity counts from now")]
    SystemTime::now()
}

pub(super) fn authority(name: &str) -> CertificateParams {
    let mut ca = params(name, Vec::new());
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    ca
}

/// For a server of these names or addresses; the first is its common name.
pub(super) fn server(names: &[&str]) -> Result<CertificateParams, rcgen::Error> {
    let alternative = names
        .iter()
        .map(|name| {
            Ok(match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName((*name).try_into()?),
            })
        })
        .collect::<Result<_, rcgen::Error>>()?;
    let mut params = params(names.first().copied().unwrap_or_default(), alternative);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// For a server of this name on this machine.
pub(super) fn local_server(name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = server(&[name])?;
    for local in [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ] {
        let local = SanType::IpAddress(local);
        if !params.subject_alt_names.contains(&local) {
            params.subject_alt_names.push(local);
        }
    }
    Ok(params)
}

/// For a client that logs in as this user.
pub(super) fn client(user: &str) -> CertificateParams {
    let mut params = params(user, Vec::new());
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn params(common_name: &str, names: Vec<SanType>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.subject_alt_names = names;
    // Strict verifiers look for it (RFC 5280 §4.2.1.1).
    params.use_authority_key_identifier_extension = true;
    let now = now();
    params.not_before = now.checked_sub(SKEW).unwrap_or(now).into();
    params.not_after = now
        .checked_add(DAY.saturating_mul(DAYS))
        .unwrap_or(now)
        .into();
    params
}
