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
    let passwords = [
        "--auth-local=peer",
        "--auth-host=scram-sha-256",
        "--pwfile=password",
    ];
    let methods: &[(&[&str], &str)] = &[
        (&[], "trust"),
        (&["--auth-local=trust", "--auth-host=reject"], "reject"),
        (&passwords, "scram"),
        (&["--auth=md5", "--pwfile=password"], "md5"),
    ];
    for (options, method) in methods {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("password"), "right\n").unwrap();
        let cluster = fresh_cluster(directory.path(), options);
        let rules = AccessRules::load(cluster.join("pg_hba.conf")).unwrap();
        assert_eq!(rules.len(), 6);
        let maps = IdentMaps::load(cluster.join("pg_ident.conf")).unwrap();
        assert!(maps.is_empty());
        let builder = PgServerBuilder::new()
            .ssl_config(certs.made.ssl_config(SslMode::Prefer))
            .access_rules(rules)
            .ident_maps(maps)
            .secret_store(store());
        let server = Server::start(builder, embedded());
        let (right, wrong) = match *method {
            "trust" => (None, None),
            "reject" => {
                let rejects = Some("FATAL:  pg_hba.conf rejects connection");
                (rejects, rejects)
            }
            _ => (
                None,
                Some("FATAL:  password authentication failed for user \"ann\""),
            ),
        };
        for sslmode in ["disable", "require"] {
            let options = format!("sslmode={sslmode} user=ann password");
            check(&server, &format!("{options}=right"), right);
            check(&server, &format!("{options}=wrong"), wrong);
        }
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
        .ssl_config(
            certs
                .made
                .ssl_config(SslMode::Prefer)
                .with_ca_cert(certs.made.ca_cert()),
        )
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
    let (cert, key) = (certs.made.client_cert(), certs.made.client_key());
    let with = format!("sslcert={} sslkey={}", cert.display(), key.display());
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

/// What listeners are told, in short.
fn listener() -> (
    Arc<Mutex<Vec<String>>>,
    impl Fn(&LoginEvent<'_>) + Send + Sync,
) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&heard);
    let listen = move |event: &LoginEvent<'_>| {
        let text = |bytes: Option<&[u8]>| {
            bytes.map_or_else(|| "-".into(), |b| b.escape_ascii().to_string())
        };
        let line = format!(
            "{} {}@{} {} {} {} {} {}",
            event
                .sqlstate()
                .map_or_else(|| "in".to_owned(), |code| code.to_string()),
            text(event.user()),
            text(event.database()),
            event.method().map_or("-", AuthMethod::as_str),
            event.rule().unwrap_or("-"),
            event.tls().map_or("-", |tls| tls.version().as_str()),
            event.identity().unwrap_or_else(|| "-".into()),
            event.waited().as_millis(),
        );
        told.lock().unwrap().push(line);
    };
    (heard, listen)
}

#[test]
fn each_login_is_one_event() {
    let certs = Certs::new();
    let rules = "
        hostssl scram all all scram-sha-256
        hostssl cert  all all cert
        host    no    all all reject
    ";
    let (heard, listen) = listener();
    let builder = PgServerBuilder::new()
        .ssl_config(
            certs
                .made
                .ssl_config(SslMode::Prefer)
                .with_ca_cert(certs.made.ca_cert()),
        )
        .access_rules(AccessRules::parse(rules).unwrap())
        .secret_store(store())
        .on_login(|_| panic!("a listener with a bug"))
        .on_login(listen);
    let server = Server::start(builder, embedded());
    let (cert, key) = (certs.made.client_cert(), certs.made.client_key());
    let with = format!("sslcert={} sslkey={}", cert.display(), key.display());
    for options in [
        "sslmode=require dbname=scram user=ann password=right",
        "sslmode=require dbname=scram user=ann password=wrong",
        &format!("sslmode=require dbname=cert user=postgres {with}"),
        "sslmode=disable dbname=no user=ann",
        "sslmode=disable dbname=none user='a\nb'",
    ] {
        psql(&server, options, &["select 1"]);
    }
    let mut stranger = server.connect();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let _ = stranger.read_to_end(&mut Vec::new());
    drop(server);
    let heard = heard.lock().unwrap();
    let expected = [
        "in ann@scram scram-sha-256 <text>:2 TLSv1.3 - 0",
        "28P01 ann@scram scram-sha-256 <text>:2 TLSv1.3 - 0",
        "in postgres@cert cert <text>:3 TLSv1.3 CN=postgres 0",
        "28000 ann@no reject <text>:4 - - 0",
        r"28000 a\nb@none reject - - - 0",
        "08P01 -@- - - - - 0",
    ];
    assert_eq!(*heard, expected);
}

