//! Access rules as a user of psql meets them.
#![cfg(all(
    feature = "tokio",
    feature = "sqlite",
    feature = "certificates",
    any(feature = "aws-lc-rs", feature = "ring")
))]
#![allow(clippy::unwrap_used, reason = "tests fail on surprises")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Certs, Server, embedded, psql, run};
use pgtls::{AccessRules, IdentMaps, PgServerBuilder, SslMode};

fn server(certs: &Certs, mode: SslMode, rules: &str) -> Server {
    let builder = PgServerBuilder::new()
        .ssl_config(certs.made.ssl_config(mode))
        .access_rules(AccessRules::parse(rules).unwrap());
    Server::start(builder, embedded())
}

/// `None` is in; else what it was told.
#[track_caller]
fn check(server: &Server, options: &str, expected: Option<&str>) {
    let said = psql(server, options, &["select 1"]);
    match expected {
        None => assert_eq!(said.out, "1\n", "{options}: {said:?}"),
        Some(text) => {
            assert!(!said.ok, "{options}: {said:?}");
            assert!(said.err.contains(text), "{options}: {said:?}");
        }
    }
}

#[test]
fn the_first_rule_that_fits_decides() {
    let certs = Certs::new();
    let rules = "
        hostssl   app   ann,bob  127.0.0.1/32  trust
        hostnossl app   ann      127.0.0.1/32  reject
        hostnossl \"/^log\" all  samehost      trust
        host      sameuser all   localhost     trust
        host      all   root     10.0.0.0/8    trust
    ";
    let server = server(&certs, SslMode::Prefer, rules);
    for (options, expected) in [
        ("sslmode=require dbname=app user=ann", None),
        ("sslmode=require dbname=app user=bob", None),
        // After a refusal under TLS it tries without, as libpq does, and gets in by another rule.
        ("sslmode=prefer dbname=logs user=ann", None),
        ("sslmode=disable dbname=logs user=ann", None),
        ("sslmode=require dbname=carl user=carl", None),
        ("sslmode=disable dbname=carl user=carl", None),
        (
            "sslmode=disable dbname=app user=ann",
            Some(
                "FATAL:  pg_hba.conf rejects connection for host \"127.0.0.1\", user \"ann\", database \"app\", no encryption",
            ),
        ),
        (
            "sslmode=disable dbname=app user=bob",
            Some(
                "FATAL:  no pg_hba.conf entry for host \"127.0.0.1\", user \"bob\", database \"app\", no encryption",
            ),
        ),
        (
            "sslmode=require dbname=logs user=ann",
            Some(
                "FATAL:  no pg_hba.conf entry for host \"127.0.0.1\", user \"ann\", database \"logs\", SSL encryption",
            ),
        ),
        (
            "sslmode=require dbname=x user=root",
            Some("FATAL:  no pg_hba.conf entry for host \"127.0.0.1\", user \"root\""),
        ),
    ] {
        check(&server, options, expected);
    }
}

#[test]
fn the_mode_goes_before_the_rules() {
    let certs = Certs::new();
    let open = server(&certs, SslMode::Require, "host all all all trust");
    let plaintext = Some("FATAL:  SSL is required but no SSL request was received");
    check(&open, "sslmode=disable user=ann", plaintext);
    check(&open, "sslmode=require user=ann", None);
    let shut = server(&certs, SslMode::VerifyCA, "host all all all reject");
    check(&shut, "sslmode=disable user=ann", plaintext);
    check(
        &shut,
        "sslmode=require user=ann",
        Some("FATAL:  connection requires a valid client certificate"),
    );
}

#[test]
fn rules_ask_for_certificates() {
    let certs = Certs::new();
    // The client's certificate has the subject CN=postgres.
    let rules = "
        hostssl any  all all trust clientcert=verify-ca
        hostssl own  all all trust clientcert=verify-full
        hostssl cert all all cert
        hostssl map  all all cert map=staff clientname=DN
        hostssl free all all trust
    ";
    let maps = r#"staff "/^(?:.*,)?CN=postgres(?:,.*)?$" ann"#;
    let builder = PgServerBuilder::new()
        .ssl_config(
            certs
                .made
                .ssl_config(SslMode::Prefer)
                .with_ca_cert(certs.made.ca_cert()),
        )
        .access_rules(AccessRules::parse(rules).unwrap())
        .ident_maps(IdentMaps::parse(maps).unwrap());
    let server = Server::start(builder, embedded());
    let (cert, key) = (certs.made.client_cert(), certs.made.client_key());
    let with = format!("sslcert={} sslkey={}", cert.display(), key.display());
    let needs_one = Some("FATAL:  connection requires a valid client certificate");
    for (database, user, bare, with_certificate) in [
        ("free", "ann", None, None),
        ("any", "ann", needs_one, None),
        ("own", "postgres", needs_one, None),
        (
            "own",
            "ann",
            needs_one,
            Some("FATAL:  \"trust\" authentication failed for user \"ann\""),
        ),
        ("cert", "postgres", needs_one, None),
        (
            "cert",
            "ann",
            needs_one,
            Some("FATAL:  certificate authentication failed for user \"ann\""),
        ),
        ("map", "ann", needs_one, None),
        (
            "map",
            "postgres",
            needs_one,
            Some("FATAL:  certificate authentication failed for user \"postgres\""),
        ),
    ] {
        let options = format!("sslmode=require dbname={database} user={user}");
        check(&server, &options, bare);
        check(&server, &format!("{options} {with}"), with_certificate);
    }
}

/// initdb, wherever Debian puts it.
fn initdb() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<_> = versions
        .filter_map(|version| Some(version.ok()?.path().join("bin/initdb")))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| "initdb".into())
}

/// A cluster's configuration, made by PostgreSQL itself with these options.
fn fresh_cluster(directory: &Path, options: &[&str]) -> PathBuf {
    let cluster = directory.join("cluster");
    let mut initdb = Command::new(initdb());
    initdb
        .args(["--no-sync", "--no-locale", "-D"])
        .arg(&cluster)
        .args(options)
        .current_dir(directory);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, chown};
        use std::os::unix::process::CommandExt;
        // It does not run as root.
        if fs::metadata(directory).unwrap().uid() == 0 {
            const NOBODY: u32 = 65_534;
            chown(directory, Some(NOBODY), Some(NOBODY)).unwrap();
            initdb.uid(NOBODY).gid(NOBODY);
        }
    }
    let said = run(&mut initdb);
    assert!(said.ok, "{said:?}");
    cluster
}

#[test]
fn an_unmodified_pg_hba_conf_loads() {
    let certs = Certs::new();
    let methods: &[(&[&str], &str)] = &[
        (&[], "trust"),
        (&["--auth-local=trust", "--auth-host=reject"], "reject"),
    ];
    for (options, method) in methods {
        let directory = tempfile::tempdir().unwrap();
        let cluster = fresh_cluster(directory.path(), options);
        let rules = AccessRules::load(cluster.join("pg_hba.conf")).unwrap();
        assert_eq!(rules.len(), 6);
        let maps = IdentMaps::load(cluster.join("pg_ident.conf")).unwrap();
        assert!(maps.is_empty());
        let builder = PgServerBuilder::new()
            .ssl_config(certs.made.ssl_config(SslMode::Prefer))
            .access_rules(rules)
            .ident_maps(maps);
        let server = Server::start(builder, embedded());
        let expected = (*method == "reject").then_some("FATAL:  pg_hba.conf rejects connection");
        check(&server, "sslmode=require user=ann", expected);
        check(&server, "sslmode=disable user=ann", expected);
    }
}
