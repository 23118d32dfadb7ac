//! What has been taken back, what has ended or will, and the manager that makes it all.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::common::forge::{
    Ca, Pair, client, crl, crl_until, intermediate, root, self_sign, server, sign, write,
};
use crate::common::log::logged;
use crate::common::pair::meet;
use crate::common::{Said, run};
use pgtls::{CertificateManager, FrontDoor, ServerCertificate, SslConfig, SslMode};
use rcgen::SerialNumber;

const REVOKED: u64 = 7;
const DAY: Duration = Duration::from_secs(86_400);

struct Place {
    trusted: Ca,
    clients: Ca,
    below: Ca,
    server: Pair,
}

impl Place {
    fn new() -> Self {
        let (trusted, clients) = (root("servers CA"), root("clients CA"));
        let below = intermediate("clients CA below", &clients);
        let server = sign(&server(&["localhost"]), &trusted);
        Self {
            trusted,
            clients,
            below,
            server,
        }
    }

    fn config(&self) -> SslConfig {
        let (certificate, key) = (
            self.server.certificate.pem(),
            self.server.key.serialize_pem(),
        );
        let certificate = ServerCertificate::from_pem(certificate, key);
        SslConfig::with_certificate(SslMode::VerifyCA, certificate).with_ca_pem(self.clients.pem())
    }

    /// Why a client with this serial number was refused; nothing if it was not.
    fn refusal(&self, config: &SslConfig, serial: u64, chain: &[&Ca]) -> String {
        let mut params = client("postgres");
        params.serial_number = Some(SerialNumber::from(serial));
        let pair = sign(&params, chain.last().unwrap_or(&&self.clients));
        let mut certificates = vec![pair.certificate.der().clone()];
        certificates.extend(chain.iter().map(|ca| ca.der().clone()));
        let config = FrontDoor::new(config.clone()).unwrap();
        let client = pair.client_config_with(&self.trusted, certificates);
        meet(&config, &Arc::new(client), "localhost").reason()
    }
}

#[test]
fn a_list_must_be_there_in_date_and_speak_of_the_whole_chain() {
    let place = Place::new();
    let current = |ca: &Ca| crl(ca, &[REVOKED]);
    let stale = |ca: &Ca| crl_until(ca, &[REVOKED], 2021);
    let with = |lists: &[String]| {
        let lists = lists.iter();
        lists.fold(place.config(), |config, list| {
            config.with_crl_pem(list.as_bytes())
        })
    };
    let none: &[&Ca] = &[];
    let below: &[&Ca] = &[&place.below];
    let (good, revoked, ended, unknown) = (
        "",
        "Revoked",
        "ExpiredRevocationList",
        "UnknownRevocationStatus",
    );
    type Case<'a> = (&'a str, SslConfig, &'a [&'a Ca], [&'a str; 2]);
    let cases: &[Case<'_>] = &[
        ("no list", place.config(), none, [good, good]),
        (
            "current",
            with(&[current(&place.clients)]),
            none,
            [good, revoked],
        ),
        (
            "both",
            with(&[current(&place.clients), current(&place.below)]),
            below,
            [good, revoked],
        ),
        (
            "root's alone",
            with(&[current(&place.clients)]),
            below,
            [unknown, unknown],
        ),
        (
            "leaf's alone",
            with(&[current(&place.below)]),
            below,
            [unknown, unknown],
        ),
        (
            "root's alone, allowed",
            with(&[current(&place.clients)]).dangerous_allow_unknown_revocation(),
            below,
            [good, good],
        ),
        (
            "leaf's alone, allowed",
            with(&[current(&place.below)]).dangerous_allow_unknown_revocation(),
            below,
            [good, revoked],
        ),
        (
            "stale",
            with(&[stale(&place.clients)]),
            none,
            [ended, ended],
        ),
        (
            "stale, allowed",
            with(&[stale(&place.clients)]).dangerous_allow_expired_crls(),
            none,
            [good, revoked],
        ),
        (
            "another's",
            with(&[current(&root("other"))]),
            none,
            [unknown, unknown],
        ),
        (
            "forged",
            with(&[current(&root("clients CA"))]),
            none,
            ["BadSignature", "BadSignature"],
        ),
    ];
    for (name, config, chain, expected) in cases {
        for (serial, expected) in [REVOKED + 1, REVOKED].into_iter().zip(expected) {
            let refusal = place.refusal(config, serial, chain);
            let fits = match *expected {
                "" => refusal.is_empty(),
                "ExpiredRevocationList" => {
                    refusal.contains("expired") || refusal.contains(expected)
                }
                words => refusal.contains(words),
            };
            assert!(fits, "{name}, {serial}: {refusal:?}, not {expected:?}");
        }
    }
}