#[test]
fn whoever_fails_again_and_again_waits() {
    let (heard, listen) = listener();
    let builder = PgServerBuilder::new()
        .auth_method(AuthMethod::ScramSha256)
        .secret_store(store())
        .max_failure_delay(Duration::from_millis(150))
        .on_login(listen);
    let server = Server::start(builder, embedded());
    let login = |password: &str| {
        psql(
            &server,
            &format!("user=ann password={password}"),
            &["select 1"],
        )
        .ok
    };
    for _ in 0..7 {
        assert!(!login("wrong"));
    }
    assert!(login("right"));
    assert!(!login("wrong"));
    drop(server);
    let heard = heard.lock().unwrap();
    let waits: Vec<_> = heard
        .iter()
        .map(|line| line.rsplit(' ').next().unwrap())
        .collect();
    assert_eq!(waits, ["0", "0", "0", "0", "0", "100", "150", "150", "0"]);
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

#[test]
#[expect(clippy::disallowed_methods, reason = "a point in time to count from")]
fn waiting_locks_nobody_out() {
    let door = FrontDoor::plain()
        .auth_method(AuthMethod::Password)
        .secrets(store())
        .login_timeout(Duration::from_secs(60));
    let now = Instant::now();
    let guesser = "192.0.2.1:1000";
    let mut longest = Duration::ZERO;
    for _ in 0..50 {
        let (waited, admitted) = attempt(&door, guesser, "wrong", now);
        assert!(!admitted);
        longest = longest.max(waited);
    }
    assert_eq!(longest, Duration::from_secs(5));
    // Others do not notice, and nor does a user that is guessed at.
    assert_eq!(
        attempt(&door, "192.0.2.2:1000", "right", now),
        (Duration::ZERO, true)
    );
    // The peer itself waits and gets in, and then has a clean slate.
    assert_eq!(attempt(&door, guesser, "right", now), (longest, true));
    assert_eq!(
        attempt(&door, guesser, "right", now),
        (Duration::ZERO, true)
    );
    // The wait is shorter than the login may take.
    let hasty = FrontDoor::plain()
        .auth_method(AuthMethod::Password)
        .secrets(store())
        .login_timeout(Duration::from_secs(2));
    for _ in 0..50 {
        attempt(&hasty, guesser, "wrong", now);
    }
    assert_eq!(
        attempt(&hasty, guesser, "right", now),
        (Duration::from_secs(1), true)
    );
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a point in time to count from")]
fn files_are_read_anew_and_mistakes_change_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let hba = directory.path().join("pg_hba.conf");
    let staff = directory.path().join("staff");
    fs::write(&staff, "ann").unwrap();
    fs::write(&hba, "host all @staff all trust").unwrap();
    let door = FrontDoor::plain().access_rules(AccessRules::load(&hba).unwrap());
    let gets_in = |door: &FrontDoor| attempt(door, "192.0.2.1:1000", "", Instant::now()).1;
    assert!(gets_in(&door));
    // A change counts from the reload on.
    fs::write(&staff, "bob").unwrap();
    assert!(gets_in(&door));
    assert!(door.reload_if_changed().unwrap());
    assert!(!door.reload_if_changed().unwrap());
    assert!(!gets_in(&door));
    fs::write(&staff, "ann").unwrap();
    door.reload().unwrap();
    assert!(gets_in(&door));
    // A clone is the same door.
    for (text, mistake) in [
        (
            "host all all all reject\nhost all all all gss",
            ":2: invalid authentication method \"gss\"",
        ),
        (
            "host all all all reject\nhost all @nobody all trust",
            ":2: could not open file",
        ),
        ("# nobody", "contains no entries"),
    ] {
        fs::write(&hba, text).unwrap();
        let error = door.clone().reload().unwrap_err().to_string();
        assert!(error.contains(mistake), "{error}");
        assert!(gets_in(&door), "{text}");
    }
    fs::write(&hba, "host all all all reject").unwrap();
    door.reload().unwrap();
    assert!(!gets_in(&door));
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

#[cfg(feature = "watch")]
#[test]
#[expect(clippy::disallowed_methods, reason = "the watcher takes its time")]
fn a_watched_file_needs_no_signal() {
    let directory = tempfile::tempdir().unwrap();
    let hba = directory.path().join("pg_hba.conf");
    fs::write(&hba, "host all all all reject").unwrap();
    let door = FrontDoor::plain().access_rules(AccessRules::load(&hba).unwrap());
    let _watch = door.watch().unwrap();
    let gets_in = || attempt(&door, "192.0.2.1:1000", "", Instant::now()).1;
    assert!(!gets_in());
    fs::write(&hba, "host all all all trust").unwrap();
    let until = Instant::now() + common::PATIENCE;
    while !gets_in() {
        assert!(Instant::now() < until, "the change was not noticed");
        std::thread::sleep(Duration::from_millis(20));
    }
}
