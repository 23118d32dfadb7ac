//! Reloading by itself, and when told by a signal.

use super::*;
use crate::common::example;

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
    let id = child.0.id().to_string();
    let signal = |name| {
        let status = Command::new("kill").args([name, id.as_str()]).status();
        assert!(status.unwrap().success());
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
    signal("-HUP");
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
    signal("-HUP");
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
    signal("-TERM");
    assert!(child.0.wait().unwrap().success());
}
