//! Access rules as a user of psql meets them.
#![cfg(all(
    feature = "tokio",
    feature = "sqlite",
    feature = "certificates",
    any(feature = "aws-lc-rs", feature = "ring")
))]
#![allow(clippy::unwrap_used, reason = "tests fail on surprises")]

#[path = "../common/mod.rs"]
mod common;
mod failures;
mod files;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::raw::startup;
use common::{Certs, Server, embedded, psql, run};
use pgtls::{
    AccessRules, AuthMethod, FrontDoor, IdentMaps, LoginEvent, MemoryStore, Output, Peer,
    PgServerBuilder, Secret, SslConfig, SslMode,
};

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
        .ssl_config(certs.made.ssl_config(SslMode::Prefer))
        .access_rules(AccessRules::parse(rules).unwrap())
        .ident_maps(IdentMaps::parse(maps).unwrap());
    let server = Server::start(builder, embedded());
    let with = certs.client_options();
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

fn store() -> MemoryStore {
    let store = MemoryStore::new();
    store.set("ann", Secret::scram_sha_256("right").unwrap());
    store
}

#[test]
fn each_rule_has_its_method() {
    let certs = Certs::new();
    let rules = "
        hostssl   scram all all scram-sha-256
        hostssl   clear all all password
        hostnossl clear all all reject
        hostssl   both  all all scram-sha-256 clientcert=verify-full
        host      open  all all trust
    ";
    let builder = PgServerBuilder::new()
        .ssl_config(certs.made.ssl_config(SslMode::Prefer))
        .access_rules(AccessRules::parse(rules).unwrap())
        .secret_store(store());
    let server = Server::start(builder, embedded());
    let wrong = Some("FATAL:  password authentication failed for user \"ann\"");
    for (options, expected) in [
        ("sslmode=require dbname=scram password=right", None),
        ("sslmode=require dbname=scram password=wrong", wrong),
        ("sslmode=require dbname=clear password=right", None),
        ("sslmode=require dbname=clear password=wrong", wrong),
        (
            "sslmode=disable dbname=clear password=right",
            Some("FATAL:  pg_hba.conf rejects connection"),
        ),
        (
            "sslmode=disable dbname=scram password=right",
            Some("FATAL:  no pg_hba.conf entry"),
        ),
        (
            "sslmode=require dbname=both password=right",
            Some("FATAL:  connection requires a valid client certificate"),
        ),
        ("sslmode=disable dbname=open", None),
    ] {
        check(&server, &format!("user=ann {options}"), expected);
    }
    // The certificate is that of the user postgres: not enough, although the password is right.
    let with = certs.client_options();
    let options = format!("sslmode=require dbname=both user=ann password=right {with}");
    check(&server, &options, wrong);
}

#[test]
fn a_certificate_cannot_be_checked_without_a_ca() {
    let certs = Certs::new();
    let rules = "hostssl all ann all cert\nhostssl all bob all trust clientcert=verify-ca";
    let without_ca = SslConfig::new(
        SslMode::Prefer,
        certs.made.server_cert(),
        certs.made.server_key(),
    );
    let builder = PgServerBuilder::new()
        .ssl_config(without_ca)
        .access_rules(AccessRules::parse(rules).unwrap());
    let server = Server::start(builder, embedded());
    let no_ca =
        "FATAL:  client certificates can only be checked if a root certificate store is available";
    check(&server, "sslmode=require user=ann", Some(no_ca));
    check(&server, "sslmode=require user=bob", Some(no_ca));
}

