//! Certificates, CAs and revocation lists change while the server runs.
#![cfg(all(
    feature = "tokio",
    feature = "sqlite",
    feature = "certificates",
    any(feature = "aws-lc-rs", feature = "ring")
))]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the clock and fail on surprises"
)]

#[path = "../common/mod.rs"]
mod common;
mod tickets;
mod watched;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::forge::{Ca, Pair, client, crl, root, self_sign, server, sign, write};
use common::log::logged;
use common::pair::{Met, meet, meet_while};
use common::raw::{Raw, startup};
use common::{Child, PATIENCE, Server};
use pgtls::{ClientName, FrontDoor, SslConfig, SslMode, UserName};
use rcgen::SerialNumber;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};

const REVOKED: u64 = 77;

/// One generation of what a server reads, and clients to go with it.
struct Generation {
    server: Pair,
    ca: Ca,
    admitted: Pair,
    revoked: Pair,
}

impl Generation {
    fn new(number: usize, trusted: &Ca) -> Self {
        let ca = root(&format!("clients CA {number}"));
        let mut gone = client("postgres");
        gone.serial_number = Some(SerialNumber::from(REVOKED));
        Self {
            server: sign(&server(&["localhost"]), trusted),
            admitted: sign(&client("postgres"), &ca),
            revoked: sign(&gone, &ca),
            ca,
        }
    }
}

/// The files of a server, and what stays while they change.
struct Place {
    directory: tempfile::TempDir,
    /// Signs the server's certificates.
    trusted: Ca,
    /// Signs those of clients that are always welcome.
    stable: Ca,
    config: SslConfig,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        let config = SslConfig::new(SslMode::VerifyCA, file("server.crt"), file("server.key"))
            .with_ca_cert(file("ca.crt"))
            .with_crl_file(file("ca.crl"));
        Self {
            directory,
            trusted: root("servers CA"),
            stable: root("stable CA"),
            config,
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn install(&self, generation: &Generation) {
        self.install_at(self.path(), generation);
    }

    fn install_at(&self, place: &Path, generation: &Generation) {
        generation.server.write(place, "server", &[]);
        let cas = self.stable.pem() + &generation.ca.pem();
        write(place, "ca.crt", cas.as_bytes());
        let crls = crl(&self.stable, &[]) + &crl(&generation.ca, &[REVOKED]);
        write(place, "ca.crl", crls.as_bytes());
    }

    fn door(&self, generation: &Generation) -> FrontDoor {
        self.install(generation);
        FrontDoor::new(self.config.clone()).unwrap()
    }

    fn client(&self, pair: &Pair) -> Arc<ClientConfig> {
        Arc::new(pair.client_config(&self.trusted))
    }
}

fn presented(met: &Met) -> CertificateDer<'static> {
    let tls = met.login().tls().unwrap();
    tls.server_certificate().unwrap().clone()
}

/// Presents a certificate, and notes whose certificates were asked for.
#[derive(Debug)]
struct Noting {
    key: Arc<CertifiedKey>,
    asked: Mutex<Vec<Vec<u8>>>,
}

impl ResolvesClientCert for Noting {
    fn resolve(&self, hints: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        *self.asked.lock().unwrap() = hints.iter().map(|h| h.to_vec()).collect();
        Some(Arc::clone(&self.key))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn noting(pair: &Pair, trusted: &Ca) -> (Arc<Noting>, Arc<ClientConfig>) {
    let key = PrivateKeyDer::try_from(pair.key.serialize_der()).unwrap();
    let key = common::raw::provider()
        .key_provider
        .load_private_key(key)
        .unwrap();
    let noting = Arc::new(Noting {
        key: Arc::new(CertifiedKey::new(vec![pair.certificate.der().clone()], key)),
        asked: Mutex::default(),
    });
    let mut config = pair.client_config(trusted);
    config.client_auth_cert_resolver = noting.clone();
    (noting, Arc::new(config))
}

/// The bytes of a common name somewhere in a list of distinguished names.
fn names(hints: &[Vec<u8>], name: &str) -> bool {
    hints
        .iter()
        .any(|hint| hint.windows(name.len()).any(|w| w == name.as_bytes()))
}

/// A whole login over a socket; the serial number of nothing resumed.
fn log_in(address: SocketAddr, config: &ClientConfig) -> io::Result<()> {
    let socket = std::net::TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_nodelay(true)?;
    let mut raw = Raw::direct(socket, config.clone());
    raw.0.write_all(&startup(&[("user", "postgres")]))?;
    raw.0.flush()?;
    let mut head = [0; 9];
    raw.0.read_exact(&mut head)?;
    match &head {
        b"R\0\0\0\x08\0\0\0\0" => Ok(()),
        other => Err(io::Error::other(format!("{other:?}"))),
    }
}

const SWAPS: usize = 100;
const LOGINS_PER_SECOND: u32 = 200;
const CLIENTS: u32 = 8;
/// So that at least ten logins come between two swaps.
const SWAP_EVERY: Duration = Duration::from_millis(50);

#[test]
fn logins_go_on_while_everything_is_swapped_a_hundred_times() {
    let place = Place::new();
    let mut old = Generation::new(0, &place.trusted);
    place.install(&old);
    let server = Server::with_config(place.config.clone());
    let welcome = sign(&client("postgres"), &place.stable);
    let begun = Instant::now();
    let (over, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            // A full handshake each time, and resumption where the ticket still holds.
            let config = welcome.client_config(&place.trusted);
            let (address, over, done) = (server.address, &over, &done);
            scope.spawn(move || {
                let pause = Duration::from_secs(1) * CLIENTS / LOGINS_PER_SECOND;
                let mut next = Instant::now();
                while !over.load(Ordering::Relaxed) {
                    log_in(address, &config).unwrap();
                    done.fetch_add(1, Ordering::Relaxed);
                    next += pause;
                    std::thread::sleep(next.saturating_duration_since(Instant::now()));
                }
            });
        }
        let watcher = scope.spawn(|| {
            for number in 1..=SWAPS {
                let begun = Instant::now();
                let new = Generation::new(number, &place.trusted);
                place.install(&new);
                server.door.reload().unwrap();
                let (noted, config) = noting(&new.admitted, &place.trusted);
                let met = meet(&server.door, &config, "localhost");
                assert_eq!(&presented(&met), new.server.certificate.der());
                let asked = noted.asked.lock().unwrap();
                assert!(names(&asked, &format!("clients CA {number}")));
                assert!(!names(&asked, &format!("clients CA {}", number - 1)));
                for (pair, why) in [(&old.admitted, "UnknownIssuer"), (&new.revoked, "Revoked")] {
                    let met = meet(&server.door, &place.client(pair), "localhost");
                    assert!(met.reason().contains(why), "{}", met.reason());
                }
                old = new;
                std::thread::sleep(SWAP_EVERY.saturating_sub(begun.elapsed()));
            }
        });
        let swapped = watcher.join();
        over.store(true, Ordering::Relaxed);
        swapped.unwrap();
    });
    let done = done.load(Ordering::Relaxed);
    println!("{done} logins and {SWAPS} swaps in {:?}", begun.elapsed());
    assert!(done > 2 * SWAPS, "only {done} logins");
}

