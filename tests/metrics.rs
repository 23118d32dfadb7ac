//! What is counted, scraped over HTTP as Prometheus does it.
#![cfg(all(
    feature = "tokio",
    feature = "sqlite",
    feature = "certificates",
    feature = "metrics",
    any(feature = "aws-lc-rs", feature = "ring")
))]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests take their time and fail on surprises"
)]

mod common;
#[allow(unreachable_pub, reason = "an example has no outside")]
#[path = "../examples/observability/scrape.rs"]
mod scrape;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use common::raw::{Raw, cancel, client_config, startup};
use common::{Certs, PATIENCE, Server, embedded};
use metrics_exporter_prometheus::PrometheusBuilder;
use pgtls::{FrontDoor, PgServerBuilder, SslMode};

fn scraped(from: SocketAddr) -> String {
    let mut socket = TcpStream::connect(from).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    answer
}

/// The sum over all label sets of a metric whose line has all of `labels`.
fn value(page: &str, name: &str, labels: &[&str]) -> f64 {
    page.lines()
        .filter(|line| line.starts_with(name) && labels.iter().all(|l| line.contains(l)))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}

fn endpoint(door: FrontDoor) -> SocketAddr {
    let handle = PrometheusBuilder::new().install_recorder().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            scrape::serve(listener, handle, door).await;
        });
    });
    told.recv_timeout(PATIENCE).unwrap()
}

#[test]
fn real_logins_show_in_real_numbers() {
    let certs = Certs::new();
    let config = certs.made.ssl_config(SslMode::Require);
    // A door of its own: its certificates are those of the server.
    let door = FrontDoor::new(config.clone()).unwrap();
    let endpoint = endpoint(door.clone());
    let server = Server::start(
        PgServerBuilder::new().ssl_config(config).max_half_open(3),
        embedded(),
    );

    let mut clients: Vec<Raw> = (0..3)
        .map(|_| Raw::tls(&server, client_config(&certs, false, &["postgresql"])))
        .collect();
    let keys: Vec<(i32, Vec<u8>)> = clients.iter_mut().map(Raw::log_in).collect();
    let (process_id, key) = &keys[0];
    let wrong = vec![!key[0]; key.len()];
    let nobody = (1..).find(|id| keys.iter().all(|(taken, _)| id != taken));
    for (process_id, key) in [
        (*process_id, key),
        (*process_id, &wrong),
        (*process_id, &keys[1].1),
        (nobody.unwrap(), key),
    ] {
        let mut request = Raw::plain(&server);
        request.send(&cancel(process_id, key));
        assert_eq!(request.rest(), b"");
    }
    let mut plain = Raw::plain(&server);
    plain.send(&startup(&[("user", "postgres")]));
    assert!(plain.story().contains("28000"));
    // A client that does not trust the server says so in an alert.
    let strangers = Certs::new();
    let mut stranger = Raw::tls(&server, client_config(&strangers, false, &["postgresql"]));
    assert!(stranger.0.write_all(b"x").is_err());
    // One that offers no protocol of ours gets one.
    let mut other = Raw::tls(&server, client_config(&certs, false, &["h2"]));
    assert!(other.0.write_all(b"x").is_err());
    let silent: Vec<TcpStream> = (0..5).map(|_| server.connect()).collect();
    assert_eq!(door.reload_if_changed().ok(), Some(false));

    let begun = Instant::now();
    let page = loop {
        let page = scraped(endpoint);
        let done = value(&page, "pgtls_half_open_evicted_total", &[]) >= 2.0
            && value(&page, "pgtls_logins_refused_total", &["evicted"]) >= 2.0
            && value(&page, "pgtls_alerts_received_total", &[]) >= 1.0
            && value(&page, "pgtls_alerts_sent_total", &[]) >= 1.0;
        if done || begun.elapsed() > PATIENCE {
            break page;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    for (name, labels, expected) in [
        (
            "pgtls_logins_accepted_total",
            &["method=\"trust\""][..],
            3.0,
        ),
        (
            "pgtls_logins_refused_total",
            &["reason=\"plaintext_refused\"", "sqlstate=\"28000\""],
            1.0,
        ),
        ("pgtls_logins_refused_total", &["reason=\"tls\""], 2.0),
        ("pgtls_login_seconds_count", &["outcome=\"accepted\""], 3.0),
        (
            "pgtls_tls_logins_total",
            &[
                "version=\"TLSv1.3\"",
                "cipher=\"TLS_AES_256_GCM_SHA384\"",
                "alpn=\"yes\"",
                "sni=\"yes\"",
                "resumed=\"no\"",
            ],
            3.0,
        ),
        ("pgtls_sni_total", &["result=\"default\""], 5.0),
        ("pgtls_alerts_received_total", &[], 1.0),
        (
            "pgtls_alerts_sent_total",
            &["alert=\"NoApplicationProtocol\""],
            1.0,
        ),
        ("pgtls_half_open{", &[], 0.0),
        ("pgtls_half_open ", &[], 3.0),
        ("pgtls_logins_refused_total", &["reason=\"evicted\""], 2.0),
        ("pgtls_sessions ", &[], 3.0),
        ("pgtls_cancel_requests_total", &["result=\"accepted\""], 1.0),
        (
            "pgtls_cancel_requests_total",
            &["result=\"wrong_key\""],
            2.0,
        ),
        (
            "pgtls_cancel_requests_total",
            &["result=\"no_session\""],
            1.0,
        ),
        ("pgtls_reloads_total", &["result=\"unchanged\""], 1.0),
    ] {
        assert_eq!(
            value(&page, name, labels),
            expected,
            "{name} {labels:?}\n{page}"
        );
    }
    assert!(
        value(&page, "pgtls_days_to_expiry", &["SSL certificate"]) > 1.0,
        "{page}"
    );

    drop((clients, silent));
    drop(server);
    let page = scraped(endpoint);
    assert_eq!(value(&page, "pgtls_half_open ", &[]), 0.0, "{page}");
    assert_eq!(value(&page, "pgtls_sessions ", &[]), 0.0, "{page}");
}
