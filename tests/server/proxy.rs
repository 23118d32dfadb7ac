//! Clients behind a proxy that speaks the PROXY protocol, over real sockets.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::common::raw::{Raw, SSL_REQUEST, client_config, startup};
use crate::common::{Certs, Server, embedded};
use pgtls::runtimes::{Accepted, tokio::accept_from};
use pgtls::{FrontDoor, Peer, PgServerBuilder, SslMode};
use proxy_header::{ProxiedAddress, ProxyHeader, Tlv};

const LINE: &[u8] = b"PROXY TCP4 203.0.113.7 192.0.2.1 54321 5432\r\n";

fn version_2() -> Vec<u8> {
    let address = ProxiedAddress::stream(
        "203.0.113.7:54321".parse().unwrap(),
        "192.0.2.1:5432".parse().unwrap(),
    );
    let mut header = Vec::new();
    ProxyHeader::with_tlvs(Some(address), [Tlv::UniqueId(b"id-1"[..].into())])
        .encode_v2(&mut header)
        .unwrap();
    header
}

fn local() -> Vec<u8> {
    let mut header = Vec::new();
    ProxyHeader::with_local().encode_v2(&mut header).unwrap();
    header
}

/// Goes on as TLS, by SSLRequest.
fn go_on(mut socket: TcpStream, certs: &Certs) -> Raw {
    use std::io::Read;
    socket.write_all(&SSL_REQUEST).unwrap();
    let mut answer = [0];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(answer, *b"S");
    Raw::direct(socket, client_config(certs, false, &[]))
}

fn behind(proxies: &str, certs: &Certs) -> PgServerBuilder {
    PgServerBuilder::new()
        .ssl_config(certs.made.ssl_config(SslMode::Require))
        .proxies([proxies.parse().unwrap()])
}

#[test]
fn headers_of_both_versions_lead_to_a_login_also_byte_by_byte() {
    let certs = Certs::new();
    let server = Server::start(behind("127.0.0.0/8", &certs), embedded());
    for header in [LINE.to_vec(), version_2(), local()] {
        let mut at_once = server.connect();
        at_once.write_all(&header).unwrap();
        go_on(at_once, &certs).log_in();

        let mut slowly = server.connect();
        for byte in header {
            slowly.write_all(&[byte]).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
        go_on(slowly, &certs).log_in();
    }
}

#[test]
fn what_follows_the_header_in_one_segment_is_not_lost() {
    let certs = Certs::new();
    let server = Server::start(
        PgServerBuilder::new().proxies(["127.0.0.1/32".parse().unwrap()]),
        embedded(),
    );
    let mut client = Raw::plain(&server);
    client.send(&[&version_2(), startup(&[("user", "postgres")]).as_slice()].concat());
    assert_eq!(client.story(), "R Z(I)");
    drop(certs);
}

#[test]
fn from_a_proxy_anything_but_a_header_is_closed_without_a_word() {
    let certs = Certs::new();
    let server = Server::start(behind("127.0.0.0/8", &certs), embedded());
    let hello = &[0x16, 3, 1, 0, 5];
    for bytes in [
        &SSL_REQUEST[..],
        &startup(&[("user", "postgres")]),
        hello,
        b"PROXY TCP4 203.0.113.7\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
    ] {
        let mut client = Raw::plain(&server);
        client.send(bytes);
        assert_eq!(client.rest(), b"", "{bytes:?}");
    }
}

#[test]
fn from_anywhere_else_a_header_is_closed_without_a_word() {
    let certs = Certs::new();
    for server in [
        Server::start(behind("192.0.2.0/24", &certs), embedded()),
        Server::in_mode(SslMode::Require, &certs),
    ] {
        for header in [LINE.to_vec(), version_2()] {
            let mut client = Raw::plain(&server);
            client.send(&header);
            assert_eq!(client.rest(), b"");
        }
        go_on(server.connect(), &certs).log_in();
    }
}

#[test]
fn a_header_that_does_not_end_is_closed_by_the_deadline() {
    let certs = Certs::new();
    let limit = Duration::from_secs(1);
    let server = Server::start(
        behind("127.0.0.0/8", &certs).login_timeout(limit),
        embedded(),
    );
    for bytes in [&b""[..], &LINE[..20], &version_2()[..15]] {
        let begun = Instant::now();
        let mut client = Raw::plain(&server);
        client.send(bytes);
        assert_eq!(client.rest(), b"");
        assert!(begun.elapsed() >= limit - Duration::from_millis(50));
    }
}

#[test]
fn clients_of_one_proxy_are_told_apart_in_the_limits() {
    let certs = Certs::new();
    let server = Server::start(
        behind("127.0.0.0/8", &certs).max_half_open_per_address(2),
        embedded(),
    );
    let silent = |client: &str| {
        let mut silent = Raw::plain(&server);
        let line = format!("PROXY TCP4 {client} 192.0.2.1 54321 5432\r\n");
        silent.send(line.as_bytes());
        silent
    };
    let mut one = silent("203.0.113.1");
    let others: Vec<Raw> = (2..9).map(|n| silent(&format!("203.0.113.{n}"))).collect();
    let _more = [silent("203.0.113.1"), silent("203.0.113.1")];
    assert_eq!(one.rest(), b"");
    for mut other in others {
        other.send(&SSL_REQUEST);
        let mut answer = [0];
        other.0.read_exact(&mut answer).unwrap();
        assert_eq!(answer, *b"S");
    }
}

#[tokio::test]
async fn the_stream_knows_the_client_and_what_the_proxy_said() {
    let door = FrontDoor::plain().proxies(["192.0.2.0/24".parse().unwrap()]);
    let proxy: SocketAddr = "192.0.2.250:40000".parse().unwrap();
    let (ours, mut theirs) = tokio::io::duplex(1024);
    let bytes = [version_2(), startup(&[("user", "postgres")])].concat();
    tokio::io::AsyncWriteExt::write_all(&mut theirs, &bytes)
        .await
        .unwrap();
    let accepted = accept_from(ours, Peer::Tcp(proxy), &door).await;
    let Accepted::Session(stream) = accepted else {
        panic!("{accepted:?}")
    };
    let client: SocketAddr = "203.0.113.7:54321".parse().unwrap();
    assert_eq!(*stream.peer(), Peer::Tcp(client));
    let proxied = stream.proxied().unwrap();
    assert_eq!(proxied.proxy(), proxy);
    assert_eq!(proxied.client(), Some(client));
    assert_eq!(proxied.unique_id(), Some(&b"id-1"[..]));
}