/// What reloading says in the log, and to its caller.
fn reload_logged(door: &FrontDoor) -> (Result<(), String>, String) {
    let (result, log) = logged(|| door.reload());
    (result.map_err(|e| e.to_string()), log)
}

#[test]
fn a_bad_file_keeps_the_configuration_in_force_and_says_so_once() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    let (old, new) = (
        Generation::new(1, &place.trusted),
        Generation::new(2, &place.trusted),
    );
    let door = place.door(&old);
    let file = |name: &str| place.path().join(name);
    let junk = |name: &str| drop(write(place.path(), name, b"junk"));
    type Spoil<'a> = (&'a str, &'a dyn Fn());
    let spoils: &[Spoil<'_>] = &[
        ("server.crt holds neither a PEM section", &|| {
            junk("server.crt")
        }),
        ("server.key holds neither a PEM section", &|| {
            junk("server.key")
        }),
        ("ca.crt holds neither a PEM section", &|| junk("ca.crt")),
        ("ca.crl holds neither a PEM section", &|| junk("ca.crl")),
        ("does not belong to the certificate", &|| {
            let key = old.server.key.serialize_pem();
            write(place.path(), "server.key", key.as_bytes());
        }),
        ("has group or world access (mode 0644)", &|| {
            let mode = std::fs::Permissions::from_mode(0o644);
            std::fs::set_permissions(file("server.key"), mode).unwrap();
        }),
        ("could not access private key file", &|| {
            std::fs::remove_file(file("server.key")).unwrap();
        }),
        ("SSL certificate not found", &|| {
            std::fs::remove_file(file("server.crt")).unwrap();
        }),
    ];
    for (words, spoil) in spoils {
        place.install(&new);
        spoil();
        let (result, log) = reload_logged(&door);
        let error = result.unwrap_err();
        assert!(error.contains(words), "{error}");
        let lines: Vec<_> = log.lines().collect();
        let [line] = lines.as_slice() else {
            panic!("{log}")
        };
        assert!(line.contains(" WARN "), "{line}");
        assert!(
            line.contains("SSL configuration was not reloaded"),
            "{line}"
        );
        assert!(line.contains(words), "{line}");
        // Certificate, CA and list are the old ones, all of them.
        let met = meet(&door, &place.client(&old.admitted), "localhost");
        assert_eq!(&presented(&met), old.server.certificate.der());
        for (pair, why) in [(&new.admitted, "UnknownIssuer"), (&old.revoked, "Revoked")] {
            let met = meet(&door, &place.client(pair), "localhost");
            assert!(met.reason().contains(why), "{}", met.reason());
        }
    }
    place.install(&new);
    let (result, log) = reload_logged(&door);
    result.unwrap();
    assert!(
        log.contains("INFO") && log.contains("SSL configuration reloaded"),
        "{log}"
    );
    let met = meet(&door, &place.client(&new.admitted), "localhost");
    assert_eq!(&presented(&met), new.server.certificate.der());
}

#[test]
fn a_login_in_flight_keeps_what_it_began_with() {
    let place = Place::new();
    let (old, new) = (
        Generation::new(1, &place.trusted),
        Generation::new(2, &place.trusted),
    );
    let door = place.door(&old);
    let mut swap = || {
        place.install(&new);
        door.reload().unwrap();
    };
    let config = place.client(&old.admitted);
    let met = meet_while(
        &door,
        &config,
        "localhost",
        "postgres",
        "[::1]:1",
        &[],
        &mut swap,
    );
    assert_eq!(&presented(&met), old.server.certificate.der());
    let met = meet(&door, &config, "localhost");
    assert!(met.reason().contains("UnknownIssuer"), "{}", met.reason());
}
