//! What a user of psql and openssl sees: `cargo test postgres_ssl`.
#![cfg(all(
    feature = "tokio",
    feature = "sqlite",
    feature = "certificates",
    any(feature = "aws-lc-rs", feature = "ring")
))]
#![allow(clippy::unwrap_used, reason = "tests fail on surprises")]

mod common;

mod postgres_ssl {
    use std::process::Command;

    use pgtls::SslMode;

    use crate::common::{Certs, Said, Server, psql, run};

    /// How psql got in, or what it was told.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    enum Outcome {
        Plain,
        Tls,
        No(&'static str),
    }
    use Outcome::{No, Plain, Tls};

    const NO_TLS: Outcome = No("server does not support SSL, but SSL was required");
    const PLAINTEXT: Outcome = No("FATAL:  SSL is required but no SSL request was received");
    const NO_CERTIFICATE: Outcome = No("FATAL:  connection requires a valid client certificate");
    const OTHER_NAME: Outcome = No("FATAL:  \"trust\" authentication failed for user \"mallory\"");

    /// What psql brings along.
    #[derive(Clone, Copy, Debug)]
    enum Brings {
        Nothing,
        /// The certificate of the user postgres, as that user.
        Certificate,
        /// The same certificate, as the user mallory.
        OthersCertificate,
    }
    use Brings::{Certificate, Nothing, OthersCertificate};

    const SSLMODES: [&str; 6] = [
        "disable",
        "allow",
        "prefer",
        "require",
        "verify-ca",
        "verify-full",
    ];

    /// A row for each server mode, a column for each sslmode.
    #[rustfmt::skip]
    const OUTCOMES: &[(SslMode, Brings, [Outcome; 6])] = &[
        (SslMode::Disable,    Nothing,           [Plain, Plain, Plain, NO_TLS, NO_TLS, NO_TLS]),
        (SslMode::Allow,      Nothing,           [Plain, Plain, Tls, Tls, Tls, Tls]),
        (SslMode::Prefer,     Nothing,           [Plain, Plain, Tls, Tls, Tls, Tls]),
        (SslMode::Require,    Nothing,           [PLAINTEXT, Tls, Tls, Tls, Tls, Tls]),
        (SslMode::VerifyCA,   Nothing,           [PLAINTEXT, NO_CERTIFICATE, NO_CERTIFICATE, NO_CERTIFICATE, NO_CERTIFICATE, NO_CERTIFICATE]),
        (SslMode::VerifyFull, Nothing,           [PLAINTEXT, NO_CERTIFICATE, NO_CERTIFICATE, NO_CERTIFICATE, NO_CERTIFICATE, NO_CERTIFICATE]),
        (SslMode::Disable,    Certificate,       [Plain, Plain, Plain, NO_TLS, NO_TLS, NO_TLS]),
        (SslMode::Allow,      Certificate,       [Plain, Plain, Tls, Tls, Tls, Tls]),
        (SslMode::Prefer,     Certificate,       [Plain, Plain, Tls, Tls, Tls, Tls]),
        (SslMode::Require,    Certificate,       [PLAINTEXT, Tls, Tls, Tls, Tls, Tls]),
        (SslMode::VerifyCA,   Certificate,       [PLAINTEXT, Tls, Tls, Tls, Tls, Tls]),
        (SslMode::VerifyFull, Certificate,       [PLAINTEXT, Tls, Tls, Tls, Tls, Tls]),
        (SslMode::Require,    OthersCertificate, [PLAINTEXT, Tls, Tls, Tls, Tls, Tls]),
        (SslMode::VerifyCA,   OthersCertificate, [PLAINTEXT, Tls, Tls, Tls, Tls, Tls]),
        (SslMode::VerifyFull, OthersCertificate, [PLAINTEXT, OTHER_NAME, OTHER_NAME, OTHER_NAME, OTHER_NAME, OTHER_NAME]),
    ];

    fn connect(server: &Server, certs: &Certs, sslmode: &str, brings: Brings) -> Said {
        let (cert, key) = (certs.made.client_cert(), certs.made.client_key());
        let (cert, key) = (cert.display(), key.display());
        let mut options = format!("sslmode={sslmode} dbname=heliosdb");
        if sslmode.starts_with("verify") {
            options += &format!(" sslrootcert={}", certs.made.ca_cert().display());
        }
        options += &match brings {
            Nothing => " user=postgres".to_owned(),
            Certificate => format!(" user=postgres sslcert={cert} sslkey={key}"),
            OthersCertificate => format!(" user=mallory sslcert={cert} sslkey={key}"),
        };
        psql(server, &options, &["select 1+1", "\\conninfo"])
    }

    fn check(said: &Said, expected: Outcome, what: &str) {
        let tls = said.out.contains("SSL connection (protocol: TLSv1.3");
        let answered = said.ok && said.out.starts_with("2\n");
        let as_expected = match expected {
            Plain => answered && !tls,
            Tls => answered && tls,
            No(words) => !said.ok && said.err.contains(words),
        };
        assert!(as_expected, "{what}: expected {expected:?}, got {said:?}");
    }

