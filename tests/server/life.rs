//! Deadlines, limits, stopping, and databases that fail.

use super::*;

#[test]
fn one_session_too_many_is_told_so_and_room_is_made_when_one_leaves() {
    let server = Server::start(PgServerBuilder::new().max_connections(2), embedded());
    let (mut one, mut two) = (Raw::plain(&server), Raw::plain(&server));
    let (id, key) = one.log_in();
    two.log_in();
    let mut three = Raw::plain(&server);
    three.send(&startup(&[("user", "postgres")]));
    assert_eq!(
        three.story(),
        "E(FATAL 53300: sorry, too many clients already) end"
    );
    // Cancel needs no room.
    one.send(&query("select pg_sleep(60)"));
    std::thread::sleep(Duration::from_millis(200));
    Raw::plain(&server).send(&cancel(id, &key));
    assert!(one.story().contains("57014"));
    drop(one);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut again = Raw::plain(&server);
        again.send(&startup(&[("user", "postgres")]));
        if again.story() == "R Z(I)" {
            return;
        }
        assert!(Instant::now() < deadline, "no room was made");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_silent_client_is_closed_on_at_the_deadline_in_every_phase() {
    let certs = Certs::new();
    let timeout = Duration::from_millis(400);
    let builder = PgServerBuilder::new()
        .ssl_config(certs.made.ssl_config(SslMode::Prefer))
        .login_timeout(timeout);
    let server = Server::start(builder, embedded());
    let half_startup = &startup(&[("user", "postgres")])[..9];
    let hello_start: &[u8] = &[0x16, 3, 1, 2, 0, 1];
    let phases: [(&[u8], &[u8]); 6] = [
        (b"", b""),
        (&raw::SSL_REQUEST[..5], b""),
        (&raw::SSL_REQUEST, b"S"),
        (&raw::GSSENC_REQUEST, b"N"),
        (half_startup, b""),
        (hello_start, b""),
    ];
    let began = Instant::now();
    let mut waiting: Vec<_> = phases
        .iter()
        .map(|(bytes, _)| {
            let mut client = Raw::plain(&server);
            client.send(bytes);
            client
        })
        .collect();
    for (client, (bytes, answer)) in waiting.iter_mut().zip(&phases) {
        assert_eq!(client.rest(), *answer, "after {}", bytes.escape_ascii());
    }
    assert!(began.elapsed() >= timeout && began.elapsed() < PATIENCE);
}

#[test]
fn bytes_that_trickle_do_not_move_the_deadline() {
    let builder = PgServerBuilder::new().login_timeout(Duration::from_millis(500));
    let server = Server::start(builder, embedded());
    let mut client = server.connect();
    let began = Instant::now();
    for byte in startup(&[
        ("user", "postgres"),
        ("application_name", "a long enough name to trickle"),
    ]) {
        if std::io::Write::write_all(&mut client, &[byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        if began.elapsed() > Duration::from_secs(1) {
            break;
        }
    }
    let mut answer = Vec::new();
    // A reset is as good an end as any; a time-out of the read is not.
    if let Err(e) = Read::read_to_end(&mut client, &mut answer) {
        assert_eq!(e.kind(), std::io::ErrorKind::ConnectionReset);
    }
    assert_eq!(answer, b"");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn stopping_lets_statements_end_and_tells_idle_sessions() {
    let mut server = plain();
    let (mut busy, mut idle) = (Raw::plain(&server), Raw::plain(&server));
    busy.log_in();
    idle.log_in();
    busy.send(&query("select pg_sleep(0.5); select 'done'"));
    std::thread::sleep(Duration::from_millis(100));
    server.begin_stop();
    let goodbye = "E(FATAL 57P01: terminating connection due to administrator command) end";
    assert_eq!(idle.story(), goodbye);
    assert_eq!(busy.story(), "T D C(SELECT 1) T D C(SELECT 1) Z(I)");
    assert_eq!(busy.story(), goodbye);
}

#[test]
fn stopping_interrupts_what_does_not_end_within_the_grace_time() {
    let builder = PgServerBuilder::new().shutdown_grace(Duration::from_millis(100));
    let mut server = Server::start(builder, embedded());
    let mut busy = Raw::plain(&server);
    busy.log_in();
    let began = Instant::now();
    busy.send(&query("select pg_sleep(60)"));
    std::thread::sleep(Duration::from_millis(100));
    server.begin_stop();
    assert!(busy.story().contains("57014"));
    assert!(busy.story().contains("57P01"));
    drop(server);
    assert!(began.elapsed() < PATIENCE);
}

/// A database with one fault.
#[derive(Clone, Copy)]
enum Faulty {
    NeverConnects,
    PanicsInConnect,
    PanicsInQuery,
}

impl Database for Faulty {
    type Session = Self;
    async fn connect(&self, _: Client<'_>) -> Result<Self, ErrorResponse> {
        match self {
            Self::NeverConnects => std::future::pending().await,
            Self::PanicsInConnect => panic!("on purpose"),
            Self::PanicsInQuery => Ok(*self),
        }
    }
}

impl DatabaseSession for Faulty {
    type Statement = Nothing;
    type Portal = Nothing;
    async fn prepare(
        &mut self,
        sql: &str,
        _: &[Option<Type>],
    ) -> Result<Prepared<Nothing>, ErrorResponse> {
        assert!(sql != "panic", "on purpose");
        Ok(Prepared::new(Nothing))
    }
    async fn bind(
        &mut self,
        _: &Nothing,
        _: Vec<Value<'static>>,
        _: RowFormat,
    ) -> Result<Nothing, ErrorResponse> {
        Ok(Nothing)
    }
    async fn query(&mut self, sql: &str) -> Result<Nothing, ErrorResponse> {
        assert!(sql != "panic", "on purpose");
        Ok(Nothing)
    }
    fn transaction_status(&self) -> TransactionStatus {
        TransactionStatus::Idle
    }
    fn interrupt(&self) -> Interrupt {
        Arc::new(|| {})
    }
}

struct Nothing;

impl Portal for Nothing {
    async fn next(&mut self, _: u64) -> Result<Option<Event>, ErrorResponse> {
        Ok(None)
    }
}

#[test]
fn a_panic_in_a_database_ends_one_session_only() {
    let server = Server::start(PgServerBuilder::new(), Faulty::PanicsInQuery);
    let (mut one, mut two) = (Raw::plain(&server), Raw::plain(&server));
    one.log_in();
    two.log_in();
    one.send(&query("panic"));
    assert_eq!(one.story(), "E(FATAL XX000: internal error) end");
    two.send(&query("fine"));
    assert_eq!(two.story(), "Z(I)");

    let server = Server::start(PgServerBuilder::new(), Faulty::PanicsInConnect);
    for _ in 0..2 {
        let mut client = Raw::plain(&server);
        client.send(&startup(&[("user", "postgres")]));
        assert_eq!(client.story(), "R E(FATAL XX000: internal error) end");
    }
}

#[test]
fn the_login_timeout_covers_the_database() {
    let builder = PgServerBuilder::new().login_timeout(Duration::from_millis(300));
    let server = Server::start(builder, Faulty::NeverConnects);
    let mut client = Raw::plain(&server);
    let began = Instant::now();
    client.send(&startup(&[("user", "postgres")]));
    assert_eq!(client.rest(), b"");
    assert!(began.elapsed() >= Duration::from_millis(300) && began.elapsed() < PATIENCE);
}
