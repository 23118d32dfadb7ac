//! What a client meets at the door: certificates by name, keys of every kind, versions, suites.
#![cfg(all(
    feature = "tokio",
    feature = "sqlite",
    feature = "certificates",
    any(feature = "aws-lc-rs", feature = "ring")
))]
#![allow(clippy::unwrap_used, reason = "tests fail on surprises")]

mod common;

use std::sync::Arc;

use common::Certs;
use common::pair::meet;
use common::raw::{client_config, provider};
use pgtls::{Encryption, FrontDoor, Rules, SslMode};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

#[test]
fn facts_have_the_certificate_that_was_presented() {
    let certs = Certs::new();
    let leaf = CertificateDer::from_pem_file(certs.made.server_cert()).unwrap();
    let key = PrivateKeyDer::from_pem_file(certs.made.server_key()).unwrap();
    let own = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.clone()], key)
        .unwrap();
    let doors = [
        FrontDoor::new(certs.made.ssl_config(SslMode::Require)).unwrap(),
        FrontDoor::with_rustls(Rules::new(Encryption::Required), Arc::new(own)),
    ];
    for door in doors {
        let client = Arc::new(client_config(&certs, false, &["postgresql"]));
        // The second login resumes the first, in which case nothing is presented anew.
        for resumed in [false, true] {
            let met = meet(&door, &client, "localhost");
            let tls = met.login().tls().unwrap();
            assert_eq!(tls.server_certificate(), Some(&leaf));
            assert_eq!(tls.resumed(), resumed);
        }
    }
}