#[cfg(unix)]
#[test]
fn a_unix_socket_tells_who_connects() {
    let directory = tempfile::tempdir().unwrap();
    let me = run(Command::new("id").arg("-un")).out.trim().to_owned();
    let rules = "
        local own    all peer
        local mapped all peer map=m
        host  all    all all trust
    ";
    let builder = PgServerBuilder::new()
        .unix_socket(directory.path())
        .access_rules(AccessRules::parse(rules).unwrap())
        .ident_maps(IdentMaps::new().entry("m", &me, "ann").unwrap());
    let server = Server::start(builder, embedded());
    let socket = directory.path().display();
    let not_ann = "FATAL:  Peer authentication failed for user \"ann\"";
    let not_me = format!("FATAL:  Peer authentication failed for user \"{me}\"");
    for (database, user, expected) in [
        ("own", me.as_str(), None),
        ("own", "ann", Some(not_ann)),
        ("mapped", "ann", None),
        ("mapped", &me, Some(not_me.as_str())),
        (
            "other",
            "ann",
            Some(
                "FATAL:  no pg_hba.conf entry for host \"[local]\", user \"ann\", database \"other\", no encryption",
            ),
        ),
    ] {
        let options = format!("host={socket} hostaddr='' dbname={database} user={user}");
        check(&server, &options, expected);
    }
}

#[test]
fn a_user_is_in_the_roles_that_the_store_says() {
    let certs = Certs::new();
    let store = store();
    store.grant("staff", "ann");
    let builder = PgServerBuilder::new()
        .ssl_config(certs.made.ssl_config(SslMode::Prefer))
        .access_rules(
            AccessRules::parse("host all +staff all trust\nhost samerole all all trust").unwrap(),
        )
        .secret_store(store.clone());
    let server = Server::start(builder, embedded());
    check(&server, "user=ann", None);
    check(
        &server,
        "user=bob dbname=x",
        Some("FATAL:  no pg_hba.conf entry"),
    );
    check(
        &server,
        "user=bob dbname=staff",
        Some("FATAL:  no pg_hba.conf entry"),
    );
    store.grant("staff", "bob");
    check(&server, "user=bob dbname=staff", None);
}

#[test]
fn settings_and_databases_are_judged_after_the_rules() {
    let certs = Certs::new();
    let builder = PgServerBuilder::new()
        .ssl_config(certs.made.ssl_config(SslMode::Prefer))
        .access_rules(AccessRules::parse("host all ann all trust").unwrap());
    let server = Server::start(builder, embedded().with_name("app"));
    let nonsense = "options='-c no_such_setting=1'";
    check(&server, "user=ann dbname=app", None);
    check(
        &server,
        &format!("user=ann dbname=app {nonsense}"),
        Some("FATAL:  unrecognized configuration parameter \"no_such_setting\""),
    );
    check(
        &server,
        "user=ann dbname=other",
        Some("FATAL:  database \"other\" does not exist"),
    );
    // Who may not come in learns nothing of them.
    for options in ["dbname=other", nonsense] {
        check(
            &server,
            &format!("user=bob {options}"),
            Some("FATAL:  no pg_hba.conf entry"),
        );
    }
}

/// One login over plaintext at a point in time: how long it has to wait, and whether it got in.
fn attempt(door: &FrontDoor, peer: &str, password: &str, now: Instant) -> (Duration, bool) {
    let peer = Peer::Tcp(peer.parse().unwrap());
    let mut handshake = door.handshake(&peer);
    handshake.handle_input(Duration::ZERO, &startup(&[("user", "ann")]));
    let mut waited = Duration::ZERO;
    loop {
        match handshake.poll_output() {
            Output::Ask(question) => {
                waited = door.delay(&mut handshake, now);
                let answer = pollster::block_on(door.decide(&question, &peer));
                handshake.answer(waited, question, answer);
            }
            Output::LookUp(lookup) => {
                let found = pollster::block_on(door.look_up(&lookup));
                handshake.found(waited, lookup, found);
            }
            Output::Close(close) => {
                door.note_refused(&handshake, &close, waited, now);
                return (waited, false);
            }
            Output::Done(session) => {
                door.note_admitted(&handshake, &session, waited);
                return (waited, true);
            }
            Output::Send(_) => {}
            Output::Wait(_) => {
                let mut message = vec![b'p'];
                message.extend(u32::try_from(password.len() + 5).unwrap().to_be_bytes());
                message.extend(password.as_bytes());
                message.push(0);
                handshake.handle_input(waited, &message);
            }
            other => panic!("{other:?}"),
        }
    }
}
