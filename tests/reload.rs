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

mod common;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
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

fn resumed(met: &Met) -> bool {
    met.login().tls().unwrap().resumed()
}

#[test]
fn tickets_are_good_for_one_load_and_carry_their_identity() {
    let place = Place::new();
    let one = Generation::new(1, &place.trusted);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let door = place.door(&one);
        let welcome = sign(&client("postgres"), &place.stable);
        let mut config = welcome.client_config(&place.trusted);
        config = with_version(config, version, &welcome, &place.trusted);
        let config = Arc::new(config);
        let meet = || meet(&door, &config, "localhost");
        assert!(!resumed(&meet()));
        let again = meet();
        assert!(resumed(&again), "{version:?}");
        let tls = again.login().tls().unwrap();
        assert_eq!(tls.peer_certificates(), [welcome.certificate.der().clone()]);

        // Nothing changed, nothing exchanged.
        assert!(!door.reload_if_changed().unwrap());
        assert!(resumed(&meet()));
        // Asked for, it is exchanged all the same.
        door.reload().unwrap();
        assert!(!resumed(&meet()));
        assert!(resumed(&meet()));

        // The list alone.
        let crls = crl(&place.stable, &[1]) + &crl(&one.ca, &[REVOKED]);
        write(place.path(), "ca.crl", crls.as_bytes());
        assert!(door.reload_if_changed().unwrap());
        assert!(!resumed(&meet()));
        assert!(resumed(&meet()));

        // The CA alone: the certificate that the ticket carries is now nobody's.
        write(place.path(), "ca.crt", one.ca.pem().as_bytes());
        assert!(door.reload_if_changed().unwrap());
        let met = meet();
        assert!(met.reason().contains("UnknownIssuer"), "{}", met.reason());
    }
}

/// The same client, with one version of TLS.
fn with_version(
    config: ClientConfig,
    version: &'static rustls::SupportedProtocolVersion,
    pair: &Pair,
    trusted: &Ca,
) -> ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.der().clone()).unwrap();
    let key = PrivateKeyDer::try_from(pair.key.serialize_der()).unwrap();
    let mut one = ClientConfig::builder_with_provider(common::raw::provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![pair.certificate.der().clone()], key)
        .unwrap();
    one.alpn_protocols = config.alpn_protocols;
    one
}

#[test]
fn a_ticket_brings_no_other_name_in() {
    let place = Place::new();
    let one = Generation::new(1, &place.trusted);
    place.install(&one);
    let config = SslConfig::new(
        SslMode::VerifyFull,
        place.path().join("server.crt"),
        place.path().join("server.key"),
    )
    .with_ca_cert(place.path().join("ca.crt"))
    .with_client_name(ClientName::User(UserName::default()));
    let door = FrontDoor::new(config).unwrap();
    let client = place.client(&one.admitted);
    let user = |user| {
        meet_while(
            &door,
            &client,
            "localhost",
            user,
            "[::1]:1",
            &[],
            &mut || {},
        )
    };
    assert!(!resumed(&user("postgres")));
    assert!(resumed(&user("postgres")));
    let met = user("mallory");
    assert!(
        met.reason().contains("does not match user \"mallory\""),
        "{}",
        met.reason()
    );
    // A change of the mode is another door: the ticket opens nothing.
    let stricter = FrontDoor::new(place.config).unwrap();
    assert!(!resumed(&meet(&stricter, &client, "localhost")));
}

#[test]
fn resumption_can_be_turned_off() {
    let place = Place::new();
    let one = Generation::new(1, &place.trusted);
    place.install(&one);
    let door = FrontDoor::new(place.config.clone().with_resumption(false)).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = one.admitted.client_config(&place.trusted);
        let config = Arc::new(with_version(config, version, &one.admitted, &place.trusted));
        for _ in 0..3 {
            assert!(!resumed(&meet(&door, &config, "localhost")), "{version:?}");
        }
    }
}

/// A ticket outlives the certificate in it; the login does not.
#[test]
fn a_certificate_that_ended_is_not_resumed() {
    let place = Place::new();
    let one = Generation::new(1, &place.trusted);
    place.install(&one);
    let mut short = client("postgres");
    let now = std::time::SystemTime::now();
    short.not_after = (now + Duration::from_secs(3)).into();
    let door = FrontDoor::new(place.config.clone()).unwrap();
    let client = place.client(&sign(&short, &place.stable));
    assert!(!resumed(&meet(&door, &client, "localhost")));
    assert!(resumed(&meet(&door, &client, "localhost")));
    std::thread::sleep(Duration::from_secs(4));
    let met = meet(&door, &client, "localhost");
    assert!(
        met.reason().contains("certificate expired"),
        "{}",
        met.reason()
    );
}