#[test]
fn a_directory_of_lists_is_read_whatever_their_names() {
    let place = Place::new();
    let directory = tempfile::tempdir().unwrap();
    let config = place.config().with_crl_dir(directory.path());
    write(
        directory.path(),
        "5d41402a.r0",
        crl(&place.clients, &[REVOKED]).as_bytes(),
    );
    write(
        directory.path(),
        "another",
        crl(&place.below, &[]).as_bytes(),
    );
    write(directory.path(), ".hidden", b"junk");
    std::fs::create_dir(directory.path().join("sub")).unwrap();
    let refusal = |serial| place.refusal(&config, serial, &[&place.below]);
    assert_eq!(refusal(REVOKED), "", "revoked by another CA");
    let refusal = |serial| place.refusal(&config, serial, &[]);
    assert_eq!(refusal(1), "");
    assert!(refusal(REVOKED).contains("Revoked"));
    write(directory.path(), "visible", b"junk");
    let error = config.validate().unwrap_err().to_string();
    assert!(
        error.contains("visible holds neither a PEM section \"X509 CRL\""),
        "{error}"
    );
}

/// A server certificate that ends in so many days.
fn ending(days: u32) -> ServerCertificate {
    let mut params = server(&["localhost"]);
    // A minute more, for the time until it is looked at.
    params.not_after = (SystemTime::now() + DAY * days + Duration::from_secs(60)).into();
    let pair = self_sign(&params);
    ServerCertificate::from_pem(pair.certificate.pem(), pair.key.serialize_pem())
}

#[test]
fn a_server_logs_what_ends_soon_every_day() {
    use pgtls::runtimes::tokio::Serve;
    let config = SslConfig::with_certificate(SslMode::Require, ending(5));
    let (server, at_start) = logged(|| {
        pgtls::PgServerBuilder::new()
            .address("127.0.0.1:0".parse().unwrap())
            .ssl_config(config)
            .build(Arc::new(crate::common::embedded()))
            .unwrap()
    });
    // Three and a half days of virtual time.
    let ((), log) = logged(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(async {
                let stop = tokio::time::sleep(DAY * 7 / 2);
                server.serve_until(stop).await
            })
            .unwrap();
    });
    for (log, times) in [(at_start, 1), (log, 3)] {
        let said = log.matches("ends soon; replace the file and reload");
        assert_eq!(said.count(), times, "{log}");
    }
}

