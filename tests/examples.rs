//! The examples, as a user runs them. `cargo test` builds them; so does `cargo build --examples`.
#![cfg(all(
    unix,
    feature = "tokio",
    feature = "certificates",
    feature = "sqlite",
    feature = "aws-lc-rs"
))]
#![allow(clippy::unwrap_used, reason = "tests fail on surprises")]

mod common;

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use common::{Said, example, run};
use tempfile::TempDir;

/// An example that serves, ended when dropped.
struct Serving {
    child: Child,
    address: SocketAddr,
    place: TempDir,
}

impl Serving {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let place = tempfile::tempdir().unwrap();
        let mut child = Command::new(example(name))
            .args(arguments)
            .current_dir(place.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("the server to start").unwrap();
            if let Some(address) = line.strip_prefix("listening on ") {
                break address.parse().unwrap();
            }
        };
        // What it says later must find a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            address,
            place,
        }
    }

    fn psql(&self, options: &str, sql: &[&str]) -> Said {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-At"])
            .arg(format!(
                "host=localhost hostaddr=127.0.0.1 port={} user=me connect_timeout=20 {options}",
                self.address.port()
            ))
            .env("HOME", "/nonexistent");
        for one in sql {
            psql.args(["-c", one]);
        }
        run(&mut psql)
    }

    /// Ends it with SIGTERM.
    fn terminate(&mut self) -> bool {
        let id = rustix::process::Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().success()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// psql over TLS and without, beside clients that say nothing.
fn echoes(name: &str) {
    let serving = Serving::start(name, &["127.0.0.1:0"]);
    let silent: Vec<_> = (0..20)
        .map(|_| TcpStream::connect(serving.address).unwrap())
        .collect();
    let ca = serving.place.path().join("certs/ca.crt");
    for options in [
        "sslmode=disable".to_owned(),
        format!("sslmode=verify-full sslrootcert={}", ca.display()),
    ] {
        let long = "long ".repeat(20_000);
        let said = serving.psql(&options, &["hello", &long]);
        let expected = format!("hello\n{long}\n");
        assert!(said.ok && said.out == expected, "{options}: {}", said.err);
    }
    let said = serving.psql("sslmode=disable replication=nonsense", &["hello"]);
    assert!(said.err.contains("invalid value for parameter"), "{said:?}");
    drop(silent);
    let said = serving.psql("sslmode=require", &["still there"]);
    assert_eq!(said.out, "still there\n", "{said:?}");
}

#[test]
fn an_event_loop_of_ones_own_serves() {
    echoes("custom_event_loop");
}

#[cfg(feature = "blocking")]
#[test]
fn a_bare_loop_serves() {
    echoes("bare_loop");
}

#[test]
fn the_server_runs_on_every_runtime_it_was_built_with() {
    for (name, built) in [
        ("tokio", true),
        ("async-std", cfg!(feature = "async-std")),
        ("smol", cfg!(feature = "smol")),
        ("blocking", cfg!(feature = "blocking")),
    ] {
        let arguments = ["--listen", "127.0.0.1:0", "--runtime", name];
        if built {
            let mut serving = Serving::start("postgres_server_ssl", &arguments);
            let said = serving.psql("sslmode=require", &["select 1+1"]);
            assert_eq!(said.out, "2\n", "{name}: {said:?}");
            assert!(serving.terminate(), "{name}: status 0");
        } else {
            let place = tempfile::tempdir().unwrap();
            let said = run(Command::new(example("postgres_server_ssl"))
                .args(arguments)
                .current_dir(place.path()));
            assert!(!said.ok && said.err.contains("--features"), "{said:?}");
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a signal takes its time")]
fn access_files_are_read_anew_on_sighup() {
    let files = tempfile::tempdir().unwrap();
    let (hba, ident) = (files.path().join("pg_hba.conf"), files.path().join("ident"));
    std::fs::write(&hba, "host all me all scram-sha-256").unwrap();
    std::fs::write(&ident, "# no maps").unwrap();
    let (hba_path, ident_path) = (hba.to_str().unwrap(), ident.to_str().unwrap());
    #[rustfmt::skip]
    let server = Serving::start(
        "postgres_server_ssl",
        &["--listen", "127.0.0.1:0", "--hba", hba_path, "--ident", ident_path, "--user", "me=right"],
    );
    let said = |password: &str| server.psql(&format!("password={password}"), &["select 42"]);
    assert_eq!(said("right").out, "42\n");
    assert!(said("wrong").err.contains("password authentication failed"));
    let reload_until = |done: &dyn Fn() -> bool| {
        let id = server.child.id().to_string();
        assert!(run(Command::new("kill").args(["-HUP", &id])).ok);
        let until = std::time::Instant::now() + common::PATIENCE;
        while !done() {
            assert!(std::time::Instant::now() < until, "nothing was reloaded");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    std::fs::write(&hba, "host all me all reject").unwrap();
    reload_until(&|| said("right").err.contains("pg_hba.conf rejects connection"));
    std::fs::write(&hba, "host all me all trust").unwrap();
    reload_until(&|| said("wrong").ok);
    // A file with a mistake changes nothing; the server serves on.
    std::fs::write(&hba, "host all me all rejct").unwrap();
    reload_until(&|| true);
    assert!(said("wrong").ok);
}
