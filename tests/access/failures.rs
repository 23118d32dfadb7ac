//! Who hears of a login that fails, and who waits.

use super::*;

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
        .ssl_config(certs.made.ssl_config(SslMode::Prefer))
        .access_rules(AccessRules::parse(rules).unwrap())
        .secret_store(store())
        .on_login(|_| panic!("a listener with a bug"))
        .on_login(listen);
    let server = Server::start(builder, embedded());
    let with = certs.client_options();
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