#[test]
fn what_ends_soon_is_known_and_logged() {
    let place = Place::new();
    let load = |config: SslConfig| logged(|| FrontDoor::new(config).unwrap());
    let plain = |certificate| SslConfig::with_certificate(SslMode::Require, certificate);
    for (days, expected) in [
        (31, None),
        (30, None),
        (29, Some("WARN")),
        (7, Some("WARN")),
        (6, Some("ERROR")),
        (0, Some("ERROR")),
    ] {
        let (door, log) = load(plain(ending(days)));
        let [expiry] = door.expiries().try_into().unwrap();
        assert_eq!(expiry.days_left(SystemTime::now()), i64::from(days));
        assert_eq!(
            (expiry.what, expiry.name.as_str()),
            ("SSL certificate", "CN=localhost")
        );
        match expected {
            None => assert_eq!(log, ""),
            Some(level) => {
                assert!(
                    log.contains(level) && log.contains(&format!("days={days}")),
                    "{log}"
                );
                assert!(
                    log.contains("ends soon; replace the file and reload"),
                    "{log}"
                );
                assert_eq!(log.lines().count(), 1, "{log}");
            }
        }
    }
    let (door, log) = load(plain(ending(50)).with_expiry_thresholds(DAY * 60, DAY * 40));
    assert!(log.contains("WARN") && log.contains("days=50"), "{log}");
    let ((), again) = logged(|| door.log_expiries());
    assert!(
        again.contains("WARN") && again.contains("days=50"),
        "{again}"
    );
    let (_, log) = load(plain(ending(50)).with_expiry_thresholds(DAY * 90, DAY * 60));
    assert!(log.contains("ERROR"), "{log}");
    let (_, log) = load(plain(ending(5)).with_expiry_thresholds(DAY, DAY));
    assert_eq!(log, "");

    // As PostgreSQL, a server starts with a certificate out of its time: clients will tell. So
    // does the log.
    let mut past = server(&["localhost"]);
    past.not_before = rcgen::date_time_ymd(2020, 1, 1);
    past.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let mut future = server(&["localhost"]);
    future.not_before = rcgen::date_time_ymd(2998, 1, 1);
    future.not_after = rcgen::date_time_ymd(2999, 1, 1);
    for (params, words) in [
        (past, "has ended; replace the file and reload"),
        (future, "is not valid yet; check the clock of this machine"),
    ] {
        let pair = self_sign(&params);
        let pem = (pair.certificate.pem(), pair.key.serialize_pem());
        let (_, log) = load(plain(ServerCertificate::from_pem(pem.0, pem.1)));
        assert!(log.contains("ERROR") && log.contains(words), "{log}");
    }

    // The CA and the lists, too.
    let config = place
        .config()
        .with_crl_pem(crl_until(&place.clients, &[], 2021));
    let (door, log) = load(config);
    let kinds: Vec<_> = door.expiries().iter().map(|e| e.what).collect();
    assert_eq!(
        kinds,
        [
            "certificate revocation list",
            "SSL certificate",
            "CA certificate"
        ]
    );
    assert!(
        log.contains("ERROR") && log.contains("CN=clients CA"),
        "{log}"
    );

    // And a chain out of order.
    let chain = place.server.certificate.pem() + &place.clients.pem() + &place.trusted.pem();
    let chain = ServerCertificate::from_pem(chain, place.server.key.serialize_pem());
    let (_, log) = load(plain(chain));
    let words = "certificate 1 in <memory> is not issued by the one behind it";
    assert!(log.contains("WARN") && log.contains(words), "{log}");
}

fn openssl(directory: &Path, arguments: &str) -> Said {
    run(Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(directory))
}

