//! Which client certificates get in, in which mode: real psql, TLS 1.2 and 1.3.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::common::forge::{
    Ca, client, crl, intermediate, named, root, self_sign, server, sign, write,
};
use crate::common::{Server, psql};
use pgtls::{SslConfig, SslMode};
use rcgen::{
    CertificateParams, DnType, DnValue, ExtendedKeyUsagePurpose, SanType, SerialNumber,
    date_time_ymd,
};

/// What becomes of a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    /// It is let in.
    In,
    /// There is no TLS to be had, and this client wants it.
    Off,
    /// The handshake fails with this alert (RFC 8446 §6.2), in OpenSSL's words.
    Alert(&'static str),
    /// The connection is closed without a word at the end of the handshake.
    Shut,
    /// FATAL 28000 `connection requires a valid client certificate`.
    Need,
    /// FATAL 28000 `"trust" authentication failed for user "U"`.
    Name,
}
use Outcome::{Alert, In, Name, Need, Off, Shut};

const UNKNOWN: Outcome = Alert("unknown ca");
const FORGED: Outcome = Alert("decrypt error");
/// "Has expired or is not currently valid."
const EXPIRED: Outcome = Alert("certificate expired");
const REVOKED: Outcome = Alert("certificate revoked");
const PURPOSE: Outcome = Alert("unsupported certificate");
const STRANGE: Outcome = Alert("certificate unknown");

/// Everybody logs in as alice, with sslmode=require. The server has a CRL of every CA.
#[rustfmt::skip]
const TABLE: &[(&str, [Outcome; 6])] = &[
    // what the client presents                Disable Allow    Prefer   Require  VerifyCA VerifyFull
    ("no certificate",                          [Off,  In,      In,      In,      Need,    Need]),
    ("self-signed",                             [Off,  UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]),
    ("wrong CA",                                [Off,  UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]),
    ("wrong CA of the same name",               [Off,  FORGED,  FORGED,  FORGED,  FORGED,  FORGED]),
    ("right CA via intermediate",               [Off,  In,      In,      In,      In,      In]),
    ("intermediate missing",                    [Off,  UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]),
    ("intermediate revoked",                    [Off,  REVOKED, REVOKED, REVOKED, REVOKED, REVOKED]),
    ("intermediate that is no CA",              [Off,  STRANGE, STRANGE, STRANGE, STRANGE, STRANGE]),
    ("expired",                                 [Off,  EXPIRED, EXPIRED, EXPIRED, EXPIRED, EXPIRED]),
    ("not yet valid",                           [Off,  EXPIRED, EXPIRED, EXPIRED, EXPIRED, EXPIRED]),
    ("revoked",                                 [Off,  REVOKED, REVOKED, REVOKED, REVOKED, REVOKED]),
    ("EKU without clientAuth",                  [Off,  PURPOSE, PURPOSE, PURPOSE, PURPOSE, PURPOSE]),
    ("no EKU extension",                        [Off,  In,      In,      In,      In,      In]),
    ("wrong CN",                                [Off,  In,      In,      In,      In,      Name]),
    ("right CN",                                [Off,  In,      In,      In,      In,      In]),
    ("CN in other case",                        [Off,  In,      In,      In,      In,      Name]),
    ("CN with something behind it",             [Off,  In,      In,      In,      In,      Name]),
    ("NUL in CN",                               [Off,  Shut,    Shut,    Shut,    Shut,    Shut]),
    ("NUL elsewhere in the DN",                 [Off,  Shut,    Shut,    Shut,    Shut,    Shut]),
    ("wildcard CN",                             [Off,  In,      In,      In,      In,      Name]),
    ("CN of look-alike letters",                [Off,  In,      In,      In,      In,      Name]),
    ("CN as BMPString",                         [Off,  In,      In,      In,      In,      Name]),
    ("two CNs, right first",                    [Off,  In,      In,      In,      In,      In]),
    ("two CNs, right second",                   [Off,  In,      In,      In,      In,      Name]),
    ("no CN, O instead",                        [Off,  In,      In,      In,      In,      Name]),
    ("empty subject, DNS SAN",                  [Off,  In,      In,      In,      In,      Name]),
    ("wrong CN, right DNS SAN",                 [Off,  In,      In,      In,      In,      Name]),
    ("wrong CN, right e-mail SAN",              [Off,  In,      In,      In,      In,      Name]),
    ("wrong CN, right URI SAN",                 [Off,  In,      In,      In,      In,      Name]),
    ("right CN, wrong SANs",                    [Off,  In,      In,      In,      In,      In]),
];

