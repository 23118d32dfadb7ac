//! One suite for all runtimes: what a client sees is the same on each.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::raw::{self, Raw, cancel, query, startup};
use crate::common::{Certs, PATIENCE, Runtime, Server, embedded, psql};
use ::tokio::sync::{mpsc, oneshot};
use pgtls::server::{
    Client, Database, DatabaseSession, Event, Interrupt, Portal, Prepared, RowFormat,
    TransactionStatus, Type, Value,
};
use pgtls::{ErrorResponse, PgServerBuilder, SslMode};

/// Makes a module for each runtime with a test for each case.
macro_rules! on_each_runtime {
    ($($case:ident)*) => {
        on_each_runtime!(@ "tokio" tokio Tokio $($case)*);
        on_each_runtime!(@ "async-std" async_std AsyncStd $($case)*);
        on_each_runtime!(@ "smol" smol Smol $($case)*);
        on_each_runtime!(@ "blocking" blocking Blocking $($case)*);
    };
    (@ $feature:literal $module:ident $variant:ident $($case:ident)*) => {
        #[cfg(feature = $feature)]
        mod $module {
            $(
                #[test]
                fn $case() {
                    super::$case(super::Runtime::$variant);
                }
            )*
        }
    };
}

on_each_runtime! {
    every_mode_answers_as_it_should
    psql_logs_in_and_queries_over_tls
    large_transfers_arrive_whole_both_ways
    cancel_reaches_its_own_session_only
    one_session_too_many_is_told_so
    a_silent_client_is_closed_on_at_the_deadline
    a_client_that_goes_away_leaves_nothing_behind
    a_client_may_half_close_and_read_on
    stopping_lets_statements_end_and_tells_idle_sessions
    stopping_lets_logins_end
    stopping_interrupts_what_does_not_end_within_the_grace_time
    stopping_does_not_wait_for_a_client_that_reads_nothing
    a_panic_in_a_database_ends_one_session_only
    an_engines_thread_sends_what_it_made
    unix_sockets_are_served_beside_tcp
    both_families_are_served
}

fn plain(on: Runtime) -> Server {
    Server::start_on(on, PgServerBuilder::new(), embedded())
}

fn with_tls(on: Runtime, certs: &Certs, mode: SslMode) -> Server {
    let builder = PgServerBuilder::new().ssl_config(certs.made.ssl_config(mode));
    Server::start_on(on, builder, embedded())
}

fn ask(client: &mut Raw, sql: &str) -> String {
    client.send(&query(sql));
    client.story()
}

fn every_mode_answers_as_it_should(on: Runtime) {
    let certs = Certs::new();
    let login = startup(&[("user", "postgres")]);
    let tls = |certificate, alpn: &[&str]| raw::client_config(&certs, certificate, alpn);
    for (mode, grants, plaintext) in [
        (SslMode::Disable, false, "R Z(I)"),
        (SslMode::Prefer, true, "R Z(I)"),
        (SslMode::Require, true, "E(FATAL 28000: "),
        (SslMode::VerifyFull, true, "E(FATAL 28000: "),
    ] {
        let server = with_tls(on, &certs, mode);
        let mut client = Raw::plain(&server);
        client.send(&login);
        let story = client.story();
        assert!(story.starts_with(plaintext), "{mode}: {story}");
        if grants {
            let certificate = mode == SslMode::VerifyFull;
            let mut client = Raw::tls(&server, tls(certificate, &[]));
            client.log_in();
            assert_eq!(ask(&mut client, "select 1"), "T D C(SELECT 1) Z(I)");
            let direct = tls(certificate, &["postgresql"]);
            Raw::direct(server.connect(), direct).log_in();
        } else {
            let mut client = Raw::plain(&server);
            client.send(&raw::SSL_REQUEST);
            let mut answer = [0];
            client.0.read_exact(&mut answer).unwrap();
            assert_eq!(answer, *b"N");
            client.log_in();
        }
    }
}