#[test]
fn openssl_agrees_with_what_the_manager_makes() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    let check = |arguments: &str, words: &str| {
        let said = openssl(place.path(), arguments);
        assert!(
            said.out.contains(words) || said.err.contains(words),
            "{arguments}: {said:?}"
        );
    };
    let ca = CertificateManager::create_ca(path("ca.crt"), path("ca.key"), "our CA").unwrap();
    let names = ["db.example.com", "10.0.0.1"];
    ca.issue_server(path("server.crt"), path("server.key"), &names)
        .unwrap();
    ca.issue_client(path("joe.crt"), path("joe.key"), "joe")
        .unwrap();
    ca.issue_client(path("ann.crt"), path("ann.key"), "ann")
        .unwrap();
    let verify = "verify -CAfile ca.crt -x509_strict";
    check(
        &format!("{verify} -purpose sslserver -verify_hostname db.example.com server.crt"),
        "OK",
    );
    check(
        &format!("{verify} -purpose sslserver -verify_ip 10.0.0.1 server.crt"),
        "OK",
    );
    check(&format!("{verify} -purpose sslclient joe.crt"), "OK");
    check(
        &format!("{verify} -purpose sslserver joe.crt"),
        "unsuitable certificate purpose",
    );
    for (name, key) in [("server.crt", "server.key"), ("joe.crt", "joe.key")] {
        CertificateManager::verify_cert_files(path(name), path(key)).unwrap();
    }
    CertificateManager::verify_cert_files(path("ca.crt"), path("ca.key")).unwrap();

    // Opened anew, it is the same CA; the list grows, and its number with it.
    let ca = CertificateManager::open_ca(path("ca.crt"), path("ca.key")).unwrap();
    ca.revoke(path("ca.crl"), &[path("joe.crt")]).unwrap();
    let verify = "verify -crl_check -CAfile ca.crt -CRLfile ca.crl";
    check(&format!("{verify} joe.crt"), "certificate revoked");
    check(&format!("{verify} ann.crt"), "OK");
    ca.revoke(path("ca.crl"), &[path("ann.crt"), path("joe.crt")])
        .unwrap();
    check(&format!("{verify} joe.crt"), "certificate revoked");
    check(&format!("{verify} ann.crt"), "certificate revoked");
    check(&format!("{verify} server.crt"), "OK");
    ca.revoke(path("ca.crl"), &[] as &[&Path]).unwrap();
    check("crl -in ca.crl -noout -crlnumber", "crlNumber=0x03");
    let text = openssl(place.path(), "crl -in ca.crl -noout -text").out;
    assert_eq!(text.matches("Serial Number").count(), 2, "{text}");

    CertificateManager::generate_request(path("x.csr"), path("x.key"), &names).unwrap();
    check("req -in x.csr -noout -verify", "OK");
    let text = openssl(place.path(), "req -in x.csr -noout -text").out;
    assert!(
        text.contains("DNS:db.example.com, IP Address:10.0.0.1"),
        "{text}"
    );

    // A CA that OpenSSL made signs as well.
    let made = openssl(
        place.path(),
        "req -x509 -newkey ed25519 -nodes -keyout o.key -out o.crt -days 9 -subj /C=DE/O=Co/CN=o",
    );
    assert!(made.ok, "{made:?}");
    let ca = CertificateManager::open_ca(path("o.crt"), path("o.key")).unwrap();
    ca.issue_client(path("eve.crt"), path("eve.key"), "eve")
        .unwrap();
    ca.revoke(path("o.crl"), &[path("eve.crt")]).unwrap();
    check("verify -CAfile o.crt eve.crt", "OK");
    check(
        "verify -crl_check -CAfile o.crt -CRLfile o.crl eve.crt",
        "certificate revoked",
    );
}

#[cfg(feature = "aws-lc-rs")]
/// The example prints lines to try; each does what it says.
#[test]
fn the_example_mutual_tls_does_what_it_prints() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    use crate::common::{Child, example};

    let place = tempfile::tempdir().unwrap();
    // The second time with what the first has made.
    for _ in 0..2 {
        let mut child = Child(
            Command::new(example("mutual_tls"))
                .args(["--listen", "127.0.0.1:0"])
                .current_dir(place.path())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
        let (mut expected, mut tried) = (String::new(), 0);
        for line in &mut lines {
            let line = line.unwrap();
            if let Some(command) = line.strip_prefix("  psql ") {
                let said = run(Command::new("sh")
                    .arg("-c")
                    .arg(format!("psql -X -At {command}"))
                    .current_dir(place.path()));
                let (ok, words) = match expected.as_str() {
                    "gets in" => (true, "2\n"),
                    refused => (false, refused),
                };
                let said_so = said.out.contains(words) || said.err.contains(words);
                assert!(said.ok == ok && said_so, "{line}: {said:?}, not {expected}");
                tried += 1;
            } else if let Some((_, outcome)) = line.split_once(" -> ") {
                expected = outcome.to_owned();
            } else if line.contains("Ctrl-C") {
                break;
            }
        }
        assert_eq!(tried, 4);
        let id = child.0.id().to_string();
        assert!(run(Command::new("kill").args(["-INT", &id])).ok);
        assert!(child.0.wait().unwrap().success());
    }
}