const USER: &str = "alice";
const REVOKED_SERIAL: u64 = 0x1234;

/// The certificates of the table in a directory, by name; the first has none.
struct Forgery {
    directory: tempfile::TempDir,
    brings: HashMap<&'static str, Option<(PathBuf, PathBuf)>>,
    server: (PathBuf, PathBuf),
}

impl Forgery {
    fn get() -> &'static Self {
        static ONE: OnceLock<Forgery> = OnceLock::new();
        ONE.get_or_init(Self::new)
    }

    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path();
        let ca = root("root CA");
        let below = intermediate("intermediate CA", &ca);
        let fallen = intermediate_with_serial("fallen CA", &ca, REVOKED_SERIAL);
        let other = root("other CA");
        let twin = root("root CA");

        let mut brings = HashMap::from([("no certificate", None)]);
        let mut add = |name: &'static str, files: (PathBuf, PathBuf)| {
            let twice = brings.insert(name, Some(files));
            assert!(twice.is_none(), "{name} twice");
        };
        let right = client(USER);
        add("self-signed", self_sign(&right).write(place, "self", &[]));
        add("wrong CA", sign(&right, &other).write(place, "other", &[]));
        add(
            "wrong CA of the same name",
            sign(&right, &twin).write(place, "twin", &[]),
        );
        let chained = sign(&right, &below);
        add(
            "right CA via intermediate",
            chained.write(place, "chain", &[&below]),
        );
        add("intermediate missing", chained.write(place, "nochain", &[]));
        add(
            "intermediate revoked",
            sign(&right, &fallen).write(place, "fallen", &[&fallen]),
        );
        add("intermediate that is no CA", below_a_leaf(&ca, place));
        for (name, params) in leaves() {
            let file = name.replace(' ', "-");
            add(name, sign(&params, &ca).write(place, &file, &[]));
        }

        let (certificate, key) = sign(&server(&["localhost"]), &ca).write(place, "server", &[]);
        let crls = [
            crl(&ca, &[REVOKED_SERIAL]),
            crl(&below, &[]),
            crl(&fallen, &[]),
        ];
        write(place, "root.crt", ca.pem().as_bytes());
        write(place, "all.crl", crls.concat().as_bytes());
        Self {
            directory,
            brings,
            server: (certificate, key),
        }
    }

    fn config(&self, mode: SslMode) -> SslConfig {
        let (certificate, key) = &self.server;
        SslConfig::new(mode, certificate, key)
            .with_ca_cert(self.directory.path().join("root.crt"))
            .with_crl_file(self.directory.path().join("all.crl"))
    }
}

fn intermediate_with_serial(name: &str, ca: &Ca, serial: u64) -> Ca {
    let mut params = crate::common::forge::ca_params(name);
    params.serial_number = Some(SerialNumber::from(serial));
    rcgen::CertifiedIssuer::signed_by(params, rcgen::KeyPair::generate().unwrap(), ca).unwrap()
}

/// A certificate signed with the key of one that is not a CA's.
fn below_a_leaf(ca: &Ca, place: &Path) -> (PathBuf, PathBuf) {
    let mallory = rcgen::CertifiedIssuer::signed_by(
        client("mallory"),
        rcgen::KeyPair::generate().unwrap(),
        ca,
    )
    .unwrap();
    sign(&client(USER), &mallory).write(place, "leafca", &[&mallory])
}

