//! The embedded server over real sockets: queries, cancelling, deadlines.
#![cfg(all(
    feature = "tokio",
    feature = "sqlite",
    feature = "certificates",
    any(feature = "aws-lc-rs", feature = "ring")
))]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests take their time and fail on surprises"
)]

#[path = "../common/mod.rs"]
mod common;
mod life;
mod limits;
mod proxy;
mod slow;

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::raw::{self, Raw, cancel, message, query, startup};
use common::{Certs, PATIENCE, Server, embedded, psql};
use pgtls::server::{
    Client, Database, DatabaseSession, Event, Portal, Prepared, RowFormat, TransactionStatus, Type,
    Value,
};
use pgtls::{EmbeddedDatabase, ErrorResponse, PgServerBuilder, SslMode};

fn plain() -> Server {
    Server::start(PgServerBuilder::new(), embedded())
}

#[test]
fn a_simple_query_is_answered_as_postgresql_answers_it() {
    let server = plain();
    let mut client = Raw::plain(&server);
    client.log_in();
    let cases = [
        ("select 1+1", "T D C(SELECT 1) Z(I)"),
        ("", "I Z(I)"),
        (
            "create table t(a serial primary key, b text)",
            "C(CREATE TABLE) Z(I)",
        ),
        (
            "insert into t(b) values ('x'), (null)",
            "C(INSERT 0 2) Z(I)",
        ),
        (
            "select 1; select * from t",
            "T D C(SELECT 1) T D D C(SELECT 2) Z(I)",
        ),
        (
            "selec 1",
            "E(ERROR 42601: syntax error at or near \"selec\") Z(I)",
        ),
        (
            "select * from nope",
            "E(ERROR 42P01: relation \"nope\" does not exist) Z(I)",
        ),
        ("begin", "C(BEGIN) Z(T)"),
        (
            "select nope",
            "E(ERROR 42703: column \"nope\" does not exist) Z(E)",
        ),
        (
            "select 1",
            "E(ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block) Z(E)",
        ),
        ("rollback", "C(ROLLBACK) Z(I)"),
    ];
    for (sql, expected) in cases {
        client.send(&query(sql));
        assert_eq!(client.story(), expected, "{sql}");
    }
    client.send(&message(b'X', b""));
    assert_eq!(client.rest(), b"");
}

