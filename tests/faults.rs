//! Logins over a transport that misbehaves: reads and writes of any size, none where one is due,
//! errors and ends at every byte, stalls. Each ends in accepted or refused, by the deadline, and
//! leaves nothing behind. Time is virtual, and what happens depends on a seed alone.
#![cfg(all(
    feature = "tokio",
    feature = "certificates",
    any(feature = "aws-lc-rs", feature = "ring")
))]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests fail on surprises"
)]

#[path = "common/faulty.rs"]
mod faulty;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use faulty::{Counts, Dice, Fault, Faulty};
use pgtls::runtimes::{Accepted, tokio::accept};
use pgtls::{
    AuthMethod, CertificateManager, FrontDoor, MemoryStore, Reason, Secret, SslMode, rustls,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::time::Instant;
use tokio_postgres_rustls::MakeRustlsConnect;

/// How the client logs in.
#[derive(Clone, Copy, Debug)]
struct Kind {
    tls: Option<&'static rustls::SupportedProtocolVersion>,
    direct: bool,
    method: AuthMethod,
    password: &'static str,
}

const PLAIN: Kind = Kind {
    tls: None,
    direct: false,
    method: AuthMethod::Trust,
    password: "right",
};
const TLS12: Kind = Kind {
    tls: Some(&rustls::version::TLS12),
    ..PLAIN
};
const TLS13: Kind = Kind {
    tls: Some(&rustls::version::TLS13),
    ..PLAIN
};
const DIRECT: Kind = Kind {
    direct: true,
    ..TLS13
};
const SCRAM: Kind = Kind {
    method: AuthMethod::ScramSha256,
    ..PLAIN
};
const SCRAM_TLS: Kind = Kind {
    method: AuthMethod::ScramSha256,
    ..TLS13
};
const WRONG: Kind = Kind {
    password: "wrong",
    ..SCRAM_TLS
};

const TIMEOUT: Duration = Duration::from_secs(60);
/// After a farewell the client's bytes are dropped for so long.
const LINGER: Duration = Duration::from_secs(1);

struct Place {
    _directory: tempfile::TempDir,
    door: FrontDoor,
    roots: Arc<RootCertStore>,
}

impl Place {
    fn new(method: AuthMethod) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let made = CertificateManager::setup_test_certs_in(directory.path()).unwrap();
        let store = MemoryStore::new();
        store.set(
            "alice",
            Secret::scram_sha_256_with("right", b"0123456789abcdef", 1).unwrap(),
        );
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(made.ca_cert()).unwrap())
            .unwrap();
        let door = FrontDoor::new(made.ssl_config(SslMode::Prefer))
            .unwrap()
            .auth_method(method)
            .secrets(store)
            .login_timeout(TIMEOUT);
        Self {
            _directory: directory,
            door,
            roots: Arc::new(roots),
        }
    }
}

#[cfg(feature = "aws-lc-rs")]
use rustls::crypto::aws_lc_rs as provider;
#[cfg(not(feature = "aws-lc-rs"))]
use rustls::crypto::ring as provider;