/// Those that differ in the certificate alone, all signed by the CA itself.
fn leaves() -> Vec<(&'static str, CertificateParams)> {
    let utf8 = |text: &str| DnValue::Utf8String(text.to_owned());
    let subject = |subject: &[(DnType, DnValue)]| {
        let mut params = named(subject);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params
    };
    let cn = |name: &str| subject(&[(DnType::CommonName, utf8(name))]);
    let changed = |change: &dyn Fn(&mut CertificateParams)| {
        let mut params = client(USER);
        change(&mut params);
        params
    };
    let san = |name: &str, san: SanType| {
        let mut params = cn(name);
        params.subject_alt_names = vec![san];
        params
    };
    // The type has a name of its own, so that it can stand in a subject twice.
    let again = || DnType::CustomDnType(vec![2, 5, 4, 3]);
    let text = |text: &str| text.try_into().unwrap();
    vec![
        (
            "expired",
            changed(&|p| {
                p.not_before = date_time_ymd(2020, 1, 1);
                p.not_after = date_time_ymd(2021, 1, 1);
            }),
        ),
        (
            "not yet valid",
            changed(&|p| {
                p.not_before = date_time_ymd(2998, 1, 1);
                p.not_after = date_time_ymd(2999, 1, 1);
            }),
        ),
        (
            "revoked",
            changed(&|p| p.serial_number = Some(SerialNumber::from(REVOKED_SERIAL))),
        ),
        (
            "EKU without clientAuth",
            changed(&|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        ),
        (
            "no EKU extension",
            changed(&|p| p.extended_key_usages.clear()),
        ),
        ("wrong CN", cn("mallory")),
        ("right CN", cn(USER)),
        ("CN in other case", cn("Alice")),
        ("CN with something behind it", cn("alice ")),
        ("NUL in CN", cn("alice\0.example.com")),
        (
            "NUL elsewhere in the DN",
            subject(&[
                (DnType::OrganizationName, utf8("\0")),
                (DnType::CommonName, utf8(USER)),
            ]),
        ),
        ("wildcard CN", cn("*")),
        ("CN of look-alike letters", cn("\u{430}lice")),
        (
            "CN as BMPString",
            subject(&[(DnType::CommonName, DnValue::BmpString(text_of_bmp(USER)))]),
        ),
        (
            "two CNs, right first",
            subject(&[(DnType::CommonName, utf8(USER)), (again(), utf8("mallory"))]),
        ),
        (
            "two CNs, right second",
            subject(&[(DnType::CommonName, utf8("mallory")), (again(), utf8(USER))]),
        ),
        (
            "no CN, O instead",
            subject(&[(DnType::OrganizationName, utf8(USER))]),
        ),
        ("empty subject, DNS SAN", {
            let mut params = subject(&[]);
            params.subject_alt_names = vec![SanType::DnsName(text(USER))];
            params
        }),
        (
            "wrong CN, right DNS SAN",
            san("mallory", SanType::DnsName(text(USER))),
        ),
        (
            "wrong CN, right e-mail SAN",
            san("mallory", SanType::Rfc822Name(text(USER))),
        ),
        (
            "wrong CN, right URI SAN",
            san("mallory", SanType::URI(text(USER))),
        ),
        (
            "right CN, wrong SANs",
            san(USER, SanType::DnsName(text("mallory.example.com"))),
        ),
    ]
}

fn text_of_bmp(text: &str) -> rcgen::string::BmpString {
    text.try_into().unwrap()
}

/// One column of the table.
fn check_mode(column: usize, mode: SslMode) {
    assert_eq!(SslMode::ALL[column], mode);
    let forgery = Forgery::get();
    assert_eq!(TABLE.len(), forgery.brings.len());
    let server = Server::with_config(forgery.config(mode));
    let mut wrong = Vec::new();
    for (name, outcomes) in TABLE {
        let expected = outcomes[column];
        for version in ["TLSv1.2", "TLSv1.3"] {
            let mut options = format!(
                "user={USER} sslmode=require \
                 ssl_min_protocol_version={version} ssl_max_protocol_version={version}"
            );
            if let Some((certificate, key)) = &forgery.brings[name] {
                let (certificate, key) = (certificate.display(), key.display());
                options += &format!(" sslcert='{certificate}' sslkey='{key}'");
            }
            let said = psql(&server, &options, &["\\conninfo"]);
            let as_expected = match expected {
                In => said.ok && said.out.contains(&format!("protocol: {version}")),
                Off => said
                    .err
                    .contains("server does not support SSL, but SSL was required"),
                Alert(words) => said.err.contains(&format!("alert {words}")),
                Shut => said
                    .err
                    .contains("SSL connection has been closed unexpectedly"),
                Need => said
                    .err
                    .contains("FATAL:  connection requires a valid client certificate"),
                Name => said
                    .err
                    .contains("FATAL:  \"trust\" authentication failed for user \"alice\""),
            };
            if !as_expected || said.ok != (expected == In) {
                wrong.push(format!("{name}, {version}: not {expected:?}, but {said:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{mode}:\n{}", wrong.join("\n"));
}

#[test]
fn client_certificates_in_mode_disable() {
    check_mode(0, SslMode::Disable);
}

#[test]
fn client_certificates_in_mode_allow() {
    check_mode(1, SslMode::Allow);
}

#[test]
fn client_certificates_in_mode_prefer() {
    check_mode(2, SslMode::Prefer);
}

#[test]
fn client_certificates_in_mode_require() {
    check_mode(3, SslMode::Require);
}

#[test]
fn client_certificates_in_mode_verify_ca() {
    check_mode(4, SslMode::VerifyCA);
}

#[test]
fn client_certificates_in_mode_verify_full() {
    check_mode(5, SslMode::VerifyFull);
}