#[test]
fn greeting_has_what_drivers_look_for() {
    let server = plain();
    let mut client = Raw::plain(&server);
    client.send(&startup(&[
        ("user", "postgres"),
        ("application_name", "me"),
    ]));
    let mut told = Vec::new();
    let key = loop {
        match client.message().unwrap() {
            (b'R', body) => assert_eq!(body, [0; 4]),
            (b'S', body) => told.push(String::from_utf8(body).unwrap()),
            (b'K', body) => break body,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(key.len(), 8);
    assert_eq!(client.message(), Some((b'Z', b"I".to_vec())));
    for wanted in [
        "server_version\x0015.0\0",
        "server_encoding\0UTF8\0",
        "client_encoding\0UTF8\0",
        "DateStyle\0ISO, MDY\0",
        "TimeZone\0UTC\0",
        "integer_datetimes\0on\0",
        "standard_conforming_strings\0on\0",
        "application_name\0me\0",
        "session_authorization\0postgres\0",
    ] {
        assert!(told.iter().any(|t| t == wanted), "{wanted:?} {told:?}");
    }
}

#[test]
fn login_and_queries_may_come_in_any_pieces() {
    let server = plain();
    let mut bytes = startup(&[("user", "postgres")]);
    bytes.extend(query("select 1"));
    bytes.extend(query("select 2; select 3"));
    let expected = [
        "R Z(I)",
        "T D C(SELECT 1) Z(I)",
        "T D C(SELECT 1) T D C(SELECT 1) Z(I)",
    ];
    for size in [1, 2, 7, bytes.len()] {
        let mut client = Raw::plain(&server);
        for piece in bytes.chunks(size) {
            client.send(piece);
        }
        for story in expected {
            assert_eq!(client.story(), story, "in pieces of {size}");
        }
    }
}

#[test]
fn broken_messages_end_no_more_than_the_session() {
    let server = plain();
    let cases: &[(&[u8], &str)] = &[
        (b"Q\0\0\0\x03", "E(FATAL 08P01: invalid message length) end"),
        (
            b"Q\x7f\xff\xff\xff",
            "E(FATAL 08P01: invalid message length) end",
        ),
        (b"Q\x80\0\0\0", "E(FATAL 08P01: invalid message length) end"),
        (
            b"Q\0\0\0\x08ab\0c",
            "E(ERROR 08P01: invalid message format) Z(I)",
        ),
        (
            b"Q\0\0\0\x06ab",
            "E(ERROR 08P01: invalid string in message) Z(I)",
        ),
        (
            b"S\0\0\0\x05x",
            "E(ERROR 08P01: invalid message format) Z(I)",
        ),
        (
            b"\0\0\0\0",
            "E(FATAL 08P01: invalid frontend message type 0) end",
        ),
        (
            b"p\0\0\0\x05\0",
            "E(FATAL 08P01: invalid frontend message type 112) end",
        ),
    ];
    for (bytes, expected) in cases {
        let mut client = Raw::plain(&server);
        client.log_in();
        client.send(bytes);
        assert_eq!(client.story(), *expected, "{}", bytes.escape_ascii());
    }
    let mut client = Raw::plain(&server);
    client.log_in();
    client.send(&message(b'Q', b"select '\xff'\0"));
    assert_eq!(
        client.story(),
        "E(ERROR 22021: invalid byte sequence for encoding \"UTF8\": 0xff) Z(I)"
    );
}

#[test]
fn the_extended_protocol_answers_batches_and_recovers_at_sync() {
    let server = plain();
    let mut client = Raw::plain(&server);
    client.log_in();
    for (sql, expected) in [
        ("select 1", "1 2 D C(SELECT 1) Z(I)"),
        ("", "1 2 I Z(I)"),
        (
            "select nope",
            "E(ERROR 42703: column \"nope\" does not exist) Z(I)",
        ),
    ] {
        let mut batch = message(b'P', format!("\0{sql}\0\0\0").as_bytes());
        batch.extend(message(b'B', b"\0\0\0\0\0\0\0\0"));
        batch.extend(message(b'E', b"\0\0\0\0\0"));
        batch.extend(message(b'S', b""));
        client.send(&batch);
        assert_eq!(client.story(), expected, "{sql}");
    }
    client.send(&query("select 1"));
    assert_eq!(client.story(), "T D C(SELECT 1) Z(I)");
}

#[test]
fn a_large_result_arrives_whole_over_tls() {
    let certs = Certs::new();
    let server = Server::in_mode(SslMode::Require, &certs);
    let sql = "with recursive n(i) as (select 1 union all select i+1 from n where i < 200000) \
               select i, 'row number ' || i from n";
    let said = psql(&server, "sslmode=require user=postgres", &[sql]);
    assert_eq!(said.out.lines().count(), 200_000);
    assert!(said.out.ends_with("200000|row number 200000\n"));
}

#[test]
fn sessions_share_the_database_and_transactions_are_isolated() {
    let server = plain();
    let (mut one, mut two) = (Raw::plain(&server), Raw::plain(&server));
    one.log_in();
    two.log_in();
    let ask = |client: &mut Raw, sql: &str| {
        client.send(&query(sql));
        client.story()
    };
    assert_eq!(
        ask(&mut one, "create table t(a integer)"),
        "C(CREATE TABLE) Z(I)"
    );
    assert_eq!(
        ask(&mut two, "insert into t values (1)"),
        "C(INSERT 0 1) Z(I)"
    );
    assert_eq!(
        ask(&mut one, "begin; insert into t values (2)"),
        "C(BEGIN) C(INSERT 0 1) Z(T)"
    );
    // Its transaction goes with it.
    one.send(&message(b'X', b""));
    assert_eq!(one.rest(), b"");
    assert_eq!(
        ask(&mut two, "insert into t values (3)"),
        "C(INSERT 0 1) Z(I)"
    );
    assert_eq!(ask(&mut two, "select * from t"), "T D D C(SELECT 2) Z(I)");
}

#[test]
fn data_in_a_file_survive_the_server() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("data.db");
    for expected in [
        "C(CREATE TABLE) C(INSERT 0 1) Z(I)",
        "E(ERROR 42P07: relation \"t\" already exists) Z(I)",
    ] {
        let server = Server::start(
            PgServerBuilder::new(),
            EmbeddedDatabase::open(&path).unwrap(),
        );
        let mut client = Raw::plain(&server);
        client.log_in();
        client.send(&query(
            "create table t(a integer); insert into t values (7)",
        ));
        assert_eq!(client.story(), expected);
    }
}

#[test]
fn cancel_reaches_its_own_session_plain_and_under_tls() {
    let certs = Certs::new();
    let server = Server::in_mode(SslMode::VerifyCA, &certs);
    let tls = |with_certificate| raw::client_config(&certs, with_certificate, &[]);
    let mut victim = Raw::tls(&server, tls(true));
    let mut bystander = Raw::tls(&server, tls(true));
    let (id, key) = victim.log_in();
    let (other_id, other_key) = bystander.log_in();
    bystander.send(&query("select pg_sleep(1)"));
    for over_tls in [false, true] {
        let began = Instant::now();
        victim.send(&query("select pg_sleep(60)"));
        // Long enough to be running, and wrong keys have their chance.
        std::thread::sleep(Duration::from_millis(200));
        for (id, key) in [
            (id, &other_key),
            (other_id ^ 1, &key),
            (0, &key),
            (id, &key),
        ] {
            let mut canceller = if over_tls {
                Raw::tls(&server, tls(false))
            } else {
                Raw::plain(&server)
            };
            canceller.send(&cancel(id, key));
            // A clean end: under TLS close_notify comes before the transport's.
            assert_eq!(canceller.0.read(&mut [0]).unwrap(), 0);
        }
        assert_eq!(
            victim.story(),
            "T E(ERROR 57014: canceling statement due to user request) Z(I)"
        );
        assert!(began.elapsed() < PATIENCE);
    }
    assert_eq!(bystander.story(), "T D C(SELECT 1) Z(I)");
    victim.send(&query(
        "with recursive n(i) as (select 1 union all select i+1 from n) select count(*) from n",
    ));
    std::thread::sleep(Duration::from_millis(200));
    Raw::plain(&server).send(&cancel(id, &key));
    assert_eq!(
        victim.story(),
        "T E(ERROR 57014: canceling statement due to user request) Z(I)"
    );
}

#[test]
fn settings_and_databases_that_do_not_exist_are_refused_after_login() {
    let server = Server::start(PgServerBuilder::new(), embedded().with_name("heliosdb"));
    let cases: [(&[(&str, &str)], &str); 4] = [
        (&[("user", "a"), ("database", "heliosdb")], "R Z(I)"),
        (
            &[("user", "a")],
            "R E(FATAL 3D000: database \"a\" does not exist) end",
        ),
        (
            &[("user", "a"), ("nope", "1")],
            "R E(FATAL 42704: unrecognized configuration parameter \"nope\") end",
        ),
        (
            &[("user", "a"), ("replication", "true")],
            "R E(FATAL 0A000: replication connections are not supported) end",
        ),
    ];
    for (settings, expected) in cases {
        let mut client = Raw::plain(&server);
        client.send(&startup(settings));
        assert_eq!(client.story(), expected, "{settings:?}");
    }
}

#[test]
fn tokio_postgres_with_rustls_connects_queries_and_cancels() {
    let certs = Certs::new();
    let server = Server::in_mode(SslMode::Require, &certs);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        for direct in [false, true] {
            let tls = tokio_postgres_rustls::MakeRustlsConnect::new(raw::client_config(
                &certs,
                false,
                if direct { &["postgresql"] } else { &[] },
            ));
            let mut config = tokio_postgres::Config::new();
            config
                .host("localhost")
                .hostaddr(server.address.ip())
                .port(server.port())
                .user("postgres")
                .dbname("heliosdb")
                .ssl_mode(tokio_postgres::config::SslMode::Require);
            if direct {
                config.ssl_negotiation(tokio_postgres::config::SslNegotiation::Direct);
            }
            let (client, connection) = config.connect(tls.clone()).await.unwrap();
            let connection = tokio::spawn(connection);
            let rows = client.simple_query("select 1+1 as two").await.unwrap();
            let two = rows.iter().find_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get("two"),
                _ => None,
            });
            assert_eq!(two, Some("2"));
            let cancel = client.cancel_token();
            let (slept, cancelled) =
                tokio::join!(client.simple_query("select pg_sleep(60)"), async {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    cancel.cancel_query(tls).await
                });
            cancelled.unwrap();
            assert_eq!(
                slept.unwrap_err().code(),
                Some(&tokio_postgres::error::SqlState::QUERY_CANCELED)
            );
            drop(client);
            connection.await.unwrap().unwrap();
        }
    });
}