fn psql_logs_in_and_queries_over_tls(on: Runtime) {
    let certs = Certs::new();
    let server = with_tls(on, &certs, SslMode::Require);
    let options = format!(
        "sslmode=verify-full sslrootcert={} user=postgres",
        certs.made.ca_cert().display()
    );
    let said = psql(&server, &options, &["select 1+1", "select 'x' as y"]);
    assert_eq!((said.ok, said.out.as_str()), (true, "2\nx\n"), "{said:?}");
}

fn large_transfers_arrive_whole_both_ways(on: Runtime) {
    let certs = Certs::new();
    let server = with_tls(on, &certs, SslMode::Prefer);
    for tls in [false, true] {
        let mut client = if tls {
            Raw::tls(&server, raw::client_config(&certs, false, &[]))
        } else {
            Raw::plain(&server)
        };
        client.log_in();
        let text = "pq".repeat(1 << 20);
        client.send(&query(&format!("select '{text}'")));
        let mut rows = Vec::new();
        loop {
            match client.message().unwrap() {
                (b'D', row) => rows.push(row),
                (b'Z', _) => break,
                (b'T' | b'C', _) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(rows.len(), 1);
        assert!(rows[0].ends_with(text.as_bytes()));
    }
}

fn cancel_reaches_its_own_session_only(on: Runtime) {
    let certs = Certs::new();
    let server = with_tls(on, &certs, SslMode::Prefer);
    let tls = || raw::client_config(&certs, false, &[]);
    let (mut victim, mut bystander) = (Raw::tls(&server, tls()), Raw::plain(&server));
    let (id, key) = victim.log_in();
    let (_, other_key) = bystander.log_in();
    bystander.send(&query("select pg_sleep(1)"));
    for over_tls in [false, true] {
        victim.send(&query("select pg_sleep(60)"));
        std::thread::sleep(Duration::from_millis(100));
        for (id, key) in [(id, &other_key), (id ^ 1, &key), (id, &key)] {
            let mut canceller = if over_tls {
                Raw::tls(&server, tls())
            } else {
                Raw::plain(&server)
            };
            canceller.send(&cancel(id, key));
            assert_eq!(canceller.rest(), b"");
        }
        assert_eq!(
            victim.story(),
            "T E(ERROR 57014: canceling statement due to user request) Z(I)"
        );
    }
    assert_eq!(bystander.story(), "T D C(SELECT 1) Z(I)");
}

fn one_session_too_many_is_told_so(on: Runtime) {
    let builder = PgServerBuilder::new().max_connections(1);
    let server = Server::start_on(on, builder, embedded());
    let mut one = Raw::plain(&server);
    let (id, key) = one.log_in();
    let mut two = Raw::plain(&server);
    two.send(&startup(&[("user", "postgres")]));
    assert_eq!(
        two.story(),
        "E(FATAL 53300: sorry, too many clients already) end"
    );
    // Cancel needs no room.
    one.send(&query("select pg_sleep(60)"));
    std::thread::sleep(Duration::from_millis(100));
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
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn a_silent_client_is_closed_on_at_the_deadline(on: Runtime) {
    let certs = Certs::new();
    let timeout = Duration::from_millis(300);
    let builder = PgServerBuilder::new()
        .ssl_config(certs.made.ssl_config(SslMode::Prefer))
        .login_timeout(timeout);
    let server = Server::start_on(on, builder, embedded());
    let half_startup = startup(&[("user", "postgres")]);
    let phases: [(&[u8], &[u8]); 6] = [
        (b"", b""),
        (&raw::SSL_REQUEST[..5], b""),
        (&raw::SSL_REQUEST, b"S"),
        (&raw::GSSENC_REQUEST, b"N"),
        (&half_startup[..9], b""),
        (&[0x16, 3, 1, 2, 0, 1], b""),
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
    let took = began.elapsed();
    assert!(took >= timeout && took < timeout * 10, "{took:?}");
}

fn a_client_that_goes_away_leaves_nothing_behind(on: Runtime) {
    let certs = Certs::new();
    let builder = PgServerBuilder::new()
        .ssl_config(certs.made.ssl_config(SslMode::Prefer))
        .shutdown_grace(Duration::from_millis(200));
    let server = Server::start_on(on, builder, embedded());
    // In the middle of everything; the server asserts at its end that no session is left.
    for _ in 0..5 {
        drop(Raw::plain(&server));
        let mut half = Raw::plain(&server);
        half.send(&raw::SSL_REQUEST);
        drop(half);
        let mut busy = Raw::tls(&server, raw::client_config(&certs, false, &[]));
        busy.log_in();
        busy.send(&query("select pg_sleep(60)"));
        drop(busy);
    }
    // The server does not read while a statement runs; it learns of the end when it is told to
    // stop, and interrupts.
    let mut client = Raw::plain(&server);
    client.log_in();
    assert_eq!(ask(&mut client, "select 1"), "T D C(SELECT 1) Z(I)");
}

fn a_client_may_half_close_and_read_on(on: Runtime) {
    let server = plain(on);
    let mut client = server.connect();
    let mut bytes = startup(&[("user", "postgres")]);
    bytes.extend(query("select 'last'"));
    client.write_all(&bytes).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut client = Raw(Box::new(client));
    assert_eq!(client.story(), "R Z(I)");
    assert_eq!(client.story(), "T D C(SELECT 1) Z(I)");
    assert_eq!(client.story(), "end");
}

const GOODBYE: &str = "E(FATAL 57P01: terminating connection due to administrator command) end";

fn stopping_lets_statements_end_and_tells_idle_sessions(on: Runtime) {
    let certs = Certs::new();
    let mut server = with_tls(on, &certs, SslMode::Prefer);
    let (mut busy, mut idle) = (
        Raw::plain(&server),
        Raw::tls(&server, raw::client_config(&certs, false, &[])),
    );
    busy.log_in();
    idle.log_in();
    busy.send(&query("select pg_sleep(0.5); select 'done'"));
    std::thread::sleep(Duration::from_millis(100));
    server.begin_stop();
    assert_eq!(idle.story(), GOODBYE);
    assert_eq!(busy.story(), "T D C(SELECT 1) T D C(SELECT 1) Z(I)");
    assert_eq!(busy.story(), GOODBYE);
}

fn stopping_lets_logins_end(on: Runtime) {
    let mut server = plain(on);
    let mut late = server.connect();
    let login = startup(&[("user", "postgres")]);
    late.write_all(&login[..9]).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    server.begin_stop();
    std::thread::sleep(Duration::from_millis(100));
    late.write_all(&login[9..]).unwrap();
    let mut late = Raw(Box::new(late));
    assert_eq!(late.story(), "R Z(I)");
    assert_eq!(late.story(), GOODBYE);
}

fn stopping_interrupts_what_does_not_end_within_the_grace_time(on: Runtime) {
    let builder = PgServerBuilder::new().shutdown_grace(Duration::from_millis(100));
    let mut server = Server::start_on(on, builder, embedded());
    let mut busy = Raw::plain(&server);
    busy.log_in();
    busy.send(&query("select pg_sleep(60)"));
    std::thread::sleep(Duration::from_millis(100));
    server.begin_stop();
    assert!(busy.story().contains("57014"));
    assert_eq!(busy.story(), GOODBYE);
}

fn stopping_does_not_wait_for_a_client_that_reads_nothing(on: Runtime) {
    let builder = PgServerBuilder::new().shutdown_grace(Duration::from_millis(100));
    let server = Server::start_on(on, builder, embedded());
    let mut deaf = Raw::plain(&server);
    deaf.log_in();
    deaf.send(&query(
        "with recursive n(i) as (select 1 union all select i+1 from n) select i, 'row' from n",
    ));
    std::thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    drop(server);
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
}

/// A database that panics when asked to.
struct Panics;

impl Database for Panics {
    type Session = Self;
    async fn connect(&self, client: Client<'_>) -> Result<Self, ErrorResponse> {
        assert!(client.login.user() != b"panic", "on purpose");
        Ok(Self)
    }
}

impl DatabaseSession for Panics {
    type Statement = Nothing;
    type Portal = Nothing;
    async fn prepare(
        &mut self,
        sql: &str,
        _: &[Option<Type>],
    ) -> Result<Prepared<Nothing>, ErrorResponse> {
        assert!(sql != "panic", "on purpose");
        Ok(Prepared::new(Nothing(false)))
    }
    async fn bind(
        &mut self,
        _: &Nothing,
        _: Vec<Value<'static>>,
        _: RowFormat,
    ) -> Result<Nothing, ErrorResponse> {
        Ok(Nothing(true))
    }
    async fn query(&mut self, sql: &str) -> Result<Nothing, ErrorResponse> {
        assert!(sql != "panic", "on purpose");
        Ok(Nothing(sql == "panic later"))
    }
    fn transaction_status(&self) -> TransactionStatus {
        TransactionStatus::Idle
    }
    fn interrupt(&self) -> Interrupt {
        Arc::new(|| {})
    }
}

struct Nothing(bool);

impl Portal for Nothing {
    async fn next(&mut self, _: u64) -> Result<Option<Event>, ErrorResponse> {
        assert!(!self.0, "on purpose");
        Ok(None)
    }
}

fn a_panic_in_a_database_ends_one_session_only(on: Runtime) {
    let server = Server::start_on(on, PgServerBuilder::new(), Panics);
    let mut bystander = Raw::plain(&server);
    bystander.log_in();
    for sql in ["panic", "panic later"] {
        let mut client = Raw::plain(&server);
        client.log_in();
        assert_eq!(ask(&mut client, sql), "E(FATAL XX000: internal error) end");
    }
    let mut client = Raw::plain(&server);
    client.send(&startup(&[("user", "panic")]));
    assert_eq!(client.story(), "R E(FATAL XX000: internal error) end");
    assert_eq!(ask(&mut bystander, "fine"), "Z(I)");
}

/// A database whose sessions have a thread each.
struct Threaded;

/// The thread sends `()` for each of those.
type Asks = mpsc::UnboundedSender<oneshot::Sender<()>>;

struct Engine(Asks);

/// Where it was asked to go on: in the engine's thread, or elsewhere.
struct Pieces {
    asks: Asks,
    left: usize,
    here: usize,
    panics: bool,
}

fn is_engines_thread() -> bool {
    std::thread::current().name() == Some("engine")
}

impl Database for Threaded {
    type Session = Engine;
    async fn connect(&self, client: Client<'_>) -> Result<Engine, ErrorResponse> {
        let (asks, mut asked) = mpsc::unbounded_channel::<oneshot::Sender<()>>();
        let context = client.context;
        std::thread::Builder::new()
            .name("engine".into())
            .spawn(move || {
                while let Some(reply) = asked.blocking_recv() {
                    // Not while the session is still about to wait for it.
                    std::thread::sleep(Duration::from_millis(1));
                    context.answer(|| reply.send(()).unwrap());
                }
            })
            .unwrap();
        Ok(Engine(asks))
    }
}

impl DatabaseSession for Engine {
    type Statement = ();
    type Portal = Pieces;
    async fn prepare(
        &mut self,
        _: &str,
        _: &[Option<Type>],
    ) -> Result<Prepared<()>, ErrorResponse> {
        Ok(Prepared::new(()))
    }
    async fn bind(
        &mut self,
        (): &(),
        _: Vec<Value<'static>>,
        _: RowFormat,
    ) -> Result<Pieces, ErrorResponse> {
        self.query("").await
    }
    async fn query(&mut self, sql: &str) -> Result<Pieces, ErrorResponse> {
        Ok(Pieces {
            asks: self.0.clone(),
            left: 50,
            here: 0,
            panics: sql == "panic",
        })
    }
    fn transaction_status(&self) -> TransactionStatus {
        TransactionStatus::Idle
    }
}

impl Portal for Pieces {
    async fn next(&mut self, _: u64) -> Result<Option<Event>, ErrorResponse> {
        self.here += usize::from(is_engines_thread());
        assert!(!self.panics || self.here < 10, "on purpose");
        if self.left == 0 {
            return Ok(None);
        }
        let (reply, answer) = oneshot::channel();
        self.asks.send(reply).unwrap();
        answer.await.unwrap();
        self.left -= 1;
        Ok(Some(if self.left == 0 {
            Event::Complete(self.here.to_string())
        } else {
            Event::Notice(ErrorResponse::notice("a piece"))
        }))
    }
}

fn an_engines_thread_sends_what_it_made(on: Runtime) {
    let server = Server::start_on(on, PgServerBuilder::new(), Threaded);
    let mut client = Raw::plain(&server);
    client.log_in();
    let can = !matches!(format!("{on:?}").as_str(), "Blocking");
    for _ in 0..2 {
        let said = ask(&mut client, "go on");
        let (_, tag) = said.rsplit_once("C(").unwrap();
        let here: usize = tag.split(')').next().unwrap().parse().unwrap();
        assert!(if can { here > 25 } else { here == 0 }, "{here} of 50");
    }
    if can {
        // A panic in the engine's thread is the session's own, and ends neither.
        assert!(ask(&mut client, "panic").ends_with("E(FATAL XX000: internal error) end"));
    }
    let mut other = Raw::plain(&server);
    other.log_in();
    assert!(ask(&mut other, "go on").ends_with("Z(I)"));
}

#[cfg(unix)]
fn unix_sockets_are_served_beside_tcp(on: Runtime) {
    use std::os::unix::net::UnixStream;

    let certs = Certs::new();
    let place = tempfile::tempdir().unwrap();
    let builder = PgServerBuilder::new()
        .ssl_config(certs.made.ssl_config(SslMode::VerifyFull))
        .unix_socket(place.path());
    let server = Server::start_on(on, builder, embedded());
    let path = place.path().join(format!(".s.PGSQL.{}", server.port()));
    let connect = || {
        let stream = UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Raw(Box::new(stream))
    };
    let mut client = connect();
    client.send(&raw::SSL_REQUEST);
    let mut answer = [0];
    client.0.read_exact(&mut answer).unwrap();
    assert_eq!(answer, *b"N", "never TLS");
    let (id, key) = client.log_in();
    client.send(&query("select pg_sleep(60)"));
    std::thread::sleep(Duration::from_millis(100));
    let mut canceller = connect();
    canceller.send(&cancel(id, &key));
    assert_eq!(canceller.rest(), b"");
    assert!(client.story().contains("57014"));
    // What psql makes of it.
    let said = crate::common::run(
        std::process::Command::new("psql")
            .args(["-XAt", "-c", "select 1+1"])
            .arg(format!(
                "host={} port={} user=postgres dbname=postgres sslmode=prefer",
                place.path().display(),
                server.port()
            ))
            .env("HOME", "/nonexistent"),
    );
    assert_eq!((said.ok, said.out.as_str()), (true, "2\n"), "{said:?}");
    drop(server);
    assert_eq!(client.story(), GOODBYE);
    assert!(!path.exists(), "the socket went with the server");
}

fn both_families_are_served(on: Runtime) {
    // A machine without IPv6 has nothing to show here.
    let Ok(free) = std::net::TcpListener::bind("[::1]:0") else {
        return;
    };
    let v6 = free.local_addr().unwrap();
    drop(free);
    let server = PgServerBuilder::new()
        .address("127.0.0.1:0".parse().unwrap())
        .another_address(v6)
        .build(Arc::new(embedded()))
        .unwrap();
    let server = Server::serving(on, server);
    for address in [server.address, v6] {
        let stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Raw(Box::new(stream)).log_in();
    }
}