/// Kubernetes keeps a secret behind two links and exchanges one of them.
#[cfg(feature = "watch")]
#[test]
fn a_watched_secret_is_followed_through_symbolic_links() {
    use std::os::unix::fs::symlink;

    let place = Place::new();
    let version = |number: usize| place.path().join(format!("..version{number}"));
    let swap = |number: usize, generation: &Generation| {
        std::fs::create_dir(version(number)).unwrap();
        place.install_at(&version(number), generation);
        let draft = place.path().join("..data_tmp");
        symlink(version(number).file_name().unwrap(), &draft).unwrap();
        std::fs::rename(&draft, place.path().join("..data")).unwrap();
        if number > 0 {
            std::fs::remove_dir_all(version(number - 1)).unwrap();
        }
    };
    let mut generation = Generation::new(0, &place.trusted);
    swap(0, &generation);
    for name in ["server.crt", "server.key", "ca.crt", "ca.crl"] {
        symlink(Path::new("..data").join(name), place.path().join(name)).unwrap();
    }
    let door = FrontDoor::new(place.config.clone()).unwrap();
    let watch = door.watch().unwrap();
    for number in 1..=3 {
        generation = Generation::new(number, &place.trusted);
        swap(number, &generation);
        await_certificate(&door, &place, &generation);
    }
    // A file written in place counts, too.
    let last = Generation::new(9, &place.trusted);
    place.install_at(&version(3), &last);
    await_certificate(&door, &place, &last);
    drop(watch);
    let unseen = Generation::new(10, &place.trusted);
    place.install_at(&version(3), &unseen);
    std::thread::sleep(Duration::from_millis(500));
    let met = meet(&door, &place.client(&last.admitted), "localhost");
    assert_eq!(&presented(&met), last.server.certificate.der());
}

#[cfg(feature = "watch")]
fn await_certificate(door: &FrontDoor, place: &Place, generation: &Generation) {
    let begun = Instant::now();
    loop {
        let met = meet(door, &place.client(&generation.admitted), "localhost");
        if met.session.is_some() && &presented(&met) == generation.server.certificate.der() {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", met.reason());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The example's binary, built with the tests.
fn example(name: &str) -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    let path = path.join("examples").join(name);
    assert!(
        path.exists(),
        "{}: cargo build --examples makes it",
        path.display()
    );
    path
}

#[test]
fn the_example_reloads_on_sighup() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let directory = tempfile::tempdir().unwrap();
    let trusted = root("servers CA");
    let install = |pair: &Pair| pair.write(directory.path(), "server", &[]);
    let first = sign(&server(&["localhost"]), &trusted);
    let (certificate, key) = install(&first);
    let mut command = Command::new(example("postgres_server_ssl"));
    command
        .args(["--listen", "127.0.0.1:0", "--cert"])
        .arg(certificate)
        .arg("--key")
        .arg(&key)
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = Child(command.spawn().unwrap());
    let mut out = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let err = BufReader::new(child.0.stderr.take().unwrap());
    let address: SocketAddr = loop {
        let line = out.next().unwrap().unwrap();
        if let Some(address) = line.strip_prefix("listening on ") {
            break address.parse().unwrap();
        }
    };
    let hang_up = || {
        let id = child.0.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-HUP", &id])
                .status()
                .unwrap()
                .success()
        );
    };
    let config = self_sign(&client("postgres")).client_config(&trusted);
    let shown = || {
        let name = "localhost".try_into().unwrap();
        let client = rustls::ClientConnection::new(Arc::new(config.clone()), name).unwrap();
        let socket = std::net::TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut stream = rustls::StreamOwned::new(client, socket);
        stream.flush().unwrap();
        stream.conn.peer_certificates().unwrap()[0]
            .clone()
            .into_owned()
    };
    assert_eq!(&shown(), first.certificate.der());
    let second = sign(&server(&["localhost"]), &trusted);
    install(&second);
    hang_up();
    let begun = Instant::now();
    while &shown() != second.certificate.der() {
        assert!(begun.elapsed() < PATIENCE);
    }
    // Then a key that does not fit: one line, and service goes on.
    write(
        directory.path(),
        "server.key",
        first.key.serialize_pem().as_bytes(),
    );
    hang_up();
    let warning = err
        .lines()
        .map(Result::unwrap)
        .find(|line| line.contains("WARN"))
        .unwrap();
    assert!(
        warning.contains("SSL configuration was not reloaded"),
        "{warning}"
    );
    assert!(warning.contains("check of private key failed"), "{warning}");
    assert_eq!(&shown(), second.certificate.der());
    let id = child.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .unwrap()
            .success()
    );
    assert!(child.0.wait().unwrap().success());
}