#[test]
fn a_statement_that_takes_too_long_is_cancelled_and_told_why() {
    let server = plain();
    let mut client = Raw::plain(&server);
    client.send(&startup(&[
        ("user", "postgres"),
        ("statement_timeout", "100ms"),
    ]));
    assert_eq!(client.story(), "R Z(I)");
    let began = Instant::now();
    client.send(&query("select pg_sleep(60)"));
    let story = client.story();
    assert!(
        story.contains("E(ERROR 57014: canceling statement due to statement timeout)"),
        "{story}"
    );
    assert!(began.elapsed() < PATIENCE);
    // Nor may it take longer to send its rows.
    client.send(&query(
        "select repeat('x', 10000) from generate_series(1, 10000000)",
    ));
    let story = client.story();
    assert!(
        story.ends_with("E(ERROR 57014: canceling statement due to statement timeout) Z(I)"),
        "{}",
        story.replace("D ", "")
    );
    // A new limit holds from the next statement on.
    client.send(&query("set statement_timeout = 200; select pg_sleep(60)"));
    assert_eq!(
        client.story(),
        "C(SET) T E(ERROR 57014: canceling statement due to statement timeout) Z(I)"
    );
    client.send(&query(
        "set statement_timeout = 4000; select pg_sleep(2.2); select pg_sleep(2.2)",
    ));
    assert_eq!(
        client.story(),
        "C(SET) T D C(SELECT 1) T D C(SELECT 1) Z(I)"
    );
    // Short ones are not, however many there are.
    for _ in 0..5 {
        client.send(&query("select 1"));
        assert_eq!(client.story(), "T D C(SELECT 1) Z(I)");
        std::thread::sleep(Duration::from_millis(50));
    }
}
