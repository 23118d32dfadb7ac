//! Files of certificates, keys, lists: any bytes are an error with words, or can be used.

use std::sync::OnceLock;

use pgtls::{FrontDoor, ServerCertificate, SslConfig, SslMode};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, SerialNumber, date_time_ymd,
};

struct Good {
    ca: Vec<u8>,
    certificate: Vec<u8>,
    crl: Vec<u8>,
    key: Vec<u8>,
}

fn good() -> &'static Good {
    static GOOD: OnceLock<Good> = OnceLock::new();
    GOOD.get_or_init(|| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let crl = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2999, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Good {
            certificate: leaf.signed_by(&key, &ca).unwrap().der().to_vec(),
            crl: crl.signed_by(&ca).unwrap().der().to_vec(),
            ca: ca.der().to_vec(),
            key: key.serialize_der(),
        }
    })
}

/// The first byte says in whose place the others stand.
pub fn files(input: &[u8]) {
    let Some((slot, bytes)) = input.split_first() else {
        return;
    };
    let good = good();
    let piece = |number: u8, good: &[u8]| {
        if slot % 5 == number {
            bytes.to_vec()
        } else {
            good.to_vec()
        }
    };
    let mut certificate =
        ServerCertificate::from_pem(piece(0, &good.certificate), piece(1, &good.key));
    if slot % 5 == 4 {
        certificate = certificate.with_ocsp_der(bytes);
    }
    let config = SslConfig::with_certificate(SslMode::VerifyFull, certificate)
        .with_ca_pem(piece(2, &good.ca))
        .with_crl_pem(piece(3, &good.crl));
    let validated = config.validate();
    match FrontDoor::new(config) {
        Ok(door) => {
            validated.unwrap();
            // The certificate, the CA and the list, unless a list does not say when it ends.
            assert!(door.expiries().len() >= 2);
        }
        Err(error) => {
            let text = error.to_string();
            assert_eq!(text, validated.unwrap_err().to_string());
            assert!(
                text.contains("<memory>") || text.contains("refused"),
                "{text}"
            );
        }
    }
}
