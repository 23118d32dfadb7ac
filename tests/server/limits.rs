//! How many connections there may be, and what becomes of those that do not log in.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::common::raw::{Raw, SSL_REQUEST, cancel, client_config, query, startup};
use crate::common::{Certs, PATIENCE, Server, embedded};
use pgtls::{PgServerBuilder, SslMode};

/// Whether the server has closed this connection, without a word.
fn is_closed(socket: &TcpStream) -> bool {
    socket.set_nonblocking(true).unwrap();
    let mut byte = [0];
    let closed = match (&*socket).read(&mut byte) {
        Ok(0) => true,
        Ok(_) => panic!("the server said {byte:?}"),
        Err(e) if e.kind() == ErrorKind::WouldBlock => false,
        Err(e) if e.kind() == ErrorKind::ConnectionReset => true,
        Err(e) => panic!("{e}"),
    };
    socket.set_nonblocking(false).unwrap();
    closed
}

fn await_closed(sockets: &[TcpStream]) {
    let begun = Instant::now();
    while !sockets.iter().all(is_closed) {
        assert!(begun.elapsed() < PATIENCE, "they are still open");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Connections in one state of not being logged in.
struct Stuck {
    name: &'static str,
    first: &'static [u8],
    /// After the server has said `S`.
    second: Option<&'static [u8]>,
}

const HALF_CLIENT_HELLO: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];

const STATES: [Stuck; 4] = [
    Stuck {
        name: "silent",
        first: b"",
        second: None,
    },
    Stuck {
        name: "half an SSLRequest",
        first: &[0, 0, 0, 8, 4],
        second: None,
    },
    Stuck {
        name: "after S",
        first: &SSL_REQUEST,
        second: Some(b""),
    },
    Stuck {
        name: "half a ClientHello",
        first: &SSL_REQUEST,
        second: Some(HALF_CLIENT_HELLO),
    },
];

fn stuck(server: &Server, state: &Stuck, count: usize) -> Vec<TcpStream> {
    (0..count)
        .map(|_| {
            let mut socket = server.connect();
            socket.write_all(state.first).unwrap();
            if let Some(second) = state.second {
                let mut answer = [0];
                socket.read_exact(&mut answer).unwrap();
                socket.write_all(second).unwrap();
            }
            socket
        })
        .collect()
}

#[test]
fn the_oldest_half_open_connections_make_room_and_clients_get_in() {
    let certs = Certs::new();
    for state in STATES {
        let builder = PgServerBuilder::new()
            .ssl_config(certs.made.ssl_config(SslMode::Require))
            .max_connections(1)
            .max_half_open(10);
        let server = Server::start(builder, embedded());
        let crowd = stuck(&server, &state, 30);
        await_closed(&crowd[..20]);
        let mut client = Raw::tls(&server, client_config(&certs, false, &[]));
        client.log_in();
        assert_eq!(
            crowd.iter().filter(|c| !is_closed(c)).count(),
            9,
            "{}",
            state.name
        );
    }
}

#[test]
fn clients_within_tls_that_say_no_more_make_room_too() {
    let certs = Certs::new();
    let builder = PgServerBuilder::new()
        .ssl_config(certs.made.ssl_config(SslMode::Require))
        .max_half_open(2);
    let server = Server::start(builder, embedded());
    let crowd: Vec<Raw> = (0..5)
        .map(|_| {
            let mut client = Raw::tls(&server, client_config(&certs, false, &[]));
            // Half a StartupMessage, so that the handshake is done.
            client.send(&[0, 0, 0, 50]);
            client
        })
        .collect();
    let mut client = Raw::tls(&server, client_config(&certs, false, &[]));
    client.log_in();
    for mut gone in crowd.into_iter().take(4) {
        assert_eq!(gone.rest(), b"");
    }
}

#[test]
fn half_open_connections_are_no_sessions_and_end_by_the_deadline() {
    let builder = PgServerBuilder::new()
        .max_connections(1)
        .login_timeout(Duration::from_secs(2));
    let server = Server::start(builder, embedded());
    let crowd = stuck(&server, &STATES[0], 50);
    let mut client = Raw::plain(&server);
    client.log_in();
    let mut refused = Raw::plain(&server);
    refused.send(&startup(&[("user", "postgres")]));
    assert_eq!(
        refused.story(),
        "E(FATAL 53300: sorry, too many clients already) end"
    );
    // A full server still hears cancel requests.
    let mut request = Raw::plain(&server);
    request.send(&cancel(1, &[0; 4]));
    assert_eq!(request.rest(), b"");
    await_closed(&crowd);
}

#[test]
fn more_bytes_than_a_login_takes_end_it() {
    let certs = Certs::new();
    let server = Server::in_mode(SslMode::Require, &certs);
    let mut client = Raw::tls(&server, client_config(&certs, false, &[]));
    // A StartupMessage of the greatest length, in a TLS record for each byte.
    let mut body = startup(&[("user", "postgres")]).split_off(4);
    body.insert(body.len() - 1, b'x');
    body.resize(9999, b'x');
    client.send(&10_004_u32.to_be_bytes());
    let sent = body
        .iter()
        .take_while(|b| client.0.write_all(&[**b]).is_ok())
        .count();
    // Each took 23 bytes of the wire.
    assert!(sent * 23 > pgtls::MAX_LOGIN_BYTES - 8192, "{sent}");
    match client.0.read(&mut [0; 64]) {
        Ok(0) => {}
        Ok(_) => panic!("an answer to half a message"),
        Err(e) => assert_ne!(e.kind(), ErrorKind::WouldBlock, "nobody minded"),
    }
}

#[test]
fn sessions_that_idle_too_long_are_told_so() {
    let builder = || PgServerBuilder::new();
    let short = Duration::from_millis(300);
    let idle = "E(FATAL 57P05: terminating connection due to idle-session timeout) end";
    let in_transaction =
        "E(FATAL 25P03: terminating connection due to idle-in-transaction timeout) end";

    let server = Server::start(builder().idle_session_timeout(short), embedded());
    let mut client = Raw::plain(&server);
    client.log_in();
    // Half a message does not keep it alive; a transaction does.
    client.send(b"Q\0");
    assert_eq!(client.story(), idle);
    let mut client = Raw::plain(&server);
    client.log_in();
    client.send(&query("begin"));
    assert_eq!(client.story(), "C(BEGIN) Z(T)");
    std::thread::sleep(2 * short);
    client.send(&query("commit"));
    assert_eq!(client.story(), "C(COMMIT) Z(I)");
    // A session may have its own way.
    let mut client = Raw::plain(&server);
    client.send(&startup(&[
        ("user", "postgres"),
        ("idle_session_timeout", "0"),
    ]));
    assert_eq!(client.story(), "R Z(I)");
    std::thread::sleep(2 * short);
    client.send(&query("begin"));
    assert_eq!(client.story(), "C(BEGIN) Z(T)");

    let server = Server::start(
        builder().idle_in_transaction_session_timeout(short),
        embedded(),
    );
    let mut client = Raw::plain(&server);
    client.log_in();
    std::thread::sleep(2 * short);
    client.send(&query("begin"));
    assert_eq!(client.story(), "C(BEGIN) Z(T)");
    assert_eq!(client.story(), in_transaction);

    // A statement that takes its time is not idle.
    let server = Server::start(builder().idle_session_timeout(short), embedded());
    let mut client = Raw::plain(&server);
    client.log_in();
    client.send(&query("select pg_sleep(1)"));
    assert_eq!(client.story(), "T D C(SELECT 1) Z(I)");
}
