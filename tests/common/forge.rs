//! Certificates to order: right ones, and wrong ones in every way.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::raw::provider;

pub type Ca = CertifiedIssuer<'static, KeyPair>;

pub fn ca_params(name: &str) -> CertificateParams {
    let mut ca = named(&[(DnType::CommonName, name.into())]);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    ca
}

/// A CA that signed itself.
pub fn root(name: &str) -> Ca {
    CertifiedIssuer::self_signed(ca_params(name), KeyPair::generate().unwrap()).unwrap()
}

/// A CA below another.
pub fn intermediate(name: &str, root: &Ca) -> Ca {
    CertifiedIssuer::signed_by(ca_params(name), KeyPair::generate().unwrap(), root).unwrap()
}

/// A certificate to be with this subject, in date.
pub fn named(subject: &[(DnType, DnValue)]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for (kind, value) in subject {
        params.distinguished_name.push(kind.clone(), value.clone());
    }
    params
}

/// One for clients, with this common name.
pub fn client(common_name: &str) -> CertificateParams {
    let mut params = named(&[(DnType::CommonName, common_name.into())]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// One for a server of these names.
pub fn server(names: &[&str]) -> CertificateParams {
    let mut params = named(&[(DnType::CommonName, names[0].into())]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.subject_alt_names = names
        .iter()
        .map(|name| match name.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName((*name).try_into().unwrap()),
        })
        .collect();
    params
}

/// A certificate with its key.
pub struct Pair {
    pub certificate: rcgen::Certificate,
    pub key: KeyPair,
}

pub fn sign(params: &CertificateParams, ca: &Ca) -> Pair {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, ca).unwrap();
    Pair { certificate, key }
}

pub fn self_sign(params: &CertificateParams) -> Pair {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Pair { certificate, key }
}

impl Pair {
    /// Writes NAME.crt, with the chain behind it, and NAME.key.
    pub fn write(&self, directory: &Path, name: &str, chain: &[&Ca]) -> (PathBuf, PathBuf) {
        let mut pem = self.certificate.pem();
        for ca in chain {
            pem += &ca.pem();
        }
        let certificate = write(directory, &format!("{name}.crt"), pem.as_bytes());
        let key = self.key.serialize_pem();
        let key = write(directory, &format!("{name}.key"), key.as_bytes());
        (certificate, key)
    }

    /// A client that presents it, and trusts this CA.
    pub fn client_config(&self, trusted: &Ca) -> ClientConfig {
        self.client_config_with(trusted, vec![self.certificate.der().clone()])
    }

    /// With the chain behind it.
    pub fn client_config_with(
        &self,
        trusted: &Ca,
        chain: Vec<CertificateDer<'static>>,
    ) -> ClientConfig {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(trusted.der().clone()).unwrap();
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .unwrap();
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        config
    }
}

/// Writes a file that its owner alone can read, in place of an older one.
pub fn write(directory: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    use std::io::Write;
    let path = directory.join(name);
    let mut draft = tempfile::NamedTempFile::new_in(directory).unwrap();
    draft.write_all(bytes).unwrap();
    draft.persist(&path).unwrap();
    path
}

/// A revocation list of this CA, in date, with these serial numbers.
pub fn crl(ca: &Ca, revoked: &[u64]) -> String {
    crl_until(ca, revoked, 2999)
}

/// One that is in date until the beginning of a year.
pub fn crl_until(ca: &Ca, revoked: &[u64], year: i32) -> String {
    let long_ago = rcgen::date_time_ymd(2020, 1, 1);
    let revoked_certs = revoked.iter().map(|serial| rcgen::RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: long_ago,
        reason_code: None,
        invalidity_date: None,
    });
    rcgen::CertificateRevocationListParams {
        this_update: long_ago,
        next_update: rcgen::date_time_ymd(year, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: revoked_certs.collect(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    }
    .signed_by(ca)
    .unwrap()
    .pem()
    .unwrap()
}