    fn check_mode(mode: SslMode) {
        let certs = Certs::new();
        let server = Server::in_mode(mode, &certs);
        for (_, brings, outcomes) in OUTCOMES.iter().filter(|(m, ..)| *m == mode) {
            for (sslmode, expected) in SSLMODES.into_iter().zip(outcomes) {
                let said = connect(&server, &certs, sslmode, *brings);
                let what = format!("{mode} x {sslmode}, {brings:?}");
                check(&said, *expected, &what);
            }
        }
    }

    #[test]
    fn test_ssl_mode_disable() {
        check_mode(SslMode::Disable);
    }

    #[test]
    fn test_ssl_mode_allow() {
        check_mode(SslMode::Allow);
    }

    #[test]
    fn test_ssl_mode_prefer() {
        check_mode(SslMode::Prefer);
    }

    #[test]
    fn test_ssl_mode_require() {
        check_mode(SslMode::Require);
    }

    #[test]
    fn test_ssl_mode_verify_ca() {
        check_mode(SslMode::VerifyCA);
    }

    #[test]
    fn test_ssl_mode_verify_full() {
        check_mode(SslMode::VerifyFull);
    }

    #[test]
    fn the_refusal_of_plaintext_says_what_to_do() {
        let certs = Certs::new();
        let server = Server::in_mode(SslMode::Require, &certs);
        let said = psql(&server, "sslmode=disable user=postgres", &["\\errverbose"]);
        assert!(
            said.err.contains("HINT:  Connect with sslmode=require"),
            "{said:?}"
        );
    }

    /// A certificate that is presented must verify, in every mode with TLS.
    #[test]
    fn a_certificate_of_another_ca_is_refused_in_every_mode() {
        let (certs, other) = (Certs::new(), Certs::new());
        for mode in [
            SslMode::Allow,
            SslMode::Prefer,
            SslMode::Require,
            SslMode::VerifyCA,
            SslMode::VerifyFull,
        ] {
            let server = Server::in_mode(mode, &certs);
            let said = connect(&server, &other, "require", Certificate);
            // Both CAs bear one name, so what fails is the signature.
            let words = [
                "decrypt error",
                "unknown ca",
                "bad signature",
                "bad certificate",
            ];
            let alert = words.iter().any(|w| said.err.contains(w));
            assert!(!said.ok && alert, "{mode}: {said:?}");
        }
    }

    #[test]
    fn ssl_test_makes_its_own_certificates() {
        let place = tempfile::tempdir().unwrap();
        // The current directory belongs to the process, so this needs one of its own.
        let said = run(Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "postgres_ssl::ssl_test_in_the_current_directory"])
            .env("PGTLS_SSL_TEST", "1")
            .current_dir(place.path()));
        assert!(said.ok, "{said:?}");
        assert!(place.path().join("certs/server.crt").exists());
    }

    #[test]
    fn ssl_test_in_the_current_directory() {
        if std::env::var_os("PGTLS_SSL_TEST").is_none() {
            return;
        }
        let builder = pgtls::PgServerBuilder::new().ssl_test();
        let server = Server::start(builder, crate::common::embedded());
        let options = "sslmode=verify-full sslrootcert=certs/ca.crt user=postgres";
        check(
            &psql(&server, options, &["select 1+1", "\\conninfo"]),
            Tls,
            "ssl_test",
        );
    }

    fn s_client(server: &Server, options: &[&str]) -> Said {
        let target = format!("127.0.0.1:{}", server.port());
        run(Command::new("openssl")
            .args(["s_client", "-connect", &target, "-verify_return_error"])
            .args(options))
    }

    #[test]
    fn openssl_completes_the_handshake_both_ways() {
        let certs = Certs::new();
        let server = Server::in_mode(SslMode::Require, &certs);
        let ca = certs.made.ca_cert();
        let ca = ca.to_str().unwrap();
        for version in ["-tls1_2", "-tls1_3"] {
            let said = s_client(&server, &["-CAfile", ca, "-starttls", "postgres", version]);
            assert!(
                said.ok && said.out.contains("Verify return code: 0 (ok)"),
                "{said:?}"
            );
            let said = s_client(&server, &["-CAfile", ca, "-alpn", "postgresql", version]);
            assert!(
                said.ok && said.out.contains("ALPN protocol: postgresql"),
                "{said:?}"
            );
        }
        for old in ["-tls1", "-tls1_1"] {
            let said = s_client(
                &server,
                &["-starttls", "postgres", old, "-cipher", "ALL:@SECLEVEL=0"],
            );
            assert!(!said.ok && said.err.contains("alert"), "{said:?}");
        }
        let said = s_client(&server, &["-alpn", "h2"]);
        assert!(said.err.contains("no application protocol"), "{said:?}");
    }
}