/// The client: tokio-postgres, until it has seen ReadyForQuery or an error.
async fn client(io: DuplexStream, kind: Kind, roots: Arc<RootCertStore>) -> bool {
    let mut config = tokio_postgres::Config::new();
    config.user("alice").password(kind.password);
    let Some(version) = kind.tls else {
        config.ssl_mode(tokio_postgres::config::SslMode::Disable);
        return config.connect_raw(io, tokio_postgres::NoTls).await.is_ok();
    };
    // One group: what is shown does not depend on the size of the key shares.
    let provider = rustls::crypto::CryptoProvider {
        kx_groups: vec![provider::kx_group::X25519],
        ..provider::default_provider()
    };
    let mut tls = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.ssl_mode(tokio_postgres::config::SslMode::Require);
    if kind.direct {
        config.ssl_negotiation(tokio_postgres::config::SslNegotiation::Direct);
        tls.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    let mut connect = MakeRustlsConnect::new(tls);
    let connect = tokio_postgres::tls::MakeTlsConnect::<DuplexStream>::make_tls_connect(
        &mut connect,
        "localhost",
    )
    .unwrap();
    config.connect_raw(io, connect).await.is_ok()
}

/// How a login ended.
#[derive(Debug)]
struct Ended {
    /// `None`: the client is in, and has heard so.
    refused: Option<Reason>,
    after: Duration,
    counts: Arc<Counts>,
}

async fn log_in(place: &Place, kind: Kind, reads: Fault, writes: Fault, seed: u64) -> Ended {
    let (server, far) = tokio::io::duplex(64 * 1024);
    let counts = Arc::new(Counts::default());
    let io = Faulty {
        io: server,
        reads,
        writes,
        dice: (seed != 0).then_some(Dice(seed)),
        counts: Arc::clone(&counts),
    };
    let client = tokio::spawn(client(far, kind, Arc::clone(&place.roots)));
    let began = Instant::now();
    let refused = match accept(io, &place.door).await {
        Accepted::Session(mut stream) => {
            assert_eq!(stream.login().user(), b"alice");
            assert_eq!(stream.login().tls().is_some(), kind.tls.is_some());
            let greeted = async {
                stream.write_all(b"Z\0\0\0\x05I").await?;
                stream.flush().await
            };
            // Whether the words get through is the transport's affair from here.
            let greeted = tokio::time::timeout(LINGER, greeted).await;
            if matches!((reads, writes), (Fault::None, Fault::None)) {
                greeted.unwrap().unwrap();
                assert!(client.await.unwrap(), "{kind:?}: the client is in");
            } else {
                drop(stream);
                client.abort();
            }
            None
        }
        Accepted::Refused(close) => {
            client.abort();
            Some(close.reason().clone())
        }
        other => panic!("{other:?}"),
    };
    let after = began.elapsed();
    // Let the client's task go.
    tokio::task::yield_now().await;
    assert_eq!(place.door.sessions(), 0, "no session is left");
    assert_eq!(place.door.half_open(), 0, "no half-open connection is left");
    assert_eq!(Arc::strong_count(&counts), 1, "the transport is gone");
    Ended {
        refused,
        after,
        counts,
    }
}

fn on_virtual_time(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(async {
            test.await;
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            let left = tokio::runtime::Handle::current()
                .metrics()
                .num_alive_tasks();
            assert_eq!(left, 0, "no task is left");
        });
}

#[test]
fn logins_do_not_care_how_their_bytes_are_cut() {
    on_virtual_time(async {
        for kind in [PLAIN, TLS12, TLS13, DIRECT, SCRAM, SCRAM_TLS] {
            let place = Place::new(kind.method);
            for seed in 1..=12 {
                let ended = log_in(&place, kind, Fault::None, Fault::None, seed * 7919).await;
                assert_eq!(ended.refused, None, "{kind:?}, seed {seed}");
            }
        }
    });
}

#[test]
fn a_wrong_password_is_refused_however_its_bytes_are_cut() {
    on_virtual_time(async {
        let place = Place::new(WRONG.method);
        for seed in 0..8 {
            let ended = log_in(&place, WRONG, Fault::None, Fault::None, seed * 104_729).await;
            let reason = ended.refused.unwrap();
            assert_eq!(reason.sqlstate().as_str(), "28P01", "{seed}: {reason}");
        }
    });
}

/// Every `stride`th byte of a login, in both directions.
async fn at_each_byte(kind: Kind, stride: usize) {
    let place = Place::new(kind.method);
    let whole = log_in(&place, kind, Fault::None, Fault::None, 0).await;
    let read = Counts::of(&whole.counts.read);
    let written = Counts::of(&whole.counts.written);
    assert_eq!(whole.refused, None);
    assert!(read > 30 && written > 10, "{read} {written}");
    for at in (0..read).step_by(stride) {
        for fault in [Fault::End(at), Fault::Error(at), Fault::Stall(at)] {
            let ended = log_in(&place, kind, fault, Fault::None, 0).await;
            let what = format!("{kind:?} reads {fault:?} of {read}: {ended:?}");
            match (fault, ended.refused) {
                (Fault::Stall(_), Some(Reason::DeadlinePassed)) => {
                    assert!(
                        ended.after >= TIMEOUT && ended.after <= TIMEOUT + LINGER,
                        "{what}"
                    );
                }
                (Fault::End(_) | Fault::Error(_), Some(reason)) => {
                    assert!(reason != Reason::DeadlinePassed, "{what}");
                    assert!(ended.after <= LINGER, "{what}");
                }
                _ => panic!("{what}"),
            }
        }
    }
    // A write of no bytes at all is an error like others.
    for at in (0..written).step_by(stride) {
        for fault in [Fault::End(at), Fault::Error(at), Fault::Stall(at)] {
            let ended = log_in(&place, kind, Fault::None, fault, 0).await;
            let what = format!("{kind:?} writes {fault:?} of {written}: {ended:?}");
            match (fault, ended.refused) {
                // The last bytes are sent by whoever has the session.
                (_, None) => assert!(at + 100 > written || kind.tls.is_some(), "{what}"),
                (Fault::Stall(_), Some(Reason::DeadlinePassed)) => {
                    assert!(
                        ended.after >= TIMEOUT && ended.after <= TIMEOUT + LINGER,
                        "{what}"
                    );
                }
                (Fault::End(_) | Fault::Error(_), Some(reason)) => {
                    assert!(reason != Reason::DeadlinePassed, "{what}");
                    assert!(ended.after <= LINGER, "{what}");
                }
                _ => panic!("{what}"),
            }
        }
    }
}

#[test]
fn faults_at_every_byte_of_a_plain_login() {
    on_virtual_time(at_each_byte(PLAIN, 1));
}

#[test]
fn faults_at_every_byte_of_a_scram_login() {
    on_virtual_time(at_each_byte(SCRAM, 1));
}

#[test]
fn faults_in_a_login_over_tls_1_2() {
    on_virtual_time(at_each_byte(TLS12, 1));
}

#[test]
fn faults_in_a_login_over_tls_1_3() {
    on_virtual_time(at_each_byte(TLS13, 1));
}

#[test]
fn faults_in_a_direct_tls_login() {
    on_virtual_time(at_each_byte(DIRECT, 3));
}

#[test]
fn faults_in_a_scram_login_over_tls() {
    on_virtual_time(at_each_byte(SCRAM_TLS, 3));
}

/// Few system calls for a login: what belongs together leaves together.
#[test]
fn a_login_takes_few_writes() {
    on_virtual_time(async {
        for (kind, writes) in [
            // R with the server's first words.
            (PLAIN, 1),
            // S, the server's flight, then ticket, R and the server's first words.
            (TLS13, 3),
            (DIRECT, 2),
            // S, the server's flight, its Finished, R and first words.
            (TLS12, 4),
            // SASL, SASLContinue, SASLFinal with R and first words.
            (SCRAM, 3),
        ] {
            let place = Place::new(kind.method);
            let ended = log_in(&place, kind, Fault::None, Fault::None, 0).await;
            assert_eq!(Counts::of(&ended.counts.write_calls), writes, "{kind:?}");
        }
    });
}

#[test]
fn a_client_that_is_never_there_is_closed_on_at_the_deadline() {
    on_virtual_time(async {
        let place = Place::new(AuthMethod::Trust);
        let (server, _silent) = tokio::io::duplex(64);
        let began = Instant::now();
        let Accepted::Refused(close) = accept(server, &place.door).await else {
            panic!("nobody was there");
        };
        assert_eq!(*close.reason(), Reason::DeadlinePassed);
        assert_eq!(began.elapsed().as_secs(), TIMEOUT.as_secs());
    });
}

/// The future of `accept` may be dropped anywhere.
#[test]
fn a_login_that_is_given_up_leaves_nothing() {
    on_virtual_time(async {
        for kind in [PLAIN, TLS13, SCRAM_TLS] {
            let place = Place::new(kind.method);
            for polls in 1..40 {
                let (server, far) = tokio::io::duplex(64 * 1024);
                let client = tokio::spawn(client(far, kind, Arc::clone(&place.roots)));
                let counts = Arc::new(Counts::default());
                let io = Faulty {
                    io: server,
                    reads: Fault::None,
                    writes: Fault::None,
                    dice: Some(Dice(polls)),
                    counts: Arc::clone(&counts),
                };
                let mut accepting = Box::pin(accept(io, &place.door));
                for _ in 0..polls {
                    let over = poll_fn(|cx| Poll::Ready(accepting.as_mut().poll(cx).is_ready()));
                    if over.await {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                drop(accepting);
                client.abort();
                tokio::task::yield_now().await;
                assert_eq!((place.door.sessions(), place.door.half_open()), (0, 0));
                assert_eq!(Arc::strong_count(&counts), 1, "the transport is gone");
            }
        }
    });
}
